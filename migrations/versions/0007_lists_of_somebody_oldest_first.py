"""lists of somebody, oldest first: indexes in the order in which workers fetch and people see their tasks

Not CONCURRENTLY, for the reason that is given in 0006.
"""

from __future__ import annotations

from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    op.create_index("external_tasks_topic_created_idx", "external_tasks", ["topic", "created", "id"])
    op.create_index("tasks_assignee_created_idx", "tasks", ["assignee", "created", "id"])
    op.drop_index("tasks_assignee_idx", "tasks")


def downgrade() -> None:
    op.create_index("tasks_assignee_idx", "tasks", ["assignee"])
    op.drop_index("tasks_assignee_created_idx", "tasks")
    op.drop_index("external_tasks_topic_created_idx", "external_tasks")
