"""called instances and external tasks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mlc_service.store.columns import Json, Number, UtcDateTime

revision: str = "0002"
down_revision: str | None = "0001"

_KINDS = "kind IN ('signal', 'message', 'compensate', 'conditional')"


def _subscriptions(kinds: str, *, is_nameless_allowed: bool) -> None:
    name = op.f("event_subscriptions_kind_check")
    with op.batch_alter_table("event_subscriptions") as table:
        if op.get_context().dialect.name != "sqlite":
            # SQLite's table is made anew, and Alembic leaves its checks behind
            table.drop_constraint(name, type_="check")
        table.create_check_constraint(name, kinds)
        table.alter_column("event_name", existing_type=sa.Text(), nullable=is_nameless_allowed)


def upgrade() -> None:
    with op.batch_alter_table("process_instances") as table:
        table.add_column(sa.Column("root_id", sa.Text(), nullable=True))
        table.add_column(sa.Column("caller_id", sa.Text(), nullable=True))
        table.add_column(sa.Column("caller_number", Number, nullable=True))
    # until now nothing called anything: every instance is its own root
    op.execute("UPDATE process_instances SET root_id = id")
    with op.batch_alter_table("process_instances") as table:
        table.alter_column("root_id", existing_type=sa.Text(), nullable=False)
    op.create_index("process_instances_root_id_idx", "process_instances", ["root_id"])
    op.create_index("process_instances_caller_id_idx", "process_instances", ["caller_id"])

    op.add_column("tasks", sa.Column("form_ref", Json, nullable=True))

    _subscriptions(_KINDS, is_nameless_allowed=True)

    op.create_table(
        "external_tasks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("definition_id", sa.Text(), nullable=False),
        sa.Column("definition_key", sa.Text(), nullable=False),
        sa.Column("activity_id", sa.Text(), nullable=False),
        sa.Column("activity", Number, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("priority", Number, nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lock_until", UtcDateTime(), nullable=True),
        sa.Column("retries", sa.Integer(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_details", sa.Text(), nullable=True),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["process_instances.id"], name="external_tasks_instance_id_fk", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="external_tasks_pk"),
    )
    op.create_index("external_tasks_instance_id_idx", "external_tasks", ["instance_id"])
    op.create_index("external_tasks_definition_id_idx", "external_tasks", ["definition_id"])
    op.create_index(
        "external_tasks_topic_priority_idx", "external_tasks", ["topic", sa.text("priority DESC"), "created"]
    )

    with op.batch_alter_table("incidents") as table:
        table.add_column(sa.Column("external_task_id", sa.Text(), nullable=True))
        table.add_column(sa.Column("cause_id", sa.Text(), nullable=True))
        table.add_column(sa.Column("root_cause_id", sa.Text(), nullable=True))
        table.add_column(sa.Column("annotation", sa.Text(), nullable=True))
        table.create_unique_constraint("incidents_external_task_id_key", ["external_task_id"])
        table.create_foreign_key(
            "incidents_external_task_id_fk", "external_tasks", ["external_task_id"], ["id"], ondelete="CASCADE"
        )
        table.create_foreign_key("incidents_cause_id_fk", "incidents", ["cause_id"], ["id"], ondelete="CASCADE")
    op.create_index("incidents_cause_id_idx", "incidents", ["cause_id"])

    op.add_column("historic_process_instances", sa.Column("root_id", sa.Text(), nullable=True))
    op.add_column("historic_process_instances", sa.Column("caller_id", sa.Text(), nullable=True))
    op.add_column("historic_process_instances", sa.Column("start_variables", Json, nullable=True))
    op.execute("UPDATE historic_process_instances SET root_id = id")
    op.create_index("historic_process_instances_root_id_idx", "historic_process_instances", ["root_id"])
    op.create_index("historic_process_instances_caller_id_idx", "historic_process_instances", ["caller_id"])

    op.add_column("historic_activity_instances", sa.Column("called_instance_id", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("historic_activity_instances", "called_instance_id")
    with op.batch_alter_table("historic_process_instances") as table:
        table.drop_index("historic_process_instances_caller_id_idx")
        table.drop_index("historic_process_instances_root_id_idx")
        for column in ("root_id", "caller_id", "start_variables"):
            table.drop_column(column)
    # what the older version has no column for goes: its propagated incidents, and the waits it does not know
    op.execute("DELETE FROM incidents WHERE cause_id IS NOT NULL OR external_task_id IS NOT NULL")
    with op.batch_alter_table("incidents") as table:
        table.drop_index("incidents_cause_id_idx")
        table.drop_constraint("incidents_cause_id_fk", type_="foreignkey")
        table.drop_constraint("incidents_external_task_id_fk", type_="foreignkey")
        table.drop_constraint("incidents_external_task_id_key", type_="unique")
        for column in ("external_task_id", "cause_id", "root_cause_id", "annotation"):
            table.drop_column(column)
    op.drop_table("external_tasks")
    op.execute("DELETE FROM event_subscriptions WHERE kind IN ('compensate', 'conditional')")
    _subscriptions("kind IN ('signal', 'message')", is_nameless_allowed=False)
    op.drop_column("tasks", "form_ref")
    with op.batch_alter_table("process_instances") as table:
        table.drop_index("process_instances_caller_id_idx")
        table.drop_index("process_instances_root_id_idx")
        for column in ("root_id", "caller_id", "caller_number"):
            table.drop_column(column)
