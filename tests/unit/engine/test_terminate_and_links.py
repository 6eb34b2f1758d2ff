"""Terminate end events, which end their whole scope, and link events, which are a flow without an arrow."""

from __future__ import annotations

from tests.unit.engine.driver import Driver, flow, flows
from tests.unit.engine.pieces import (
    TERMINATE,
    boundary,
    call,
    catch,
    compensation,
    end,
    error,
    extensions,
    fork,
    given,
    handler,
    heard,
    link,
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
    task,
    throw,
    timer,
    undone_by,
)

TE = end("te", TERMINATE)


# -- terminate ----------------------------------------------------------------------------------------------------------


def test_a_terminate_end_event_ends_the_process() -> None:
    run = Driver(process(
        start(), fork(), task("a"), boundary("b", "a", timer()), task("t"), TE, flows("s", "f", "a"), flows("f", "t", "te"), flow("b", "te")
    ))  # fmt: skip
    run.complete("t")
    assert run.ended is not None
    assert run.ended.state == "COMPLETED"
    assert (run.waits, run.tasks) == ([], {})
    assert run.done == ["s", "f", "t", "te"]
    assert run.canceled == ["a"]


def test_what_a_terminate_end_event_ends_is_told_before_the_event_begins() -> None:
    run = Driver(heard(process(
        start(), fork(), task("a"), sub("q", start("i"), task("b"), flows("i", "b")), task("t"), TE,
        flows("s", "f", "a"), flows("f", "q"), flows("f", "t", "te")
    ), "a"))  # fmt: skip
    run.heard()
    run.complete("t")
    assert run.heard() == "t:complete t.end t-te a.end a.out a:delete b.end b:delete q.end te.start te.end p.end"
    assert sorted(run.canceled) == ["a", "b", "q"]


def test_a_terminate_end_event_in_a_sub_process_ends_that_alone() -> None:
    run = Driver(heard(process(
        start(), fork("fo"), task("other"),
        sub("q", start("i"), fork(), task("a"), task("t"), TE, flows("i", "f", "a"), flows("f", "t", "te")), task("n"),
        flows("s", "fo", "q", "n"), flows("fo", "other")
    )))  # fmt: skip
    run.heard()
    run.complete("t")
    assert run.heard() == "t:complete t.end t-te a.end a:delete te.start te.end q.end q-n n.start n:create"
    assert sorted(run.active) == ["n", "other"]
    assert run.canceled == ["a"]
    assert "q" in run.done


def test_a_terminate_end_event_in_an_event_sub_process_ends_that_alone() -> None:
    run = Driver(process(
        start(), task("t"), flows("s", "t"),
        handler("h", message(), fork(), task("u"), task("v"), TE, flows("f", "u"), flows("f", "v", "te"), interrupting=False)
    ))  # fmt: skip
    run.receive("M1")
    run.receive("M1")
    run.complete("v")
    assert run.tree == "t h(u v)"
    assert run.waits == ["message h_s"]


def test_a_terminate_end_event_in_an_interrupting_event_sub_process_lets_its_scope_end() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), task("t"), flows("i", "t"), handler("h", message(), task("v"), TE, flows("v", "te"))), task("n"),
        flows("s", "q", "n")
    ))  # fmt: skip
    run.receive("M1")
    run.complete("v")
    assert run.tree == "n"
    assert run.canceled == ["t"]


def test_a_terminate_end_event_in_one_of_several_instances_ends_that_instance() -> None:
    run = Driver(process(
        start(), sub("q", several("2"), start("i"), fork(), task("a"), task("t"), TE, flows("i", "f", "a"), flows("f", "t", "te")), task("n"),
        flows("s", "q", "n")
    ))  # fmt: skip
    run.complete("t")
    assert run.tree == "q#multiInstanceBody(q(a t))"
    run.complete("t")
    assert run.tree == "n"
    assert run.canceled == ["a", "a"]


def test_a_terminate_end_event_in_a_called_process_lets_the_caller_go_on() -> None:
    called = process(
        start("i"), fork(), sets("w", x="1"), task("a"), task("t"), TE, flows("i", "w", "f", "a"), flows("f", "t", "te")
    )
    run = Driver(process(start(), call("c", "q", extensions('<camunda:out variables="all"/>')), task("n"), flows("s", "c", "n")),
                 calls=[called.replace(b'id="p"', b'id="q"')])  # fmt: skip
    run.complete("t")
    assert (run.tree, run.variables) == ("n", {"x": 1})
    assert run.called.ended is not None
    assert run.called.ended.state == "COMPLETED"


def test_a_terminate_end_event_ends_what_has_been_called() -> None:
    called = process(start("i"), task("qt"), flows("i", "qt")).replace(b'id="p"', b'id="q"')
    run = Driver(heard(process(
        start(), fork(), call("c", "q"), task("t"), TE, flows("s", "f", "c"), flows("f", "t", "te")
    )), calls=[heard(called)])  # fmt: skip
    run.heard()
    run.complete("t")
    assert run.heard() == "t:complete t.end t-te qt.end qt:delete q.end c.end te.start te.end p.end"
    assert run.called.ended is not None
    assert run.called.ended.state == "INTERNALLY_TERMINATED"


def test_a_terminate_end_event_also_ends_event_sub_processes_that_run_and_what_they_wait_for() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), task("t"), TE, flows("i", "t", "te"), handler("h", message(), task("u"), interrupting=False)),
        boundary("b", "q", signal()), task("n"), flows("s", "q", "n"), flow("b", "n")
    ))  # fmt: skip
    run.receive("M1")
    run.complete("t")
    assert (run.tree, run.waits) == ("n", [])
    assert sorted(run.canceled) == ["h", "u"]


def test_what_was_waited_for_at_joins_does_not_outlive_a_terminate_end_event() -> None:
    run = Driver(process(
        start(),
        sub("q", start("i"), fork(), task("a"), task("t"), node("parallelGateway", "j"), TE, task("z"),
            flows("i", "f", "a", "j", "z"), flows("f", "t", "te"), flow("f", "j")),
        task("n"), flows("s", "q", "n")
    ))  # fmt: skip
    run.complete("t")
    assert run.tree == "n"
    assert sorted(run.canceled) == ["a", "j"]


def test_what_a_terminated_sub_process_has_done_can_be_undone_later() -> None:
    run = Driver(process(
        start(),
        sub("q", start("i"), task("a"), undone_by("a", "ha"), task("ha", isForCompensation="true"), TE, flows("i", "a", "te")),
        task("n"), end("undo", compensation()), flows("s", "q", "n", "undo")
    ))  # fmt: skip
    run.complete("a")
    run.complete("n")
    assert "ha" in run.active


def test_the_outputs_of_what_is_terminated_are_kept() -> None:
    run = Driver(process(
        start(), fork(), task("a", extensions(mapped(given("out", "${1 + 1}")))), task("t"), TE, flows("s", "f", "a"), flows("f", "t", "te")
    ))  # fmt: skip
    run.complete("t")
    assert run.variables == {"out": 2}


def test_a_terminate_end_event_that_waits_for_its_job_has_ended_the_others_already() -> None:
    later = node("endEvent", "te", TERMINATE, camunda_asyncBefore="true")
    run = Driver(heard(process(
        start(), fork(), task("z"), task("t"), later, flows("s", "f", "z"), flows("f", "t", "te"), handler("h", message(), task("u"))
    )))  # fmt: skip
    run.heard()
    run.complete("t")
    assert run.heard() == "t:complete t.end t-te z.end z:delete"
    assert (run.tree, run.waits) == ("~te", ["async te"])
    run.job("te")
    assert run.heard() == "te.start te.end p.end"
    assert run.is_ended


def test_the_first_of_two_branches_that_terminate_wins() -> None:
    run = Driver(heard(process(
        start(), fork(), TE, sets("w", x="1"), end(), flows("s", "f", "te"), flows("f", "w", "e")
    )))  # fmt: skip
    assert run.heard() == "p.start s.start s.end s-f f.start f.end f-te te.start te.end p.end"
    assert run.variables == {}


# -- links --------------------------------------------------------------------------------------------------------------


def test_a_link_goes_on_at_its_catch_event() -> None:
    run = Driver(
        heard(process(start(), throw("lt", link()), catch("lc", link()), task("t"), flows("s", "lt"), flows("lc", "t")))
    )
    assert run.tree == "t"
    assert run.done == ["s"]
    assert run.heard() == "p.start s.start s.end s-lt lc.start lc.end lc-t t.start t:create"


def test_several_links_lead_to_one_catch_event() -> None:
    run = Driver(process(
        start(), fork(), throw("l1", link()), throw("l2", link()), catch("lc", link()), task("t"), flows("s", "f", "l1"), flows("f", "l2"),
        flows("lc", "t")
    ))  # fmt: skip
    assert run.active == ["t", "t"]


def test_links_of_different_names_do_not_meet() -> None:
    run = Driver(process(
        start(), throw("lt", link("two")), catch("c1", link("one")), catch("c2", link("two")), task("t1"), task("t2"), flows("s", "lt"),
        flows("c1", "t1"), flows("c2", "t2")
    ))  # fmt: skip
    assert run.tree == "t2"


def test_links_meet_within_their_own_scope() -> None:
    run = Driver(process(
        start(), throw("lt", link()), catch("lc", link()),
        sub("q", start("i"), throw("ilt", link()), catch("ilc", link()), task("t"), flows("i", "ilt"), flows("ilc", "t")),
        flows("s", "lt"), flows("lc", "q")
    ))  # fmt: skip
    assert run.tree == "q(t)"


def test_a_loop_may_go_by_a_link() -> None:
    run = Driver(process(
        start(), catch("again", link()), task("t"), node("exclusiveGateway", "x", default="x-e"), throw("back", link()), end(),
        node("exclusiveGateway", "m"), flows("s", "m", "t", "x", "e"), flow("again", "m"), flow("x", "back", "${more}")
    ))  # fmt: skip
    run.complete("t", {"more": True})
    run.complete("t", {"more": True})
    assert run.tree == "t"
    run.complete("t", {"more": False})
    assert (run.is_ended, run.done.count("t")) == (True, 3)


def test_the_catch_event_of_a_link_has_listeners_and_the_throw_event_has_none() -> None:
    run = Driver(process(
        start(), throw("lt", link(), extensions(listener("start", "execution.setVariable('thrown', 1)"))),
        catch("lc", link(), extensions(listener("start", "execution.setVariable('caught', 1)"))), task("t"), flows("s", "lt"), flows("lc", "t")
    ))  # fmt: skip
    assert run.variables == {"caught": 1}


def test_an_error_may_follow_a_link() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), throw("lt", link()), catch("lc", link()), end("ee", error()), flows("i", "lt"), flows("lc", "ee")),
        boundary("b", "q", error()), task("u"), flows("s", "q"), flows("b", "u")
    ))  # fmt: skip
    assert run.tree == "u"
