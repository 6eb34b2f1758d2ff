"""Fills a PostgreSQL database with instances as the service writes them: 120,000 in about a minute.

One instance of each kind is run by the service itself. All others are copies of its rows: an id begins with the
milliseconds in which it was made (`store.ids`), and all that an instance gives birth to has that beginning in common
with it (`engine.ids`), so a copy is the same rows with another beginning in every id and their times moved as far.
A copy is an instance like any other: it can be completed. Only the dates within its stored form are the original's.

    fill("postgresql://…", ended=100_000, running=20_000)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, Table, Text, text

from mlc_service.language.scripts import ScriptRunner
from mlc_service.process.deployments import Deploy, deploy
from mlc_service.process.instances import StartInstance, start_instance
from mlc_service.process.messages import CorrelateMessage, correlate_message
from mlc_service.process.signals import broadcast_signal
from mlc_service.process.surroundings import Surroundings
from mlc_service.process.tasks import complete_task
from mlc_service.store import tables
from mlc_service.store.columns import UtcDateTime
from mlc_service.store.database import open_database
from mlc_service.store.instances import InstanceFilter
from mlc_service.store.tasks import TaskFilter
from mlc_service.store.units import UnitOfWork, Units

DIAGRAM = Path(__file__).with_suffix(".bpmn")
# when the last of the copies was started; they follow one another
LAST = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
APART = timedelta(minutes=1)
# how many orders a person has to check: a page
ORDERS_A_CLERK = 50
ANSWER = {"approved": True}


@dataclass(frozen=True)
class Kind:
    """Instances of a definition that nobody calls: `share` of all there are to be, with what they call."""

    key: str
    share: float
    # brings a running one to its end
    finish: Callable[[UnitOfWork, Surroundings, str], object]


def _complete(unit: UnitOfWork, around: Surroundings, instance_id: str) -> None:
    hierarchy = unit.instances.ids(InstanceFilter(root_id=instance_id))
    (task,) = unit.tasks.find(TaskFilter(instance_ids=hierarchy))
    complete_task(unit, around, task.id, ANSWER)


KINDS = (
    Kind("order", 0.5, _complete),
    Kind("delivery", 0.2, lambda unit, around, id: broadcast_signal(unit, around, f"shipped {id}", ANSWER)),
    Kind(
        "payment",
        0.2,
        lambda unit, around, id: correlate_message(
            unit, around, CorrelateMessage("paid", instance_id=id, variables=ANSWER)
        ),
    ),
    # two instances each
    Kind("purchase", 0.05, _complete),
)

# the tables of what lives, and of what is on record; those that others hang on stand first
_LIVE = (
    tables.process_instances, tables.variable_scopes, tables.tasks, tables.task_candidates, tables.jobs,
    tables.event_subscriptions,
)  # fmt: skip
_HISTORY = (
    tables.historic_process_instances, tables.historic_activity_instances, tables.historic_tasks,
    tables.historic_variables,
)  # fmt: skip


class _StandingClock:
    """Every id of an original begins alike because no time goes by."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


def fill(database_url: str, *, ended: int, running: int) -> None:
    """The migrated PostgreSQL database has about as many ended and running instances more, and knows its statistics."""
    units = Units(database_url, pool_size=2)
    database = open_database(database_url, pool_size=1)
    scripts = ScriptRunner()

    def around(at: datetime) -> Surroundings:
        return Surroundings(_StandingClock(at), scripts, frozenset())

    # the deployment is older than every copy: its ids must not look like theirs
    files = Deploy([(DIAGRAM.name, DIAGRAM.read_bytes())])
    units.run(lambda unit: deploy(unit, around(LAST - timedelta(days=3650)), files))
    for is_ended, count in ((True, ended), (False, running)):
        for kind in KINDS:
            copies = round(count * kind.share)
            if not copies:
                continue
            original = _original(units, around(LAST), kind, is_ended)
            with database.begin() as connection:
                for table in _HISTORY if is_ended else _HISTORY + _LIVE:
                    _copy(connection, table, original, copies - 1)
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # as autovacuum does, a little later
        connection.exec_driver_sql("VACUUM ANALYZE")
    scripts.close()
    units.close()
    database.dispose()


def _original(units: Units, around: Surroundings, kind: Kind, is_ended: bool) -> list[str]:
    """Ids of an instance that the service has run, and of those that it called."""
    variables = {"amount": 20, "note": "as agreed on the phone", "address": {"city": "Bern", "street": "Marktgasse 7"}}
    wanted = StartInstance(definition_key=kind.key, business_key=kind.key, variables=variables)
    started = units.run(lambda unit: start_instance(unit, around, wanted))
    hierarchy = units.read(lambda unit: unit.instances.ids(InstanceFilter(root_id=started.id)))
    if is_ended:
        units.run(lambda unit: kind.finish(unit, around, started.id))
        assert not units.read(lambda unit: unit.instances.ids(InstanceFilter(root_id=started.id)))
    return hierarchy


def _copy(connection: Connection, table: Table, original: list[str], copies: int) -> None:
    """The table has the original's rows as many times more."""
    names = ", ".join(f'"{column.name}"' for column in table.c)
    copied = ", ".join(_copied(column) for column in table.c)
    statement = f"""
        WITH
        aged AS (
            SELECT number, (CAST(:copies AS int) - number + 1) * CAST(:apart AS interval) AS age
            FROM generate_series(1, CAST(:copies AS int)) AS number
        ),
        born AS (
            SELECT number, age, extract(epoch FROM CAST(:last AS timestamptz) - age) * 1000 AS milliseconds FROM aged
        ),
        copy AS MATERIALIZED (
            SELECT number, age, substr(hex, 1, 8) || '-' || substr(hex, 9) AS beginning
            FROM born, lpad(to_hex(milliseconds::bigint), 12, '0') AS hex
        )
        INSERT INTO {table.name} ({names}) SELECT {copied} FROM copy, {table.name} AS original WHERE {_owned(table)}
    """
    given = {
        "copies": copies,
        "last": LAST,
        "apart": APART,
        "original": original,
        # up to the version of the UUID
        "beginning": original[0][:13],
        "clerks": max(1, (copies + 1) // ORDERS_A_CLERK),
    }
    connection.execute(text(statement), given)


def _copied(column: Column[Any]) -> str:
    """The column of a copy, in SQL."""
    name = f'original."{column.name}"'
    if column.name == "business_key":
        return f"{name} || ' ' || copy.number"
    if column.name == "assignee":
        return f"replace({name}, '0', (copy.number % CAST(:clerks AS int))::text)"
    if isinstance(column.type, UtcDateTime):
        return f"{name} - copy.age"
    if isinstance(column.type, Text):
        return f"replace({name}, :beginning, copy.beginning)"
    if isinstance(column.type, LargeBinary):
        # the stored form names called instances and awaited signals
        beginnings = "encode(CAST(:beginning AS bytea), 'hex'), encode(copy.beginning::bytea, 'hex')"
        return f"decode(replace(encode({name}, 'hex'), {beginnings}), 'hex')"
    return name


def _owned(table: Table) -> str:
    if table is tables.task_candidates:
        return "task_id IN (SELECT id FROM tasks WHERE instance_id = ANY(:original))"
    return f"{'instance_id' if 'instance_id' in table.c else 'id'} = ANY(:original)"
