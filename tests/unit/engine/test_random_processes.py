"""Random well-structured processes: every instance ends, no token is lost or doubled, and reloading changes nothing.

A process is built of blocks with one way in and one way out. What must have completed when it ends follows from the
blocks, so the engine is compared with their structure and not with itself. `MLC_DEEP=1` tries many more of them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlc_service.engine import Execution, parse_bpmn
from mlc_service.engine import effects as fx
from tests.unit.engine.driver import INSTANCE_ID, KNOWN_DELEGATES, Driver, Stored, diagram, flow

EXAMPLES = 2_000 if os.environ.get("MLC_DEEP") else 60
# moves after which a process of this size has long ended
MOST_MOVES = 3_000
OUTSIDE = '<bpmn:message id="m" name="go"/><bpmn:signal id="sig" name="beat"/><bpmn:error id="err" errorCode="E"/>'


@dataclass
class Block:
    """A piece of a process: its XML, where flows enter and leave it, and how often each activity completes in it."""

    xml: str
    first: str
    last: str
    completes: Counter[str] = field(default_factory=Counter)


class Builder:
    """Makes blocks with ids of their own; `called` are the processes of call activities."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw
        self._count = 0
        self.called: list[bytes] = []

    def id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"

    def block(self, depth: int) -> Block:
        kinds = [self.task, self.user, self.receive, self.timer, self.external, self.asynchronous]
        if depth:
            kinds += [self.sequence, self.parallel, self.inclusive, self.exclusive, self.sub_process, self.loop]
            kinds += [self.multi_instance, self.call, self.guarded, self.undone]
        return self._draw(st.sampled_from(kinds))(depth - 1)

    # -- single elements --------------------------------------------------------------------------------------------

    def one(self, tag: str, id: str, attributes: str = "", inside: str = "") -> Block:
        return Block(f'<bpmn:{tag} id="{id}" {attributes}>{inside}</bpmn:{tag}>', id, id, Counter([id]))

    def task(self, _depth: int) -> Block:
        return self.one("task", self.id("task"))

    def user(self, _depth: int) -> Block:
        return self.one("userTask", self.id("user"))

    def receive(self, _depth: int) -> Block:
        return self.one("receiveTask", self.id("receive"), 'messageRef="m"')

    def external(self, _depth: int) -> Block:
        return self.one("serviceTask", self.id("external"), 'camunda:type="external" camunda:topic="t"')

    def asynchronous(self, _depth: int) -> Block:
        side = self._draw(st.sampled_from(["Before", "After"]))
        return self.one("task", self.id("async"), f'camunda:async{side}="true"')

    def timer(self, _depth: int) -> Block:
        definition = (
            "<bpmn:timerEventDefinition><bpmn:timeDuration>PT1M</bpmn:timeDuration></bpmn:timerEventDefinition>"
        )
        return self.one("intermediateCatchEvent", self.id("timer"), inside=definition)

    # -- what holds others ------------------------------------------------------------------------------------------

    def sequence(self, depth: int) -> Block:
        parts = [self.block(depth) for _ in range(self._draw(st.integers(2, 3)))]
        joined = "".join(flow(one.last, other.first) for one, other in pairwise(parts))
        return Block(
            "".join(part.xml for part in parts) + joined, parts[0].first, parts[-1].last, _sum(part.completes for part in parts)
        )  # fmt: skip

    def _split(self, depth: int, kind: str, conditions: list[str | None]) -> tuple[Block, list[Block]]:
        split, join = self.id("split"), self.id("join")
        branches = [self.block(depth) for _ in conditions]
        xml = f'<bpmn:{kind} id="{split}"/><bpmn:{kind} id="{join}"/>'
        for branch, condition in zip(branches, conditions, strict=True):
            xml += branch.xml + flow(split, branch.first, condition) + flow(branch.last, join)
        return Block(xml, split, join, Counter([split])), branches

    def parallel(self, depth: int) -> Block:
        block, branches = self._split(depth, "parallelGateway", [None] * self._draw(st.integers(2, 3)))
        # a row for each token that arrives at the join
        block.completes += _sum(branch.completes for branch in branches) + Counter({block.last: len(branches)})
        return block

    def inclusive(self, depth: int) -> Block:
        chosen = self._draw(st.lists(st.booleans(), min_size=2, max_size=3).filter(any))
        block, branches = self._split(depth, "inclusiveGateway", [f"${{{str(one).lower()}}}" for one in chosen])
        taken = [branch for branch, is_taken in zip(branches, chosen, strict=True) if is_taken]
        block.completes += _sum(branch.completes for branch in taken) + Counter({block.last: len(taken)})
        return block

    def exclusive(self, depth: int) -> Block:
        chosen = self._draw(st.integers(0, 1))
        block, branches = self._split(
            depth, "exclusiveGateway", ["${true}" if one == chosen else "${false}" for one in range(2)]
        )
        block.completes += branches[chosen].completes + Counter([block.last])
        return block

    def loop(self, depth: int) -> Block:
        """A sub-process that goes round; its counter is its own, as many of it may run beside each other."""
        turns, body = self._draw(st.integers(1, 4)), self.block(depth)
        begin, merge, count, again, out = (self.id(kind) for kind in ("begin", "merge", "count", "again", "out"))
        id, name = self.id("loop"), self.id("n")
        inside = (
            f'<bpmn:extensionElements><camunda:inputOutput><camunda:inputParameter name="{name}">${{0}}'
            f'</camunda:inputParameter></camunda:inputOutput></bpmn:extensionElements><bpmn:startEvent id="{begin}"/>'
            # the body may begin with a gateway, which must not take the way back for one that it joins
            f'<bpmn:exclusiveGateway id="{merge}"/>{body.xml}<bpmn:serviceTask id="{count}" '
            f"camunda:expression=\"${{execution.setVariable('{name}', {name} + 1)}}\"/>"
            f'<bpmn:exclusiveGateway id="{again}" default="{again}-out"/><bpmn:endEvent id="{out}"/>'
            + flow(begin, merge) + flow(merge, body.first) + flow(body.last, count) + flow(count, again)
            + flow(again, merge, f"${{{name} &lt; {turns}}}") + flow(again, out, flow_id=f"{again}-out")
        )  # fmt: skip
        block = self.one("subProcess", id, inside=inside)
        block.completes += Counter({one: times * turns for one, times in body.completes.items()})
        block.completes += Counter({begin: 1, merge: turns, count: turns, again: turns, out: 1})
        return block

    def _wrapped(self, depth: int) -> tuple[str, Counter[str]]:
        start, end, body = self.id("start"), self.id("end"), self.block(depth)
        inside = f'<bpmn:startEvent id="{start}"/>{body.xml}<bpmn:endEvent id="{end}"/>'
        return inside + flow(start, body.first) + flow(body.last, end), body.completes + Counter([start, end])

    def sub_process(self, depth: int) -> Block:
        inside, completes = self._wrapped(depth)
        block = self.one("subProcess", self.id("sub"), inside=inside)
        block.completes += completes
        return block

    def multi_instance(self, depth: int) -> Block:
        times, sequential = self._draw(st.integers(0, 3)), self._draw(st.booleans())
        loop = (
            f'<bpmn:multiInstanceLoopCharacteristics isSequential="{str(sequential).lower()}">'
            f"<bpmn:loopCardinality>{times}</bpmn:loopCardinality></bpmn:multiInstanceLoopCharacteristics>"
        )
        inside, completes = self._wrapped(depth)
        id = self.id("each")
        block = self.one("subProcess", id, inside=loop + inside)
        block.completes = Counter({one: count * times for one, count in completes.items()})
        block.completes += Counter({f"{id}#multiInstanceBody": 1, id: times})
        return block

    def call(self, depth: int) -> Block:
        inside, _ = self._wrapped(depth)
        key = self.id("called")
        self.called.append(
            diagram(inside, OUTSIDE).replace(b'<bpmn:process id="p"', f'<bpmn:process id="{key}"'.encode())
        )
        return self.one("callActivity", self.id("call"), f'calledElement="{key}"')

    def guarded(self, depth: int) -> Block:
        """A sub-process that ends by an error of its own, which its boundary event turns into a detour."""
        inside, start = self.block(depth), self.id("start")
        id, boundary, error, after = self.id("guarded"), self.id("caught"), self.id("fails"), self.id("after")
        content = (
            f'<bpmn:startEvent id="{start}"/>{inside.xml}<bpmn:endEvent id="{error}"><bpmn:errorEventDefinition '
            f'errorRef="err"/></bpmn:endEvent>' + flow(start, inside.first) + flow(inside.last, error)
        )
        xml = (
            f'<bpmn:subProcess id="{id}">{content}</bpmn:subProcess><bpmn:boundaryEvent id="{boundary}" '
            f'attachedToRef="{id}"><bpmn:errorEventDefinition errorRef="err"/></bpmn:boundaryEvent>'
            f'<bpmn:task id="{after}"/>' + flow(id, after) + flow(boundary, after)
        )
        return Block(xml, id, after, inside.completes + Counter([start, boundary, after]))

    def undone(self, depth: int) -> Block:
        """A sub-process whose task is undone by a compensation event after it."""
        inside, completes = self._wrapped(depth)
        id, done, event, undo, throw = (self.id(kind) for kind in ("done", "book", "cb", "undo", "throw"))
        xml = (
            f'<bpmn:subProcess id="{id}">{inside}</bpmn:subProcess><bpmn:task id="{done}"/>'
            f'<bpmn:boundaryEvent id="{event}" attachedToRef="{done}"><bpmn:compensateEventDefinition/></bpmn:boundaryEvent>'
            f'<bpmn:userTask id="{undo}" isForCompensation="true"/><bpmn:association id="{event}-as" sourceRef="{event}" '
            f'targetRef="{undo}"/><bpmn:intermediateThrowEvent id="{throw}"><bpmn:compensateEventDefinition '
            f'activityRef="{done}"/></bpmn:intermediateThrowEvent>' + flow(id, done) + flow(done, throw)
        )
        return Block(xml, id, throw, completes + Counter([id, done, undo, throw]))


def _sum(counters: Any) -> Counter[str]:
    total: Counter[str] = Counter()
    for counter in counters:
        total += counter
    return total


@dataclass
class Process:
    source: bytes
    called: list[bytes]
    completes: Counter[str]
    order: list[int]


@st.composite
def processes(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Process:
    builder = Builder(draw)
    block = builder.sequence(3)
    source = diagram(
        f'<bpmn:startEvent id="s"/>{block.xml}<bpmn:endEvent id="e"/>' + flow("s", block.first) + flow(block.last, "e"),
        OUTSIDE,
    )
    order = draw(st.lists(st.integers(0, 1_000), max_size=30))
    return Process(source, builder.called, block.completes + Counter(["s", "e"]), order)


def moves(run: Driver) -> list[Callable[[], None]]:
    """All that the outside world can do with the instances that wait, in a settled order."""
    found: list[Callable[[], None]] = []
    for id, kept in run.instances.items():
        for number in kept.tasks:
            found.append(_feed(run, id, lambda execution, number=number: execution.complete_task(number)))
        for number in kept.external:
            found.append(_feed(run, id, lambda execution, number=number: execution.complete_external_task(number)))
        for number, job in kept.jobs.items():
            found.append(_feed(run, id, _running(number, job.kind)))
        for number, waiting in kept.subscriptions.items():
            if waiting.kind == "message":
                found.append(_feed(run, id, lambda execution, number=number: execution.receive(number)))
    return found


def _running(number: int, kind: str) -> Callable[[Execution], None]:
    return lambda execution: execution.fire_timer(number) if kind == "timer" else execution.continue_job(number)


def _feed(run: Driver, id: str, step: Callable[[Execution], None]) -> Callable[[], None]:
    return lambda: run.feed(step, id)


def play(process: Process) -> Driver:
    """The process, taken to its end by moves in the drawn order; every step is stored and loaded again."""
    run = Driver(process.source, calls=process.called)
    for move in range(MOST_MOVES):
        possible = moves(run)
        if not possible:
            return run
        possible[process.order[move % len(process.order)] % len(possible) if process.order else 0]()
    raise AssertionError(f"still running after {MOST_MOVES} moves: {run.tree}")


checked = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@checked
@given(processes())
def test_every_instance_ends_and_each_activity_has_completed_as_often_as_the_blocks_say(process: Process) -> None:
    run = play(process)
    assert run.is_ended, run.tree
    assert Counter(run.done) == process.completes


@checked
@given(processes())
def test_whatever_begins_ends_once_inside_what_encloses_it(process: Process) -> None:
    run = play(process)
    for kept in run.instances.values():
        assert kept.ended is not None
        _check(kept)


def _check(kept: Stored) -> None:
    begun: dict[int, int] = {}
    open_ones: set[int] = set()
    for effect in kept.effects:
        match effect:
            case fx.ActivityStarted(number, _, _, _, parent):
                assert number not in begun
                assert parent == 0 or parent in open_ones, "what encloses it is still there"
                begun[number] = parent
                open_ones.add(number)
            case fx.ActivityEnded(number):
                assert number in open_ones
                assert not any(begun[inner] == number for inner in open_ones), "nothing is left inside"
                open_ones.remove(number)
    assert open_ones == set()
    # the driver has taken each away when its effect said so, and would have failed on a second time
    for table in (kept.tasks, kept.jobs, kept.external, kept.subscriptions, kept.running):
        assert table == {}


@checked
@given(processes())
def test_storing_and_loading_after_every_step_changes_nothing(process: Process) -> None:
    """The same moves on an instance that stays in memory have the same effects."""
    if process.called:
        return
    stored = play(process)
    (definition,) = parse_bpmn(process.source, "x.bpmn", KNOWN_DELEGATES)
    kept = Stored(definition, None)
    run = Driver(process.source)
    in_memory = Execution.start(definition, run.host, instance_id=INSTANCE_ID, now=run.now)
    run.instances = {INSTANCE_ID: kept}
    seen = 0

    def keep() -> None:
        nonlocal seen
        for effect in in_memory.effects[seen:]:
            kept._apply(effect)
        seen = len(in_memory.effects)

    keep()
    run.feed = lambda step, _id=INSTANCE_ID: (step(in_memory), keep())  # type: ignore[method-assign]
    for move in range(MOST_MOVES):
        possible = moves(run)
        if not possible:
            break
        possible[process.order[move % len(process.order)] % len(possible) if process.order else 0]()
    assert in_memory.is_ended
    assert in_memory.effects == stored.effects
