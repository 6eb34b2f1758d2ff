"""The names of SpiffWorkflow that the engine overrides or leans on.

An upgrade that renames a hook would not fail by itself: our override would just never be called. It fails here.
"""

from __future__ import annotations

import inspect

import pytest
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.parser.ProcessParser import ProcessParser
from SpiffWorkflow.bpmn.parser.TaskParser import TaskParser
from SpiffWorkflow.bpmn.specs.bpmn_process_spec import BpmnProcessSpec
from SpiffWorkflow.bpmn.specs.mixins.bpmn_spec_mixin import BpmnSpecMixin
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.specs.base import TaskSpec
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from mlc_service.engine.elements.node import Node
from mlc_service.engine.instance import Instance
from mlc_service.engine.parse.elements import NodeReader
from mlc_service.engine.parse.processes import DiagramReader, ProcessReader
from mlc_service.engine.tokens import Token
from tests.unit.engine.driver import Driver, diagram, flows

OVERRIDDEN = [
    (Task, Token, ["_set_state", "run", "complete", "parent", "children"]),
    (
        TaskSpec,
        Node,
        ["_update", "_on_ready", "_run", "_run_hook", "_on_complete", "_on_complete_hook"],
    ),
    (BpmnWorkflow, Instance, ["do_engine_steps"]),
    (BpmnParser, DiagramReader, ["_add_data_stores", "_add_diagram_indexes", "_add_correlations"]),
    (BpmnParser, DiagramReader, ["OVERRIDE_PARSER_CLASSES", "PARSER_CLASSES", "PROCESS_PARSER_CLASS"]),
    (ProcessParser, ProcessReader, ["_parse", "add_tasks"]),
    (TaskParser, NodeReader, ["parse_node"]),
]


@pytest.mark.parametrize(("stock", "ours", "names"), OVERRIDDEN)
def test_every_name_we_override_is_still_there(stock: type, ours: type, names: list[str]) -> None:
    for name in names:
        assert hasattr(stock, name), f"{stock.__name__}.{name} is gone"
        assert getattr(ours, name) is not getattr(stock, name), f"{ours.__name__} does not override {name}"


def test_spiff_calls_the_hooks_in_the_order_we_count_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("_update", "_on_ready", "_run", "_run_hook", "_on_complete", "_on_complete_hook"):
        original = getattr(Node, name)

        def recording(self: Node, token: Token, _name: str = name, _original: object = original) -> object:
            if self.name == "t":
                calls.append(_name)
            return _original(self, token)  # type: ignore[operator]

        monkeypatch.setattr(Node, name, recording)
    Driver(diagram('<bpmn:startEvent id="s"/><bpmn:task id="t"/>' + flows("s", "t")))
    assert calls == ["_update", "_on_ready", "_run", "_run_hook", "_on_complete", "_on_complete_hook"]


def test_the_methods_of_spiff_that_tokens_inherit_do_what_we_think() -> None:
    assert "self.task_spec._on_complete(self)" in inspect.getsource(Task.complete)
    assert "self.task_spec._on_ready(self)" in inspect.getsource(Task._ready)
    assert TaskState.FUTURE < TaskState.WAITING < TaskState.READY < TaskState.STARTED < TaskState.COMPLETED


def test_our_classes_are_spiffs() -> None:
    run = Driver(diagram('<bpmn:startEvent id="s"/><bpmn:userTask id="t"/>' + flows("s", "t")))
    instance = run.load()._instance
    assert isinstance(instance, BpmnWorkflow)
    assert isinstance(instance.spec, BpmnProcessSpec)
    assert all(isinstance(token, Task) for token in instance.tasks.values())
    assert all(isinstance(node, BpmnSpecMixin) for node in instance.nodes.values())
