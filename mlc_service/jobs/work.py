"""What the runner and the handlers of jobs say to each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlc_service.store.rows import JobRow


@dataclass(frozen=True, slots=True)
class Lease:
    """Under whose name and for how long a worker holds jobs.

    `goes_on` says whether the worker will take the next job of the same instance at once; a handler may then store
    one as claimed already and hand it back in `Done`. If it holds several `together`, it takes none that may be slow.
    """

    worker: str
    seconds: float
    goes_on: bool = True
    together: bool = False

    def until(self, now: datetime) -> datetime:
        """When a lease that begins now ends, unless it is renewed."""
        return now + timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Done:
    """The job is done and its row is gone, or waits for its next run, in a transaction the handler has committed.

    `next` is a job of the same instance that came out of it and is claimed already by the same worker.
    """

    next: JobRow | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """This try did not work and left nothing behind; `stacktrace` is for a person who looks into the incident."""

    message: str
    stacktrace: str = ""


# Given a claimed job, does what its kind asks for. Raises store.errors.LeaseLost if the job is not ours any more.
# Anything else it raises is a fault of ours: the runner logs it and counts it as a failed try.
Handler = Callable[[JobRow, Lease], Done | Failed]


@dataclass(frozen=True, slots=True)
class DoneTogether:
    """What became of jobs that were done in one transaction. One in neither is not ours any more.

    Those that are `left` were not begun and are still held.
    """

    done: Mapping[str, Done]
    left: Sequence[JobRow] = ()


# Given claimed jobs, does them in one transaction, as many as fit into a moment. What it raises says that nothing was
# done: each is to be done by itself then, and will say what is wrong with it.
Together = Callable[[Sequence[JobRow], Lease], DoneTogether]


class JobFailed(Exception):
    """A job that somebody wanted to see done now has failed; the try is on record."""

    def __init__(self, job_id: str, message: str) -> None:
        self.job_id = job_id
        self.message = message
        super().__init__(message)
