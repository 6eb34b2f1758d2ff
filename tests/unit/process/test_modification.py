"""The same modification of many instances."""

from __future__ import annotations

import pytest

from mlc_service.process.errors import NoSuchInstance, NotFound, OtherDefinition
from mlc_service.process.modification import Instruction, InvalidModification, modify_instances
from tests.unit.engine.shapes import node, process, users, ways
from tests.unit.process.service import Service

TWO = node("startEvent", "s") + users("a", "b") + node("endEvent", "e") + ways("s > a > b > e")
BEFORE_A, BEFORE_B = (Instruction("startBeforeActivity", activity_id=one) for one in ("a", "b"))


def cancel(activity_id: str, *, only_present: bool = False) -> Instruction:
    return Instruction("cancel", activity_id=activity_id, only_present=only_present)


def three(service: Service) -> tuple[str, list[str]]:
    """The definition's id, and those of three instances that are at `a`."""
    (definition,) = service.deploy(process(TWO)).processes
    return definition.id, [service.start().id for _ in range(3)]


def test_every_instance_goes_where_it_is_told(service: Service) -> None:
    definition_id, (first, second, third) = three(service)
    service.run(modify_instances, definition_id, [second, first, second], [BEFORE_B, cancel("a")])
    assert [service.trail(id) for id in (first, second, third)] == [["s", "a✗", "b*"], ["s", "a✗", "b*"], ["s", "a*"]]


def test_what_has_begun_on_the_way_is_cancelled_too_unless_only_the_present_is_meant(service: Service) -> None:
    definition_id, (first, second, third) = three(service)
    service.run(modify_instances, definition_id, [first], [BEFORE_A, BEFORE_B, cancel("a")])
    assert service.trail(first) == ["s", "a✗", "a✗", "b*"]
    service.run(modify_instances, definition_id, [second], [BEFORE_A, cancel("a", only_present=True)])
    assert service.trail(second) == ["s", "a✗", "a*"]
    service.run(modify_instances, definition_id, [third], [cancel("b", only_present=True)])
    assert service.trail(third) == ["s", "a*"]


def test_a_continuation_is_present_too(service: Service) -> None:
    later = node("startEvent", "s") + node("task", "a", camunda_asyncBefore="true") + users("b") + ways("s > a > b")
    (definition,) = service.deploy(process(later)).processes
    id = service.start().id
    service.run(modify_instances, definition.id, [id], [BEFORE_B, cancel("a", only_present=True)])
    assert (service.trail(id), service.jobs()) == (["s", "b*"], [])


def test_one_that_does_not_fit_stops_all(service: Service) -> None:
    definition_id, ids = three(service)
    (newer,) = service.deploy(process(TWO)).processes
    other = service.run_in(newer.id)
    with pytest.raises(OtherDefinition) as refused:
        service.run(modify_instances, definition_id, [*ids, other], [BEFORE_B])
    assert (refused.value.deed, refused.value.instance_id) == ("modified", other)
    with pytest.raises(NoSuchInstance):
        service.run(modify_instances, definition_id, [*ids, "nope"], [BEFORE_B])
    with pytest.raises(NotFound):
        service.run(modify_instances, "nope", ids, [BEFORE_B])
    with pytest.raises(InvalidModification):
        service.run(modify_instances, definition_id, ids, [Instruction("startBeforeActivity", activity_id="zz")])
    assert {tuple(service.trail(id)) for id in ids} == {("s", "a*")}
