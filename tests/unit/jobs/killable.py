"""A worker process to be killed: runs jobs of kind `write` and `hang` and says on its standard output what it does."""

from __future__ import annotations

import sys
from threading import Event

from mlc_service.clock import SystemClock
from mlc_service.jobs.one import Workbench
from mlc_service.jobs.runner import ThreadRunner, release_all_leases
from mlc_service.jobs.work import Done, Lease
from mlc_service.store.documents import document_row
from mlc_service.store.rows import JobRow
from mlc_service.store.units import UnitOfWork, Units


def say(text: str) -> None:
    # one write, so that lines of several threads stay whole
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(database_url: str) -> None:
    """Runs jobs until it is killed."""
    units = Units(database_url)

    def write(job: JobRow, lease: Lease) -> Done:
        """Effect and completion in one transaction; the effect cannot be there twice."""

        def work(unit: UnitOfWork) -> None:
            unit.documents("effects").insert(document_row(job.id, {}, job.created))
            unit.jobs.finish(job.id, job.attempt)

        units.run(work)
        say(f"wrote {job.id}")
        return Done()

    def hang(job: JobRow, lease: Lease) -> Done:
        say(f"hangs {job.id}")
        Event().wait()
        return Done()

    bench = Workbench(units, SystemClock(), {"write": write, "hang": hang})
    release_all_leases(bench)
    ThreadRunner(bench, threads=2, lease_seconds=5, poll_seconds=0.05).start()
    say("ready")
    Event().wait()


main(sys.argv[1])
