"""the oldest external task first: an index in the order in which most workers fetch

Not CONCURRENTLY, for the reason that is given in 0006.
"""

from __future__ import annotations

from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    op.create_index("external_tasks_topic_created_idx", "external_tasks", ["topic", "created", "id"])


def downgrade() -> None:
    op.drop_index("external_tasks_topic_created_idx", "external_tasks")
