"""Delegates that put runtimes to work."""

from __future__ import annotations

from delegates.variables import document, documents, optional_document, snapshot_of
from mlc_service.delegate_api import DelegateExecution, JsonObject, delegate

_DOCUMENT_FIELDS = ("id", "name", "metaData", "storedModel")


@delegate(
    "CreateModelBatchJob",
    reads=(
        "JOB_TYPE",
        "DEPLOYABLE_MODEL",
        "INPUT_FILE",
        "INPUT_FILES",
        "OUTPUT_FILE",
        "OUTPUT_FILES",
        "ADDITIONAL_ASSETS",
        "JOB_PARAMETERS",
        "RUNTIME",
        "REFERENCE_MODEL",
    ),
    writes=("JOB",),
)
def create_model_batch_job(execution: DelegateExecution) -> None:
    """JOB is a new model job of the snapshot, and a runtime will take it.

    JOB_TYPE is MODEL_BATCH_JOB (scoring), MODEL_BATCH_TEST_JOB (metrics) or MODEL_BATCH_TRAINING_JOB. Inputs and
    outputs are an asset or an ordered list of assets, under the singular or the plural name. Without OUTPUT_FILE the
    job gets an embedded file; a training job without input takes the model's TRAINING_DATA. RUNTIME pins the runtime.
    """
    job: JsonObject = {
        "jobType": execution.required("JOB_TYPE", str),
        "model": _reference(snapshot_of(execution)),
        "inputData": documents(execution, "INPUT_FILE", "INPUT_FILES"),
        "outputData": documents(execution, "OUTPUT_FILE", "OUTPUT_FILES"),
        "additionalAssets": documents(execution, "ADDITIONAL_ASSET", "ADDITIONAL_ASSETS"),
        "jobParameters": optional_document(execution, "JOB_PARAMETERS") or {},
    }
    if runtime := optional_document(execution, "RUNTIME"):
        job["targetEngine"] = {name: runtime[name] for name in ("id", "name") if name in runtime}
    if reference := optional_document(execution, "REFERENCE_MODEL"):
        job["referenceModel"] = _reference(reference)
    created = execution.ports.model_jobs.create(job, execution.idempotency_key)
    execution.log("model_job_created", model_job_id=created["id"], job_type=created["jobType"])
    execution.set("JOB", created)


@delegate("GetJob", reads=("JOB_ID", "JOB"), writes=("JOB",))
def get_job(execution: DelegateExecution) -> None:
    """JOB is the model job JOB_ID (or the one JOB holds) as it stands now."""
    job_id = execution.get("JOB_ID") or document(execution, "JOB").get("id")
    execution.set("JOB", execution.ports.model_jobs.get(str(job_id)))


def _reference(snapshot: JsonObject) -> JsonObject:
    # a snapshot that is stored is named by its id; one that is not has to travel whole
    return {"id": snapshot["id"]} if snapshot.get("id") else {n: snapshot[n] for n in _DOCUMENT_FIELDS if n in snapshot}
