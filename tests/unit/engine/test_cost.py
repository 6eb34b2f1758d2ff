"""What a step looks at does not grow with what is there: counted, not timed (`make bench` has the times)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mlc_service.engine import effects as fx
from mlc_service.engine.elements.triggers import ConditionTrigger
from mlc_service.engine.elements.values import Condition
from mlc_service.engine.values import TypedValue
from tests.unit.engine.driver import INSTANCE_ID, Driver, diagram, flow, flows

MANY = 20


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The conditions that were evaluated, in order."""
    evaluated: list[str] = []
    can_hold = Condition.can_hold

    def counted(self: Condition, token: Any) -> bool:
        evaluated.append(self.text)
        return can_hold(self, token)

    monkeypatch.setattr(Condition, "can_hold", counted)
    return evaluated


def conditional(node_id: str, condition: str, variable: str = "") -> str:
    named = f' camunda:variableName="{variable}"' if variable else ""
    return (
        f'<bpmn:intermediateCatchEvent id="{node_id}"><bpmn:conditionalEventDefinition{named}>'
        f"<bpmn:condition>{condition}</bpmn:condition></bpmn:conditionalEventDefinition></bpmn:intermediateCatchEvent>"
    )


def branches(*nodes: tuple[str, str]) -> str:
    """A split into the nodes, each an (id, element)."""
    return '<bpmn:startEvent id="s"/><bpmn:parallelGateway id="f"/>' + flow("s", "f") + "".join(
        element + flow("f", node_id) for node_id, element in nodes
    )  # fmt: skip


def test_a_change_of_a_variable_looks_only_at_conditions_on_that_variable(evaluations: list[str]) -> None:
    named = [(f"c{n}", conditional(f"c{n}", f"${{v{n} == 1}}", f"v{n}")) for n in range(MANY)]
    run = Driver(diagram(branches(*named, ("any", conditional("any", "${v3 == 2}")))))
    evaluations.clear()
    run.write(v3=1)
    assert evaluations == ["${v3 == 1}", "${v3 == 2}"]
    assert run.done[-1] == "c3"


def test_a_condition_that_begins_to_be_waited_for_does_not_make_the_others_be_looked_at(
    evaluations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    concerned: list[str] = []
    concerns = ConditionTrigger.concerns

    def counted(self: ConditionTrigger, name: str, event: str) -> bool:
        concerned.append(name)
        return concerns(self, name, event)

    monkeypatch.setattr(ConditionTrigger, "concerns", counted)
    Driver(diagram(branches(*[(f"c{n}", conditional(f"c{n}", "${v == 1}")) for n in range(MANY)])))
    # on entry, and in its turn
    assert len(evaluations) <= 2 * MANY
    assert concerned == []


def test_a_local_variable_of_one_of_many_instances_makes_only_its_own_conditions_be_looked_at(
    evaluations: list[str],
) -> None:
    run = Driver(
        diagram(
            '<bpmn:startEvent id="s"/><bpmn:subProcess id="sub"><bpmn:multiInstanceLoopCharacteristics>'
            f"<bpmn:loopCardinality>{MANY}</bpmn:loopCardinality></bpmn:multiInstanceLoopCharacteristics>"
            '<bpmn:startEvent id="i"/>' + conditional("c", "${v == 1}") + flow("i", "c") + "</bpmn:subProcess>"
            + flow("s", "sub")
        )
    )  # fmt: skip
    scope = next(number for number, one in run.running.items() if one.activity_id == "sub")
    evaluations.clear()
    run.feed(lambda execution: execution.set_variables({"v": 1}, scope=scope))
    # its own; the counters of the body, which all can see, then concern those that are left
    assert evaluations[0] == "${v == 1}"
    assert run.done.count("c") == 1
    run.feed(lambda execution: execution.set_variables({"other": 1}, scope=scope + 1))
    assert run.done.count("c") == 1


def test_a_signal_reaches_those_who_wait_for_its_name_and_asks_nobody_else() -> None:
    signals = "".join(f'<bpmn:signal id="s{n}" name="name {n}"/>' for n in range(MANY))
    caught = [
        (
            f"c{n}",
            f'<bpmn:intermediateCatchEvent id="c{n}"><bpmn:signalEventDefinition signalRef="s{n % 10}"/>'
            "</bpmn:intermediateCatchEvent>",
        )
        for n in range(MANY)
    ]
    thrown = (
        '<bpmn:intermediateThrowEvent id="t"><bpmn:signalEventDefinition signalRef="s3"/></bpmn:intermediateThrowEvent>'
    )
    run = Driver(diagram(branches(*caught, ("ask", '<bpmn:userTask id="ask"/>' + thrown + flow("ask", "t"))), signals))
    run.complete("ask")
    assert sorted(one for one in run.done if one.startswith("c")) == ["c13", "c3"]


def test_called_instances_that_wait_for_no_signal_are_not_named_by_who_throws_one() -> None:
    called = diagram(
        '<bpmn:startEvent id="s"/><bpmn:endEvent id="e"><bpmn:signalEventDefinition signalRef="done"/></bpmn:endEvent>'
        + flow("s", "e"), '<bpmn:signal id="done" name="done"/>'
    ).replace(b'id="p"', b'id="called"')  # fmt: skip
    run = Driver(
        diagram(
            '<bpmn:startEvent id="s"/><bpmn:callActivity id="call" calledElement="called">'
            f"<bpmn:multiInstanceLoopCharacteristics><bpmn:loopCardinality>{MANY}</bpmn:loopCardinality>"
            "</bpmn:multiInstanceLoopCharacteristics></bpmn:callActivity>" + flow("s", "call")
        ),
        calls=[called],
    )
    thrown = [
        effect
        for kept in run.instances.values()
        for effect in kept.effects
        if isinstance(effect, fx.SignalThrown)
    ]  # fmt: skip
    assert len(thrown) == MANY
    assert all(not effect.next_numbers for effect in thrown)


def test_a_collection_given_as_json_is_read_once_in_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlc_service.engine.elements import multi_instance

    read: list[Any] = []
    plain = multi_instance.plain

    def counted(value: Any) -> Any:
        read.append(value)
        return plain(value)

    monkeypatch.setattr(multi_instance, "plain", counted)
    run = Driver(
        diagram(
            '<bpmn:startEvent id="s"/><bpmn:serviceTask id="t" camunda:expression="${item}" camunda:resultVariable="last">'
            '<bpmn:multiInstanceLoopCharacteristics isSequential="true" camunda:collection="all"'
            ' camunda:elementVariable="item"/></bpmn:serviceTask>' + flow("s", "t")
        ),
        {"all": TypedValue("Json", "[1, 2, 3, 4]")},
    )
    assert run.is_ended
    assert run.variables["last"] == 4
    assert len(read) == 1


def test_undoing_one_activity_leaves_the_records_of_the_others() -> None:
    def undoable(node_id: str) -> str:
        return (
            f'<bpmn:task id="{node_id}"/><bpmn:boundaryEvent id="b_{node_id}" attachedToRef="{node_id}">'
            f'<bpmn:compensateEventDefinition/></bpmn:boundaryEvent><bpmn:task id="undo_{node_id}"'
            f' isForCompensation="true"/><bpmn:association id="a_{node_id}" sourceRef="b_{node_id}"'
            f' targetRef="undo_{node_id}"/>'
        )

    def throw(node_id: str, reference: str) -> str:
        named = f' activityRef="{reference}"' if reference else ""
        return (
            f'<bpmn:intermediateThrowEvent id="{node_id}"><bpmn:compensateEventDefinition{named}/>'
            "</bpmn:intermediateThrowEvent>"
        )

    run = Driver(
        diagram(
            '<bpmn:startEvent id="s"/>' + undoable("x") + undoable("y") + '<bpmn:task id="again"/>'
            + throw("only_x", "x") + throw("all", "") + flows("s", "x", "y", "only_x", "all")
        )
    )  # fmt: skip
    assert [one for one in run.done if one.startswith("undo")] == ["undo_x", "undo_y"]
    assert run.is_ended


def test_the_thrower_is_named_while_somebody_waits_for_a_signal_in_it() -> None:
    signal = '<bpmn:signalEventDefinition signalRef="sig"/>'
    run = Driver(
        diagram(
            branches(
                ("c", f'<bpmn:intermediateCatchEvent id="c">{signal}</bpmn:intermediateCatchEvent>'),
                ("t", f'<bpmn:intermediateThrowEvent id="t">{signal}</bpmn:intermediateThrowEvent>'),
            ),
            '<bpmn:signal id="sig" name="go"/>',
        )
    )
    (thrown,) = [effect for effect in run.effects if isinstance(effect, fx.SignalThrown)]
    assert list(thrown.next_numbers) == [INSTANCE_ID]


def test_scopes_nested_deeper_than_the_stack_of_python_can_be_cancelled() -> None:
    nested, at = '<bpmn:callActivity id="c" calledElement="p">%s</bpmn:callActivity><bpmn:userTask id="u"/>', "g"
    inner = (
        '<bpmn:exclusiveGateway id="g" default="g-u"/>'
        + nested % '<bpmn:extensionElements><camunda:in sourceExpression="${n - 1}" target="n"/></bpmn:extensionElements>'
        + flow("g", "c", "${n &gt; 0}") + flow("g", "u")
    )  # fmt: skip
    for level in range(150):
        inner = f'<bpmn:subProcess id="sub{level}"><bpmn:startEvent id="s{level}"/>{inner}{flow(f"s{level}", at)}</bpmn:subProcess>'
        at = f"sub{level}"
    run = Driver(diagram(f'<bpmn:startEvent id="s"/>{inner}{flow("s", at)}'), {"n": 9})
    assert len(run.instances) == 10
    run.cancel()
    assert all(kept.ended is not None and not kept.running for kept in run.instances.values())
