"""Delegates that turn the output of metrics jobs into test results and judge them."""

from __future__ import annotations

from delegates.variables import document, text
from mlc_service.delegate_api import DelegateExecution, delegate


@delegate(
    "ParseModelTestResultFromBatchJob",
    reads=("MODEL_BATCH_JOB", "JOB"),
    writes=("MODEL_TEST_RESULT", "MODEL_TEST_RESULTS"),
)
def parse_model_test_result_from_batch_job(execution: DelegateExecution) -> None:
    """MODEL_TEST_RESULT is what the completed metrics job MODEL_BATCH_JOB (else JOB) found out, not stored yet.

    MODEL_TEST_RESULTS holds one for each output. A very large result keeps its top-level values only; storing it
    stores the whole. FAILURE if the job has no result.
    """
    results = execution.ports.test_results.parse(document(execution, "MODEL_BATCH_JOB", "JOB"))
    execution.set("MODEL_TEST_RESULT", results[0])
    execution.set("MODEL_TEST_RESULTS", results)


@delegate("CreateModelTestResult", reads=("MODEL_TEST_RESULT",), writes=("MODEL_TEST_RESULT",))
def create_model_test_result(execution: DelegateExecution) -> None:
    """MODEL_TEST_RESULT is stored and has an id. Once for each output of a model job, however often it is called."""
    result = execution.required("MODEL_TEST_RESULT", dict)
    stored = execution.ports.test_results.create(result, execution.idempotency_key)
    execution.log("model_test_result_created", model_test_result_id=stored["id"])
    execution.set("MODEL_TEST_RESULT", stored)


@delegate(
    "ModelTestResultEval",
    reads=("MODEL_TEST_RESULT", "DMN_FILE"),
    writes=("TEST_RESULT", "TEST_RESULT_MESSAGE"),
)
def model_test_result_eval(execution: DelegateExecution) -> None:
    """TEST_RESULT says whether the model's decision table lets MODEL_TEST_RESULT pass, TEST_RESULT_MESSAGE why not.

    The table is DMN_FILE if given, else that of the association, else the model's only one; without a table the
    result passes. FAILURE if several tables could be meant or a cell cannot be evaluated.
    """
    result = execution.required("MODEL_TEST_RESULT", dict)
    verdict = execution.ports.test_results.verdict(result, text(execution, "DMN_FILE") or None)
    execution.log("model_test_result_judged", passed=verdict.passed, comparator=verdict.comparator)
    execution.set("TEST_RESULT", verdict.passed)
    execution.set("TEST_RESULT_MESSAGE", verdict.message)
