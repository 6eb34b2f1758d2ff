"""Event-based gateways: the first of several events decides."""

from __future__ import annotations

import pytest

from tests.unit.engine.driver import Driver, flow, flows
from tests.unit.engine.pieces import (
    boundary,
    catch,
    condition,
    error,
    extensions,
    fork,
    given,
    handler,
    heard,
    listener,
    mapped,
    message,
    node,
    process,
    sets,
    several,
    signal,
    start,
    sub,
    taken,
    task,
    throw,
    timer,
)

CHOICE = (
    node("eventBasedGateway", "g") + catch("m", message()) + catch("sig", signal()) + catch("tm", timer())
    + catch("c", condition("x == 1")) + task("by_m") + task("by_sig") + task("by_tm") + task("by_c")
    + flows("g", "m", "by_m") + flows("g", "sig", "by_sig") + flows("g", "tm", "by_tm") + flows("g", "c", "by_c")
)  # fmt: skip


def _choose(run: Driver, event: str) -> None:
    match event:
        case "m":
            run.receive("M1", {"n": 1})
        case "sig":
            run.receive("S1", {"n": 1})
        case "tm":
            run.job("tm", "timer")
        case _:
            run.write(x=1)


def test_a_gateway_waits_for_every_event_behind_it() -> None:
    run = Driver(process(start(), CHOICE, flows("s", "g")), {"x": 0})
    assert (run.tree, run.waits) == ("g", ["conditional c", "message m", "signal sig", "timer tm"])
    assert run.done == ["s"]


@pytest.mark.parametrize("event", ["m", "sig", "tm", "c"])
def test_the_first_event_decides_and_nothing_else_is_waited_for(event: str) -> None:
    run = Driver(heard(process(start(), CHOICE, flows("s", "g"))), {"x": 0})
    assert run.heard() == "p.start s.start s.end s-g g.start"
    _choose(run, event)
    assert (run.tree, run.waits) == (f"by_{event}", [])
    assert (run.done, run.canceled) == (["s", event], ["g"])
    # the flow to the event is never taken
    assert run.heard() == (f"g.end {event}.start {event}.end {event}-by_{event} by_{event}.start by_{event}:create")


@pytest.mark.parametrize("event", ["m", "sig"])
def test_the_event_brings_its_variables(event: str) -> None:
    run = Driver(process(start(), CHOICE, flows("s", "g")), {"x": 0})
    _choose(run, event)
    assert run.variables == {"x": 0, "n": 1}


def test_the_mappings_of_the_event_are_made_when_it_has_happened() -> None:
    mapping = extensions(mapped(taken("local", "${n + 1}"), given("out", "${local * 10}")))
    run = Driver(process(
        start(), node("eventBasedGateway", "g"), catch("m", message(), mapping), catch("sig", signal()), task("t"),
        flows("s", "g", "m", "t"), flows("g", "sig", "t")
    ))  # fmt: skip
    run.receive("M1", {"n": 1})
    assert run.variables == {"n": 1, "out": 20}


def test_a_boundary_event_of_the_scope_cancels_the_gateway() -> None:
    run = Driver(heard(process(
        start(), sub("q", start("i"), CHOICE, flows("i", "g")), boundary("b", "q", message(2)), task("u"), flows("s", "q"), flows("b", "u")
    )), {"x": 0})  # fmt: skip
    run.heard()
    run.receive("M2")
    assert run.heard() == "g.end q.end b.start b.end b-u u.start u:create"
    assert (run.tree, run.waits, run.canceled) == ("u", [], ["g", "q"])


def test_a_signal_of_a_parallel_branch_may_decide() -> None:
    run = Driver(
        process(
            start(), fork(), CHOICE, task("a"), throw("thr", signal()), flows("s", "f", "g"), flows("f", "a", "thr")
        ),
        {"x": 0},
    )
    run.complete("a")
    assert (run.tree, run.waits) == ("by_sig", [])


def test_a_write_of_a_parallel_branch_may_decide() -> None:
    run = Driver(
        process(start(), fork(), CHOICE, sets("w", x="1"), task("n"), flows("s", "f", "g"), flows("f", "w", "n")),
        {"x": 0},
    )
    assert sorted(run.active) == ["by_c", "n"]


def test_two_events_of_a_branch_cannot_both_decide() -> None:
    run = Driver(process(
        start(), node("eventBasedGateway", "g"), catch("c", condition("x == 1")), catch("d", condition("x &gt; 0")), task("by_c"), task("by_d"),
        flows("s", "g", "c", "by_c"), flows("g", "d", "by_d")
    ), {"x": 0})  # fmt: skip
    run.write(x=1)
    assert run.tree == "by_c"


def test_a_condition_that_holds_already_decides_before_the_events_in_front_of_it() -> None:
    run = Driver(process(start(), CHOICE, flows("s", "g")), {"x": 1})
    assert (run.tree, run.waits, run.done, run.canceled) == ("by_c", [], ["s", "c"], ["g"])


def test_a_gateway_in_each_instance_of_a_multi_instance_waits_for_itself() -> None:
    run = Driver(process(
        start(),
        sub("q", several("2"), start("i"), node("eventBasedGateway", "g"), catch("m", message()), catch("tm", timer()), task("t"),
            flows("i", "g", "m", "t"), flows("g", "tm")),
        flows("s", "q")
    ))  # fmt: skip
    run.receive("M1")
    assert run.tree == "q#multiInstanceBody(q(t) q(g))"


def test_a_loop_may_come_back_to_the_gateway() -> None:
    run = Driver(process(
        start(), node("exclusiveGateway", "x"), node("eventBasedGateway", "g"), catch("m", message()), catch("tm", timer()), task("t"),
        flows("s", "x", "g", "m", "x"), flows("g", "tm", "t")
    ))  # fmt: skip
    for _ in range(3):
        run.receive("M1")
        assert (run.tree, run.waits) == ("g", ["message m", "timer tm"])
    run.job("tm", "timer")
    assert (run.tree, run.waits) == ("t", [])
    assert run.done.count("m") == 3


def test_an_asynchronous_gateway_waits_for_its_job_first() -> None:
    run = Driver(process(
        start(), node("eventBasedGateway", "g", camunda_asyncBefore="true"), catch("m", message()), catch("tm", timer()), task("t"),
        flows("s", "g", "m", "t"), flows("g", "tm", "t")
    ))  # fmt: skip
    assert (run.tree, run.waits) == ("~g", ["async g"])
    run.job("g")
    assert (run.tree, run.waits) == ("g", ["message m", "timer tm"])


def test_an_asynchronous_event_behind_the_gateway_goes_on_by_a_job() -> None:
    later = node("intermediateCatchEvent", "m", message(), camunda_asyncAfter="true")
    run = Driver(process(
        start(), node("eventBasedGateway", "g"), later, catch("tm", timer()), task("t"), flows("s", "g", "m", "t"), flows("g", "tm", "t")
    ))  # fmt: skip
    run.receive("M1")
    assert (run.tree, run.waits) == ("~m", ["async m"])
    run.job("m")
    assert run.tree == "t"


def test_an_end_listener_of_the_gateway_that_writes_cannot_change_the_decision() -> None:
    gateway = node("eventBasedGateway", "g", extensions(listener("end", "execution.setVariable('x', 1)")))
    run = Driver(process(
        start(), gateway, catch("m", message()), catch("c", condition("x == 1")), task("by_m"), task("by_c"),
        flows("s", "g", "m", "by_m"), flows("g", "c", "by_c")
    ), {"x": 0})  # fmt: skip
    run.receive("M1")
    assert run.tree == "by_m"


def test_an_error_handler_of_the_scope_ends_what_the_gateway_waits_for() -> None:
    run = Driver(process(
        start(), fork(), CHOICE, task("a"), node("endEvent", "ee", error()), flows("s", "f", "g"), flow("f", "a"), flow("a", "ee"),
        handler("h", error(), task("u"))
    ), {"x": 0})  # fmt: skip
    run.complete("a")
    assert (run.tree, run.waits) == ("h(u)", [])
