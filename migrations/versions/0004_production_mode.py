"""production mode: queues and announcements of jobs, processes of the service, duties of schedulers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mlc_service.store.columns import UtcDateTime

revision: str = "0004"
down_revision: str | None = "0003"

_OF_RUNTIMES = sa.text("queue <> 'jobs'")


def upgrade() -> None:
    # the older version inserts without these columns while this one takes over
    op.add_column("jobs", sa.Column("queue", sa.Text(), server_default="jobs", nullable=False))
    op.add_column("jobs", sa.Column("announced", UtcDateTime(), nullable=True))
    op.create_index(
        "jobs_of_runtimes_idx",
        "jobs",
        ["queue", sa.text("priority DESC"), "due"],
        sqlite_where=_OF_RUNTIMES,
        postgresql_where=_OF_RUNTIMES,
    )
    op.create_table(
        "service_processes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("concurrency", sa.Integer(), nullable=True),
        sa.Column("clock_ahead_seconds", sa.Float(), nullable=False),
        sa.Column("started", UtcDateTime(), nullable=False),
        sa.Column("seen", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "role IN ('api', 'worker', 'scheduler', 'runtime')", name=op.f("service_processes_role_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("service_processes_pk")),
    )
    op.create_index(op.f("service_processes_seen_idx"), "service_processes", ["seen"])
    op.create_table(
        "duties",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("held_until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("duties_pk")),
    )


def downgrade() -> None:
    op.drop_table("duties")
    op.drop_table("service_processes")
    op.drop_index("jobs_of_runtimes_idx", "jobs")
    op.drop_column("jobs", "announced")
    op.drop_column("jobs", "queue")
