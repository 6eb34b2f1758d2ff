"""Finding who waits, by the ids that the outside world uses for executions."""

from __future__ import annotations

from mlc_service.process.errors import NotSubscribed
from mlc_service.store.errors import NotFound
from mlc_service.store.history_filters import ActivityHistoryFilter
from mlc_service.store.rows import SubscriptionRow
from mlc_service.store.selecting import Page
from mlc_service.store.subscriptions import SubscriptionFilter
from mlc_service.store.units import UnitOfWork


def subscription_of(unit: UnitOfWork, execution_id: str, kind: str, event_name: str | None) -> SubscriptionRow:
    """The subscription of an execution to an event of that kind (None: to any).

    An execution is named by its own id (that of its activity instance), by its instance's id, or by its
    subscription's. Raises NotSubscribed.
    """
    for wanted in _places(unit, execution_id, kind, event_name):
        found = unit.subscriptions.find(wanted, Page(size=1))
        if found:
            return found[0]
    raise NotSubscribed(execution_id, kind, event_name)


def execution_of(unit: UnitOfWork, execution_id: str) -> tuple[str, int]:
    """The instance of an execution and the number of its activity instance. Raises NotSubscribed if there is none.

    An instance's own id stands for the one activity instance that lives in it.
    """
    living = ActivityHistoryFilter(id=execution_id, finished=False)
    found = unit.history.find_activities(living, Page(size=1))
    if not found:
        found = unit.history.find_activities(
            ActivityHistoryFilter(instance_id=execution_id, finished=False), Page(size=2)
        )
    if len(found) != 1:
        raise NotSubscribed(execution_id, "trigger", None)
    return found[0].instance_id, found[0].number


def _places(unit: UnitOfWork, execution_id: str, kind: str, event_name: str | None) -> list[SubscriptionFilter]:
    places = [
        SubscriptionFilter(id=execution_id, kind=kind, event_name=event_name, of_instances=True),
        SubscriptionFilter(instance_id=execution_id, kind=kind, event_name=event_name),
    ]
    activities = unit.history.find_activities(ActivityHistoryFilter(id=execution_id), Page(size=1))
    if activities:
        owner = activities[0]
        places.append(
            SubscriptionFilter(instance_id=owner.instance_id, activity=owner.number, kind=kind, event_name=event_name)
        )
    return places


def is_alive(unit: UnitOfWork, instance_id: str) -> bool:
    """Whether the instance has not ended."""
    try:
        unit.instances.info(instance_id)
    except NotFound:
        return False
    return True
