"""Runs model jobs: what the job table calls for each job of kind `model_job`.

    claim -> begin (CREATED -> WAITING -> RUNNING) -> run the model, outside any transaction -> finish, guarded

The end of the run, its output, what training produced, the signals and the removal of the claimed row are one
transaction that holds only while the claim does. If the worker dies, the lease ends, somebody else runs the job
again, and it ends once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from mlc_service.clock import Clock
from mlc_service.delegate_api import JsonObject
from mlc_service.jobs.work import Done, Lease
from mlc_service.lifecycle.bookkeeping import Bookkeeping
from mlc_service.lifecycle.books import Books
from mlc_service.lifecycle.documents import Kind, epoch_milliseconds
from mlc_service.lifecycle.engines import engine_for_job, engine_reference
from mlc_service.lifecycle.errors import LifecycleProblem
from mlc_service.lifecycle.model_files import CannotRun, input_data, model_files, named_contents
from mlc_service.lifecycle.model_jobs import METRICS, MODEL_JOB_KIND, TRAINING, add_messages, move_model_job
from mlc_service.lifecycle.model_jobs import snapshot_of_job as job_snapshot
from mlc_service.lifecycle.moves import MODEL_JOB, is_final
from mlc_service.lifecycle.ports import ModelRunner
from mlc_service.lifecycle.snapshots import add_trained_assets
from mlc_service.runtimes import EnvironmentUnavailable, ModelRun, RunLimits, RunOutcome, SandboxUnavailable
from mlc_service.runtimes.runs import RunKind
from mlc_service.store.rows import JobRow

log = structlog.get_logger(__name__)

# the log is written while the model runs, but not for each line of a chatty one
MESSAGE_SECONDS = 1.0
MESSAGES_KEPT = 1000

__all__ = ["MODEL_JOB_KIND", "ModelJobRunner"]


@dataclass(frozen=True, slots=True)
class _Prepared:
    run: ModelRun
    job_id: str
    snapshot_id: str | None


class ModelJobRunner:
    """The job table's handler for rows of kind `model_job`."""

    def __init__(self, bookkeeping: Bookkeeping, runner: ModelRunner, limits: RunLimits | None = None) -> None:
        self._bookkeeping = bookkeeping
        self._runner = runner
        self._limits = limits or RunLimits()

    def __call__(self, claim: JobRow, _lease: Lease) -> Done:
        """The model job has ended and the row is gone. Raises store.LeaseLost if the claim was lost meanwhile."""
        job_id = str(claim.payload["modelJobId"])
        prepared = self._bookkeeping.change(lambda books: self._begin(books, claim, job_id))
        if prepared is None:
            return Done()
        outcome = self._run(prepared, claim)
        self._bookkeeping.change(lambda books: _finish(books, claim, prepared, outcome))
        log.info("model_job_ended", model_job_id=job_id, status=outcome.status, result=outcome.result)
        return Done()

    # --- begin --------------------------------------------------------------------------------------------------

    def _begin(self, books: Books, claim: JobRow, job_id: str) -> _Prepared | None:
        books.unit.jobs.check_held(claim.id, claim.attempt)
        job = books.get(Kind.JOB, job_id, lock=True)
        if is_final(MODEL_JOB, job["jobStatus"]):
            books.unit.jobs.finish(claim.id, claim.attempt)
            return None
        try:
            snapshot = job_snapshot(books, job)
            job = _running(books, job, snapshot)
            return self._prepare(books, job, snapshot)
        except LifecycleProblem as problem:
            end_model_job(books, books.get(Kind.JOB, job_id), "ERROR", "FAILURE", problem.message, [])
            books.unit.jobs.finish(claim.id, claim.attempt)
            return None

    def _prepare(self, books: Books, job: JsonObject, snapshot: JsonObject) -> _Prepared:
        model = model_files(snapshot, books.blobs)
        inputs = list(job["inputData"])
        if job["jobType"] == TRAINING and not inputs:
            inputs = [one for one in snapshot["storedModel"]["modelAssets"] if one["assetRole"] == "TRAINING_DATA"]
            if not inputs:
                raise CannotRun("the model has no asset with the role TRAINING_DATA and the job names no input")
        kind: RunKind = {METRICS: "metrics", TRAINING: "train"}.get(job["jobType"], "score")  # type: ignore[assignment]
        run = ModelRun(
            kind=kind,
            files=model.files,
            primary=model.primary,
            functions=model.functions,
            inputs=input_data(inputs, books.blobs),
            additional=named_contents(job["additionalAssets"], books.blobs),
            job={**job, "model": snapshot},
            requirements=model.requirements,
            limits=self._limits,
            stop_on_bad_records=job.get("stopOnBadRecords") is True,
            input_schema=model.input_schema if job.get("enableInputSchemaChecking") else None,
            output_schema=model.output_schema if job.get("enableOutputSchemaChecking") else None,
        )
        return _Prepared(run, job["id"], snapshot.get("id"))

    # --- run ----------------------------------------------------------------------------------------------------

    def _run(self, prepared: _Prepared, claim: JobRow) -> RunOutcome:
        watch = _Watch(self._bookkeeping, prepared.job_id, claim)
        try:
            outcome = self._runner.run(prepared.run, watch.on_message, watch.is_cancelled)
        except (EnvironmentUnavailable, SandboxUnavailable) as unavailable:
            # the same try would end the same: this is the job's end, not a reason to repeat it
            outcome = RunOutcome("ERROR", "FAILURE", [], error=str(unavailable))
        return replace(outcome, messages=outcome.messages or watch.messages)


class _Watch:
    """Passes messages on now and then while the model runs, and asks whether it still should."""

    def __init__(self, bookkeeping: Bookkeeping, job_id: str, claim: JobRow) -> None:
        self._bookkeeping = bookkeeping
        self._clock: Clock = bookkeeping.clock
        self._job_id = job_id
        self._claim = claim
        self._written_at = self._asked_at = bookkeeping.clock.now()
        self._pending: list[str] = []
        self._cancelled = False
        self.messages: list[str] = []

    def on_message(self, message: str) -> None:
        if len(self.messages) < MESSAGES_KEPT:
            self.messages.append(message)
            self._pending.append(message)
        now = self._clock.now()
        if (now - self._written_at).total_seconds() >= MESSAGE_SECONDS:
            self._written_at = now
            pending, self._pending = self._pending, []
            self._bookkeeping.change(lambda books: self._write(books, pending))

    def is_cancelled(self) -> bool:
        now = self._clock.now()
        if not self._cancelled and (now - self._asked_at).total_seconds() >= MESSAGE_SECONDS:
            self._asked_at = now
            self._cancelled = self._bookkeeping.read(self._is_over)
        return self._cancelled

    def _write(self, books: Books, pending: list[str]) -> None:
        books.unit.jobs.check_held(self._claim.id, self._claim.attempt)
        add_messages(books, self._job_id, pending)

    def _is_over(self, books: Books) -> bool:
        job = books.find(Kind.JOB, self._job_id)
        return job is None or is_final(MODEL_JOB, job["jobStatus"])


def _running(books: Books, job: JsonObject, snapshot: Mapping[str, Any]) -> JsonObject:
    if job["jobStatus"] == "RUNNING":
        note = "the worker was lost, the job runs again"
        # what the first run wrote about itself is not true of this one
        return books.replace(Kind.JOB, job | {"jobMessages": [note]}, job["version"])
    if job["jobStatus"] == "CREATED":
        engine = engine_for_job(books, job, snapshot)
        job = move_model_job(books, job, "WAITING", targetEngine=engine_reference(engine))
    started = epoch_milliseconds(books.now)
    return move_model_job(books, job, "RUNNING", jobStartTime=started, lastUpdateFromRuntime=started)


def _finish(books: Books, claim: JobRow, prepared: _Prepared, outcome: RunOutcome) -> None:
    books.unit.jobs.finish(claim.id, claim.attempt)
    job = books.get(Kind.JOB, prepared.job_id, lock=True)
    if is_final(MODEL_JOB, job["jobStatus"]):
        # cancelled while it ran: what came of it does not count
        return
    outputs = _with_output(books, job, outcome)
    if outcome.artefacts and prepared.snapshot_id and outcome.status == "COMPLETE":
        if books.find(Kind.DEPLOYABLE_MODEL, prepared.snapshot_id):
            add_trained_assets(books, prepared.snapshot_id, job["id"], outcome.artefacts)
        outputs = [*outputs, *_artefact_outputs(books, outcome.artefacts)]
    changes = {"outputData": outputs, "recordsIn": outcome.records_in, "recordsOut": outcome.records_out}
    end_model_job(books, job | changes, outcome.status, outcome.result, outcome.error, outcome.messages)


def end_model_job(
    books: Books, job: JsonObject, status: str, result: str, error: str | None, messages: list[str]
) -> JsonObject:
    """The model job has that final status, with what it said last. Raises IllegalMove."""
    kept = [one for one in job["jobMessages"] if one.startswith("the worker was lost")]
    log_lines = [*kept, *messages][:MESSAGES_KEPT]
    if error and not (log_lines and error in log_lines[-1]):
        log_lines.append(error)
    now = epoch_milliseconds(books.now)
    return move_model_job(
        books,
        job,
        status,
        jobResult=result,
        jobMessages=log_lines,
        jobError=error,
        jobEndTime=now,
        jobRunTime=now - int(job.get("jobStartTime") or now),
        lastUpdateFromRuntime=now,
    )


def _with_output(books: Books, job: JsonObject, outcome: RunOutcome) -> list[JsonObject]:
    outputs: list[JsonObject] = list(job["outputData"])
    if not outcome.output or not outputs or outputs[0].get("assetType") != "FILE":
        return outputs
    sha256 = books.blobs.put(outcome.output)
    filled = outputs[0] | {
        "fileFormat": "JSON",
        "fileSize": len(outcome.output),
        "contentHash": {"hashType": "SHA-256", "hexString": sha256},
    }
    return [filled, *outputs[1:]]


def _artefact_outputs(books: Books, artefacts: Mapping[str, bytes]) -> list[JsonObject]:
    return [
        {
            "assetType": "FILE",
            "assetRole": "WEIGHTS_FILE",
            "name": name,
            "filename": name,
            "fileSize": len(content),
            "contentHash": {"hashType": "SHA-256", "hexString": books.blobs.put(content)},
        }
        for name, content in sorted(artefacts.items())
    ]
