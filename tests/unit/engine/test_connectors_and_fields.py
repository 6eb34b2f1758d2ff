"""What a delegate is given: the fields of its element, and the inputs and outputs of a connector."""

from __future__ import annotations

from typing import Any

import pytest

from mlc_service.engine import ExecutionFailed, parse_bpmn
from mlc_service.problems import InvalidResource
from tests.unit.engine.driver import Driver
from tests.unit.engine.shapes import ERROR, START, boundary, mapping, node, process, users, ways

ON = users("z") + ways("s > t > z")
AWAY = users("y") + ways("b > y")


def delegate(*inside: str, kind: str = "serviceTask", **attributes: str) -> str:
    return node(kind, "t", *inside, **({"camunda_delegateExpression": "${deploy}"} | attributes))


def field(name: str, text: str, how: str = "stringValue") -> str:
    return f'<camunda:field name="{name}" {how}="{text}"/>'


def field_with(name: str, text: str, how: str) -> str:
    return f'<camunda:field name="{name}"><camunda:{how}>{text}</camunda:{how}></camunda:field>'


def connector(inputs: dict[str, str], outputs: dict[str, str], *, connector_id: str = "http-connector") -> str:
    return (
        f"<camunda:connector>{mapping(inputs, outputs)}<camunda:connectorId>{connector_id}</camunda:connectorId>"
        "</camunda:connector>"
    )


def calling(*inside: str, variables: dict[str, Any] | None = None, beside: str = "") -> Driver:
    return Driver(process(START, node("serviceTask", "t", *inside), ON, beside), variables)


# -- fields ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [(field("x", "text"), "text"), (field("x", "${n}"), "${n}"), (field("x", "${n + 1}", "expression"), 8),
     (field_with("x", "text", "string"), "text"), (field_with("x", "${n}", "string"), "${n}"), (field_with("x", "n is ${n}", "expression"), "n is 7"),
     (field_with("x", "${doc}", "expression"), {"k": [1]})],
)  # fmt: skip
def test_a_field_is_a_text_or_worked_out(written: str, value: Any) -> None:
    run = Driver(process(START, delegate(written), ON), {"n": 7, "doc": {"k": [1]}})
    assert run.delegate_sees("t")["x"] == value


def test_fields_are_seen_beside_the_variables_and_hide_them() -> None:
    run = Driver(
        process(START, delegate(field("n", "field"), field("m", "more"), mapping({"own": "${n + 1}"})), ON),
        {"n": 7, "a": 1},
    )
    assert run.delegate_sees("t") == {"n": "field", "m": "more", "a": 1, "own": 8}


def test_a_field_sees_what_the_input_parameters_made() -> None:
    run = Driver(process(START, delegate(field("x", "${own}", "expression"), mapping({"own": "${5}"})), ON))
    assert run.delegate_sees("t")["x"] == 5


def test_fields_become_no_variables() -> None:
    run = Driver(process(START, delegate(field("x", "text")), ON))
    run.delegate("t", {"done": True})
    assert run.variables == {"done": True}


@pytest.mark.parametrize("kind", ["serviceTask", "sendTask", "businessRuleTask"])
@pytest.mark.parametrize(
    "named", [{"camunda_delegateExpression": "${deploy}"}, {"camunda_class": "com.example.Deploy"}]
)
def test_every_task_with_a_delegate_has_fields(kind: str, named: dict[str, str]) -> None:
    source = process(START, node(kind, "t", field("x", "text"), **named), ON)
    run = Driver(source)
    assert run.delegate_sees("t") == {"x": "text"}
    (job,) = run.jobs.values()
    assert job.implementation == ("deploy" if "camunda_delegateExpression" in named else "com.example.Deploy")


def test_a_message_event_with_a_delegate_has_fields() -> None:
    definition = (
        '<bpmn:messageEventDefinition messageRef="m1" camunda:delegateExpression="${deploy}"><bpmn:extensionElements>'
        + field("x", "text") + "</bpmn:extensionElements></bpmn:messageEventDefinition>"
    )  # fmt: skip
    run = Driver(process(START, node("intermediateThrowEvent", "t", definition), ON))
    assert run.delegate_sees("t") == {"x": "text"}
    run.delegate("t")
    assert run.tree == "z"


def test_listeners_have_fields_of_their_own() -> None:
    listening = (
        '<camunda:executionListener event="start" delegateExpression="${train}">' + field("x", "${n}", "expression")
        + "</camunda:executionListener>"
    )  # fmt: skip
    seen: list[Any] = []
    run = Driver(
        process(START, users("o"), node("userTask", "t", listening), users("z"), ways("s > o > t > z")), {"n": 7}
    )
    listen = run.host.listen

    def noting(implementation: str, event: str, variables: Any, facts: Any) -> Any:
        seen.append((implementation, event, variables["x"], facts["currentActivityId"]))
        return listen(implementation, event, variables, facts)

    run.host.listen = noting  # type: ignore[method-assign]
    run.complete("o")
    assert seen == [("train", "start", 7, "t")]
    assert run.variables == {"n": 7, "heard": ["train:start"]}


@pytest.mark.parametrize(
    ("written", "message"),
    [('<camunda:field stringValue="x"/>', "needs a name"), ('<camunda:field name="x"/>', "needs a name and a stringValue"),
     (field("x", "${", "expression"), "field 'x'")],
)  # fmt: skip
def test_a_field_that_says_nothing_is_refused(written: str, message: str) -> None:
    with pytest.raises(InvalidResource, match=message):
        Driver(process(START, delegate(written), ON))


def test_a_field_that_cannot_be_worked_out_is_heard_of_when_the_delegate_is_to_be_called() -> None:
    run = Driver(process(START, delegate(field("x", "${nothing}", "expression")), ON))
    with pytest.raises(ExecutionFailed, match="'nothing'"):
        run.delegate_sees("t")
    assert run.tree == "t"


# -- connectors --------------------------------------------------------------------------------------------------------


def test_a_connector_is_a_job_that_sees_its_inputs_only() -> None:
    run = calling(connector({"url": "http://${host}/", "method": "POST"}, {}), variables={"host": "peer", "other": 1})
    (job,) = run.jobs.values()
    assert (job.kind, job.implementation) == ("delegate", "http-connector")
    assert run.delegate_sees("t") == {"url": "http://peer/", "method": "POST"}


def test_inputs_of_a_connector_may_be_lists_maps_and_scripts() -> None:
    headers = '<camunda:inputParameter name="headers"><camunda:map><camunda:entry key="Accept">${kind}</camunda:entry></camunda:map></camunda:inputParameter>'
    many = '<camunda:inputParameter name="many"><camunda:list><camunda:value>a</camunda:value><camunda:value>${kind}</camunda:value></camunda:list></camunda:inputParameter>'
    made = '<camunda:inputParameter name="made"><camunda:script scriptFormat="python">kind + "!"</camunda:script></camunda:inputParameter>'
    written = connector({}, {}).replace("</camunda:inputOutput>", headers + many + made + "</camunda:inputOutput>")
    run = calling(written, variables={"kind": "json"})
    assert run.delegate_sees("t") == {"headers": {"Accept": "json"}, "many": ["a", "json"], "made": "json!"}


def test_only_what_the_outputs_say_becomes_a_variable() -> None:
    run = calling(connector({}, {"status": "${statusCode}", "sum": "${statusCode + n}"}), variables={"n": 1})
    run.delegate("t", {"statusCode": 200, "response": "{}"})
    assert run.tree == "z"
    assert run.variables == {"n": 1, "status": 200, "sum": 201}
    assert run.scopes.keys() == {0}


def test_outputs_of_the_activity_see_those_of_its_connector() -> None:
    run = calling(mapping({"status": "none"}, {"seen": "${status}"}), connector({}, {"status": "${statusCode}"}))
    run.delegate("t", {"statusCode": 200})
    assert run.variables == {"seen": 200}


def test_inputs_of_the_activity_are_seen_by_those_of_its_connector() -> None:
    run = calling(mapping({"host": "peer"}), connector({"url": "http://${host}/"}, {}))
    assert run.delegate_sees("t") == {"url": "http://peer/"}


def test_what_a_connector_answers_hides_variables_while_its_outputs_are_mapped_and_no_longer() -> None:
    run = calling(connector({}, {"text": "${response}"}), variables={"response": "mine"})
    run.delegate("t", {"response": "theirs"})
    assert run.variables == {"response": "mine", "text": "theirs"}


def test_an_output_that_cannot_be_worked_out_fails_the_step() -> None:
    run = calling(connector({}, {"status": "${statusCode}"}))
    with pytest.raises(ExecutionFailed, match="'statusCode'"):
        run.delegate("t")
    assert run.tree == "t"


def test_a_connector_may_end_with_an_error() -> None:
    run = calling(connector({}, {"status": "${statusCode}"}), beside=boundary("b", "t", ERROR) + AWAY)
    assert run.delegate_error("t", "E1")
    assert run.tree == "y"
    assert run.variables == {}


def test_a_send_task_may_have_a_connector() -> None:
    run = Driver(process(START, node("sendTask", "t", connector({"url": "x"}, {})), ON))
    assert run.delegate_sees("t") == {"url": "x"}


@pytest.mark.parametrize(
    ("written", "message"),
    [(connector({}, {}, connector_id="soap-http-connector"), "unknown connector 'soap-http-connector'"),
     ("<camunda:connector/>", "unknown connector ''"),
     (connector({}, {}) + connector({}, {}), "exactly one implementation")],
)  # fmt: skip
def test_a_connector_that_is_not_there_is_refused(written: str, message: str) -> None:
    with pytest.raises(InvalidResource, match=message):
        calling(written)


def test_a_connector_that_is_not_installed_is_refused() -> None:
    with pytest.raises(InvalidResource, match="not installed here"):
        parse_bpmn(process(START, node("serviceTask", "t", connector({}, {})), ON), "x.bpmn", frozenset())


def test_a_connector_beside_another_implementation_is_refused() -> None:
    with pytest.raises(InvalidResource, match="exactly one implementation"):
        Driver(process(START, delegate(connector({}, {})), ON))
