"""who waits for a job"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mlc_service.store.columns import Number

revision: str = "0003"
down_revision: str | None = "0002"

_OPEN = sa.text("ended IS NULL")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("activity", Number, nullable=True))
    op.add_column("incidents", sa.Column("execution_id", sa.Text(), nullable=True))
    op.add_column("incidents", sa.Column("configuration", sa.Text(), nullable=True))
    op.create_index(
        "historic_activity_instances_open_idx",
        "historic_activity_instances",
        ["instance_id"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def downgrade() -> None:
    op.drop_index("historic_activity_instances_open_idx", "historic_activity_instances")
    # the older version knows no incidents but those of jobs and external tasks
    op.execute("DELETE FROM incidents WHERE job_id IS NULL AND external_task_id IS NULL AND cause_id IS NULL")
    op.drop_column("incidents", "configuration")
    op.drop_column("incidents", "execution_id")
    op.drop_column("jobs", "activity")
