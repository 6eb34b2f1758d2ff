from __future__ import annotations

import pytest

from mlc_service.delegate_api import (
    BpmnError,
    DelegateExecution,
    DelegateRegistry,
    MissingVariable,
    Refused,
    UnknownDelegate,
    delegate,
)


@delegate("SayHello", reads=("NAME",), writes=("GREETING",))
def say_hello(execution):
    """GREETING greets NAME.

    More is not said.
    """
    execution.set("GREETING", f"Hello {execution.required('NAME', str)}")


@pytest.fixture
def execution(fake):
    def build(**variables):
        return DelegateExecution(
            process_instance_id="p1",
            process_definition_key="deploy",
            activity_id="step",
            idempotency_key="key",
            variables=variables,
            ports=fake.ports(),
        )

    return build


@pytest.mark.parametrize(
    "reference", ["com.modelop.mlc.delegate.modelop.SayHello", "${sayHello}", "#{ sayHello }", "sayHello"]
)
def test_a_delegate_is_found_by_class_and_by_expression(reference):
    registry = DelegateRegistry([say_hello])
    assert reference in registry
    assert registry.find(reference) is say_hello


@pytest.mark.parametrize("reference", ["SayHello", "com.example.SayHello", "${sayhello}", "", None])
def test_anything_else_is_unknown(reference):
    registry = DelegateRegistry([say_hello])
    assert reference not in registry
    with pytest.raises(UnknownDelegate):
        registry.find(str(reference))


def test_a_delegate_documents_itself():
    assert (say_hello.expression, say_hello.summary) == ("sayHello", "GREETING greets NAME.")


def test_what_a_delegate_writes_and_removes_is_seen_at_once_and_handed_over(execution):
    seen = execution(A=1, B=None)
    seen.set("C", 3)
    seen.remove("A")
    assert seen.variables == {"B": None, "C": 3}
    assert (seen.has("A"), seen.has("B"), seen.has("C")) == (False, True, True)
    assert (seen.get("A", "gone"), seen.get("C")) == ("gone", 3)
    assert (seen.written, seen.removed) == ({"C": 3}, {"A"})
    seen.set("A", 2)
    assert (seen.written, seen.removed) == ({"C": 3, "A": 2}, set())


@pytest.mark.parametrize("variables", [{}, {"NAME": None}, {"NAME": 7}])
def test_a_missing_variable_is_named_with_its_activity(execution, variables):
    with pytest.raises(MissingVariable, match="activity 'step' needs the process variable NAME"):
        say_hello(execution(**variables))


def test_what_the_life_cycle_refuses_is_a_bpmn_error_for_the_diagram(execution):
    @delegate("Refuse")
    def refuse(_execution):
        raise Refused("no runtime fits")

    with pytest.raises(BpmnError) as error:
        refuse(execution())
    assert (error.value.code, error.value.variables) == ("FAILURE", {"ERROR_MESSAGE": "no runtime fits"})
