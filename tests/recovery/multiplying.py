"""Many instances from one: its rows are copied inside PostgreSQL, with ids that fit, so that each copy can go on."""

from __future__ import annotations

import psycopg

from mlc_service.store.tables import metadata

# ids that are the instance's own; those of what it gave birth to are the instance's id xor a number
_OWN = {("process_instances", "id"), ("historic_process_instances", "id")}
_TABLES = (
    "process_instances",
    "variable_scopes",
    "tasks",
    "task_candidates",
    "jobs",
    "event_subscriptions",
    "historic_process_instances",
    "historic_activity_instances",
    "historic_tasks",
    "historic_variables",
)


def multiply(database_url: str, instance_id: str, copies: int) -> None:
    """There are so many more instances, each in the state of this one, which called nobody and was called by nobody."""
    with psycopg.connect(database_url) as connection:
        # the last twelve digits are zero: the number of what an instance gave birth to can be written there as it is
        connection.execute(
            "CREATE TEMP TABLE owners ON COMMIT DROP AS SELECT left(gen_random_uuid()::text, 24) || repeat('0', 12) AS id"
            " FROM generate_series(1, %s)",
            [copies],
        )
        for table in _TABLES:
            columns = metadata.tables[table].columns.keys()
            key = {"task_candidates": "task_id"}.get(table, "id" if (table, "id") in _OWN else "instance_id")
            of_instance = "task_id IN (SELECT id FROM tasks WHERE instance_id = %(id)s)" if key == "task_id" else (
                f"{key} = %(id)s"
            )  # fmt: skip
            copied = ", ".join(_copied(table, column) for column in columns)
            quoted = ", ".join(f'"{column}"' for column in columns)
            connection.execute(
                f"INSERT INTO {table} ({quoted}) SELECT {copied} FROM {table} t, owners o WHERE t.{of_instance}",  # type: ignore[arg-type]
                {"id": instance_id},
            )


def _copied(table: str, column: str) -> str:
    if (table, column) in _OWN or column in ("instance_id", "root_id"):
        return "o.id"
    if column in ("id", "task_id"):
        number = f"{_low('t.' + column)} # {_low('%(id)s')}"
        return f"left(o.id, 24) || lpad(to_hex({number}), 12, '0')"
    return f't."{column}"'


def _low(id: str) -> str:
    return f"('x' || right({id}, 12))::bit(48)::bigint"
