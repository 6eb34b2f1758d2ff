"""the first schema"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mlc_service.store.columns import Json, Number, UtcDateTime

revision: str = "0001"
down_revision: str | None = None


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", Number, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="blobs_pk"),
    )
    op.create_table(
        "board_tickets",
        sa.Column("number", Number, autoincrement=True, nullable=False),
        sa.Column("opening_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("labels", Json, nullable=False),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("links", Json, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("closing_comment", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="board_tickets_pk"),
        sa.UniqueConstraint("opening_key", name="board_tickets_opening_key_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("board_tickets_status_idx", "board_tickets", ["status"], unique=False)
    op.create_table(
        "deployments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("deployed", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="deployments_pk"),
    )
    op.create_index("deployments_name_deployed_idx", "deployments", ["name", "deployed"], unique=False)
    op.create_table(
        "documents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("modified", UtcDateTime(), nullable=False),
        sa.Column("modified_by", sa.Text(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("document", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name="documents_pk"),
        sa.UniqueConstraint("kind", "idempotency_key", name="documents_kind_idempotency_key_key"),
    )
    op.create_index("documents_kind_created_idx", "documents", ["kind", "created"], unique=False)
    op.create_index("documents_kind_name_idx", "documents", ["kind", "name"], unique=False)
    op.create_index("documents_kind_state_idx", "documents", ["kind", "state"], unique=False)
    op.create_table(
        "historic_activity_instances",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("number", Number, nullable=False),
        sa.Column("parent", Number, nullable=False),
        sa.Column("definition_id", sa.Text(), nullable=False),
        sa.Column("definition_key", sa.Text(), nullable=False),
        sa.Column("activity_id", sa.Text(), nullable=False),
        sa.Column("activity_name", sa.Text(), nullable=True),
        sa.Column("activity_type", sa.Text(), nullable=False),
        sa.Column("started", UtcDateTime(), nullable=False),
        sa.Column("ended", UtcDateTime(), nullable=True),
        sa.Column("canceled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="historic_activity_instances_pk"),
    )
    op.create_index(
        "historic_activity_instances_instance_id_idx", "historic_activity_instances", ["instance_id"], unique=False
    )
    op.create_table(
        "historic_process_instances",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("definition_id", sa.Text(), nullable=False),
        sa.Column("definition_key", sa.Text(), nullable=False),
        sa.Column("business_key", sa.Text(), nullable=True),
        sa.Column("start_activity_id", sa.Text(), nullable=True),
        sa.Column("end_activity_id", sa.Text(), nullable=True),
        sa.Column("start_user", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started", UtcDateTime(), nullable=False),
        sa.Column("ended", UtcDateTime(), nullable=True),
        sa.Column("delete_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="historic_process_instances_pk"),
    )
    op.create_index(
        "historic_process_instances_business_key_idx", "historic_process_instances", ["business_key"], unique=False
    )
    op.create_index(
        "historic_process_instances_definition_id_idx", "historic_process_instances", ["definition_id"], unique=False
    )
    op.create_index("historic_process_instances_started_idx", "historic_process_instances", ["started"], unique=False)
    op.create_table(
        "historic_tasks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("definition_id", sa.Text(), nullable=False),
        sa.Column("definition_key", sa.Text(), nullable=False),
        sa.Column("activity_id", sa.Text(), nullable=False),
        sa.Column("activity", Number, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("due", UtcDateTime(), nullable=True),
        sa.Column("follow_up", UtcDateTime(), nullable=True),
        sa.Column("started", UtcDateTime(), nullable=False),
        sa.Column("ended", UtcDateTime(), nullable=True),
        sa.Column("delete_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="historic_tasks_pk"),
    )
    op.create_index("historic_tasks_assignee_idx", "historic_tasks", ["assignee"], unique=False)
    op.create_index("historic_tasks_instance_id_idx", "historic_tasks", ["instance_id"], unique=False)
    op.create_table(
        "historic_variables",
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("scope", Number, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("definition_id", sa.Text(), nullable=False),
        sa.Column("definition_key", sa.Text(), nullable=False),
        sa.Column("value", Json, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("updated", UtcDateTime(), nullable=False),
        sa.CheckConstraint("state IN ('CREATED', 'DELETED')", name=op.f("historic_variables_state_check")),
        sa.PrimaryKeyConstraint("instance_id", "scope", "name", name="historic_variables_pk"),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", Json, nullable=False),
        sa.Column("updated", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="settings_pk"),
    )
    op.create_table(
        "historic_decisions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=True),
        sa.Column("decision_id", sa.Text(), nullable=True),
        sa.Column("decision_key", sa.Text(), nullable=False),
        sa.Column("decision_name", sa.Text(), nullable=True),
        sa.Column("evaluated", UtcDateTime(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=True),
        sa.Column("definition_id", sa.Text(), nullable=True),
        sa.Column("definition_key", sa.Text(), nullable=True),
        sa.Column("activity_id", sa.Text(), nullable=True),
        sa.Column("activity_instance_id", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("inputs", Json, nullable=False),
        sa.Column("outputs", Json, nullable=False),
        sa.Column("collected", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name="historic_decisions_pk"),
    )
    for column in ("root", "decision_key", "evaluated", "instance_id"):
        op.create_index(f"historic_decisions_{column}_idx", "historic_decisions", [column], unique=False)
    op.create_table(
        "ticket_openings",
        sa.Column("opening_key", sa.Text(), nullable=False),
        sa.Column("attempted_at", UtcDateTime(), nullable=False),
        sa.Column("system", sa.Text(), nullable=True),
        sa.Column("ticket_id", sa.Text(), nullable=True),
        sa.Column("ticket_key", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("opening_key", name="ticket_openings_pk"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("groups", Json, nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="users_pk"),
    )
    op.create_table(
        "board_entries",
        sa.Column("id", Number, autoincrement=True, nullable=False),
        sa.Column("ticket", Number, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("from_status", sa.Text(), nullable=True),
        sa.Column("to_status", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('move', 'comment')", name=op.f("board_entries_kind_check")),
        sa.ForeignKeyConstraint(
            ["ticket"], ["board_tickets.number"], name="board_entries_ticket_fk", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="board_entries_pk"),
        sa.UniqueConstraint("ticket", "key", name="board_entries_ticket_key_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "decision_definitions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("version_tag", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("resource_name", sa.Text(), nullable=False),
        sa.Column("deployment_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployments.id"], name="decision_definitions_deployment_id_fk"),
        sa.PrimaryKeyConstraint("id", name="decision_definitions_pk"),
        sa.UniqueConstraint("key", "version", name="decision_definitions_key_version_key"),
    )
    op.create_index("decision_definitions_deployment_id_idx", "decision_definitions", ["deployment_id"], unique=False)
    op.create_table(
        "document_keys",
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name="document_keys_document_id_fk", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("document_id", "name", "value", name="document_keys_pk"),
    )
    op.create_index("document_keys_name_value_idx", "document_keys", ["name", "value"], unique=False)
    op.create_table(
        "process_definitions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("version_tag", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("resource_name", sa.Text(), nullable=False),
        sa.Column("deployment_id", sa.Text(), nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.Column("history_time_to_live", sa.Integer(), nullable=True),
        sa.Column("startable_in_tasklist", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployments.id"], name="process_definitions_deployment_id_fk"),
        sa.PrimaryKeyConstraint("id", name="process_definitions_pk"),
        sa.UniqueConstraint("key", "version", name="process_definitions_key_version_key"),
    )
    op.create_index("process_definitions_deployment_id_idx", "process_definitions", ["deployment_id"], unique=False)
    op.create_table(
        "resources",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("deployment_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployments.id"], name="resources_deployment_id_fk", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="resources_pk"),
        sa.UniqueConstraint("deployment_id", "name", name="resources_deployment_id_name_key"),
    )
    op.create_table(
        "process_instances",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("definition_id", sa.Text(), nullable=False),
        sa.Column("definition_key", sa.Text(), nullable=False),
        sa.Column("business_key", sa.Text(), nullable=True),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("variables", Json, nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("started", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["definition_id"], ["process_definitions.id"], name="process_instances_definition_id_fk"
        ),
        sa.PrimaryKeyConstraint("id", name="process_instances_pk"),
    )
    op.create_index("process_instances_business_key_idx", "process_instances", ["business_key"], unique=False)
    op.create_index("process_instances_definition_id_idx", "process_instances", ["definition_id"], unique=False)
    op.create_index("process_instances_definition_key_idx", "process_instances", ["definition_key"], unique=False)
    op.create_table(
        "event_subscriptions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=True),
        sa.Column("definition_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("event_name", sa.Text(), nullable=False),
        sa.Column("activity_id", sa.Text(), nullable=False),
        sa.Column("activity", Number, nullable=True),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.CheckConstraint("kind IN ('signal', 'message')", name=op.f("event_subscriptions_kind_check")),
        sa.ForeignKeyConstraint(
            ["definition_id"],
            ["process_definitions.id"],
            name="event_subscriptions_definition_id_fk",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["process_instances.id"], name="event_subscriptions_instance_id_fk", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="event_subscriptions_pk"),
    )
    op.create_index("event_subscriptions_definition_id_idx", "event_subscriptions", ["definition_id"], unique=False)
    op.create_index("event_subscriptions_instance_id_idx", "event_subscriptions", ["instance_id"], unique=False)
    op.create_index(
        "event_subscriptions_kind_event_name_idx", "event_subscriptions", ["kind", "event_name"], unique=False
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=True),
        sa.Column("number", Number, nullable=True),
        sa.Column("definition_id", sa.Text(), nullable=True),
        sa.Column("definition_key", sa.Text(), nullable=True),
        sa.Column("activity_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", Json, nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("exclusive", sa.Boolean(), nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due", UtcDateTime(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("retry_cycle", sa.Text(), nullable=True),
        sa.Column("expiries", sa.Integer(), nullable=False),
        sa.Column("exception_message", sa.Text(), nullable=True),
        sa.Column("stacktrace", sa.Text(), nullable=True),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name=op.f("jobs_lease_check")),
        sa.CheckConstraint("state IN ('ready', 'running', 'failed')", name=op.f("jobs_state_check")),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["process_instances.id"], name="jobs_instance_id_fk", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="jobs_pk"),
    )
    op.create_index("jobs_instance_id_idx", "jobs", ["instance_id"], unique=False)
    op.create_index(
        "jobs_one_exclusive_running_key",
        "jobs",
        ["instance_id"],
        unique=True,
        sqlite_where=sa.text("state = 'running' AND exclusive"),
        postgresql_where=sa.text("state = 'running' AND exclusive"),
    )
    op.create_index(
        "jobs_ready_idx",
        "jobs",
        [sa.literal_column("priority DESC"), "due"],
        unique=False,
        sqlite_where=sa.text("state = 'ready'"),
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_index(
        "jobs_due_idx",
        "jobs",
        ["due"],
        unique=False,
        sqlite_where=sa.text("state = 'ready'"),
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_index(
        "jobs_running_idx",
        "jobs",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("definition_id", sa.Text(), nullable=False),
        sa.Column("definition_key", sa.Text(), nullable=False),
        sa.Column("activity_id", sa.Text(), nullable=False),
        sa.Column("activity", Number, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("delegation_state", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("due", UtcDateTime(), nullable=True),
        sa.Column("follow_up", UtcDateTime(), nullable=True),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("updated", UtcDateTime(), nullable=True),
        sa.Column("form_key", sa.Text(), nullable=True),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["process_instances.id"], name="tasks_instance_id_fk", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="tasks_pk"),
    )
    op.create_index("tasks_assignee_idx", "tasks", ["assignee"], unique=False)
    op.create_index("tasks_definition_id_idx", "tasks", ["definition_id"], unique=False)
    op.create_index("tasks_instance_id_idx", "tasks", ["instance_id"], unique=False)
    op.create_table(
        "variable_scopes",
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("number", Number, nullable=False),
        sa.Column("variables", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["process_instances.id"], name="variable_scopes_instance_id_fk", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("instance_id", "number", name="variable_scopes_pk"),
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=True),
        sa.Column("definition_id", sa.Text(), nullable=True),
        sa.Column("activity_id", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["process_instances.id"], name="incidents_instance_id_fk", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="incidents_job_id_fk", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="incidents_pk"),
        sa.UniqueConstraint("job_id", name="incidents_job_id_key"),
    )
    op.create_index("incidents_definition_id_idx", "incidents", ["definition_id"], unique=False)
    op.create_index("incidents_instance_id_idx", "incidents", ["instance_id"], unique=False)
    op.create_table(
        "task_candidates",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('user', 'group')", name=op.f("task_candidates_kind_check")),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="task_candidates_task_id_fk", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", "kind", "candidate", name="task_candidates_pk"),
    )
    op.create_index("task_candidates_kind_candidate_idx", "task_candidates", ["kind", "candidate"], unique=False)


def downgrade() -> None:
    for table in (
        "task_candidates",
        "incidents",
        "variable_scopes",
        "tasks",
        "jobs",
        "event_subscriptions",
        "process_instances",
        "resources",
        "process_definitions",
        "document_keys",
        "decision_definitions",
        "board_entries",
        "users",
        "ticket_openings",
        "historic_decisions",
        "settings",
        "historic_variables",
        "historic_tasks",
        "historic_process_instances",
        "historic_activity_instances",
        "documents",
        "deployments",
        "board_tickets",
        "blobs",
    ):
        op.drop_table(table)
