"""The stored form of an instance: small, versioned, and readable for ever."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlc_service.engine import Execution, StateUnreadable, parse_bpmn
from mlc_service.engine.ids import derived_id, number_of
from tests.unit.engine.driver import INSTANCE_ID, KNOWN_DELEGATES, Driver, TestHost, diagram, flow, flows

FROZEN = Path(__file__).parent / "frozen_states"

# one process that has every kind of wait at once: what it froze in version 1 must load and finish for ever
EVERYTHING = diagram(
    '<bpmn:startEvent id="s"/><bpmn:parallelGateway id="f"/><bpmn:parallelGateway id="j"/><bpmn:endEvent id="e"/>'
    '<bpmn:userTask id="u"/><bpmn:receiveTask id="r" messageRef="m"/>'
    '<bpmn:boundaryEvent id="b" attachedToRef="r"><bpmn:timerEventDefinition><bpmn:timeCycle>R3/PT30S</bpmn:timeCycle>'
    "</bpmn:timerEventDefinition></bpmn:boundaryEvent>"
    '<bpmn:serviceTask id="d" camunda:delegateExpression="${deploy}"/><bpmn:task id="a" camunda:asyncBefore="true"/>'
    '<bpmn:subProcess id="sub"><bpmn:extensionElements><camunda:inputOutput>'
    '<camunda:inputParameter name="local">${n + 1}</camunda:inputParameter></camunda:inputOutput></bpmn:extensionElements>'
    '<bpmn:startEvent id="i"/><bpmn:intermediateCatchEvent id="c"><bpmn:signalEventDefinition signalRef="g"/>'
    "</bpmn:intermediateCatchEvent>" + flow("i", "c") + "</bpmn:subProcess>"
    '<bpmn:task id="direct"/>'
    + flow("s", "f") + flows("f", "u", "j") + flows("f", "r", "j") + flow("b", "j") + flows("f", "d", "j")
    + flows("f", "a", "j") + flows("f", "sub", "j") + flows("f", "direct", "j") + flow("j", "e"),
    '<bpmn:message id="m" name="answer"/><bpmn:signal id="g" name="go"/>',
).replace(b'"direct-j"', b'"direct-join"')  # fmt: skip


def _finish(run: Driver) -> None:
    run.complete("u", {"approved": True})
    run.receive("answer")
    run.delegate("d", {"deployed": 1})
    run.job("a")
    run.receive("go")


def test_an_instance_with_every_kind_of_wait_finishes_after_reloading() -> None:
    run = Driver(EVERYTHING, {"n": 1})
    assert run.active == ["c", "d", "j", "r", "u"]
    # seven flows lead into the join, one of them from the boundary event that never fires here
    _finish(run)
    assert run.active == ["j"] * 6


@pytest.mark.parametrize("path", sorted(FROZEN.glob("format_*.state")), ids=lambda path: path.stem)
def test_a_state_frozen_by_an_earlier_version_loads_and_goes_on(path: Path) -> None:
    (definition,) = parse_bpmn(EVERYTHING, "x.bpmn", KNOWN_DELEGATES)
    execution = Execution.load(
        definition,
        TestHost(),
        instance_id=INSTANCE_ID,
        now=datetime(2026, 3, 1, tzinfo=UTC),
        state=path.read_bytes(),
        scopes={0: {"n": 1}},
    )
    tree = execution.activity_tree()
    assert sorted(child.activity_id for child in tree.children) == ["d", "j", "r", "sub", "u"]
    assert [activity for _, activity in tree.transitions] == ["a"]
    run = Driver(EVERYTHING, {"n": 1})
    run.state = path.read_bytes()
    _renumber(run)
    _finish(run)
    assert run.active == ["j"] * 6


def _renumber(run: Driver) -> None:
    """What is open has the numbers that it has in the driver's state."""
    instance = run.load()._instance
    waiting = {wait.node.name: number for number, wait in instance.waits.items()}
    active = {token.task_spec.name: number for number, token in instance.tasks.items()}
    for table, numbers in (
        (run.tasks, waiting),
        (run.jobs, waiting),
        (run.subscriptions, waiting),
        (run.running, active),
    ):
        rows = {numbers[row.activity_id]: row for row in table.values()}  # type: ignore[attr-defined]
        table.clear()  # type: ignore[attr-defined]
        table.update(rows)  # type: ignore[attr-defined]


def test_there_is_a_frozen_state_of_the_present_format() -> None:
    assert (FROZEN / "format_2_jobs_in_turn.state").read_bytes() == Driver(EVERYTHING, {"n": 1}).state


# every kind of wait, scope and record that came with format 2
SCOPES_AND_EVENTS = diagram(
    '<bpmn:startEvent id="s"/><bpmn:parallelGateway id="f"/><bpmn:userTask id="last"/>'
    '<bpmn:serviceTask id="ext" camunda:type="external" camunda:topic="work"/>'
    '<bpmn:callActivity id="call" calledElement="p2"/>'
    '<bpmn:userTask id="each"><bpmn:multiInstanceLoopCharacteristics><bpmn:loopCardinality>2</bpmn:loopCardinality>'
    "</bpmn:multiInstanceLoopCharacteristics></bpmn:userTask>"
    '<bpmn:eventBasedGateway id="g"/><bpmn:intermediateCatchEvent id="gm"><bpmn:messageEventDefinition messageRef="m"/>'
    '</bpmn:intermediateCatchEvent><bpmn:intermediateCatchEvent id="gc"><bpmn:conditionalEventDefinition><bpmn:condition>'
    "${late}</bpmn:condition></bpmn:conditionalEventDefinition></bpmn:intermediateCatchEvent>"
    '<bpmn:receiveTask id="any"/>'
    '<bpmn:subProcess id="done"><bpmn:startEvent id="ds"/><bpmn:task id="book"/>'
    '<bpmn:boundaryEvent id="cb" attachedToRef="book"><bpmn:compensateEventDefinition/></bpmn:boundaryEvent>'
    '<bpmn:userTask id="undo" isForCompensation="true"/><bpmn:association id="as" sourceRef="cb" targetRef="undo"/>'
    + flow("ds", "book") + '</bpmn:subProcess><bpmn:userTask id="then"/>'
    '<bpmn:intermediateThrowEvent id="throw"><bpmn:compensateEventDefinition/></bpmn:intermediateThrowEvent>'
    '<bpmn:inclusiveGateway id="i"/><bpmn:userTask id="slow"/><bpmn:inclusiveGateway id="ij"/><bpmn:task id="quick"/><bpmn:task id="joined"/>'
    '<bpmn:subProcess id="esp" triggeredByEvent="true"><bpmn:startEvent id="es" isInterrupting="false">'
    '<bpmn:signalEventDefinition signalRef="g1"/></bpmn:startEvent><bpmn:userTask id="inside"/>'
    + flow("es", "inside") + "</bpmn:subProcess>"
    '<bpmn:sequenceFlow id="after" sourceRef="later" targetRef="last"/><bpmn:task id="later" camunda:asyncAfter="true"/>'
    + flow("s", "f") + flow("f", "ext") + flow("f", "call") + flow("f", "each") + flow("f", "g") + flow("g", "gm")
    + flow("g", "gc") + flow("f", "any") + flows("f", "done", "then", "throw") + flow("f", "i") + flows("i", "slow", "ij", "joined")
    + flows("i", "quick", "ij") + flow("f", "later"),
    '<bpmn:message id="m" name="answer"/><bpmn:signal id="g1" name="go"/>',
)  # fmt: skip
CALLED = diagram('<bpmn:startEvent id="cs"/><bpmn:userTask id="ct"/>' + flow("cs", "ct")).replace(b'id="p"', b'id="p2"')


def _until_all_wait() -> Driver:
    run = Driver(SCOPES_AND_EVENTS, {"n": 1}, calls=[CALLED])
    run.receive("go")
    return run


def _finish_scopes_and_events(run: Driver) -> None:
    run.complete("then")
    for activity in ("undo", "slow", "inside", "each", "each", "ct"):
        run.complete(activity)
    run.external_done("ext")
    run.write(late=True)
    any_number = next(number for number, one in run.running.items() if one.activity_id == "any")
    run.feed(lambda execution: execution.trigger(any_number))
    run.job("later")
    run.complete("last")


def test_scopes_records_and_calls_of_a_frozen_state_load_and_finish() -> None:
    run = _until_all_wait()
    kept = run.instances[INSTANCE_ID]
    frozen = json.loads((FROZEN / "scopes_2.json").read_text())
    assert {int(number): variables for number, variables in frozen.items()} == kept.scopes
    kept.state = (FROZEN / "scopes_2.state").read_bytes()
    _finish_scopes_and_events(run)
    assert run.is_ended
    assert run.running == {}


def test_the_frozen_state_of_scopes_is_of_the_present_format() -> None:
    assert (FROZEN / "scopes_2.state").read_bytes() == _until_all_wait().state


def test_the_state_of_a_waiting_instance_is_small() -> None:
    run = Driver(diagram('<bpmn:startEvent id="s"/><bpmn:userTask id="t"/>' + flow("s", "t")), {"x": "y" * 5000})
    assert len(run.state) < 100


@pytest.mark.parametrize(
    "state", [b"", b"\x00", b"\x00{}", b"\x01abc", b"\x00[99,1,[]]", b'\x00[1,1,[[5,"gone",8,0,0,null,[]]]]']
)
def test_a_damaged_or_foreign_state_says_so(state: bytes) -> None:
    (definition,) = parse_bpmn(EVERYTHING, "x.bpmn", KNOWN_DELEGATES)
    with pytest.raises(StateUnreadable):
        Execution.load(definition, TestHost(), instance_id=INSTANCE_ID, now=datetime.now(UTC), state=state, scopes={})


def test_numbers_and_ids_lead_to_each_other() -> None:
    assert derived_id(INSTANCE_ID, 0) == INSTANCE_ID
    made = derived_id(INSTANCE_ID, 4711)
    assert made != INSTANCE_ID
    assert number_of(INSTANCE_ID, made) == 4711
    assert number_of("00000000-0000-4000-8000-000000000000", made) is None
