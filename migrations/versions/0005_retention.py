"""retention: from when on history may be removed, time to live of decisions"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mlc_service.store.columns import UtcDateTime

revision: str = "0005"
down_revision: str | None = "0004"

_HAS_REMOVAL = sa.text("removal IS NOT NULL")

# what ended before may leave as it was promised when it was deployed
_REMOVAL = {
    "postgresql": "ended + definition.history_time_to_live * interval '1 day'",
    # text of one width, as all times there
    "sqlite": (
        "strftime('%Y-%m-%dT%H:%M:%f', ended, '+' || definition.history_time_to_live || ' days') || '000+00:00'"
    ),
}


def upgrade() -> None:
    op.add_column("decision_definitions", sa.Column("history_time_to_live", sa.Integer(), nullable=True))
    for table in ("historic_process_instances", "historic_decisions"):
        op.add_column(table, sa.Column("removal", UtcDateTime(), nullable=True))
        op.create_index(
            f"{table}_removal_idx", table, ["removal"], sqlite_where=_HAS_REMOVAL, postgresql_where=_HAS_REMOVAL
        )
    removal = _REMOVAL[op.get_bind().dialect.name]
    op.execute(
        f"""UPDATE historic_process_instances SET removal = {removal}
            FROM process_definitions AS definition
            WHERE definition.id = historic_process_instances.definition_id
              AND definition.history_time_to_live BETWEEN 0 AND 999999
              AND ended IS NOT NULL
              AND coalesce(root_id, historic_process_instances.id) = historic_process_instances.id"""  # noqa: S608
    )


def downgrade() -> None:
    for table in ("historic_decisions", "historic_process_instances"):
        op.drop_index(f"{table}_removal_idx", table)
        op.drop_column(table, "removal")
    op.drop_column("decision_definitions", "history_time_to_live")
