"""What the engine counts on in SpiffWorkflow: the names it overrides, those it calls, and who calls whom.

An upgrade that renames a hook would not fail by itself: our override would just never be called. It fails here. The
overridden names are found by walking the engine's classes and held against `spiff_names.json`; a new override is
covered as soon as it is written.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.parser.node_parser import NodeParser
from SpiffWorkflow.bpmn.parser.ProcessParser import ProcessParser
from SpiffWorkflow.bpmn.parser.TaskParser import TaskParser
from SpiffWorkflow.bpmn.specs.bpmn_process_spec import BpmnProcessSpec
from SpiffWorkflow.bpmn.specs.bpmn_task_spec import BpmnTaskSpec
from SpiffWorkflow.bpmn.specs.mixins.bpmn_spec_mixin import BpmnSpecMixin
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.specs.base import TaskSpec
from SpiffWorkflow.specs.WorkflowSpec import WorkflowSpec
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from mlc_service.engine.elements.node import Node, ProcessSpec
from mlc_service.engine.parse.document import read_document
from mlc_service.engine.parse.elements import READERS
from mlc_service.engine.parse.node_reader import NodeReader
from mlc_service.engine.parse.processes import DiagramReader, ProcessReader
from mlc_service.engine.tokens import Token
from mlc_service.language import scripts
from tests.unit.engine import spiff_names
from tests.unit.engine.driver import Driver, diagram, flows
from tests.unit.engine.shapes import (
    MESSAGE,
    catch,
    does,
    gateway,
    many,
    node,
    process,
    sub,
    users,
    ways,
)

OVERRIDES = spiff_names.overrides()
# made by SpiffWorkflow, with the arguments that it thinks of; the other classes are made by the engine
MADE_BY_SPIFF = (ProcessReader, NodeReader)


# -- names -------------------------------------------------------------------------------------------------------------


def test_the_walk_finds_what_the_engine_overrides() -> None:
    found = {str(override) for override in OVERRIDES}
    assert {
        "Token._set_state",
        "Token.run",
        "Node._run_hook",
        "DiagramReader.PARSER_CLASSES",
        "ProcessReader._parse",
    } <= found
    assert len({override.ours for override in OVERRIDES}) > 20


@pytest.mark.parametrize("override", OVERRIDES, ids=str)
def test_every_name_we_override_is_there_as_we_know_it(override: spiff_names.Override) -> None:
    known = spiff_names.nearest(override.ours, spiff_names.recorded(), override.name)
    present = spiff_names.nearest(override.ours, spiff_names.installed(), override.name)
    assert present is not None, f"SpiffWorkflow has no {override.name} any more: nobody will call {override}"
    assert known is not None, f"SpiffWorkflow has a new {override.name}, which {override} overrides by accident"
    assert present == known, f"{override.name} has become another thing in SpiffWorkflow"


@pytest.mark.parametrize("override", OVERRIDES, ids=str)
def test_an_override_takes_what_it_is_called_with(override: spiff_names.Override) -> None:
    theirs = spiff_names.nearest(override.ours, spiff_names.recorded(), override.name) or []
    ours = spiff_names.shape(vars(override.ours)[override.name])
    assert ours[0] == theirs[0]
    if ours[0] != "function" or (override.name == "__init__" and not issubclass(override.ours, MADE_BY_SPIFF)):
        return
    if any(one.startswith("*") for one in ours):
        return
    needed = [one for one in theirs[1:] if not one.endswith("=")]
    assert len([one for one in ours[1:] if not one.endswith("=")]) <= len(needed)
    assert len(ours) >= len(theirs)
    optional = [one for one in theirs[1:] if one.endswith("=")]
    assert [one for one in ours[1:] if one.endswith("=")] == optional or not optional


# of SpiffWorkflow's classes, what the engine calls and does not override
CALLED: list[tuple[type, str, list[str]]] = [
    (Task, "_ready", ["function", "self"]),
    (Task, "complete", ["function", "self"]),
    (BpmnParser, "add_bpmn_xml", ["function", "self", "bpmn", "filename="]),
    (BpmnParser, "create_parser", ["function", "self", "node", "filename=", "lane="]),
    (BpmnParser, "get_process_parser", ["function", "self", "process_id"]),
    (ProcessParser, "get_spec", ["function", "self"]),
    (ProcessParser, "get_name", ["function", "self"]),
    (NodeParser, "bpmn_id", ["property"]),
    # by super() and by name
    (WorkflowSpec, "__init__", ["function", "self", "name=", "filename=", "addstart="]),
    (BpmnSpecMixin, "__init__", ["function", "self", "wf_spec", "bpmn_id", "**kwargs"]),
    (BpmnParser, "__init__", ["function", "self", "namespaces=", "validator=", "spec_descriptions="]),
    (ProcessParser, "__init__", ["function", "self", "p", "node", "nsmap", "data_stores", "filename=", "lane="]),
    (ProcessParser, "parse_node", ["function", "self", "node"]),
    (TaskParser, "__init__", ["function", "self", "process_parser", "spec_class", "node", "nsmap=", "lane="]),
]
# attributes of the same name that are none of SpiffWorkflow's where the engine uses them
COINCIDENCES = {"data_objects"}


@pytest.mark.parametrize(("theirs", "name", "shape"), CALLED, ids=lambda value: getattr(value, "__name__", str(value)))
def test_every_name_we_call_is_there_as_we_call_it(theirs: type, name: str, shape: list[str]) -> None:
    assert spiff_names.shape(vars(theirs)[name]) == shape


def test_every_name_we_call_is_listed() -> None:
    listed = {name for _, name, _ in CALLED} | COINCIDENCES
    assert spiff_names.inherited_names_used() - listed == set()


def test_every_import_of_spiff_is_one_of_the_classes_we_look_at() -> None:
    assert TaskState.FUTURE < TaskState.WAITING < TaskState.READY < TaskState.STARTED < TaskState.COMPLETED
    bases = {base for ours in spiff_names.engine_classes() for base in spiff_names.spiff_bases(ours)}
    assert {Task, TaskSpec, BpmnTaskSpec, BpmnSpecMixin, WorkflowSpec, BpmnProcessSpec, BpmnWorkflow} <= bases
    assert {BpmnParser, ProcessParser, TaskParser, NodeParser} <= bases


# -- what SpiffWorkflow's constructors leave behind --------------------------------------------------------------------


def test_a_spec_has_the_attributes_we_read() -> None:
    spec = ProcessSpec("p", "described", "file.bpmn")
    made = BpmnSpecMixin(spec, "x", bpmn_name="X")
    assert (made.name, made.bpmn_id, made.bpmn_name) == ("x", "x", "X")
    assert spec.task_specs["x"] is made
    assert spec.name == "p"


def reader_of(source: bytes) -> DiagramReader:
    document = read_document(source, "file.bpmn")
    reader = DiagramReader(document, frozenset(), lambda _: None, scripts)
    reader.add_bpmn_xml(document.root, "file.bpmn")
    return reader


def test_a_parser_has_the_tables_we_read() -> None:
    reader = reader_of(process(node("startEvent", "s")))
    assert reader.signals == {"s1": "S1", "s2": "S2"}
    assert reader.messages == {"m1": "M1", "m2": "M2"}
    assert {key: error["error_code"] for key, error in reader.errors.items()} == {"e1": "E1", "e2": "E2"}
    assert {key: one["escalation_code"] for key, one in reader.escalations.items()} == {"c1": "C1", "c2": "C2"}
    inner = reader.get_process_parser("p")
    assert isinstance(inner, ProcessReader)
    assert (inner.parser, inner.filename, inner.bpmn_id, inner.node.get("id")) == (reader, "file.bpmn", "p", "p")
    assert inner.spec is None


def test_a_reader_of_a_node_has_the_attributes_we_read() -> None:
    inner = reader_of(process(node("startEvent", "s"))).get_process_parser("p")
    inner.get_spec()
    element = inner.node.find("{*}startEvent")
    reader_class, spec_class = READERS[element.tag]
    reader = reader_class(inner, spec_class, element, inner.nsmap)
    assert (reader.process_parser, reader.spec_class, reader.spec, reader.node) == (
        inner,
        spec_class,
        inner.spec,
        element,
    )
    assert (reader.nsmap, reader.bpmn_id) == (inner.nsmap, "s")


@pytest.mark.parametrize("tag", READERS)
def test_our_readers_come_before_the_stock_ones(tag: str) -> None:
    reader = reader_of(process(node("startEvent", "s")))
    assert reader._get_parser_class(tag) == READERS[tag]


def test_no_stock_reader_is_left_over() -> None:
    reader = reader_of(process(node("startEvent", "s")))
    for tag in BpmnParser.PARSER_CLASSES.keys() - READERS.keys():
        assert reader._get_parser_class(tag) == (None, None)


# -- who calls whom ----------------------------------------------------------------------------------------------------

EVERYTHING = process(
    node("startEvent", "s"), gateway("eventBased", "g"), catch("m", MESSAGE), users("u", "after"),
    sub("inner", node("startEvent", "i"), does("d", "1", many(2)), ways("i > d")), ways("s > g > m > u > inner > after"),
    '<bpmn:dataObject id="o"/><bpmn:dataStoreReference id="r" dataStoreRef="store"/>',
    '<bpmn:laneSet id="l"><bpmn:lane id="l1" name="people"><bpmn:flowNodeRef>u</bpmn:flowNodeRef></bpmn:lane></bpmn:laneSet>',
).replace(b"</bpmn:definitions>", b'<bpmn:dataStore id="store" name="x"/></bpmn:definitions>')  # fmt: skip

# called by SpiffWorkflow itself, and from where; the others are called by the engine only
BY_SPIFF = {
    "Token._set_state": {"_ready", "complete"},
    "Node._on_ready": {"_ready"},
    "Node._on_complete": {"complete"},
    "DiagramReader._add_processes": {"add_bpmn_xml"},
    "DiagramReader._add_data_stores": {"add_bpmn_xml"},
    "DiagramReader._add_diagram_indexes": {"add_bpmn_xml"},
    "DiagramReader._add_correlations": {"add_bpmn_xml"},
    "ProcessReader.__init__": {"create_parser"},
    "ProcessReader._parse": {"get_spec"},
    "NodeReader.parse_node": {"parse_node"},
}


class Calls:
    """Every overridden function records its calls; `by_spiff` has the functions of SpiffWorkflow that called it."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.by_spiff: dict[str, set[str]] = {}

    def recording(self, override: spiff_names.Override, original: Callable[..., Any]) -> Callable[..., Any]:
        key = str(override)

        def called(*arguments: Any, **named: Any) -> Any:
            self.seen.add(key)
            caller = sys._getframe(1)
            if "SpiffWorkflow" in caller.f_code.co_filename:
                self.by_spiff.setdefault(key, set()).add(caller.f_code.co_name)
            return original(*arguments, **named)

        return called


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    recorder = Calls()
    for override in OVERRIDES:
        member = vars(override.ours)[override.name]
        if isinstance(member, property):
            assert member.fget is not None
            monkeypatch.setattr(override.ours, override.name, property(recorder.recording(override, member.fget)))
        elif spiff_names.shape(member)[0] == "function":
            monkeypatch.setattr(override.ours, override.name, recorder.recording(override, member))
    yield recorder
    monkeypatch.undo()


def test_every_override_is_called_and_those_of_spiff_by_spiff(calls: Calls) -> None:
    run = Driver(EVERYTHING)
    run.receive("M1")
    run.complete("u")
    assert run.tree == "after"
    run.complete("after")
    assert run.is_ended
    # constructors of kinds of nodes that the diagram does not have are nobody's hooks
    wanted = {
        str(override)
        for override in OVERRIDES
        if (override.name != "__init__" or not issubclass(override.ours, Node))
        and spiff_names.shape(vars(override.ours)[override.name])[0] != "value"
    }
    assert wanted - calls.seen == set()
    assert {key: calls.by_spiff.get(key) for key in BY_SPIFF} == BY_SPIFF


def test_spiff_calls_the_hooks_in_the_order_we_count_on(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = [override.name for override in OVERRIDES if override.ours is Node and override.name != "__init__"]
    order: list[str] = []
    for name in hooks:
        original = getattr(Node, name)

        def recording(self: Node, token: Token, _name: str = name, _original: Any = original) -> Any:
            if self.name == "t":
                order.append(_name)
            return _original(self, token)

        monkeypatch.setattr(Node, name, recording)
    Driver(diagram('<bpmn:startEvent id="s"/><bpmn:task id="t"/>' + flows("s", "t")))
    assert order == ["_update", "_on_ready", "_run", "_run_hook", "_on_complete", "_on_complete_hook"]


class Spec:
    """A node that only writes down what Spiff's Task asks of it."""

    def __init__(self, asked: list[tuple[str, int]]) -> None:
        self.asked = asked

    def __getattr__(self, hook: str) -> Callable[[Token], None]:
        return lambda token: self.asked.append((hook, token._state))


def lone_token() -> tuple[Token, list[tuple[str, int]]]:
    asked: list[tuple[str, int]] = []
    run = Driver(diagram('<bpmn:startEvent id="s"/><bpmn:userTask id="t"/>' + flows("s", "t")))
    instance = run.load()._instance
    return Token(instance, Spec(asked), instance.task_tree, 99), asked  # type: ignore[arg-type]


def test_the_methods_that_tokens_inherit_do_what_we_think() -> None:
    token, asked = lone_token()
    token._ready()
    assert asked == [("_on_ready", TaskState.READY)]
    assert token.workflow.ready == [token]
    token.complete()
    assert asked[1:] == [("_on_complete", TaskState.COMPLETED)]
    # who is complete cannot become ready again
    token._ready()
    assert len(asked) == 2


def test_our_classes_are_spiffs() -> None:
    run = Driver(diagram('<bpmn:startEvent id="s"/><bpmn:userTask id="t"/>' + flows("s", "t")))
    instance = run.load()._instance
    assert isinstance(instance, BpmnWorkflow)
    assert isinstance(instance.spec, BpmnProcessSpec)
    assert all(isinstance(token, Task) for token in instance.tasks.values())
    assert all(isinstance(one, BpmnSpecMixin) for one in instance.nodes.values())


def test_an_instance_is_made_without_spiffs_constructor_and_so_without_a_clock_or_chance() -> None:
    source = diagram('<bpmn:startEvent id="s"/><bpmn:userTask id="t"/>' + flows("s", "t"))
    assert Driver(source).state == Driver(source).state
