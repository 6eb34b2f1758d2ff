"""Model test results: what a metrics job found out, kept for good, once per job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from mlc_service.delegate_api import JsonObject, Verdict
from mlc_service.lifecycle.assets import content_of
from mlc_service.lifecycle.books import Books
from mlc_service.lifecycle.documents import Kind, merged, object_at, text_at
from mlc_service.lifecycle.errors import ImmutableDocument, InvalidDocument, LifecycleProblem
from mlc_service.lifecycle.snapshots import snapshot_reference
from mlc_service.lifecycle.verdicts import comparator_for, judge

# A result with plots can be megabytes; as a process variable it keeps its top-level values only beyond this.
VARIABLE_BYTES = 32 * 1024


class NoTestResult(LifecycleProblem):
    """The model job left nothing that could be a test result."""


def results_of_job(books: Books, job_id: str) -> list[JsonObject]:
    """One unsaved test result for each output of a completed job, in order. Raises NoTestResult."""
    job = books.get(Kind.JOB, job_id)
    if job["jobStatus"] != "COMPLETE":
        raise NoTestResult(f"model job '{job_id}' is {job['jobStatus']}, not COMPLETE")
    outputs = [content_of(asset, books.blobs) for asset in job.get("outputData") or []]
    found = [value for content in outputs if content for value in _objects(content)]
    if not found:
        why = f": {job['jobError']}" if job.get("jobError") else ""
        raise NoTestResult(f"model job '{job_id}' completed without a result{why}")
    return [_unsaved(job, number, value) for number, value in enumerate(found)]


def create_test_result(books: Books, body: Mapping[str, Any], key: str | None = None) -> JsonObject:
    """The test result is stored. A second one for the same output of the same job answers with the first.

    A result that was shortened to travel as a variable is completed from the job's output.
    """
    for name in ("testResults", "deployableModel", "associatedModel"):
        object_at(body, name)
    job_id = text_at(object_at(body, "job"), "id", "job")
    number = body.get("outputNumber", 0)
    if not isinstance(number, int) or isinstance(number, bool):
        raise InvalidDocument("outputNumber", "must be a whole number")
    if job_id:
        # the job decides what "the same result" is, so that two keys cannot make two results
        key = f"test-result:{job_id}:{number}"
    if key is not None and (known := books.find_by_key(Kind.MODEL_TEST_RESULT, key)):
        return known
    result = dict(body)
    if result.pop("testResultsShortened", False):
        whole = results_of_job(books, job_id)[number]
        result["testResults"] = whole["testResults"] | result.get("testResults", {})
    if "testResults" not in result:
        raise InvalidDocument("testResults", "a test result needs its results")
    return books.add(Kind.MODEL_TEST_RESULT, result, key=key)


def change_test_result(books: Books, result_id: str, patch: Mapping[str, Any], version: int | None) -> JsonObject:
    """The test result after a merge patch; what was found out, and about what, stays."""
    current = books.get(Kind.MODEL_TEST_RESULT, result_id)
    for name in ("testResults", "deployableModel", "associatedModel", "job", "outputNumber"):
        if name in patch and patch[name] != current.get(name):
            raise ImmutableDocument(f"'{name}' of a test result is on record and cannot be changed", name)
    return books.replace(Kind.MODEL_TEST_RESULT, merged(current, patch) | {"id": current["id"]}, version)


def shortened(result: JsonObject) -> JsonObject:
    """The result as a process variable: whole if it is small, else with the top-level values only."""
    if len(orjson.dumps(result.get("testResults"))) <= VARIABLE_BYTES:
        return result
    scalars = {
        name: value
        for name, value in result["testResults"].items()
        if not isinstance(value, (dict, list)) and (not isinstance(value, str) or len(value) <= 200)
    }
    return result | {"testResults": scalars, "testResultsShortened": True}


def verdict_on(books: Books, result: Mapping[str, Any], comparator: str | None = None) -> Verdict:
    """The decision table of the model was applied. Raises ComparatorUnclear, ComparatorBroken."""
    snapshot = books.get(Kind.DEPLOYABLE_MODEL, str(object_at(result, "deployableModel").get("id")))
    monitor_id = object_at(result, "associatedModel").get("id")
    chosen = comparator_for(snapshot, monitor_id, comparator)
    return judge(snapshot, object_at(result, "testResults"), chosen, books.blobs, books.scripts)


def _unsaved(job: Mapping[str, Any], number: int, value: JsonObject) -> JsonObject:
    judged = job.get("referenceModel") or job.get("model") or {}
    result: JsonObject = {
        "group": job.get("group"),
        "testResults": value,
        "deployableModel": snapshot_reference(judged),
        "job": {"id": job["id"], "jobType": job.get("jobType"), "jobResult": job.get("jobResult")},
        "outputNumber": number,
    }
    if job.get("referenceModel"):
        # a monitor ran: its result belongs to the model that was looked at
        result["associatedModel"] = snapshot_reference(job.get("model") or {})
    return result


def _objects(content: bytes) -> list[JsonObject]:
    lines = [line for line in content.splitlines() if line.strip()]
    try:
        values = [orjson.loads(line) for line in lines]
    except orjson.JSONDecodeError:
        raise NoTestResult("the output of the job is not JSON") from None
    # decision tables see names only, so a list gets one
    return [value if isinstance(value, dict) else {"results": value} for value in values]
