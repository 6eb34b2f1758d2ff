"""What `benchmarks/engine.py` measures: a diagram of `n` elements, turns or tokens, and how it is driven."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import process_time
from typing import Any, Literal

import orjson

from benchmarks.engine_diagrams import (
    OURS,
    Dialect,
    boundary,
    condition_event,
    definitions,
    end,
    flow,
    multi_instance,
    node,
    path,
    script,
    signal_event,
    signals,
    split_and_join,
    start,
    timer,
    user_task,
)
from benchmarks.engine_world import World
from mlc_service.engine import Definition, parse_bpmn
from mlc_service.engine.values import TypedValue

Drive = Literal["run", "tasks", "one task", "messages", "cancel", "parse"]
THOUSANDS = (1_000, 2_000, 5_000, 10_000)
HUNDREDS = (250, 500, 1_000, 2_000)


@dataclass(frozen=True, slots=True)
class Case:
    """A diagram that grows with `n`, and what is timed.

    `drive` is one of
      run       start it; it runs to its end in one command
      tasks     start it, then complete its user tasks one after the other: load, run, store each time
      one task  complete one user task of an instance that has `n` tokens: load, run, store
      messages  start it, then give it `n` messages, one after the other: load, run, store each time
      cancel    delete the instance that waits
      parse     read the diagram
    `peer_sizes` are those for which the same diagram is handed to SpiffWorkflow as it comes; there are none where it
    cannot run it. `waits_at_end`: the instance is not over when the time has been taken.
    """

    group: str
    name: str
    counted: str
    diagram: Callable[[int, Dialect], bytes]
    sizes: tuple[int, ...]
    drive: Drive = "run"
    variables: Callable[[int], Mapping[str, Any]] = lambda n: {}
    called: Callable[[int, Dialect], tuple[bytes, ...]] = lambda n, dialect: ()
    peer_sizes: tuple[int, ...] = ()
    waits_at_end: bool = False

    def parsed(self, n: int) -> list[Definition]:
        """The diagram, and those it calls, read."""
        return [
            definition
            for source in (self.diagram(n, OURS), *self.called(n, OURS))
            for definition in parse_bpmn(source, "benchmark.bpmn", frozenset())
        ]

    def seconds(self, n: int, parsed: list[Definition]) -> float:
        """CPU seconds of one run on our engine."""
        if self.drive == "parse":
            source = self.diagram(n, OURS)
            return _timed(lambda: parse_bpmn(source, "benchmark.bpmn", frozenset()))
        world = World(parsed)
        variables = self.variables(n)
        if self.drive == "run":
            seconds = _timed(lambda: world.start(variables))
        elif self.drive == "tasks":
            seconds = _timed(lambda: (world.start(variables), world.complete_all()))
        elif self.drive == "messages":
            seconds = _timed(lambda: world.receive_all(world.start(variables), n))
        else:
            first = world.start(variables)
            holder = next((key for key in reversed(world.rows) if world.rows[key].tasks), first)
            number = next(reversed(world.rows[holder].tasks), 0)
            if self.drive == "cancel":
                seconds = _timed(lambda: world.feed(first, lambda one: one.cancel()))
            else:
                seconds = _timed(lambda: world.feed(holder, lambda one: one.complete_task(number)))
        if world.is_ended == self.waits_at_end:
            raise SystemExit(f"{self.group}, {self.name}: {n} {self.counted} did not come to the expected end")
        return seconds


def _timed(work: Callable[[], object]) -> float:
    gc.collect()
    began = process_time()
    work()
    return process_time() - began


# -- loops ----------------------------------------------------------------------------------------------------------


def _loop(_n: int, dialect: Dialect) -> bytes:
    again = dialect.expression("n < limit")
    return definitions(
        start() + script("turn", dialect.assignment("n", "n + 1"))
        + node("exclusiveGateway", "again", default="again-end") + end()
        + path("start", "turn", "again") + flow("again", "turn", again) + flow("again", "end")
    )  # fmt: skip


def _loop_with_task(_n: int, dialect: Dialect) -> bytes:
    again = dialect.expression("n < limit")
    return definitions(
        start() + script("turn", dialect.assignment("n", "n + 1")) + user_task("ask")
        + node("exclusiveGateway", "again", default="again-end") + end()
        + path("start", "turn", "ask", "again") + flow("again", "turn", again) + flow("again", "end")
    )  # fmt: skip


def _loop_with_everything(_n: int, dialect: Dialect) -> bytes:
    """A turn: a split, in one branch a user task with a boundary timer, in the other a sub-process; a join."""
    again = dialect.expression("n < limit")
    inner = start("inside") + script("turn", dialect.assignment("n", "n + 1")) + end("outside")
    return definitions(
        start() + node("exclusiveGateway", "merge") + node("parallelGateway", "split") + user_task("ask")
        + boundary("late", "ask", timer(dialect.duration)) + end("too_late")
        + node("subProcess", "sub", inner + path("inside", "turn", "outside")) + node("parallelGateway", "join")
        + node("exclusiveGateway", "again", default="again-end") + end()
        + path("start", "merge", "split", "ask", "join", "again") + path("split", "sub", "join")
        + path("late", "too_late") + flow("again", "merge", again) + flow("again", "end")
    )  # fmt: skip


def _messages(_n: int, _dialect: Dialect) -> bytes:
    """A user task at which a message may come as often as it likes."""
    message = '<bpmn:messageEventDefinition messageRef="message" />'
    return definitions(
        start() + user_task("ask") + boundary("came", "ask", message, interrupting=False) + end() + end("noted")
        + path("start", "ask", "end") + path("came", "noted"),
        '<bpmn:message id="message" name="message" />',
    )  # fmt: skip


def _counting(n: int) -> dict[str, Any]:
    return {"n": 0, "limit": n}


# -- multi-instance -------------------------------------------------------------------------------------------------


def _listed(n: int) -> dict[str, Any]:
    return {"all": list(range(n))}


def _listed_as_json(n: int) -> dict[str, Any]:
    return {"all": TypedValue("Json", orjson.dumps(list(range(n))).decode())}


def _items(content: Callable[[str, Dialect], str], *, is_sequential: bool, collection: str = "") -> Any:
    def diagram(n: int, dialect: Dialect) -> bytes:
        loop = multi_instance("" if collection else str(n), is_sequential=is_sequential, collection=collection)
        return definitions(start() + content(loop, dialect) + end() + path("start", "work", "end"))

    return diagram


def _script_item(loop: str, dialect: Dialect) -> str:
    return script("work", dialect.assignment("seen", "1"), loop)


def _plain_item(loop: str, _dialect: Dialect) -> str:
    return node("task", "work", loop)


def _task_item(loop: str, _dialect: Dialect) -> str:
    return node("userTask", "work", loop)


def _sub_process_item(loop: str, dialect: Dialect) -> str:
    inner = start("inside") + script("turn", dialect.assignment("seen", "1")) + end("outside")
    return node("subProcess", "work", loop + inner + path("inside", "turn", "outside"))


def _call_item(loop: str, _dialect: Dialect) -> str:
    return node("callActivity", "work", loop, calledElement="called")


# -- branches -------------------------------------------------------------------------------------------------------


def _branches(content: Callable[[int, Dialect], str], gateway: str = "parallelGateway", outside: Any = None) -> Any:
    """Split and join around n branches, in each of which stands `t0`, `t1` …"""

    def diagram(n: int, dialect: Dialect) -> bytes:
        branches = ((content(index, dialect), f"t{index}", f"t{index}") for index in range(n))
        return definitions(split_and_join(branches, gateway), outside(n) if outside else "")

    return diagram


def _script_branch(index: int, dialect: Dialect) -> str:
    return script(f"t{index}", dialect.assignment("seen", "1"))


def _task_with_timer(index: int, dialect: Dialect) -> str:
    return user_task(f"t{index}") + boundary(f"b{index}", f"t{index}", timer(dialect.duration)) + late(index)


def late(index: int) -> str:
    return end(f"late{index}") + path(f"b{index}", f"late{index}")


def _tasks_in_a_row(n: int, dialect: Dialect) -> bytes:
    """Script tasks with a boundary timer each, one after the other."""
    parts = [start(), end(), path("start", *(f"t{index}" for index in range(n)), "end")]
    for index in range(n):
        parts.append(_script_branch(index, dialect))
        parts.append(boundary(f"b{index}", f"t{index}", timer(dialect.duration)) + late(index))
    return definitions("".join(parts))


def _thrown_signals(n: int, _dialect: Dialect) -> bytes:
    """Half of the branches wait for a signal of their own, one branch throws them all, one after the other."""
    branches = [
        (node("intermediateCatchEvent", f"t{index}", signal_event(f"s{index}")), f"t{index}", f"t{index}")
        for index in range(n)
    ]
    throws = [f"x{index}" for index in range(n)]
    thrown = "".join(node("intermediateThrowEvent", f"x{index}", signal_event(f"s{index}")) for index in range(n))
    branches.append((thrown + path(*throws), throws[0], throws[-1]))
    return definitions(split_and_join(branches), signals(f"s{index}" for index in range(n)))


def _one_signal(n: int, _dialect: Dialect) -> bytes:
    """All branches wait for the same signal, one throws it."""
    branches = [
        (node("intermediateCatchEvent", f"t{index}", signal_event("s")), f"t{index}", f"t{index}") for index in range(n)
    ]
    branches.append((node("intermediateThrowEvent", "x", signal_event("s")), "x", "x"))
    return definitions(split_and_join(branches), signals(["s"]))


def _conditions_by_name(n: int, _dialect: Dialect) -> bytes:
    """All branches but one wait for a variable of their own; the last branch writes them, one after the other."""
    branches = [
        (
            node("intermediateCatchEvent", f"t{index}", condition_event(f"${{v{index} == 1}}", f"v{index}")),
            f"t{index}",
            f"t{index}",
        )
        for index in range(n)
    ]
    writes = "".join(node("serviceTask", f"w{i}", camunda__expression="${1}", camunda__resultVariable=f"v{i}")
                     for i in range(n))  # fmt: skip
    branches.append((writes + path(*(f"w{index}" for index in range(n))), "w0", f"w{n - 1}"))
    return definitions(split_and_join(branches))


def _one_condition(n: int, _dialect: Dialect) -> bytes:
    """All branches but one wait for the same condition on any variable; the last writes once."""
    branches = [
        (node("intermediateCatchEvent", f"t{index}", condition_event("${v == 1}")), f"t{index}", f"t{index}")
        for index in range(n)
    ]
    branches.append((node("serviceTask", "w", camunda__expression="${1}", camunda__resultVariable="v"), "w", "w"))
    return definitions(split_and_join(branches))


def _tasks_with_condition(n: int, _dialect: Dialect) -> bytes:
    """Multi-instance user tasks with a conditional boundary event each, which looks at a variable of its task."""
    loop = multi_instance(str(n), is_sequential=False)
    inner = (
        start("inside") + user_task("ask") + end("outside") + path("inside", "ask", "outside")
        + boundary("b0", "ask", condition_event("${mine == 1}", "mine")) + late(0)
    )  # fmt: skip
    return definitions(start() + node("subProcess", "work", loop + inner) + end() + path("start", "work", "end"))


def _event_gateways(n: int, dialect: Dialect) -> bytes:
    """Each branch waits behind an event-based gateway for a signal of its own or a timer; one branch throws them."""
    branches = []
    for index in range(n):
        content = (
            node("eventBasedGateway", f"t{index}")
            + node("intermediateCatchEvent", f"c{index}", signal_event(f"s{index}"))
            + node("intermediateCatchEvent", f"d{index}", timer(dialect.duration))
            + path(f"t{index}", f"c{index}", f"m{index}") + path(f"t{index}", f"d{index}", f"m{index}")
            + node("exclusiveGateway", f"m{index}")
        )  # fmt: skip
        branches.append((content, f"t{index}", f"m{index}"))
    thrown = "".join(node("intermediateThrowEvent", f"x{index}", signal_event(f"s{index}")) for index in range(n))
    branches.append((thrown + path(*(f"x{index}" for index in range(n))), "x0", f"x{n - 1}"))
    return definitions(split_and_join(branches), signals(f"s{index}" for index in range(n)))


# -- compensation, calls --------------------------------------------------------------------------------------------


def _compensated(n: int, _dialect: Dialect) -> bytes:
    """Activities in a row, each with a handler; then all are undone."""
    parts = [start(), end(), node("intermediateThrowEvent", "undo", "<bpmn:compensateEventDefinition />")]
    parts.append(path("start", *(f"t{index}" for index in range(n)), "undo", "end"))
    for index in range(n):
        parts += [
            node("serviceTask", f"t{index}", camunda__expression="${1}"),
            node("boundaryEvent", f"b{index}", "<bpmn:compensateEventDefinition />", attachedToRef=f"t{index}"),
            node("serviceTask", f"h{index}", camunda__expression="${1}", isForCompensation="true"),
            f'<bpmn:association id="a{index}" sourceRef="b{index}" targetRef="h{index}" />',
        ]
    return definitions("".join(parts))


def _compensated_loop(_n: int, dialect: Dialect) -> bytes:
    """One activity, done n times in a loop, then undone as often, one name given."""
    again = dialect.expression("n < limit")
    return definitions(
        start() + script("turn", dialect.assignment("n", "n + 1"))
        + node("boundaryEvent", "b", "<bpmn:compensateEventDefinition />", attachedToRef="turn")
        + node("serviceTask", "h", camunda__expression="${1}", isForCompensation="true")
        + '<bpmn:association id="a" sourceRef="b" targetRef="h" />'
        + node("exclusiveGateway", "again", default="again-undo")
        + node("intermediateThrowEvent", "undo", '<bpmn:compensateEventDefinition activityRef="turn" />') + end()
        + path("start", "turn", "again") + flow("again", "turn", again) + path("again", "undo", "end")
    )  # fmt: skip


def _nested_calls(_n: int, _dialect: Dialect) -> bytes:
    call = node("callActivity", "call", calledElement="p1")
    return definitions(start() + call + end() + path("start", "call", "end"))


def _called_in_turn(n: int, dialect: Dialect) -> tuple[bytes, ...]:
    """Processes p1 to pn, each of which calls the next; the last runs a script."""
    called = []
    for depth in range(1, n + 1):
        work = node("callActivity", "call", calledElement=f"p{depth + 1}") if depth < n else _script_branch(0, dialect)
        at = "call" if depth < n else "t0"
        called.append(definitions(start() + work + end() + path("start", at, "end"), key=f"p{depth}"))
    return tuple(called)


def _called_in_turn_to_a_task(n: int, dialect: Dialect) -> tuple[bytes, ...]:
    *others, _ = _called_in_turn(n, dialect)
    last = definitions(start() + user_task("ask") + end() + path("start", "ask", "end"), key=f"p{n}")
    return (*others, last)


def _with_a_signal(_n: int, _dialect: Dialect) -> tuple[bytes, ...]:
    thrown = node("endEvent", "thrown", signal_event("s"))
    return (definitions(start() + thrown + path("start", "thrown"), signals(["s"]), key="called"),)


def _with_a_task(_n: int, _dialect: Dialect) -> tuple[bytes, ...]:
    return (definitions(start() + user_task("ask") + end() + path("start", "ask", "end"), key="called"),)


def _with_a_script(_n: int, dialect: Dialect) -> tuple[bytes, ...]:
    return (definitions(start() + _script_branch(0, dialect) + end() + path("start", "t0", "end"), key="called"),)


def _nested_sub_processes(n: int, dialect: Dialect) -> bytes:
    content = _script_branch(0, dialect)
    at = "t0"
    for depth in range(n):
        inside = start(f"s{depth}") + content + end(f"e{depth}") + path(f"s{depth}", at, f"e{depth}")
        at = f"sub{depth}"
        content = node("subProcess", at, inside)
    return definitions(start() + content + end() + path("start", at, "end"))


# -- reading --------------------------------------------------------------------------------------------------------


def _sub_processes_in_a_row(n: int, dialect: Dialect) -> bytes:
    parts = [start(), end(), path("start", *(f"p{index}" for index in range(n)), "end")]
    for index in range(n):
        inner = start(f"s{index}") + _script_branch(index, dialect) + end(f"e{index}")
        parts.append(node("subProcess", f"p{index}", inner + path(f"s{index}", f"t{index}", f"e{index}")))
    return definitions("".join(parts))


_LOOPS, _MULTI, _CALLS, _BRANCH, _TASKS, _EVENTS, _UNDO, _READ = (
    "loops", "multi-instance", "calls and nesting", "parallel branches", "user tasks with a timer each", "events",
    "compensation", "reading a diagram",
)  # fmt: skip
CASES = (
    Case(_LOOPS, "loop in one command", "turns", _loop, THOUSANDS, variables=_counting, peer_sizes=(100, 400, 800)),
    Case(_LOOPS, "loop, stored every turn", "turns", _loop_with_task, THOUSANDS, "tasks", _counting,
         peer_sizes=(25, 50, 100)),
    Case(_LOOPS, "loop with split, join, sub-process and boundary timer, stored every turn", "turns",
         _loop_with_everything, THOUSANDS, "tasks", _counting, peer_sizes=(5,)),
    Case(_LOOPS, "non-interrupting message boundary event, fired again and again, stored every time", "messages",
         _messages, THOUSANDS, "messages", waits_at_end=True),
    Case(_MULTI, "sequential", "items", _items(_script_item, is_sequential=True), THOUSANDS,
         peer_sizes=(100, 300, 1_000)),
    Case(_MULTI, "sequential over a list", "items", _items(_script_item, is_sequential=True, collection="all"),
         THOUSANDS, variables=_listed),
    Case(_MULTI, "sequential over a Json text", "items", _items(_plain_item, is_sequential=True, collection="all"),
         THOUSANDS, variables=_listed_as_json),
    Case(_MULTI, "sequential sub-process", "items", _items(_sub_process_item, is_sequential=True), THOUSANDS),
    Case(_MULTI, "sequential user task, stored every item", "items", _items(_task_item, is_sequential=True),
         THOUSANDS, "tasks", peer_sizes=(25, 50, 100)),
    Case(_MULTI, "parallel", "items", _items(_script_item, is_sequential=False), HUNDREDS,
         peer_sizes=(100, 300, 1_000)),
    Case(_MULTI, "parallel over a list", "items", _items(_script_item, is_sequential=False, collection="all"),
         HUNDREDS, variables=_listed),
    Case(_MULTI, "parallel sub-process", "items", _items(_sub_process_item, is_sequential=False), HUNDREDS),
    Case(_MULTI, "parallel call activity", "calls", _items(_call_item, is_sequential=False), HUNDREDS,
         called=_with_a_script),
    Case(_MULTI, "parallel call activity, a signal thrown by each", "calls", _items(_call_item, is_sequential=False),
         HUNDREDS, called=_with_a_signal),
    Case(_MULTI, "complete one of the parallel user tasks", "live tokens", _items(_task_item, is_sequential=False),
         HUNDREDS, "one task", waits_at_end=True),
    Case(_MULTI, "complete the user task of one of the called processes", "live calls",
         _items(_call_item, is_sequential=False), HUNDREDS, "one task", called=_with_a_task, waits_at_end=True),
    Case(_CALLS, "nested call activities", "levels", _nested_calls, (3, 5, 10, 20), called=_called_in_turn,
         peer_sizes=(5, 10, 20)),
    Case(_CALLS, "nested call activities with a user task, deleted", "levels", _nested_calls, (3, 5, 10, 20), "cancel",
         called=_called_in_turn_to_a_task),
    Case(_CALLS, "nested sub-processes", "levels", _nested_sub_processes, (3, 5, 10, 20), peer_sizes=(5, 10, 20)),
    Case(_BRANCH, "parallel split and join", "branches", _branches(_script_branch), THOUSANDS,
         peer_sizes=(100, 300, 1_000)),
    Case(_BRANCH, "inclusive split and join", "branches", _branches(_script_branch, "inclusiveGateway"), THOUSANDS),
    Case(_BRANCH, "script tasks with a boundary timer, in a row", "tasks", _tasks_in_a_row, THOUSANDS,
         peer_sizes=(50, 100, 200)),
    Case(_TASKS, "start", "tasks", _branches(_task_with_timer), THOUSANDS, waits_at_end=True),
    Case(_TASKS, "complete one", "live tokens", _branches(_task_with_timer), HUNDREDS, "one task", waits_at_end=True),
    Case(_TASKS, "delete", "tasks", _branches(_task_with_timer), THOUSANDS, "cancel"),
    Case(_TASKS, "complete all, stored every time", "tasks", _branches(_task_with_timer), (), "tasks",
         peer_sizes=(20, 50, 100)),
    Case(_EVENTS, "signals, each awaited once", "signals", _thrown_signals, THOUSANDS, peer_sizes=(20, 50, 100)),
    Case(_EVENTS, "a signal awaited by all", "events", _one_signal, THOUSANDS, peer_sizes=(20, 50, 100)),
    Case(_EVENTS, "event-based gateways", "gateways", _event_gateways, HUNDREDS),
    Case(_EVENTS, "conditional events, each for a variable of its own", "events", _conditions_by_name, HUNDREDS),
    Case(_EVENTS, "a condition awaited by all", "events", _one_condition, HUNDREDS),
    Case(_EVENTS, "multi-instance tasks with a conditional boundary event each, start", "events",
         _tasks_with_condition, HUNDREDS, waits_at_end=True),
    Case(_UNDO, "activities in a row, all undone", "activities", _compensated, HUNDREDS),
    Case(_UNDO, "an activity in a loop, undone as often", "turns", _compensated_loop, THOUSANDS, variables=_counting),
    Case(_READ, "tasks in a row with boundary timers", "tasks", _tasks_in_a_row, HUNDREDS, "parse"),
    Case(_READ, "branches", "branches", _branches(_script_branch), HUNDREDS, "parse"),
    Case(_READ, "sub-processes", "sub-processes", _sub_processes_in_a_row, HUNDREDS, "parse"),
    Case(_READ, "activities with a compensation handler", "activities", _compensated, HUNDREDS, "parse"),
)  # fmt: skip
