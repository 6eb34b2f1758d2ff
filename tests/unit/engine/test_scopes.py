"""Variables and where they live."""

from __future__ import annotations

import pytest

from mlc_service.engine import ExecutionFailed
from mlc_service.engine.values import TypedValue, as_variable, from_stored, plain, to_stored, type_of
from tests.unit.engine.driver import INSTANCE_ID, Driver, diagram, flow, flows

IO_TASK = (
    '<bpmn:userTask id="t"><bpmn:extensionElements><camunda:inputOutput>'
    '<camunda:inputParameter name="local">${a + 1}</camunda:inputParameter>'
    '<camunda:inputParameter name="text">model ${a}</camunda:inputParameter>'
    '<camunda:inputParameter name="many"><camunda:list><camunda:value>${a}</camunda:value>'
    "<camunda:value>x</camunda:value></camunda:list></camunda:inputParameter>"
    '<camunda:inputParameter name="named"><camunda:map><camunda:entry key="k">${a}</camunda:entry></camunda:map>'
    "</camunda:inputParameter>"
    '<camunda:outputParameter name="out">${local * 10}</camunda:outputParameter>'
    "</camunda:inputOutput></bpmn:extensionElements></bpmn:userTask>"
)


def test_input_parameters_are_local_and_output_parameters_go_out() -> None:
    run = Driver(diagram('<bpmn:startEvent id="s"/>' + IO_TASK + flows("s", "t")), {"a": 4})
    (local,) = (variables for number, variables in run.scopes.items() if number)
    assert local == {"local": 5, "text": "model 4", "many": [4, "x"], "named": {"k": 4}}
    run.complete("t")
    assert run.variables == {"a": 4, "out": 50}
    assert list(run.scopes) == [0]


def test_writing_goes_to_where_the_name_exists() -> None:
    run = Driver(diagram('<bpmn:startEvent id="s"/>' + IO_TASK + flows("s", "t")), {"a": 4})
    run.complete("t", {"local": 7, "a": 1})
    assert run.variables == {"a": 1, "out": 70}


def test_scripts_read_variables_and_write_through_execution() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/>'
        '<bpmn:scriptTask id="py" scriptFormat="python" camunda:resultVariable="double"><bpmn:script>'
        'execution.setVariable("seen", name + "!")\nn * 2</bpmn:script></bpmn:scriptTask>'
        '<bpmn:scriptTask id="j" scriptFormat="javascript"><bpmn:script>'
        'execution.setVariable("js", n + 1)</bpmn:script></bpmn:scriptTask>' + flows("s", "py", "j")
    ), {"n": 21, "name": "kermit"})  # fmt: skip
    assert run.variables == {"n": 21, "name": "kermit", "seen": "kermit!", "double": 42, "js": 22}


def test_a_failing_script_names_its_element() -> None:
    with pytest.raises(ExecutionFailed) as failure:
        Driver(diagram(
            '<bpmn:startEvent id="s"/><bpmn:scriptTask id="py" scriptFormat="python">'
            "<bpmn:script>nowhere + 1</bpmn:script></bpmn:scriptTask>" + flow("s", "py")
        ))  # fmt: skip
    assert failure.value.element_id == "py"
    assert "nowhere" in failure.value.message


def test_an_expression_task_reaches_the_execution_and_nothing_else() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/><bpmn:serviceTask id="t" camunda:expression="${execution.setVariable(\'k\', execution.currentActivityId)}"/>'
        + flow("s", "t")
    ))  # fmt: skip
    assert run.variables == {"k": "t"}
    with pytest.raises(ExecutionFailed):
        Driver(diagram(
            '<bpmn:startEvent id="s"/><bpmn:serviceTask id="t" camunda:expression="${execution.__class__}"/>' + flow("s", "t")
        ))  # fmt: skip


def test_a_business_rule_task_stores_the_result_as_mapped() -> None:
    def decided(mapping: str, rows: list[dict[str, object]]) -> object:
        run = Driver(diagram(
            '<bpmn:startEvent id="s"/><bpmn:businessRuleTask id="t" camunda:decisionRef="d" camunda:resultVariable="r"'
            f' camunda:mapDecisionResult="{mapping}"/>' + flow("s", "t")
        ), decisions={"d": rows})  # fmt: skip
        return run.variables["r"]

    assert decided("singleEntry", [{"x": 1}]) == 1
    assert decided("singleEntry", []) is None
    assert decided("singleResult", [{"x": 1, "y": 2}]) == {"x": 1, "y": 2}
    assert decided("collectEntries", [{"x": 1}, {"x": 2}]) == [1, 2]
    assert decided("resultList", [{"x": 1}]) == [{"x": 1}]
    with pytest.raises(ExecutionFailed, match="2 rows"):
        decided("singleEntry", [{"x": 1}, {"x": 2}])


def test_the_initiator_is_the_starting_user() -> None:
    run = Driver(
        diagram('<bpmn:startEvent id="s" camunda:initiator="starter"/><bpmn:userTask id="t"/>' + flow("s", "t")),
        user="fozzie",
    )
    assert run.variables == {"starter": "fozzie"}


def test_a_user_task_says_who_may_do_it_and_by_when() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/><bpmn:userTask id="t" name="Approve ${model}" camunda:assignee="${owner}"'
        ' camunda:candidateGroups="risk, ${groups}" camunda:candidateUsers="a,b" camunda:dueDate="P2D"'
        ' camunda:followUpDate="${now()}" camunda:priority="${10 + 5}" camunda:formKey="embedded:x"/>' + flow("s", "t")
    ), {"model": "churn", "owner": "gonzo", "groups": ["it", "risk"]})  # fmt: skip
    (task,) = run.tasks.values()
    assert (task.name, task.assignee, task.candidate_users) == ("Approve churn", "gonzo", ("a", "b"))
    assert task.candidate_groups == ("risk", "it")
    assert task.due is not None
    assert (task.due - run.now).days == 2
    assert task.follow_up == run.now
    assert (task.priority, task.form_key) == (15, "embedded:x")


@pytest.mark.parametrize(
    "value",
    [None, True, 1, 2**40, 1.5, "text", [1, {"a": None}], {"a": [1]}, {"$type": "trap", "value": 1},
     TypedValue("Date", "2026-03-01T12:00:00.000+00:00"), TypedValue("Json", '{"a": 1}'),
     TypedValue("Object", '{"a": 1}', {"serializationDataFormat": "application/json", "objectTypeName": "java.util.Map"})],
)  # fmt: skip
def test_a_stored_value_comes_back_equal(value: object) -> None:
    assert from_stored(to_stored(value)) == value


def test_types_follow_from_values_as_camunda_infers_them() -> None:
    assert [type_of(value) for value in (None, True, 1, 2**31, -(2**31), 1.0, "x", {}, [])] == [
        "Null", "Boolean", "Integer", "Long", "Integer", "Double", "String", "Object", "Object",
    ]  # fmt: skip
    assert plain(TypedValue("Json", '{"a": 1}')) == {"a": 1}
    with pytest.raises(TypeError, match="object"):
        as_variable(object())


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_a_script_knows_which_instance_and_activity_it_runs_in(language: str) -> None:
    body = "execution.setVariable('where', execution.processInstanceId + '/' + execution.currentActivityId)"
    run = Driver(diagram(
        f'<bpmn:startEvent id="s"/><bpmn:scriptTask id="here" scriptFormat="{language}"><bpmn:script>{body}</bpmn:script></bpmn:scriptTask>'
        + flow("s", "here")
    ))  # fmt: skip
    assert run.variables == {"where": f"{INSTANCE_ID}/here"}


def test_an_expression_knows_the_user_and_the_users_groups() -> None:
    source = diagram(
        '<bpmn:startEvent id="s"/><bpmn:serviceTask id="t" camunda:expression="${currentUser()} of ${currentUserGroups().contains(\'muppets\')}"'
        ' camunda:resultVariable="who"/><bpmn:userTask id="u"/>' + flows("s", "t", "u")
    )
    assert Driver(source, user="fozzie").variables["who"] == "fozzie of true"
    assert Driver(source, user="gonzo").variables["who"] == "gonzo of false"
