"""Which runtime a model job runs on, where runtimes are processes of their own.

    jobs queue -> placed: the queue of a runtime that fits and lives -> run there
                  away:   again in a while; ERROR when patience is over
    a runtime is lost -> what waits in its queue is placed anew, what it ran as soon as the lease is over

What the creator of the job asked for is kept in `requestedEngine`; `targetEngine` says where the job is now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from mlc_service.delegate_api import JsonObject
from mlc_service.jobs.life_signs import lost_before
from mlc_service.jobs.work import Done, Lease
from mlc_service.lifecycle.bookkeeping import Bookkeeping
from mlc_service.lifecycle.books import Books
from mlc_service.lifecycle.documents import Kind, iso
from mlc_service.lifecycle.engines import all_engines, engine_for_job, engine_reference, register_engine
from mlc_service.lifecycle.errors import LifecycleProblem, RuntimesAway
from mlc_service.lifecycle.job_execution import end_model_job
from mlc_service.lifecycle.matching import has_endpoints
from mlc_service.lifecycle.model_jobs import add_messages, move_model_job, snapshot_of_job
from mlc_service.lifecycle.moves import ENGINE, MODEL_JOB, USABLE_ENGINE_STATES, check_move, is_final
from mlc_service.store.rows import JOBS, JobRow

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 5.0
# on the document of a runtime that is a process
_PROCESS = "process"


def runtime_queue(engine_name: str) -> str:
    """The queue from which the processes of that runtime take model jobs."""
    return f"runtime.{engine_name}"


# --- model jobs -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelJobPlacement:
    """The job table's handler for rows of kind `model_job`, where they are run by runtimes elsewhere."""

    bookkeeping: Bookkeeping
    patience_seconds: float

    def __call__(self, claim: JobRow, _lease: Lease) -> Done:
        """The row waits in the queue of its runtime, or the model job has ended. Raises store.LeaseLost."""
        self.bookkeeping.change(lambda books: self._place(books, claim))
        return Done()

    def _place(self, books: Books, claim: JobRow) -> None:
        jobs = books.unit.jobs
        jobs.check_held(claim.id, claim.attempt)
        job = books.get(Kind.JOB, str(claim.payload["modelJobId"]), lock=True)
        if is_final(MODEL_JOB, job["jobStatus"]):
            jobs.finish(claim.id, claim.attempt)
            return
        requested = job.get("requestedEngine", job["targetEngine"])
        served = set(books.unit.service_processes.queues(lost_before(books.now)))
        try:
            engine = engine_for_job(
                books,
                job | {"targetEngine": requested},
                snapshot_of_job(books, job),
                lambda one: runtime_queue(str(one["name"])) in served,
            )
        except RuntimesAway as away:
            self._wait(books, claim, job, away.message)
            return
        except LifecycleProblem as problem:
            end_model_job(books, job, "ERROR", "FAILURE", problem.message, [])
            jobs.finish(claim.id, claim.attempt)
            return
        changes = {"targetEngine": engine_reference(engine), "requestedEngine": requested, "waitingSince": None}
        if job["jobStatus"] == "CREATED":
            move_model_job(books, job, "WAITING", **changes)
        else:
            books.replace(Kind.JOB, job | changes, job["version"])
        jobs.hand_over(claim.id, claim.attempt, runtime_queue(str(engine["name"])), books.now)

    def _wait(self, books: Books, claim: JobRow, job: JsonObject, why: str) -> None:
        jobs = books.unit.jobs
        if job.get("waitingSince") is None:
            add_messages(books, job["id"], [f"waiting: {why}"])
            job = books.get(Kind.JOB, job["id"])
            job = books.replace(Kind.JOB, job | {"waitingSince": iso(books.now)}, job["version"])
        waited = books.now - datetime.fromisoformat(job["waitingSince"])
        if waited > timedelta(seconds=self.patience_seconds):
            end_model_job(books, job, "ERROR", "FAILURE", f"{why}, for {waited.total_seconds():.0f} seconds", [])
            jobs.finish(claim.id, claim.attempt)
        else:
            jobs.hand_over(claim.id, claim.attempt, JOBS, books.now + timedelta(seconds=AGAIN_SECONDS))


def record_model_job_given_up(books: Books, claim: JobRow, why: str) -> None:
    """A model job whose row has failed for good is in ERROR: nothing is left RUNNING for ever."""
    job = books.find(Kind.JOB, str(claim.payload["modelJobId"]))
    if job is not None and not is_final(MODEL_JOB, job["jobStatus"]):
        end_model_job(books, job, "ERROR", "FAILURE", why, [])


# --- runtimes ---------------------------------------------------------------------------------------------------------


def runtime_started(books: Books, body: Mapping[str, Any]) -> JsonObject:
    """The runtime of that name is there and ready for work; what `body` says of it replaces what was said before.

    Raises InvalidDocument.
    """
    served: JsonObject = {**body, "servedBy": _PROCESS, "servedSince": iso(books.now)}
    known = next((one for one in all_engines(books) if one["name"] == body["name"]), None)
    if known is None:
        return register_engine(books, served)
    engine = books.get(Kind.ENGINE, known["id"], lock=True)
    return books.replace(Kind.ENGINE, _back(books, engine) | served, engine["version"])


def _back(books: Books, engine: JsonObject) -> JsonObject:
    """The runtime as it is when a process serves it again."""
    if engine["state"] in USABLE_ENGINE_STATES:
        return engine
    check_move(ENGINE, f"runtime '{engine['name']}'", engine["state"], "INIT")
    return engine | {"state": "RUNNING" if _serves(books, engine) else "INIT", "lostSince": None}


def runtime_stopped(books: Books, name: str) -> None:
    """The runtime is STOPPED, unless another process serves it."""
    if runtime_queue(name) in books.unit.service_processes.queues(lost_before(books.now)):
        return
    for engine in all_engines(books):
        # a scheduler may have taken it for lost while it ended
        if engine["name"] == name and (engine["state"] in USABLE_ENGINE_STATES or engine.get("lostSince")):
            stopped = {"state": "STOPPED", "lostSince": None}
            books.replace(Kind.ENGINE, engine | stopped, engine["version"])


def look_after_runtimes(bookkeeping: Bookkeeping) -> None:
    """Runtimes whose processes were lost are in ERROR, and what waited for them is placed anew."""
    bookkeeping.change(_look_after_runtimes)


def _look_after_runtimes(books: Books) -> None:
    served = set(books.unit.service_processes.queues(lost_before(books.now)))
    for engine in all_engines(books):
        if engine.get("servedBy") != _PROCESS:
            continue
        lives = runtime_queue(str(engine["name"])) in served
        if lives and engine.get("lostSince"):
            # it could not reach the database for a while
            log.info("runtime_found", runtime=engine["name"])
            books.replace(Kind.ENGINE, _back(books, engine), engine["version"])
        elif not lives and engine["state"] in USABLE_ENGINE_STATES and not _has_just_started(books, engine):
            log.warning("runtime_lost", runtime=engine["name"])
            lost = {"state": "ERROR", "lostSince": iso(books.now)}
            books.replace(Kind.ENGINE, engine | lost, engine["version"])
    if recalled := books.unit.jobs.recall(sorted(served)):
        log.warning("model_jobs_recalled", count=recalled)


def _has_just_started(books: Books, engine: Mapping[str, Any]) -> bool:
    """Whether its first sign of life may still be to come."""
    since = engine.get("servedSince")
    return since is not None and datetime.fromisoformat(since) > lost_before(books.now)


def _serves(books: Books, engine: Mapping[str, Any]) -> bool:
    return has_endpoints(engine) and bool(
        books.count(Kind.DEPLOYED_MODEL, keys={"engineId": engine["id"]}, state="DEPLOYED")
    )
