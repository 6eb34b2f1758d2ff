"""lists of a full database: indexes in the order in which lists and workers want their rows

Not CONCURRENTLY: that cannot run in a transaction, and would wait for every other process of the fleet, which waits in
`env.py` for this one. The tables hold only what is alive; with 20,000 instances each index is there after a tenth of
a second, and only writers wait for it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"

_READY = sa.text("state = 'ready'")


def upgrade() -> None:
    op.create_index("process_instances_started_idx", "process_instances", ["started"])
    op.create_index("tasks_created_idx", "tasks", ["created"])
    op.create_index("jobs_announced_idx", "jobs", ["announced", "due"], sqlite_where=_READY, postgresql_where=_READY)


def downgrade() -> None:
    op.drop_index("jobs_announced_idx", "jobs")
    op.drop_index("tasks_created_idx", "tasks")
    op.drop_index("process_instances_started_idx", "process_instances")
