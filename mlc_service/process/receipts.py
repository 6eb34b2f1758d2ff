"""Jobs that bring a signal to one receiver each, with tries and an incident of its own."""

from __future__ import annotations

from typing import Any

from mlc_service.process.surroundings import Surroundings
from mlc_service.store.ids import new_id
from mlc_service.store.rows import JobRow, SubscriptionRow, new_job
from mlc_service.store.units import UnitOfWork

SIGNAL_RECEIPT = "signal_receipt"
SIGNAL_START = "signal_start"


def receipt(unit: UnitOfWork, around: Surroundings, waiting: SubscriptionRow, variables: dict[str, Any]) -> JobRow:
    """The job by which the subscription's owner receives the signal; `variables` are in stored form."""
    now = around.clock.now()
    is_start = waiting.instance_id is None
    return new_job(
        new_id(now),
        SIGNAL_START if is_start else SIGNAL_RECEIPT,
        now,
        payload={"subscription": waiting.id, "variables": variables},
        retries=around.retries.retries_of(None),
        instance_id=waiting.instance_id,
        definition_id=waiting.definition_id,
        definition_key=around.parsed.known(unit, waiting.definition_id).row.key,
        activity_id=waiting.activity_id,
    )
