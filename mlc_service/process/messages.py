"""Messages: the one that fits gets it, a waiting execution before a definition to be started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from mlc_service.engine import NotWaiting
from mlc_service.engine.ids import derived_id, number_of
from mlc_service.engine.values import all_to_stored, from_stored, plain
from mlc_service.process.errors import MismatchingCorrelation, NotSubscribed
from mlc_service.process.receipts import message_each_later
from mlc_service.process.running import StartedInstance, Step
from mlc_service.process.surroundings import Surroundings
from mlc_service.process.waiting import execution_of, is_alive, subscription_of
from mlc_service.store.errors import NotFound
from mlc_service.store.ids import new_id
from mlc_service.store.instances import InstanceFilter
from mlc_service.store.rows import SubscriptionRow, new_job
from mlc_service.store.selecting import VariableCondition
from mlc_service.store.subscriptions import SubscriptionFilter
from mlc_service.store.units import UnitOfWork

MESSAGE = "message"

# how long an emitted message waits for its instance to wait for it, in all: a bit more than an hour
_PATIENCE = "PT1S,PT2S,PT5S,PT10S,PT30S,PT1M,PT5M,PT15M,PT45M"


@dataclass(frozen=True, slots=True)
class CorrelateMessage:
    """A message and how to find its receiver; None and {} ask for nothing.

    `correlation_keys` are compared with the variables of the instance, `local_keys` with those of the waiting
    execution's own scope. `all` reaches every match instead of the one. `local_variables` belong to the scope that
    waits (to the instance, if one is started).
    """

    name: str
    business_key: str | None = None
    instance_id: str | None = None
    correlation_keys: Mapping[str, Any] = field(default_factory=dict)
    local_keys: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    local_variables: Mapping[str, Any] = field(default_factory=dict)
    all: bool = False
    # whether many may receive it by jobs, after the command; what comes of that is then not answered
    later: bool = False
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Correlated:
    """Who received the message: a waiting execution, or a definition of which `instance` was started."""

    kind: Literal["execution", "definition"]
    instance: StartedInstance
    execution_id: str | None = None


def correlate_message(unit: UnitOfWork, around: Surroundings, command: CorrelateMessage) -> list[Correlated]:
    """The receiver has gone on, or a definition was started by the message.

    Raises MismatchingCorrelation (none, or several without `all`), engine.errors.ExecutionFailed.
    """
    waiting = _waiting(unit, command)
    starting = _starting(unit, command) if command.all or not waiting else []
    if not command.all and len(waiting) + len(starting) != 1:
        raise MismatchingCorrelation(command.name, len(waiting) + len(starting))
    step = Step(unit, around, command.user)
    reached: list[Correlated] = []
    if command.later and len(waiting) > around.at_once:
        ids = [one.id for one in waiting]
        message_each_later(unit, around, ids, command.variables, command.local_variables)
    else:
        reached += [_receive(step, subscription, command) for subscription in waiting]
    for subscription in starting:
        started = step.start(
            unit.definitions.get(subscription.definition_id),
            at=subscription.activity_id,
            variables={**command.variables, **command.local_variables},
            business_key=command.business_key,
        )
        reached.append(Correlated("definition", started))
    step.settle()
    return reached


def trigger_execution(
    unit: UnitOfWork,
    around: Surroundings,
    execution_id: str,
    variables: Mapping[str, Any] | None = None,
    *,
    user: str | None = None,
) -> None:
    """That execution, which waits for a trigger or for any message or signal, has gone on. Raises NotSubscribed."""
    step = Step(unit, around, user)
    instance_id, number = execution_of(unit, execution_id)
    try:
        step.feed(instance_id, lambda execution: execution.trigger(number, variables))
    except NotWaiting:
        raise NotSubscribed(execution_id, "trigger", None) from None
    step.settle()


def message_execution(
    unit: UnitOfWork,
    around: Surroundings,
    execution_id: str,
    name: str,
    variables: Mapping[str, Any] | None = None,
    *,
    user: str | None = None,
) -> None:
    """That one execution has received the message. Raises NotSubscribed."""
    step = Step(unit, around, user)
    if not step.receive(subscription_of(unit, execution_id, "message", name), variables or {}):
        raise NotSubscribed(execution_id, "message", name)
    step.settle()


def emit_message(
    unit: UnitOfWork,
    now: datetime,
    name: str,
    *,
    instance_id: str,
    variables: Mapping[str, Any] | None = None,
) -> None:
    """The message will reach that instance soon after this transaction's commit, tried again while it does not wait.

    Nothing happens if the instance is gone by then; if it never waits for it, an incident says so.
    """
    if not is_alive(unit, instance_id):
        return
    job = new_job(
        new_id(now),
        MESSAGE,
        now,
        payload={"name": name, "variables": all_to_stored(variables or {})},
        retries=_PATIENCE.count(",") + 2,
        retry_cycle=_PATIENCE,
        instance_id=instance_id,
    )
    unit.jobs.insert([job])


def _waiting(unit: UnitOfWork, command: CorrelateMessage) -> list[SubscriptionRow]:
    """Subscriptions of live instances that match."""
    found = unit.subscriptions.find(
        SubscriptionFilter(
            kind="message",
            event_name=command.name,
            instance_id=command.instance_id,
            business_key=command.business_key,
            of_instances=True,
            is_active=True,
        )
    )
    if found and command.correlation_keys:
        conditions = [VariableCondition(name, "eq", plain(value)) for name, value in command.correlation_keys.items()]
        owners = [one.instance_id for one in found if one.instance_id is not None]
        matching = set(unit.instances.ids(InstanceFilter(ids=owners, variables=conditions)))
        found = [one for one in found if one.instance_id in matching]
    if command.local_keys:
        found = [one for one in found if _matches_locally(unit, one, command.local_keys)]
    return found


def _matches_locally(unit: UnitOfWork, subscription: SubscriptionRow, keys: Mapping[str, Any]) -> bool:
    if subscription.instance_id is None or subscription.activity is None:
        return False
    scope = unit.instances.scopes(subscription.instance_id).get(subscription.activity, {})
    return all(name in scope and plain(from_stored(scope[name])) == plain(value) for name, value in keys.items())


def _starting(unit: UnitOfWork, command: CorrelateMessage) -> Sequence[SubscriptionRow]:
    """Definitions that the message starts; none if it is meant for a certain instance."""
    if command.instance_id is not None or command.local_keys:
        return []
    return unit.subscriptions.find(
        SubscriptionFilter(kind="message", event_name=command.name, of_instances=False, is_active=True)
    )


def _receive(step: Step, subscription: SubscriptionRow, command: CorrelateMessage) -> Correlated:
    instance_id = subscription.instance_id
    assert instance_id is not None
    number = number_of(instance_id, subscription.id)
    assert number is not None, "a subscription's id is derived from its instance's"
    try:
        fed = step.feed(
            instance_id, lambda execution: execution.receive(number, command.variables, command.local_variables)
        )
    except (NotFound, NotWaiting):
        # it went on while we waited for its lock
        raise MismatchingCorrelation(command.name, 0) from None
    return Correlated("execution", fed.as_started(), derived_id(instance_id, subscription.activity or 0))
