"""Jobs that bring an event to one receiver each, with tries and an incident of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlc_service.engine.values import all_to_stored
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.subscriptions import SubscriptionFilter
from mlc_service.store.units import UnitOfWork

SIGNAL_RECEIPT = "signal_receipt"
SIGNAL_START = "signal_start"
MESSAGE_RECEIPT = "message_receipt"

# PostgreSQL takes 65,535 parameters a statement
_IDS_AT_ONCE = 10_000


def signal_later(
    unit: UnitOfWork, around: Surroundings, wanted: SubscriptionFilter, variables: Mapping[str, Any]
) -> int:
    """Everybody who waits as wanted will receive the signal, by a job each; answers how many."""
    return _receipts(unit, around, wanted, SIGNAL_RECEIPT, {"variables": all_to_stored(variables)})


def signal_each_later(unit: UnitOfWork, around: Surroundings, ids: Sequence[str], variables: Mapping[str, Any]) -> int:
    """The owners of these subscriptions will receive the signal, by a job each; answers how many."""
    return sum(
        signal_later(unit, around, SubscriptionFilter(ids=ids[first : first + _IDS_AT_ONCE]), variables)
        for first in range(0, len(ids), _IDS_AT_ONCE)
    )


def message_each_later(
    unit: UnitOfWork,
    around: Surroundings,
    ids: Sequence[str],
    variables: Mapping[str, Any],
    local_variables: Mapping[str, Any],
) -> None:
    """The instances of these subscriptions will receive the message, by a job each."""
    carried = {"variables": all_to_stored(variables), "local_variables": all_to_stored(local_variables)}
    for first in range(0, len(ids), _IDS_AT_ONCE):
        wanted = SubscriptionFilter(ids=ids[first : first + _IDS_AT_ONCE], of_instances=True)
        _receipts(unit, around, wanted, MESSAGE_RECEIPT, carried)


def _receipts(
    unit: UnitOfWork, around: Surroundings, wanted: SubscriptionFilter, kind: str, carried: Mapping[str, Any]
) -> int:
    return unit.jobs.insert_receipts(
        wanted, kind, SIGNAL_START, carried, around.clock.now(), around.retries.retries_of(None)
    )
