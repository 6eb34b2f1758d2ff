"""Every table of the service. `migrations/` builds the same; a test compares the two on both databases.

Ids are text: what an instance gives birth to has `engine.ids.derived_id(instance, number)`, everything else a UUID,
definitions Camunda's `key:version:uuid`. Run-time tables hold what is alive and hang on their instance by foreign
keys that cascade, so that an instance leaves with one DELETE. Historic tables are append-only and hang on nothing:
they outlive definitions and instances.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from mlc_service.store.columns import Json, Number, UtcDateTime

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_%(column_0_N_name)s_fk",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


def _id() -> Column[str]:
    return Column("id", Text, primary_key=True)


def _instance(nullable: bool = False) -> Column[str]:
    return Column(
        "instance_id", Text, ForeignKey("process_instances.id", ondelete="CASCADE"), nullable=nullable, index=True
    )


# --- deployed files and what they define ------------------------------------------------------------------------

deployments = Table(
    "deployments",
    metadata,
    _id(),
    Column("name", Text),
    Column("source", Text),
    Column("deployed", UtcDateTime, nullable=False),
    # the duplicate filter asks for the latest deployment of a name
    Index("deployments_name_deployed_idx", "name", "deployed"),
)

resources = Table(
    "resources",
    metadata,
    _id(),
    Column("deployment_id", Text, ForeignKey("deployments.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("deployment_id", "name"),
)

process_definitions = Table(
    "process_definitions",
    metadata,
    _id(),
    Column("key", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("version_tag", Text),
    Column("name", Text),
    Column("description", Text),
    Column("resource_name", Text, nullable=False),
    Column("deployment_id", Text, ForeignKey("deployments.id"), nullable=False, index=True),
    Column("suspended", Boolean, nullable=False),
    # days; NULL keeps history for ever
    Column("history_time_to_live", Integer),
    Column("startable_in_tasklist", Boolean, nullable=False),
    # two people deploying the same key at once must not get the same version
    UniqueConstraint("key", "version"),
)

decision_definitions = Table(
    "decision_definitions",
    metadata,
    _id(),
    Column("key", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("version_tag", Text),
    Column("name", Text),
    Column("resource_name", Text, nullable=False),
    Column("deployment_id", Text, ForeignKey("deployments.id"), nullable=False, index=True),
    # days; NULL keeps evaluations for ever
    Column("history_time_to_live", Integer),
    UniqueConstraint("key", "version"),
)

# --- what is alive ----------------------------------------------------------------------------------------------

process_instances = Table(
    "process_instances",
    metadata,
    _id(),
    Column("definition_id", Text, ForeignKey("process_definitions.id"), nullable=False, index=True),
    Column("definition_key", Text, nullable=False, index=True),
    Column("business_key", Text, index=True),
    # the topmost caller, or the instance itself: its row is the lock of all that it called
    Column("root_id", Text, nullable=False, index=True),
    # the instance whose call activity waits for this one, and the number of that wait
    Column("caller_id", Text, index=True),
    Column("caller_number", Number),
    # the engine's own stored form; nobody else looks inside
    Column("state", LargeBinary, nullable=False),
    # variables of scope 0, in `engine.values` stored form
    Column("variables", Json, nullable=False),
    Column("suspended", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("started", UtcDateTime, nullable=False),
    # lists are in the order of the starts, and must not have to sort all that lives
    Index("process_instances_started_idx", "started"),
)

variable_scopes = Table(
    "variable_scopes",
    metadata,
    Column("instance_id", Text, ForeignKey("process_instances.id", ondelete="CASCADE"), nullable=False),
    # number of the activity instance that owns the variables
    Column("number", Number, nullable=False),
    Column("variables", Json, nullable=False),
    PrimaryKeyConstraint("instance_id", "number"),
)

tasks = Table(
    "tasks",
    metadata,
    _id(),
    _instance(),
    Column("definition_id", Text, nullable=False, index=True),
    Column("definition_key", Text, nullable=False),
    Column("activity_id", Text, nullable=False),
    # number of the activity instance
    Column("activity", Number, nullable=False),
    Column("name", Text),
    Column("description", Text),
    Column("assignee", Text),
    Column("owner", Text),
    # PENDING or RESOLVED while somebody works on it for its owner
    Column("delegation_state", Text),
    Column("priority", Integer, nullable=False),
    Column("due", UtcDateTime),
    Column("follow_up", UtcDateTime),
    Column("created", UtcDateTime, nullable=False),
    Column("updated", UtcDateTime),
    Column("form_key", Text),
    Column("suspended", Boolean, nullable=False),
    # {"key", "binding", "version"} of camunda:formRef
    Column("form_ref", Json),
    # lists begin with the oldest, or with the newest
    Index("tasks_created_idx", "created"),
    Index("tasks_assignee_created_idx", "assignee", "created", "id"),
)

task_candidates = Table(
    "task_candidates",
    metadata,
    Column("task_id", Text, ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("candidate", Text, nullable=False),
    CheckConstraint("kind IN ('user', 'group')", name="kind"),
    PrimaryKeyConstraint("task_id", "kind", "candidate"),
    # "what can my groups do?" is the list people open first
    Index("task_candidates_kind_candidate_idx", "kind", "candidate"),
)

jobs = Table(
    "jobs",
    metadata,
    _id(),
    _instance(nullable=True),
    # within the instance; NULL for a job that belongs to none
    Column("number", Number),
    Column("definition_id", Text),
    Column("definition_key", Text),
    Column("activity_id", Text),
    # number of the activity instance that waits for it
    Column("activity", Number),
    Column("kind", Text, nullable=False),
    # whatever the handler of this kind needs
    Column("payload", Json),
    Column("priority", Integer, nullable=False),
    # at most one exclusive job of an instance runs at a time
    Column("exclusive", Boolean, nullable=False),
    Column("suspended", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("due", UtcDateTime, nullable=False),
    # the fencing number: counts claims; who holds an older one may not commit
    Column("attempt", Integer, nullable=False),
    Column("worker", Text),
    Column("lease_until", UtcDateTime),
    Column("retries", Integer, nullable=False),
    # text of camunda:failedJobRetryTimeCycle
    Column("retry_cycle", Text),
    # leases that ended with the job unfinished: a job that kills its worker must not run for ever
    Column("expiries", Integer, nullable=False),
    Column("exception_message", Text),
    Column("stacktrace", Text),
    Column("created", UtcDateTime, nullable=False),
    # who may take it: `jobs` is for every worker, the others for one model runtime each
    Column("queue", Text, nullable=False, server_default="jobs"),
    # when workers were last told of it; NULL: since it became ready, never
    Column("announced", UtcDateTime),
    CheckConstraint("state IN ('ready', 'running', 'failed')", name="state"),
    CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="lease"),
    # claiming takes the most urgent first, waiting asks for the next one due
    Index(
        "jobs_ready_idx",
        text("priority DESC"),
        "due",
        sqlite_where=text("state = 'ready'"),
        postgresql_where=text("state = 'ready'"),
    ),
    Index("jobs_due_idx", "due", sqlite_where=text("state = 'ready'"), postgresql_where=text("state = 'ready'")),
    # what workers were told of lately is left out without being looked at
    Index(
        "jobs_announced_idx",
        "announced",
        "due",
        sqlite_where=text("state = 'ready'"),
        postgresql_where=text("state = 'ready'"),
    ),
    Index(
        "jobs_running_idx",
        "lease_until",
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
    # what waits for runtimes is little, and must not be looked for among all that is due
    Index(
        "jobs_of_runtimes_idx",
        "queue",
        text("priority DESC"),
        "due",
        sqlite_where=text("queue <> 'jobs'"),
        postgresql_where=text("queue <> 'jobs'"),
    ),
    Index(
        "jobs_one_exclusive_running_key",
        "instance_id",
        unique=True,
        sqlite_where=text("state = 'running' AND exclusive"),
        postgresql_where=text("state = 'running' AND exclusive"),
    ),
)

event_subscriptions = Table(
    "event_subscriptions",
    metadata,
    _id(),
    # an instance that waits, or (NULL) a definition that starts
    _instance(nullable=True),
    Column("definition_id", Text, ForeignKey("process_definitions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    # compensation and conditions have none
    Column("event_name", Text),
    Column("activity_id", Text, nullable=False),
    Column("activity", Number),
    Column("created", UtcDateTime, nullable=False),
    CheckConstraint("kind IN ('signal', 'message', 'compensate', 'conditional')", name="kind"),
    Index("event_subscriptions_kind_event_name_idx", "kind", "event_name"),
)

external_tasks = Table(
    "external_tasks",
    metadata,
    _id(),
    _instance(),
    Column("definition_id", Text, nullable=False, index=True),
    Column("definition_key", Text, nullable=False),
    Column("activity_id", Text, nullable=False),
    # number of the activity instance
    Column("activity", Number, nullable=False),
    Column("topic", Text, nullable=False),
    Column("priority", Number, nullable=False),
    # who has it until `lock_until`; a lock that ran out is nobody's
    Column("worker", Text),
    Column("lock_until", UtcDateTime),
    # NULL until the first failure; 0 is an incident
    Column("retries", Integer),
    Column("error_message", Text),
    Column("error_details", Text),
    Column("suspended", Boolean, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Index("external_tasks_topic_priority_idx", "topic", text("priority DESC"), "created"),
    Index("external_tasks_topic_created_idx", "topic", "created", "id"),
)

incidents = Table(
    "incidents",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),
    _instance(nullable=True),
    Column("definition_id", Text, index=True),
    Column("activity_id", Text),
    # one open incident a job, one an external task
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), unique=True),
    Column("message", Text),
    Column("created", UtcDateTime, nullable=False),
    Column("external_task_id", Text, ForeignKey("external_tasks.id", ondelete="CASCADE"), unique=True),
    # the incident of a called instance that this one of its caller stands for: they are resolved together
    Column("cause_id", Text, ForeignKey("incidents.id", ondelete="CASCADE"), index=True),
    Column("root_cause_id", Text),
    Column("annotation", Text),
    # NULL means the instance's own
    Column("execution_id", Text),
    # what a person who made the incident says it is about; those of ours are about a job or an external task
    Column("configuration", Text),
)

# --- history ----------------------------------------------------------------------------------------------------

historic_process_instances = Table(
    "historic_process_instances",
    metadata,
    _id(),
    Column("definition_id", Text, nullable=False, index=True),
    Column("definition_key", Text, nullable=False),
    Column("business_key", Text, index=True),
    Column("start_activity_id", Text),
    Column("end_activity_id", Text),
    Column("start_user", Text),
    Column("state", Text, nullable=False),
    Column("started", UtcDateTime, nullable=False, index=True),
    Column("ended", UtcDateTime),
    Column("delete_reason", Text),
    Column("root_id", Text, index=True),
    # the instance that called this one
    Column("caller_id", Text, index=True),
    # what it was started with, for restarting it
    Column("start_variables", Json),
    # from when on its hierarchy may be removed, said once, on the row of the root; NULL: never
    Column("removal", UtcDateTime),
    Index(
        "historic_process_instances_removal_idx",
        "removal",
        sqlite_where=text("removal IS NOT NULL"),
        postgresql_where=text("removal IS NOT NULL"),
    ),
)

historic_activity_instances = Table(
    "historic_activity_instances",
    metadata,
    _id(),
    Column("instance_id", Text, nullable=False, index=True),
    # grows with time inside an instance: the order in which things happened
    Column("number", Number, nullable=False),
    Column("parent", Number, nullable=False),
    Column("definition_id", Text, nullable=False),
    Column("definition_key", Text, nullable=False),
    Column("activity_id", Text, nullable=False),
    Column("activity_name", Text),
    Column("activity_type", Text, nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("ended", UtcDateTime),
    Column("canceled", Boolean, nullable=False),
    Column("called_instance_id", Text),
    # what is alive now is asked for often, and is little among what was
    Index(
        "historic_activity_instances_open_idx",
        "instance_id",
        sqlite_where=text("ended IS NULL"),
        postgresql_where=text("ended IS NULL"),
    ),
)

historic_tasks = Table(
    "historic_tasks",
    metadata,
    _id(),
    Column("instance_id", Text, nullable=False, index=True),
    Column("definition_id", Text, nullable=False),
    Column("definition_key", Text, nullable=False),
    Column("activity_id", Text, nullable=False),
    Column("activity", Number, nullable=False),
    Column("name", Text),
    Column("description", Text),
    Column("assignee", Text, index=True),
    Column("owner", Text),
    Column("priority", Integer, nullable=False),
    Column("due", UtcDateTime),
    Column("follow_up", UtcDateTime),
    Column("started", UtcDateTime, nullable=False),
    Column("ended", UtcDateTime),
    Column("delete_reason", Text),
)

historic_variables = Table(
    "historic_variables",
    metadata,
    # the latest value of each; scope 0 is the instance itself
    Column("instance_id", Text, nullable=False),
    Column("scope", Number, nullable=False),
    Column("name", Text, nullable=False),
    Column("definition_id", Text, nullable=False),
    Column("definition_key", Text, nullable=False),
    # {"value": stored form}: a column that held the bare value could not tell null from nothing
    Column("value", Json, nullable=False),
    Column("state", Text, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("updated", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("instance_id", "scope", "name"),
    CheckConstraint("state IN ('CREATED', 'DELETED')", name="state"),
)

historic_decisions = Table(
    "historic_decisions",
    metadata,
    _id(),
    # the evaluation that required this one
    Column("root", Text, index=True),
    Column("decision_id", Text),
    Column("decision_key", Text, nullable=False, index=True),
    Column("decision_name", Text),
    Column("evaluated", UtcDateTime, nullable=False, index=True),
    # null when it was asked for over the API
    Column("instance_id", Text, index=True),
    Column("definition_id", Text),
    Column("definition_key", Text),
    Column("activity_id", Text),
    Column("activity_instance_id", Text),
    Column("user_id", Text),
    Column("inputs", Json, nullable=False),
    Column("outputs", Json, nullable=False),
    Column("collected", Json, nullable=False),
    # from when on it may be removed; NULL: never, or (of an instance) with its instance
    Column("removal", UtcDateTime),
    Index(
        "historic_decisions_removal_idx",
        "removal",
        sqlite_where=text("removal IS NOT NULL"),
        postgresql_where=text("removal IS NOT NULL"),
    ),
)

# --- people and the service itself ------------------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    _id(),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("email", Text),
    Column("password_hash", Text),
    # ids of groups, a JSON list
    Column("groups", Json, nullable=False),
    Column("created", UtcDateTime, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    # what the service decided about itself once, such as its signing keys
    Column("name", Text, primary_key=True),
    Column("value", Json, nullable=False),
    Column("updated", UtcDateTime, nullable=False),
)

service_processes = Table(
    "service_processes",
    metadata,
    # the processes of the service itself, each of which says now and then that it lives
    _id(),
    Column("role", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    # what workers and runtimes take jobs from, and how many at a time
    Column("queue", Text),
    Column("concurrency", Integer),
    # how far its machine's clock is ahead of the database's
    Column("clock_ahead_seconds", Float, nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("seen", UtcDateTime, nullable=False, index=True),
    CheckConstraint("role IN ('api', 'worker', 'scheduler', 'runtime')", name="role"),
)

duties = Table(
    "duties",
    metadata,
    # what one scheduler does for all, such as watching tickets
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("held_until", UtcDateTime, nullable=False),
)

# --- the life cycle's documents ---------------------------------------------------------------------------------

documents = Table(
    "documents",
    metadata,
    _id(),
    # stored_models, deployable_models, deployed_models, engines, model_jobs, model_test_results, notifications
    Column("kind", Text, nullable=False),
    Column("group_name", Text),
    Column("name", Text),
    Column("state", Text),
    Column("version", Integer, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("created_by", Text),
    Column("modified", UtcDateTime, nullable=False),
    Column("modified_by", Text),
    # who repeats a creation with the same key finds the first one
    Column("idempotency_key", Text),
    Column("document", Json, nullable=False),
    UniqueConstraint("kind", "idempotency_key"),
    Index("documents_kind_created_idx", "kind", "created"),
    Index("documents_kind_name_idx", "kind", "name"),
    Index("documents_kind_state_idx", "kind", "state"),
)

document_keys = Table(
    "document_keys",
    metadata,
    # what documents are found by besides their columns: parents, tags. A name may have several values.
    Column("document_id", Text, ForeignKey("documents.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("document_id", "name", "value"),
    Index("document_keys_name_value_idx", "name", "value"),
)

blobs = Table(
    "blobs",
    metadata,
    # content-addressed: the same bytes are kept once
    Column("sha256", Text, primary_key=True),
    Column("size", Number, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created", UtcDateTime, nullable=False),
)

# --- tickets in trackers elsewhere -------------------------------------------------------------------------------

ticket_openings = Table(
    "ticket_openings",
    metadata,
    Column("opening_key", Text, primary_key=True),
    Column("attempted_at", UtcDateTime, nullable=False),
    # null while it is not known whether the attempt made a ticket
    Column("system", Text),
    Column("ticket_id", Text),
    Column("ticket_key", Text),
    Column("url", Text),
)

# --- the built-in board of tickets ------------------------------------------------------------------------------

board_tickets = Table(
    "board_tickets",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    # who opens with the same key finds the first ticket
    Column("opening_key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("labels", Json, nullable=False),
    Column("assignee", Text),
    Column("links", Json, nullable=False),
    Column("status", Text, nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("closed_by", Text),
    Column("closed_at", UtcDateTime),
    Column("closing_comment", Text),
    # a number is never used again
    sqlite_autoincrement=True,
)

board_entries = Table(
    "board_entries",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("ticket", Number, ForeignKey("board_tickets.number", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("text", Text),
    Column("from_status", Text),
    Column("to_status", Text),
    Column("key", Text),
    UniqueConstraint("ticket", "key"),
    CheckConstraint("kind IN ('move', 'comment')", name="kind"),
    sqlite_autoincrement=True,
)
