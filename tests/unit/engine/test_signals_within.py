"""Signals that an instance throws: who of its own hears them, in which order, and what others are told."""

from __future__ import annotations

import pytest

from mlc_service.engine import effects as fx
from tests.unit.engine.driver import INSTANCE_ID, Driver, flow, flows
from tests.unit.engine.pieces import (
    boundary,
    call,
    catch,
    end,
    extensions,
    fork,
    handler,
    heard,
    listener,
    node,
    process,
    sets,
    signal,
    start,
    sub,
    task,
    throw,
)


def _thrown(run: Driver) -> list[fx.SignalThrown]:
    return [effect for effect in run.effects if isinstance(effect, fx.SignalThrown)]


# -- within one instance ------------------------------------------------------------------------------------------------


def test_a_thrown_signal_reaches_who_waits_in_the_same_instance() -> None:
    run = Driver(process(
        start(), fork(), catch("c", signal()), task("t"), task("a"), throw("thr", signal()), task("b"),
        flows("s", "f", "c", "t"), flows("f", "a", "thr", "b")
    ))  # fmt: skip
    assert run.tree == "c a"
    run.complete("a")
    assert sorted(run.active) == ["b", "t"]


def test_a_signal_of_another_name_is_not_heard() -> None:
    run = Driver(process(
        start(), fork(), catch("c", signal(2)), task("a"), throw("thr", signal(1)), task("b"),
        flows("s", "f", "c"), flows("f", "a", "thr", "b")
    ))  # fmt: skip
    run.complete("a")
    assert run.active == ["b", "c"]


def test_who_throws_goes_on_first() -> None:
    run = Driver(heard(process(
        start(), fork(), catch("c", signal()), task("t"), task("a"), throw("thr", signal()), sets("b", n="1"), end(),
        flows("s", "f", "c", "t"), flows("f", "a", "thr", "b", "e")
    )))  # fmt: skip
    run.heard()
    run.complete("a")
    assert run.heard() == (
        "a:complete a.end a-thr thr.start c.end thr.end thr-b b.start b.end b-e e.start e.end c-t t.start t:create"
    )


def test_who_throws_goes_on_first_even_out_of_its_sub_process() -> None:
    run = Driver(heard(process(
        start(), sub("q", start("i"), task("a"), throw("thr", signal()), end("ie"), flows("i", "a", "thr", "ie")), task("n"),
        flows("s", "q", "n"), handler("h", signal(), task("u"), interrupting=False)
    )))  # fmt: skip
    run.heard()
    run.complete("a")
    assert run.heard() == (
        "a:complete a.end a-thr thr.start thr.end thr-ie ie.start ie.end q.end q-n n.start n:create "
        "h.start h_s.start h_s.end h_s-u u.start u:create"
    )


def test_a_receiver_that_interrupts_the_thrower_leaves_it_no_time_to_go_on() -> None:
    run = Driver(heard(process(
        start(), sub("q", start("i"), task("a"), throw("thr", signal()), task("b"), flows("i", "a", "thr", "b")),
        boundary("x", "q", signal()), task("u"), flows("s", "q"), flows("x", "u")
    )))  # fmt: skip
    run.heard()
    run.complete("a")
    assert run.heard() == "a:complete a.end a-thr thr.start thr.end q.end x.start x.end x-u u.start u:create"
    assert (run.tree, sorted(run.canceled)) == ("u", ["q", "thr"])


def test_an_event_sub_process_around_the_thrower_may_interrupt_it() -> None:
    # Camunda loses the event sub-process if the thrower is alone and no scope
    run = Driver(heard(process(
        start(), task("a"), throw("thr", signal()), task("b"), flows("s", "a", "thr", "b"), handler("h", signal(), task("u"))
    )))  # fmt: skip
    run.heard()
    run.complete("a")
    assert run.heard() == "a:complete a.end a-thr thr.start thr.end h.start h_s.start h_s.end h_s-u u.start u:create"
    assert (run.tree, run.canceled) == ("h(u)", ["thr"])


def test_a_receiver_that_interrupts_a_sibling_of_the_thrower_does_so_before_the_thrower_goes_on() -> None:
    run = Driver(heard(process(
        start(), fork(), task("t"), boundary("x", "t", signal()), task("u"), task("a"), throw("thr", signal()), task("b"),
        flows("s", "f", "t"), flows("f", "a", "thr", "b"), flows("x", "u")
    )))  # fmt: skip
    run.heard()
    run.complete("a")
    assert run.heard() == (
        "a:complete a.end a-thr thr.start t.end t:delete thr.end thr-b b.start b:create x.start x.end x-u u.start u:create"
    )
    assert run.canceled == ["t"]


def test_of_a_sub_process_and_who_waits_inside_it_the_interrupting_boundary_event_wins() -> None:
    run = Driver(process(
        start(), fork(), sub("q", start("i"), catch("c", signal()), task("t"), flows("i", "c", "t")),
        boundary("x", "q", signal()), task("u"), task("a"), throw("thr", signal()), task("b"),
        flows("s", "f", "q"), flows("f", "a", "thr", "b"), flows("x", "u")
    ))  # fmt: skip
    run.complete("a")
    assert run.active == ["b", "u"]
    assert "q" in run.canceled


def test_a_signal_end_event_is_heard_before_its_scope_is_left() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), task("a"), end("thr", signal()), flows("i", "a", "thr")), boundary("x", "q", signal()),
        task("u"), task("n"), flows("s", "q", "n"), flows("x", "u")
    ))  # fmt: skip
    run.complete("a")
    assert (run.tree, sorted(run.canceled)) == ("u", ["q", "thr"])


def test_a_signal_end_event_is_not_heard_by_who_begins_to_wait_because_of_it() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), task("a"), end("thr", signal()), flows("i", "a", "thr")), catch("c", signal()), task("n"),
        flows("s", "q", "c", "n")
    ))  # fmt: skip
    run.complete("a")
    assert run.tree == "c"


def test_a_thrower_inside_an_event_sub_process_can_start_it_again() -> None:
    run = Driver(process(
        start(), task("t"), flows("s", "t"),
        handler("h", signal(), task("a"), throw("thr", signal()), task("b"), flows("a", "thr", "b"), interrupting=False)
    ))  # fmt: skip
    run.receive("S1")
    run.complete("a")
    assert sorted(run.active) == ["a", "b", "t"]


def test_a_signal_carries_the_variables_that_its_mappings_choose() -> None:
    payload = extensions(
        '<camunda:in source="n" target="got"/>', '<camunda:in sourceExpression="${n + 1}" target="more"/>'
    )
    run = Driver(process(
        start(), fork(), sub("q", start("i"), catch("c", signal()), task("t"), flows("i", "c", "t")),
        task("a"), throw("thr", signal(1, payload)), flows("s", "f", "q"), flows("f", "a", "thr")
    ), {"n": 1})  # fmt: skip
    run.complete("a")
    assert run.tree == "q(t)"
    assert run.variables == {"n": 1, "got": 1, "more": 2}


@pytest.mark.parametrize("async_kind", [{"camunda_asyncBefore": "true"}])
def test_a_signal_that_waits_for_its_job_is_thrown_by_the_job(async_kind: dict[str, str]) -> None:
    run = Driver(process(
        start(), fork(), catch("c", signal()), task("t"),
        node("intermediateThrowEvent", "thr", signal(), **async_kind), task("b"),
        flows("s", "f", "c", "t"), flows("f", "thr", "b")
    ))  # fmt: skip
    assert run.tree == "c ~thr"
    run.job("thr")
    assert sorted(run.active) == ["b", "t"]


def test_a_called_process_hears_its_caller_and_is_heard_by_it() -> None:
    called = process(
        start("i"), fork("g"), catch("qc", signal(1)), task("qt"), task("qa"), throw("qthr", signal(2)),
        flows("i", "g", "qc", "qt"), flows("g", "qa", "qthr")
    ).replace(b'id="p"', b'id="q"')  # fmt: skip
    run = Driver(process(
        start(), fork(), call("c", "q"), boundary("x", "c", signal(2), interrupting=False), task("u"),
        task("a"), throw("thr", signal(1)), flows("s", "f", "c"), flows("f", "a", "thr"), flows("x", "u")
    ), calls=[called])  # fmt: skip
    run.complete("a")
    run.complete("qa")
    # the other instance is told by what the signal's effect says, which is for whoever keeps the instances
    assert [effect.event_name for effect in _thrown(run)] == ["S1"]


# -- what the outside is told -------------------------------------------------------------------------------------------


def test_the_outside_is_told_what_was_thrown_and_who_came_too_late() -> None:
    run = Driver(process(
        start(), task("a"), throw("thr", signal(1, extensions('<camunda:in source="n" target="m"/>'))), catch("c", signal()),
        flows("s", "a", "thr", "c")
    ), {"n": 4})  # fmt: skip
    run.complete("a")
    (thrown,) = _thrown(run)
    assert (thrown.event_name, thrown.variables, thrown.is_async) == ("S1", {"m": 4}, False)
    # its own catch event began to wait after the throw
    (late,) = run.subscriptions
    assert late >= thrown.next_numbers[INSTANCE_ID]


def test_who_waited_before_the_throw_did_not_come_too_late() -> None:
    run = Driver(process(
        start(), fork(), catch("c", signal(2)), task("a"), throw("thr", signal(1)), flows("s", "f", "c"), flows("f", "a", "thr")
    ))  # fmt: skip
    run.complete("a")
    (thrown,) = _thrown(run)
    (early,) = run.subscriptions
    assert early < thrown.next_numbers[INSTANCE_ID]


def test_an_instance_that_the_engine_has_in_hand_is_named_with_its_next_number() -> None:
    called = process(start("i"), catch("qc", signal(2)), flows("i", "qc")).replace(b'id="p"', b'id="q"')
    run = Driver(process(
        start(), task("t"), fork(), call("c", "q"), throw("thr", signal()), flows("s", "t", "f", "c"), flows("f", "thr")
    ), calls=[called])  # fmt: skip
    run.complete("t")
    (thrown,) = _thrown(run)
    assert set(thrown.next_numbers) == set(run.instances)


def test_a_new_instance_in_which_nobody_waits_for_a_signal_is_not_named() -> None:
    called = process(start("i"), task("qt"), flows("i", "qt")).replace(b'id="p"', b'id="q"')
    run = Driver(process(
        start(), task("t"), fork(), call("c", "q"), throw("thr", signal()), flows("s", "t", "f", "c"), flows("f", "thr")
    ), calls=[called])  # fmt: skip
    run.complete("t")
    (thrown,) = _thrown(run)
    assert set(thrown.next_numbers) == {INSTANCE_ID}


def test_an_instance_called_after_the_throw_is_not_named() -> None:
    called = process(start("i"), catch("qc", signal()), flows("i", "qc")).replace(b'id="p"', b'id="q"')
    run = Driver(process(
        start(), task("t"), throw("thr", signal()), call("c", "q"), flows("s", "t", "thr", "c")
    ), calls=[called])  # fmt: skip
    run.complete("t")
    (thrown,) = _thrown(run)
    assert set(thrown.next_numbers) == {INSTANCE_ID}
    assert len(run.instances) == 2


def test_an_asynchronous_signal_is_received_by_nobody_yet() -> None:
    run = Driver(process(
        start(), fork(), catch("c", signal()), task("t"), task("a"), throw("thr", signal(1, camunda_async="true")), task("b"),
        flows("s", "f", "c", "t"), flows("f", "a", "thr", "b")
    ))  # fmt: skip
    run.complete("a")
    assert run.active == ["b", "c"]
    (thrown,) = _thrown(run)
    assert thrown.is_async


def test_a_start_listener_may_stop_the_throw_by_an_error() -> None:
    run = Driver(process(
        start(), task("a"), throw("thr", signal(), extensions(listener("start", "execution.setVariable('n', 1)"))), task("b"),
        flows("s", "a", "thr"), flow("thr", "b")
    ))  # fmt: skip
    run.complete("a")
    assert (run.tree, run.variables, len(_thrown(run))) == ("b", {"n": 1}, 1)
