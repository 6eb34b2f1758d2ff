"""In a full database the service reads what it answers, not all there is; and what fills it is real.

The service is asked the same with 100 and with some thousand instances in the database. Every statement behind that is
explained where it is run, in the same transaction: what counts is how many pages and rows PostgreSQL touched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, event
from starlette.testclient import TestClient

from benchmarks.filling import fill
from mlc_service.clock import SystemClock
from mlc_service.identity import OpenDoor
from mlc_service.language.scripts import ScriptRunner
from mlc_service.process.surroundings import Surroundings
from mlc_service.rest.application import create_app
from mlc_service.rest.dependencies import Dependencies
from mlc_service.store.subscriptions import SubscriptionFilter
from mlc_service.store.units import UnitOfWork, Units
from tests.servers import TEMPLATE, fresh_database

REST = "/mlc-service/rest"
FEW, MANY = 100, 3000
PAGE = 50
# of an index twice as high there is one page more a look-up; 50 rows of a page may lie on pages of their own
MORE_PAGES, MORE_ROWS = 100, 20


@dataclass(frozen=True)
class Read:
    """What PostgreSQL did for one statement."""

    statement: str
    pages: int
    # that were looked at, in every table and index
    rows: int
    # tables that were read from end to end
    whole: frozenset[str]


@dataclass(frozen=True)
class Filled:
    """A service on a database with instances in it."""

    database_url: str
    units: Units
    http: TestClient

    def one(self, business_key: str) -> str:
        """Id of the instance with that key."""
        (found,) = self.http.get(f"{REST}/process-instance", params={"businessKey": business_key}).json()
        return str(found["id"])


Ask = Callable[[Filled], object]


def _get(path: str, **query: Any) -> Ask:
    return lambda service: _must(service.http.get(f"{REST}{path}", params=query))


def _must(answer: Any) -> Any:
    assert answer.status_code in (200, 204), answer.text
    return answer


def _start(key: str) -> Ask:
    body = {"variables": {"amount": {"value": 20, "type": "Integer"}}}
    return lambda service: _must(service.http.post(f"{REST}/process-definition/key/{key}/start", json=body))


def _list_of_definition(service: Filled) -> object:
    definition = service.http.get(f"{REST}/process-definition/key/order").json()["id"]
    return _get("/process-instance", maxResults=PAGE, processDefinitionId=definition)(service)


def _tree(service: Filled) -> object:
    return _must(service.http.get(f"{REST}/process-instance/{service.one('order 7')}/activity-instances"))


def _complete(service: Filled) -> object:
    (task,) = service.http.get(f"{REST}/task", params={"processInstanceId": service.one("order 9")}).json()
    return _must(service.http.post(f"{REST}/task/{task['id']}/complete", json={}))


def _in_a_unit(work: Callable[[UnitOfWork, datetime], object], now: datetime | None = None) -> Ask:
    """Whatever it does is undone."""

    def ask(service: Filled) -> None:
        with suppress(_Undone), service.units.begin() as unit:
            work(unit, now or datetime.now(UTC))
            raise _Undone

    return ask


def _with_all_due(work: Callable[[UnitOfWork, datetime], object]) -> Ask:
    """The same in years, when every timer is due."""
    return _in_a_unit(work, datetime(2040, 1, 1, tzinfo=UTC))


def _when_all_are_told(ask: Ask) -> Ask:
    """The same when workers were told of every job not long before that."""

    def asked(service: Filled) -> None:
        _change_jobs(service, "announced = '2040-01-01'")
        ask(service)
        _change_jobs(service, "announced = NULL")

    return asked


def _change_jobs(service: Filled, change: str) -> None:
    with psycopg.connect(service.database_url, autocommit=True) as connection:
        connection.execute(f"UPDATE jobs SET {change}")
        connection.execute("VACUUM ANALYZE jobs")


class _Undone(Exception):
    pass


def _claim(unit: UnitOfWork, now: datetime) -> object:
    return unit.jobs.claim("worker", now, now + timedelta(days=36500), 4)


def _claim_of_queue(unit: UnitOfWork, now: datetime) -> object:
    return unit.jobs.claim("worker", now, now + timedelta(days=36500), 4, queue="jobs")


def _tell(unit: UnitOfWork, now: datetime) -> object:
    return unit.jobs.take_unannounced(now, now - timedelta(minutes=1), 10)


def _signal(unit: UnitOfWork, now: datetime) -> object:
    return unit.subscriptions.find(SubscriptionFilter(kind="signal", event_name="shipped nowhere", is_active=True))


ASKED: dict[str, Ask] = {
    "task list": _get("/task", maxResults=PAGE),
    "task list by assignee": _get("/task", maxResults=PAGE, assignee="clerk 0"),
    "task list, newest first": _get("/task", maxResults=PAGE, sortBy="created", sortOrder="desc"),
    "instance list": _get("/process-instance", maxResults=PAGE),
    "instance list by business key": _get("/process-instance", businessKey="order 7"),
    "instance list by definition key": _get("/process-instance", maxResults=PAGE, processDefinitionKey="order"),
    "instance list by definition": _list_of_definition,
    "activity tree": _tree,
    "start of what ends at once": _start("quote"),
    "start of what waits": _start("order"),
    "completing a task": _complete,
    "who waits for a signal": _in_a_unit(_signal),
    "next due": _in_a_unit(lambda unit, now: unit.jobs.next_due()),
    "claim with none due": _in_a_unit(_claim),
    "claim with all due": _with_all_due(_claim),
    "claim of a queue with all due": _with_all_due(_claim_of_queue),
    "telling workers of none": _in_a_unit(_tell),
    "telling workers of all": _with_all_due(_tell),
    "telling workers once more of all": _when_all_are_told(_with_all_due(_tell)),
    "ended leases": _in_a_unit(lambda unit, now: unit.jobs.expire(now, 3, "")),
}


@contextmanager
def _filled(server: str, ended: int, running: int) -> Iterator[Filled]:
    with fresh_database(server, template=TEMPLATE) as url:
        fill(url, ended=ended, running=running)
        units = Units(url)
        around = Surroundings(SystemClock(), ScriptRunner(), frozenset())
        app = create_app(Dependencies(units, SystemClock(), OpenDoor(), around, run_job=lambda _: None))
        with TestClient(app) as http:
            yield Filled(url, units, http)
        units.close()


@pytest.fixture(scope="module")
def few(postgres_server: str) -> Iterator[Filled]:
    """A service with as few instances as make a page of each list."""
    with _filled(postgres_server, 0, FEW) as service:
        yield service


@pytest.fixture(scope="module")
def many(postgres_server: str) -> Iterator[Filled]:
    """A service with many."""
    with _filled(postgres_server, MANY, MANY) as service:
        yield service


def reads_of(service: Filled, ask: Ask) -> list[Read]:
    """Every statement that the service ran for it, explained."""
    found: list[Read] = []

    def explain(
        connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, is_many: bool
    ) -> None:
        if statement in ("BEGIN", "COMMIT"):
            return
        with connection.connection.cursor() as cursor:
            is_alone = connection.connection.driver_connection.info.transaction_status == TransactionStatus.IDLE
            if is_alone:
                cursor.execute("BEGIN")
            cursor.execute("SAVEPOINT explained")
            given = parameters[0] if is_many else parameters
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", given)
            (plan,) = cursor.fetchone()
            cursor.execute("ROLLBACK TO SAVEPOINT explained")
            if is_alone:
                cursor.execute("ROLLBACK")
        found.append(_read(statement, plan[0]["Plan"] if isinstance(plan, list) else json.loads(plan)[0]["Plan"]))

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        ask(service)
    finally:
        event.remove(Engine, "before_cursor_execute", explain)
    return found


def _read(statement: str, plan: dict[str, Any]) -> Read:
    nodes = list(_nodes(plan))
    rows = sum(
        node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        for node in nodes
        # what an index says for a bitmap is read in the table again
        if "Scan" in node["Node Type"] and node["Node Type"] != "Bitmap Index Scan"
    )
    whole = frozenset(node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan")
    return Read(statement, plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], int(rows), whole)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def too_much(few: Filled, many: Filled, ask: Ask) -> list[str]:
    """Statements that read more where more is, and what they read."""
    large = {"jobs", "process_instances", "tasks", "event_subscriptions"}
    beside = zip(reads_of(few, ask), reads_of(many, ask), strict=True)
    return [
        f"{one.pages} to {other.pages} pages, {one.rows} to {other.rows} rows, whole {set(other.whole)}: {one.statement}"
        for one, other in beside
        if other.pages > one.pages + MORE_PAGES
        or other.rows > one.rows + MORE_ROWS
        or any(name in large or name.startswith("historic") for name in other.whole)
    ]


@pytest.mark.parametrize("asked", ASKED)
def test_a_full_database_costs_no_more_reading(few: Filled, many: Filled, asked: str) -> None:
    assert too_much(few, many, ASKED[asked]) == []


@pytest.mark.parametrize(
    ("index", "asked"),
    [
        ("tasks_created_idx", "task list"),
        ("process_instances_started_idx", "instance list"),
        ("jobs_ready_idx", "claim with all due"),
        ("jobs_announced_idx", "telling workers once more of all"),
    ],
)
def test_without_its_index_it_would_read_more(few: Filled, many: Filled, index: str, asked: str) -> None:
    with psycopg.connect(many.database_url, autocommit=True) as connection:
        (definition,) = connection.execute("SELECT pg_get_indexdef(%s::regclass)", [index]).fetchone() or ("",)
        connection.execute(f"DROP INDEX {index}")
        try:
            assert too_much(few, many, ASKED[asked])
        finally:
            connection.execute(definition)


def test_copies_can_be_completed(many: Filled) -> None:
    order, delivery, payment, purchase = (
        many.one(f"{key} {number}")
        for key, number in (("order", 1200), ("delivery", 400), ("payment", 401), ("purchase", 100))
    )
    (called,) = many.http.get(f"{REST}/process-instance", params={"superProcessInstance": purchase}).json()
    for instance in (order, called["id"]):
        (task,) = many.http.get(f"{REST}/task", params={"processInstanceId": instance}).json()
        _must(many.http.post(f"{REST}/task/{task['id']}/complete", json={}))
    _must(many.http.post(f"{REST}/signal", json={"name": f"shipped {delivery}"}))
    message = {"messageName": "paid", "businessKey": "payment 401", "all": False}
    _must(many.http.post(f"{REST}/message", json=message))

    for instance in (order, delivery, payment, purchase, called["id"]):
        assert many.http.get(f"{REST}/process-instance/{instance}").status_code == 404
        assert many.http.get(f"{REST}/history/process-instance/{instance}").json()["state"] == "COMPLETED"
    left = many.units.read(lambda unit: [job for job in unit.jobs.find() if job.instance_id in (order, purchase)])
    assert left == []


def test_copies_are_what_was_asked_for(many: Filled) -> None:
    def count(path: str, **query: Any) -> int:
        return int(many.http.get(f"{REST}{path}/count", params=query).json()["count"])

    assert count("/history/process-instance", finished="true", processDefinitionKey="order") >= MANY // 2
    assert count("/history/process-instance", finished="true") >= MANY
    assert count("/process-instance") >= MANY - 10
    assert count("/job") >= MANY - 10
    assert count("/task", assignee="clerk 1") == PAGE
