"""Event sub-processes: what starts them, what they cancel, and what goes on to wait beside them."""

from __future__ import annotations

import pytest

from tests.unit.engine.driver import Driver, flow, flows
from tests.unit.engine.pieces import (
    boundary,
    condition,
    end,
    error,
    escalation,
    fork,
    handler,
    heard,
    message,
    node,
    process,
    sets,
    several,
    signal,
    start,
    sub,
    task,
    throw,
    timer,
)

DEFINITIONS = {"message": message(), "signal": signal(), "timer": timer(), "conditional": condition("x == 1")}


def _fire(run: Driver, kind: str, event: str = "h_s") -> None:
    match kind:
        case "message":
            run.receive("M1")
        case "signal":
            run.receive("S1")
        case "timer":
            run.job(event, "timer")
        case _:
            run.write(x=1)


# -- starting -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_an_interrupting_one_cancels_all_that_goes_on_in_its_scope(kind: str) -> None:
    run = Driver(process(
        start(), fork(), task("a"), sub("q", start("i"), task("b"), flows("i", "b")), flows("s", "f", "a"), flows("f", "q"),
        handler("h", DEFINITIONS[kind], task("u"))
    ), {"x": 0})  # fmt: skip
    assert run.waits == [f"{kind} h_s"]
    _fire(run, kind)
    assert (run.tree, run.waits) == ("h(u)", [])
    assert sorted(run.canceled) == ["a", "b", "q"]
    run.complete("u")
    assert run.ended is not None
    assert run.ended.state == "COMPLETED"
    assert run.done == ["s", "f", "i", "h_s", "u", "h"]


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_non_interrupting_one_runs_beside_what_goes_on(kind: str) -> None:
    run = Driver(process(
        start(), task("a"), flows("s", "a"), handler("h", DEFINITIONS[kind], task("u"), interrupting=False)
    ), {"x": 0})  # fmt: skip
    _fire(run, kind)
    assert (run.tree, run.canceled) == ("a h(u)", [])
    # a duration comes once, all else may come again
    assert run.waits == ([] if kind == "timer" else [f"{kind} h_s"])
    run.complete("a")
    assert not run.is_ended
    run.complete("u")
    assert run.is_ended


def test_a_non_interrupting_one_may_run_several_times_at_once() -> None:
    run = Driver(process(start(), task("a"), flows("s", "a"), handler("h", message(), task("u"), interrupting=False)))
    run.receive("M1")
    run.receive("M1")
    assert run.tree == "a h(u) h(u)"
    run.complete("u")
    assert run.tree == "a h(u)"


def test_a_cycle_starts_it_as_often_as_it_says() -> None:
    run = Driver(process(
        start(), task("a"), flows("s", "a"), handler("h", timer("R2/PT1H", "timeCycle"), task("u"), interrupting=False)
    ))  # fmt: skip
    run.job("h_s", "timer")
    assert (run.tree, run.waits) == ("a h(u)", ["timer h_s"])
    run.job("h_s", "timer")
    assert (run.tree, run.waits) == ("a h(u) h(u)", [])


def test_the_variables_of_a_message_belong_to_the_process() -> None:
    run = Driver(process(start(), task("a"), flows("s", "a"), handler("h", message(), task("u"))))
    run.receive("M1", {"n": 1})
    assert run.variables == {"n": 1}


def test_it_is_heard_after_what_it_interrupts() -> None:
    run = Driver(heard(process(start(), task("t"), flows("s", "t"), handler("h", message(), sets("u", n="1"))), "t"))
    run.heard()
    run.receive("M1")
    assert run.heard() == "t.end t.out t:delete h.start h_s.start h_s.end h_s-u u.start u.end h.end p.end"


def test_an_event_sub_process_may_wait_for_its_own_events() -> None:
    run = Driver(process(
        start(), task("a"), flows("s", "a"),
        handler("h", message(1), task("u"), handler("k", message(2), task("v")), interrupting=False)
    ))  # fmt: skip
    assert run.waits == ["message h_s"]
    run.receive("M1")
    assert run.waits == ["message h_s", "message k_s"]
    run.receive("M2")
    assert (run.tree, run.waits) == ("a h(k(v))", ["message h_s"])


# -- what remains -------------------------------------------------------------------------------------------------------

AROUND = process(
    start(),
    sub("q", start("i"), task("t"), boundary("bt", "t", message(3), interrupting=False), flows("i", "t"),
        handler("h", message(1), task("u")),
        handler("k", signal(1), task("v"), interrupting=False),
        handler("l", timer(), task("w")),
        handler("o", condition("x == 1"), task("y"))),
    boundary("bm", "q", message(2)), boundary("bs", "q", signal(2)), boundary("bti", "q", timer()), boundary("be", "q", error()),
    task("n"), task("caught"), end("eb"),
    flows("s", "q", "n"), flows("bm", "eb"), flows("bs", "eb"), flows("bti", "eb"), flows("be", "caught"), flows("bt", "eb"),
    handler("p1", signal(3), task("z")),
).replace(b'attachedToRef="t" ', b'attachedToRef="t" ')  # fmt: skip


def test_an_interrupting_one_leaves_nothing_to_wait_for_in_its_scope_nor_at_its_border() -> None:
    source = AROUND.replace(b'<bpmn:sequenceFlow id="bt-eb" sourceRef="bt" targetRef="eb"></bpmn:sequenceFlow>', b"")
    run = Driver(source, {"x": 0})
    assert len(run.waits) == 9
    run.receive("M1")
    assert (run.tree, run.waits) == ("q(h(u))", ["signal p1_s"])
    run.complete("u")
    assert (run.tree, run.waits) == ("n", ["signal p1_s"])


def test_an_error_of_an_interrupting_one_is_still_caught_at_the_border_of_its_scope() -> None:
    run = Driver(process(
        start(),
        sub("q", start("i"), task("t"), flows("i", "t"), handler("h", message(), task("u"), end("ee", error()), flows("u", "ee"))),
        boundary("b", "q", error()), task("caught"), flows("s", "q"), flows("b", "caught")
    ))  # fmt: skip
    run.receive("M1")
    run.complete("u")
    assert run.tree == "caught"


def test_a_non_interrupting_one_leaves_everything_as_it_was() -> None:
    source = AROUND.replace(b'<bpmn:sequenceFlow id="bt-eb" sourceRef="bt" targetRef="eb"></bpmn:sequenceFlow>', b"")
    run = Driver(source, {"x": 0})
    before = run.waits
    run.receive("S1")
    assert (run.tree, run.waits) == ("q(t k(v))", before)


def test_a_later_interrupting_one_cancels_the_non_interrupting_ones_that_run() -> None:
    run = Driver(process(
        start(), task("t"), flows("s", "t"), handler("h", message(1), task("u"), interrupting=False),
        handler("k", message(2), task("v"))
    ))  # fmt: skip
    run.receive("M1")
    run.receive("M1")
    run.receive("M2")
    assert (run.tree, run.waits) == ("k(v)", [])
    assert sorted(run.canceled) == ["h", "h", "t", "u", "u"]


def test_a_sub_process_waits_for_the_event_sub_processes_that_run_in_it() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), task("t"), flows("i", "t"), handler("h", message(1), task("u"), interrupting=False)),
        boundary("b", "q", message(2)), task("x"), task("n"), flows("s", "q", "n"), flows("b", "x")
    ))  # fmt: skip
    run.receive("M1")
    run.complete("t")
    assert (run.tree, run.waits) == ("q(h(u))", ["message b", "message h_s"])
    run.receive("M1")
    assert run.tree == "q(h(u) h(u))"
    run.complete("u")
    run.complete("u")
    assert (run.tree, run.waits) == ("n", [])


def test_what_is_waited_for_ends_with_the_scope() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), task("t"), flows("i", "t"), handler("h", message(1), task("u"))), task("n"), flows("s", "q", "n"),
        handler("k", message(2), task("v"))
    ))  # fmt: skip
    run.complete("t")
    assert run.waits == ["message k_s"]
    run.complete("n")
    assert (run.is_ended, run.waits) == (True, [])


def test_each_instance_of_a_multi_instance_sub_process_waits_for_itself() -> None:
    run = Driver(process(
        start(), sub("q", several("2"), start("i"), task("t"), flows("i", "t"), handler("h", message(1), task("u"))), flows("s", "q")
    ))  # fmt: skip
    assert run.waits == ["message h_s", "message h_s"]
    run.receive("M1")
    assert run.tree == "q#multiInstanceBody(q(h(u)) q(t))"


# -- errors and escalations around event sub-processes -------------------------------------------------------------------


def _in_handler(
    definition: str, outside: str, *siblings: str, interrupting: bool = True, end_kind: str = "end"
) -> Driver:
    """A sub-process whose event sub-process `h` ends with what is thrown."""
    thrown = end("thrower", definition)
    run = Driver(process(
        start(),
        sub("q", start("i"), task("t"), flows("i", "t"),
            handler("h", message(), task("u"), thrown, flows("u", "thrower"), interrupting=interrupting), *siblings),
        outside, task("n"), flows("s", "q", "n")
    ))  # fmt: skip
    run.receive("M1")
    run.complete("u")
    return run


@pytest.mark.parametrize("interrupting", [True, False])
@pytest.mark.parametrize(("definition", "caught"), [(error(), error()), (escalation(), escalation())])
def test_a_sibling_catches_what_an_event_sub_process_throws(interrupting: bool, definition: str, caught: str) -> None:
    run = _in_handler(definition, "", handler("k", caught, task("v")), interrupting=interrupting)
    assert run.tree == "q(k(v))"
    assert "h" in run.canceled


def test_an_error_event_sub_process_does_not_catch_what_is_thrown_inside_itself() -> None:
    run = Driver(process(
        start(),
        sub("q", start("i"), end("first", error()), flows("i", "first"),
            handler("h", error(), task("u"), end("again", error()), flows("u", "again"))),
        boundary("b", "q", error()), task("caught"), flows("s", "q"), flows("b", "caught")
    ))  # fmt: skip
    assert run.tree == "q(h(u))"
    run.complete("u")
    assert run.tree == "caught"
    assert sorted(run.canceled) == ["again", "first", "h", "q"]


def test_an_escalation_event_sub_process_does_not_catch_what_is_thrown_inside_itself() -> None:
    run = Driver(process(
        start(),
        sub("q", start("i"), throw("first", escalation()), task("t"), flows("i", "first", "t"),
            handler("h", escalation(), task("u"), throw("again", escalation()), task("v"), flows("u", "again", "v"), interrupting=False)),
        boundary("b", "q", escalation(), interrupting=False), task("caught"), flows("s", "q"), flows("b", "caught")
    ))  # fmt: skip
    assert run.tree == "q(h(u) t)"
    run.complete("u")
    assert sorted(run.active) == ["caught", "t", "v"]


def test_an_error_that_nobody_catches_ends_the_event_sub_process_alone() -> None:
    run = _in_handler(error(), "", interrupting=False)
    assert (run.tree, run.canceled) == ("q(t)", [])
    run.complete("t")
    assert run.tree == "n"


def test_an_error_start_event_cancels_who_threw() -> None:
    run = Driver(heard(process(
        start(), task("t"), end("ee", error()), flows("s", "t", "ee"), handler("h", error(camunda_errorCodeVariable="code"), task("u"))
    )))  # fmt: skip
    run.heard()
    run.complete("t")
    assert run.heard() == "t:complete t.end t-ee ee.start ee.end h.start h_s.start h_s.end h_s-u u.start u:create"
    assert (run.tree, run.canceled, run.variables) == ("h(u)", ["ee"], {"code": "E1"})


def test_an_escalation_start_event_that_does_not_interrupt_runs_after_who_threw_has_gone_on() -> None:
    run = Driver(heard(process(
        start(), task("t"), throw("thr", escalation()), task("n"), flows("s", "t", "thr", "n"),
        handler("h", escalation(camunda_escalationCodeVariable="code"), task("u"), interrupting=False)
    )))  # fmt: skip
    run.heard()
    run.complete("t")
    assert run.heard() == (
        "t:complete t.end t-thr thr.start thr.end thr-n n.start n:create h.start h_s.start h_s.end h_s-u u.start u:create"
    )
    assert run.variables == {"code": "C1"}


def test_two_event_sub_processes_may_wait_for_different_codes() -> None:
    for number, expected in ((1, "h(u)"), (2, "k(v)"), (3, "l(w)")):
        run = Driver(process(
            start(), end("ee", error(number)), flows("s", "ee"), handler("l", error(None), task("w")),
            handler("h", error(1), task("u")), handler("k", error(2), task("v"))
        ))  # fmt: skip
        assert run.tree == expected


def test_it_sees_the_variables_of_the_scope_it_interrupts() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), task("t"), flows("i", "t"), handler("h", message(), sets("u", seen="local"), task("v"), flow("u", "v"))),
        flows("s", "q")
    ))  # fmt: skip
    run.write_at("q", local=7)
    run.receive("M1")
    assert run.variables == {"seen": 7}


def test_the_event_sub_process_of_a_called_process_is_its_own() -> None:
    called = process(start("i"), task("t"), flows("i", "t"), handler("h", message(), task("u"))).replace(
        b'id="p"', b'id="q"'
    )
    run = Driver(
        process(start(), node("callActivity", "c", calledElement="q"), task("n"), flows("s", "c", "n")), calls=[called]
    )
    run.receive("M1")
    assert run.tree == "c"
    run.complete("u")
    assert run.tree == "n"
