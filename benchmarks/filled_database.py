"""What is slower when 100,000 ended and 20,000 running instances are in the database? On PostgreSQL.

Run with `make bench` or `python -m benchmarks.filled_database [--ended N] [--running N] [--calls N] [--server URL]`.
Two services, one on an almost empty database and one on a full one, are asked the same in turns, over HTTP; a claim of
jobs and the look-up of who waits for a signal happen in this process, in a transaction that is rolled back. Prints both
medians and their ratio; writes `results/filled_database.json`. Exits 1 if a ratio with a bar is above it.

The almost empty one holds 100 running instances, so that every list has the same number of rows on both sides: 50 of
50, or the one that was asked for. Counts have no bar: they count what is there. `--server` is a PostgreSQL in which
databases can be made; without it, that of MLC_TEST_POSTGRES_URL or a new one, which does not wait for the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx2
import psycopg

from benchmarks.filling import fill
from benchmarks.service import running_service
from mlc_service.store import schema
from mlc_service.store.subscriptions import SubscriptionFilter
from mlc_service.store.units import UnitOfWork, Units
from tests.servers import fresh_database, start_postgres

RESULTS = Path(__file__).parent / "results"
# enough for a page of each list
FEW_RUNNING = 100
PAGE = 50
BAR = 1.5
# of what a command costs, which must grow with its own work only
COMMAND_BAR = 1.2
# jobs that a claim takes, and those that are due for it in both databases
CLAIMED, DUE = 4, 50


@dataclass(frozen=True)
class Side:
    """A service, its database, and what in it is asked for."""

    http: httpx2.Client
    units: Units
    database_url: str
    instance_id: str
    signal: str

    def list(self, path: str, **query: Any) -> None:
        """A page of the list has come, and it was full."""
        answer = self.http.get(path, params={"maxResults": PAGE, **query})
        answer.raise_for_status()
        assert len(answer.json()) == (1 if "businessKey" in query else PAGE), (path, query, len(answer.json()))

    def get(self, path: str) -> None:
        self.http.get(path).raise_for_status()

    def start(self, key: str) -> str:
        """The id of the instance."""
        body = {"variables": {"amount": {"value": 20, "type": "Integer"}}}
        started = self.http.post(f"/process-definition/key/{key}/start", json=body).raise_for_status().json()
        return str(started["id"])

    def work(self) -> None:
        """An order was started, its task found and completed."""
        [task] = self.http.get("/task", params={"processInstanceId": self.start("order")}).raise_for_status().json()
        self.http.post(f"/task/{task['id']}/complete", json={}).raise_for_status()

    def history_rows(self) -> int:
        """How many there are, nearly."""
        counted = "SELECT sum(reltuples)::bigint FROM pg_class WHERE relname LIKE 'historic%' AND relkind = 'r'"
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute("ANALYZE")
            [rows] = connection.execute(counted).fetchone() or [0]
        return int(rows)

    def claim(self, now: datetime, wanted: int) -> None:
        """As many jobs were claimed, and given back as if nothing had been."""

        def work(unit: UnitOfWork) -> None:
            assert len(unit.jobs.claim("benchmark", now, now + timedelta(minutes=1), CLAIMED)) == wanted

        self.undone(work)

    def look_up(self) -> None:
        wanted = SubscriptionFilter(kind="signal", event_name=self.signal, is_active=True)
        assert len(self.units.read(lambda unit: unit.subscriptions.find(wanted))) == 1

    def undone(self, work: Callable[[UnitOfWork], object]) -> None:
        with suppress(_Undone), self.units.begin() as unit:
            work(unit)
            raise _Undone

    def make_due(self, jobs: str) -> None:
        """Those timers are due, and no others."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute("UPDATE jobs SET due = '2036-01-01' WHERE due < now()")
            connection.execute(f"UPDATE jobs SET due = now() - interval '1 hour' WHERE id IN ({jobs})")
            connection.execute("VACUUM ANALYZE jobs")


class _Undone(Exception):
    pass


@dataclass(frozen=True)
class Line:
    """Milliseconds of the same on both sides; `bar` is what the ratio must not be above."""

    name: str
    empty: float
    filled: float
    bar: float | None

    @property
    def ratio(self) -> float:
        return self.filled / self.empty

    @property
    def is_slow(self) -> bool:
        return self.bar is not None and self.ratio > self.bar


def lines(empty: Side, filled: Side, calls: int) -> Iterator[Line]:
    """What is asked, one after the other."""

    def line(name: str, ask: Callable[[Side], object], bar: float | None = BAR) -> Line:
        return Line(name, *_medians(lambda: ask(empty), lambda: ask(filled), calls), bar)

    yield line("task list", lambda side: side.list("/task"))
    yield line("task list, by assignee", lambda side: side.list("/task", assignee="clerk 0"))
    newest = {"sortBy": "created", "sortOrder": "desc"}
    yield line("task list, newest first", lambda side: side.list("/task", **newest))
    yield line("task count", lambda side: side.get("/task/count"), None)
    yield line("task count, by assignee", lambda side: side.get("/task/count?assignee=clerk 0"))
    yield line("instance list", lambda side: side.list("/process-instance"))
    yield line("instance list, by business key", lambda side: side.list("/process-instance", businessKey="order 7"))
    by_key = {"processDefinitionKey": "order"}
    yield line("instance list, by definition key", lambda side: side.list("/process-instance", **by_key))
    yield line("instance count", lambda side: side.get("/process-instance/count"), None)
    tree = "/process-instance/{}/activity-instances"
    yield line("activity tree", lambda side: side.get(tree.format(side.instance_id)))
    yield line("signal look-up", lambda side: side.look_up())
    now = datetime.now(UTC)
    yield line("claim, none due", lambda side: side.claim(now, 0))
    some = f"SELECT id FROM jobs WHERE state = 'ready' ORDER BY id LIMIT {DUE}"
    for name, due in ((f"claim, {DUE} due", some), ("claim, all due", "SELECT id FROM jobs")):
        for side in (empty, filled):
            side.make_due(due)
        yield line(name, lambda side: side.claim(datetime.now(UTC), CLAIMED))
    for side in (empty, filled):
        side.make_due("NULL")
    # last: these leave something behind
    yield line("start, ends at once", lambda side: side.start("quote"), COMMAND_BAR)
    yield line("start, stops at a user task", lambda side: side.start("order"), COMMAND_BAR)
    yield line("start, find and complete a task", lambda side: side.work(), COMMAND_BAR)


def _medians(one: Callable[[], object], other: Callable[[], object], calls: int) -> tuple[float, float]:
    """Milliseconds of both; they take turns, so that a machine that becomes slower meets both alike."""
    for _ in range(calls // 10 + 1):
        one()
        other()
    pairs = [(_milliseconds(one), _milliseconds(other)) for _ in range(calls)]
    return statistics.median(first for first, _ in pairs), statistics.median(second for _, second in pairs)


def _milliseconds(call: Callable[[], object]) -> float:
    began = perf_counter()
    call()
    return (perf_counter() - began) * 1000


@contextmanager
def _side(server: str, ended: int, running: int) -> Iterator[Side]:
    """A service on a database of its own that was filled so far; its jobs do not run."""
    with ExitStack() as stack:
        database_url = stack.enter_context(fresh_database(server))
        schema.upgrade(database_url)
        began = perf_counter()
        fill(database_url, ended=ended, running=running)
        print(f"{ended:,} ended and {running:,} running instances after {perf_counter() - began:.0f} s", flush=True)
        base = stack.enter_context(running_service("--jobs", "off", settings={"MLC_DATABASE_URL": database_url}))
        http = stack.enter_context(httpx2.Client(base_url=base))
        units = Units(database_url)
        stack.callback(units.close)
        [order] = http.get("/process-instance", params={"businessKey": "order 7"}).json()
        [delivery] = http.get("/process-instance", params={"businessKey": "delivery 7"}).json()
        yield Side(http, units, database_url, order["id"], f"shipped {delivery['id']}")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--ended", type=int, default=100_000)
    arguments.add_argument("--running", type=int, default=20_000)
    arguments.add_argument("--calls", type=int, default=300)
    arguments.add_argument("--server", default=os.environ.get("MLC_TEST_POSTGRES_URL"))
    given = arguments.parse_args()
    server = given.server or start_postgres(os.getpid())
    found: list[Line] = []
    with _side(server, 0, FEW_RUNNING) as empty, _side(server, given.ended, given.running) as filled:
        print(f"history rows: {empty.history_rows():,} and {filled.history_rows():,}")
        print(f"{'median of ' + str(given.calls):34} {'empty':>10} {'filled':>10} {'ratio':>7}")
        for line in lines(empty, filled, given.calls):
            found.append(line)
            missed = "  MISSED" if line.is_slow else "" if line.bar else "  no bar"
            print(
                f"{line.name:34} {line.empty:7.2f} ms {line.filled:7.2f} ms {line.ratio:7.2f}{missed}",
                flush=True,
            )
    RESULTS.mkdir(exist_ok=True)
    report = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"python": platform.python_version(), "processor": platform.machine()},
        "instances": {"ended": given.ended, "running": given.running},
        "milliseconds": [{**asdict(line), "ratio": line.ratio} for line in found],
    }
    (RESULTS / "filled_database.json").write_text(json.dumps(report, indent=2) + "\n")
    return int(any(line.is_slow for line in found))


if __name__ == "__main__":
    sys.exit(main())
