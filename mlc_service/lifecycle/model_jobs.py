"""Model jobs: scoring, metrics and training runs of a snapshot, from CREATED to their end.

The job document is ModelOp's; that it gets run is the job table's business: creating a model job writes both in one
transaction. Each change of status sends the signal `…Signals_job_status_changed` with the same commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlc_service.delegate_api import JsonObject
from mlc_service.lifecycle.assets import taken_in, without_bytes
from mlc_service.lifecycle.books import Books
from mlc_service.lifecycle.documents import Kind, epoch_milliseconds, merged, object_at, objects_at, text_at
from mlc_service.lifecycle.errors import ImmutableDocument, InvalidDocument
from mlc_service.lifecycle.moves import MODEL_JOB, check_move, is_final
from mlc_service.lifecycle.snapshots import snapshot_reference
from mlc_service.lifecycle.stored_models import checked_model

JOB_STATUS_CHANGED = "com.modelop.mlc.definitions.Signals_job_status_changed"
MODEL_JOB_KIND = "model_job"

SCORING = "MODEL_BATCH_JOB"
METRICS = "MODEL_BATCH_TEST_JOB"
TRAINING = "MODEL_BATCH_TRAINING_JOB"
JOB_TYPES = (SCORING, METRICS, TRAINING)

# what a signal carries; the whole log is on the document
_MESSAGES_IN_SIGNAL = 20
_PATCHABLE = frozenset({"jobStatus", "jobParameters", "group", "metaData"})


def create_model_job(books: Books, body: Mapping[str, Any], key: str | None = None) -> JsonObject:
    """The model job is CREATED and will run. Safe to repeat with a key. Raises InvalidDocument."""
    if key is not None and (known := books.find_by_key(Kind.JOB, key)):
        return known
    job_type = text_at(body, "jobType", required=True)
    if job_type not in JOB_TYPES:
        raise InvalidDocument("jobType", f"'{job_type}' is not one of {', '.join(JOB_TYPES)}")
    if (text_at(body, "jobStatus") or "CREATED") != "CREATED":
        raise InvalidDocument("jobStatus", "a new model job starts in CREATED")
    inputs = taken_in(objects_at(body, "inputData"), "inputData", books.blobs)
    if not inputs and job_type != TRAINING:
        raise InvalidDocument("inputData", "this job has no input: give it an asset to work on")
    outputs = objects_at(body, "outputData") or [_embedded_output(job_type)]
    job = books.add(
        Kind.JOB,
        dict(body)
        | {
            "jobStatus": "CREATED",
            "jobResult": "UNKNOWN",
            "jobMessages": [],
            "jobParameters": object_at(body, "jobParameters"),
            "model": _model_of(books, object_at(body, "model")),
            "referenceModel": _reference_model(books, body),
            "inputData": inputs,
            "outputData": taken_in(outputs, "outputData", books.blobs),
            "additionalAssets": taken_in(objects_at(body, "additionalAssets"), "additionalAssets", books.blobs),
            "targetEngine": object_at(body, "targetEngine"),
        },
        key=key,
    )
    books.schedule(MODEL_JOB_KIND, {"modelJobId": job["id"]})
    _announce(books, job)
    return job


def move_model_job(books: Books, job: JsonObject, wanted: str, **changes: Any) -> JsonObject:
    """The job has the wanted status and everybody who waits for it hears so. Raises IllegalMove, StaleVersion."""
    check_move(MODEL_JOB, f"model job '{job['id']}'", job["jobStatus"], wanted)
    if is_final(MODEL_JOB, wanted):
        changes.setdefault("jobEndTime", epoch_milliseconds(books.now))
    moved = books.replace(Kind.JOB, job | changes | {"jobStatus": wanted}, job["version"])
    _announce(books, moved)
    return moved


def add_messages(books: Books, job_id: str, messages: Sequence[str]) -> None:
    """The messages stand at the end of the job's log; a job that is over keeps the log it has."""
    job = books.get(Kind.JOB, job_id, lock=True)
    if messages and not is_final(MODEL_JOB, job["jobStatus"]):
        changed = job | {
            "jobMessages": [*job["jobMessages"], *messages],
            "lastUpdateFromRuntime": epoch_milliseconds(books.now),
        }
        books.replace(Kind.JOB, changed, job["version"])


def change_model_job(books: Books, job_id: str, patch: Mapping[str, Any], version: int | None) -> JsonObject:
    """The job after a merge patch: cancelling it (`jobStatus: CANCELLED`), its parameters while it is CREATED."""
    job = books.get(Kind.JOB, job_id, lock=True)
    if unknown := sorted(set(patch) - _PATCHABLE - {"version", "id"}):
        raise ImmutableDocument(f"'{unknown[0]}' of a model job cannot be changed", unknown[0])
    wanted = text_at(patch, "jobStatus") or job["jobStatus"]
    if wanted not in (job["jobStatus"], "CANCELLED"):
        raise InvalidDocument("jobStatus", "only CANCELLED can be asked for, the rest is up to the runtime")
    changed = merged(job, {name: value for name, value in patch.items() if name != "jobStatus"})
    if "jobParameters" in patch and job["jobStatus"] != "CREATED":
        raise ImmutableDocument("the parameters of a job that has begun cannot change", "jobParameters")
    changed["version"] = job["version"] if version is None else version
    if wanted == "CANCELLED" and job["jobStatus"] != "CANCELLED":
        return move_model_job(books, changed, "CANCELLED", jobError=f"cancelled by {books.by}")
    return books.replace(Kind.JOB, changed, changed["version"])


def job_reference(job: Mapping[str, Any]) -> JsonObject:
    """The job as a process variable: whole, but for bytes, model sources and the older part of a long log."""
    light = without_bytes(dict(job))
    for name in ("model", "referenceModel"):
        if light.get(name):
            light[name] = snapshot_reference(light[name])
    light["jobMessages"] = light.get("jobMessages", [])[-_MESSAGES_IN_SIGNAL:]
    result: JsonObject = light
    return result


def snapshot_of_job(books: Books, job: Mapping[str, Any]) -> JsonObject:
    """The whole model a job runs: the snapshot it names, or the one that came inside the job."""
    model: JsonObject = job["model"]
    if "modelAssets" in (model.get("storedModel") or {}):
        return model
    return books.get(Kind.DEPLOYABLE_MODEL, str(model.get("id")))


def _announce(books: Books, job: Mapping[str, Any]) -> None:
    books.signal(JOB_STATUS_CHANGED, {"JOB": job_reference(job)})


def _model_of(books: Books, model: JsonObject) -> JsonObject:
    if snapshot_id := model.get("id"):
        found = books.find(Kind.DEPLOYABLE_MODEL, str(snapshot_id))
        if found is not None:
            return snapshot_reference(found)
    if not model.get("storedModel"):
        known = f"there is no snapshot '{model.get('id')}'" if model.get("id") else "say which snapshot to run"
        raise InvalidDocument("model", known)
    stored = checked_model(
        {"modelMetaData": {"name": "model"}} | model["storedModel"], "model.storedModel", books.blobs
    )
    return model | {"storedModel": stored}


def _reference_model(books: Books, body: Mapping[str, Any]) -> JsonObject | None:
    reference = object_at(body, "referenceModel")
    if not reference:
        return None
    found = books.find(Kind.DEPLOYABLE_MODEL, str(reference.get("id")))
    if found is None:
        raise InvalidDocument("referenceModel.id", f"there is no snapshot '{reference.get('id')}'")
    return snapshot_reference(found)


def _embedded_output(job_type: str) -> JsonObject:
    name = {METRICS: "test_result.json", TRAINING: "training_output.json"}.get(job_type, "output.json")
    return {"assetType": "FILE", "name": name, "filename": name, "fileFormat": "JSON", "assetRole": "UNKNOWN"}
