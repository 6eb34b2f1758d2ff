"""Ended instances are run again, with what they had."""

from __future__ import annotations

from typing import Any

import pytest

from mlc_service.engine import Instruction, InvalidModification
from mlc_service.engine.values import TypedValue
from mlc_service.process.definitions import set_definition_suspended
from mlc_service.process.errors import NoSuchInstance, NotFound, OtherDefinition, StillRunning, Suspended
from mlc_service.process.instances import delete_instance, set_instance_variables
from mlc_service.process.restart import RestartInstances, restart_instances
from mlc_service.process.running import StartedInstance
from tests.unit.engine.shapes import listeners, mapping, node, process, user, users, ways
from tests.unit.process.service import Service

TWO = node("startEvent", "s") + users("a", "b") + node("endEvent", "e") + ways("s > a > b > e")
AT_B = (Instruction("startBeforeActivity", activity_id="b"),)
DAY = TypedValue("Date", "2026-03-01T00:00:00.000+00:00")


def ended(service: Service, content: str = TWO) -> str:
    """Id of an instance that was started with `v` and `day`, was given another `v` and `late`, and has ended."""
    service.deploy(process(content))
    id = service.start(variables={"v": 1, "day": DAY}, business_key="order-7").id
    service.run(set_instance_variables, id, {"v": 2, "late": [1]})
    service.run(delete_instance, id)
    return id


def restart(service: Service, *ids: str, **options: Any) -> list[StartedInstance]:
    options = {"definition_id": service.record(ids[0]).definition_id, "instructions": AT_B} | options
    return service.run(restart_instances, RestartInstances(instance_ids=ids, **options))


def test_the_new_instance_begins_where_it_is_told_with_the_last_variables(service: Service) -> None:
    old = ended(service)
    (new,) = restart(service, old)
    assert service.trail(new.id) == ["b*"]
    assert new.variables == {"v": 2, "day": DAY, "late": [1]}
    record = service.record(new.id)
    assert (record.business_key, record.state, record.start_activity_id) == ("order-7", "ACTIVE", "b")
    service.complete()
    assert service.record(new.id).state == "COMPLETED"
    # and is itself one that can be restarted
    (again,) = restart(service, new.id, initial_variables=True)
    assert again.variables == {"v": 2, "day": DAY, "late": [1]}


def test_it_can_have_what_the_old_one_was_started_with(service: Service) -> None:
    (new,) = restart(service, ended(service), initial_variables=True, without_business_key=True)
    assert new.variables == {"v": 1, "day": DAY}
    assert service.record(new.id).business_key is None


def test_variables_of_single_activities_are_not_taken_over(service: Service) -> None:
    local = (
        node("startEvent", "s") + user("a", mapping({"own": "1"})) + user("b") + node("endEvent", "e")
        + ways("s > a > b > e")
    )  # fmt: skip
    (new,) = restart(service, ended(service, local))
    assert "own" not in new.variables


@pytest.mark.parametrize(
    ("instruction", "trail"),
    [
        (Instruction("startAfterActivity", activity_id="a"), ["b*"]),
        (Instruction("startTransition", transition_id="s-a"), ["a*"]),
        (Instruction("startBeforeActivity", activity_id="s"), ["s", "a*"]),
    ],
)
def test_there_are_several_ways_to_say_where(service: Service, instruction: Instruction, trail: list[str]) -> None:
    (new,) = restart(service, ended(service), instructions=(instruction,))
    assert service.trail(new.id) == trail


def test_each_of_several_is_run_again_once(service: Service) -> None:
    first, second = ended(service), service.start(variables={"v": 9}).id
    service.complete(instance_id=second)
    service.complete(instance_id=second)
    started = restart(service, second, first, second)
    assert [one.variables["v"] for one in started] == [9, 2]


def test_listeners_are_called_unless_they_are_skipped(service: Service) -> None:
    heard = node("startEvent", "s") + user("a") + user("b", listeners("b")) + ways("s > a > b")
    service.deploy(process(heard))
    old = service.start(variables={"log": ""}).id
    service.run(delete_instance, old)
    (loud,) = restart(service, old)
    (quiet,) = restart(service, old, skips_listeners=True)
    assert (loud.variables["log"], quiet.variables["log"]) == ("b.start ", "")


def test_what_cannot_be_restarted_is_refused(service: Service) -> None:
    old = ended(service)
    definition_id = service.record(old).definition_id
    alive = service.start().id
    (newer,) = service.deploy(process(TWO)).processes
    with pytest.raises(StillRunning):
        restart(service, old, alive)
    with pytest.raises(NoSuchInstance):
        restart(service, old, "nope")
    with pytest.raises(OtherDefinition):
        restart(service, old, definition_id=newer.id)
    with pytest.raises(NotFound):
        restart(service, old, definition_id="nope")
    with pytest.raises(InvalidModification):
        restart(service, old, instructions=(Instruction("startBeforeActivity", activity_id="zz"),))
    service.run(set_definition_suspended, definition_id, True)
    with pytest.raises(Suspended):
        restart(service, old)
    assert len(service.records(definition_id=definition_id)) == 2
