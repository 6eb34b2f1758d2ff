"""The migrations build what `tables.py` says, on both databases, and the service knows how far they have run."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, Engine

from mlc_service.store import schema
from mlc_service.store.database import open_database
from mlc_service.store.schema import SchemaState
from mlc_service.store.tables import metadata, settings
from mlc_service.store.units import Units

# what PostgreSQL knows about columns, indexes and constraints, each as one line of text
POSTGRES_CATALOGUE = (
    """SELECT table_name, column_name, data_type, is_nullable, coalesce(column_default, '')
       FROM information_schema.columns WHERE table_schema = 'public'""",
    "SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', ''
       FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
)


def described(connection: Connection) -> set[Any]:
    """Everything in the database's schema but Alembic's own table."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("SELECT tbl_name, name, coalesce(sql, '') FROM sqlite_master").all()
        found = {(table, name, without_layout(sql)) for table, name, sql in rows}
    else:
        found = {tuple(row) for query in POSTGRES_CATALOGUE for row in connection.exec_driver_sql(query)}
    return {entry for entry in found if "alembic_version" not in entry[0] and not entry[0].startswith("sqlite_")}


def without_layout(sql: str) -> str:
    """The statement without line breaks and with its columns and constraints sorted: SQLite keeps it as typed."""
    text = re.sub(r"\s+", " ", sql.replace('"', ""))
    text = re.sub(r" ?([(),]) ?", r"\1", text)
    head, _, body = text.partition("(")
    parts, depth = [""], 0
    for sign in body.rpartition(")")[0]:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return f"{head}({', '.join(sorted(parts))})"


def opened(url: str) -> Engine:
    return open_database(url, pool_size=1)


def test_migrations_build_the_tables(empty_database_url: str) -> None:
    database = opened(empty_database_url)
    with database.begin() as connection:
        metadata.create_all(connection)
        wanted = described(connection)
        metadata.drop_all(connection)
    database.dispose()

    schema.upgrade(empty_database_url)

    database = opened(empty_database_url)
    with database.begin() as connection:
        assert described(connection) == wanted
    database.dispose()


def test_migrations_can_be_taken_back(database_url: str) -> None:
    command.downgrade(schema.configuration(database_url), "base")

    database = opened(database_url)
    with database.begin() as connection:
        assert described(connection) == set()
    database.dispose()


def test_a_database_is_empty_then_up_to_date(empty_database_url: str) -> None:
    units = Units(empty_database_url)
    assert units.schema_state() is SchemaState.EMPTY
    schema.upgrade(empty_database_url)
    assert units.schema_state() is SchemaState.UP_TO_DATE
    schema.upgrade(empty_database_url)
    assert units.schema_state() is SchemaState.UP_TO_DATE
    units.close()


def test_a_database_of_an_unknown_revision_is_not_touched(database_url: str) -> None:
    database = opened(database_url)
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        connection.exec_driver_sql("DELETE FROM settings")
    database.dispose()
    units = Units(database_url)
    assert units.schema_state() is SchemaState.UNKNOWN
    units.close()


@pytest.mark.parametrize(("serves_since", "state"), [("0004", SchemaState.NEWER), ("9998", SchemaState.UNKNOWN)])
def test_an_older_version_goes_on_if_the_newer_schema_says_so(
    database_url: str, serves_since: str, state: SchemaState
) -> None:
    database = opened(database_url)
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        changed = connection.execute(
            settings.update().where(settings.c.name == "schema_serves_since").values(value=serves_since)
        )
        assert changed.rowcount == 1
    database.dispose()
    units = Units(database_url)
    assert units.schema_state() is state
    units.close()


def test_only_two_kinds_of_database_are_opened() -> None:
    with pytest.raises(ValueError, match="Only SQLite and PostgreSQL"):
        Units("mysql://localhost/mlc")
    with pytest.raises(ValueError, match="needs a file"):
        Units("sqlite://")


def test_names_of_constraints_are_given_by_us() -> None:
    for table in metadata.tables.values():
        for constraint in table.constraints:
            assert constraint.name is not None, (table.name, constraint)
        for index in table.indexes:
            assert index.name is not None
            assert str(index.name).startswith(table.name)


def test_instances_of_the_first_schema_become_their_own_roots(empty_database_url: str) -> None:
    command.upgrade(schema.configuration(empty_database_url), "0001")
    database = opened(empty_database_url)
    at = "2026-03-01T12:00:00+00:00"
    definition = (
        "INSERT INTO deployments (id, deployed) VALUES ('d', '{0}')",
        (
            "INSERT INTO process_definitions (id, key, version, resource_name, deployment_id, suspended,"
            " startable_in_tasklist) VALUES ('p:1', 'p', 1, 'p.bpmn', 'd', false, true)"
        ),
    )
    instance = (
        "INSERT INTO process_instances (id, definition_id, definition_key, state, variables, suspended, revision, started)"
        " VALUES ('i', 'p:1', 'p', '', '{{}}', false, 1, '{0}')"
    )
    past = (
        "INSERT INTO historic_process_instances (id, definition_id, definition_key, state, started)"
        " VALUES ('i', 'p:1', 'p', 'ACTIVE', '{0}')"
    )
    with database.begin() as connection:
        for statement in (*definition, instance, past):
            connection.exec_driver_sql(statement.format(at))
    database.dispose()

    schema.upgrade(empty_database_url)

    database = opened(empty_database_url)
    with database.begin() as connection:
        for table in ("process_instances", "historic_process_instances"):
            assert connection.exec_driver_sql(f"SELECT id, root_id, caller_id FROM {table}").all() == [("i", "i", None)]
    database.dispose()


def test_what_ended_before_there_were_removals_has_the_one_of_its_definition(empty_database_url: str) -> None:
    command.upgrade(schema.configuration(empty_database_url), "0004")
    database = opened(empty_database_url)
    definition = (
        "INSERT INTO process_definitions (id, key, version, resource_name, deployment_id, suspended,"
        " startable_in_tasklist, history_time_to_live) VALUES ('{0}:1', '{0}', 1, 'p.bpmn', 'd', false, true, {1})"
    )
    past = (
        "INSERT INTO historic_process_instances (id, definition_id, definition_key, state, started, ended, root_id)"
        " VALUES ('{0}', '{1}:1', '{1}', 'COMPLETED', '2026-02-20T12:00:00.000000+00:00', {2}, '{3}')"
    )
    ended = "'2026-02-27T12:00:00.123456+00:00'"
    with database.begin() as connection:
        connection.exec_driver_sql("INSERT INTO deployments (id, deployed) VALUES ('d', '2026-02-20T12:00:00+00:00')")
        for key, days in (("p", "3"), ("q", "NULL")):
            connection.exec_driver_sql(definition.format(key, days))
        for row in (
            ("ended", "p", ended, "ended"),
            ("called", "p", ended, "ended"),
            ("runs", "p", "NULL", "runs"),
            ("for ever", "q", ended, "for ever"),
        ):
            connection.exec_driver_sql(past.format(*row))
    database.dispose()

    schema.upgrade(empty_database_url)

    units = Units(empty_database_url)
    rows = units.read(lambda unit: unit.history.find_instances())
    units.close()
    found = {row.id: row.removal and row.removal.replace(microsecond=0) for row in rows}
    removal = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert found == {"ended": removal, "called": None, "runs": None, "for ever": None}
