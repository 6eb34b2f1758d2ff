"""Errors and escalations: who catches them, what they carry, and what becomes of who threw them."""

from __future__ import annotations

import pytest

from mlc_service.engine import ExecutionFailed
from tests.unit.engine.driver import Driver, flow, flows
from tests.unit.engine.pieces import (
    boundary,
    call,
    catch,
    end,
    error,
    escalation,
    extensions,
    fork,
    given,
    handler,
    heard,
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
    throwing_listener,
    throwing_script,
    throws,
)


def _called(*pieces: str) -> bytes:
    """The process `q`."""
    return process(*pieces).replace(b'id="p"', b'id="q"')


# -- which handler ------------------------------------------------------------------------------------------------------


def _caught_by(*outside: str, inside: str = "", code: int = 1) -> str:
    """The task that is active once the error is thrown in sub-process `q` (or nowhere)."""
    run = Driver(process(
        start(), sub("q", start("i"), end("ee", error(code)), flows("i", "ee"), inside), task("n"), flows("s", "q", "n"),
        *outside
    ))  # fmt: skip
    (active,) = run.active
    return active


def _catching(node_id: str, code: int | None, host: str = "q") -> str:
    return boundary(node_id, host, error(code)) + task(f"by_{node_id}") + flow(node_id, f"by_{node_id}")


def test_a_boundary_event_catches_its_code() -> None:
    assert _caught_by(_catching("b", 1)) == "by_b"


def test_a_boundary_event_without_a_code_catches_every_error() -> None:
    assert _caught_by(_catching("b", None), code=3) == "by_b"


def test_an_event_sub_process_comes_before_a_boundary_event_even_if_it_catches_all() -> None:
    inside = handler("h", error(None), task("by_h"))
    assert _caught_by(_catching("b", 1), inside=inside) == "by_h"


def test_an_event_sub_process_for_another_code_does_not_catch() -> None:
    inside = handler("h", error(2), task("by_h"))
    assert _caught_by(_catching("b", 1), inside=inside) == "by_b"


@pytest.mark.parametrize("order", [("all", "one"), ("one", "all")])
def test_the_code_comes_before_all_whatever_the_order_of_the_file(order: tuple[str, str]) -> None:
    events = {"one": _catching("one", 1), "all": _catching("all", None)}
    assert _caught_by(*(events[name] for name in order)) == "by_one"
    handlers = {"one": handler("h", error(1), task("by_h")), "all": handler("k", error(None), task("by_k"))}
    assert _caught_by(inside="".join(handlers[name] for name in order)) == "by_h"


def test_the_inner_scope_comes_first_even_if_it_catches_all() -> None:
    run = Driver(process(
        start(),
        sub("q", start("i"), sub("r", start("j"), end("ee", error(1)), flows("j", "ee")), _catching("inner", None, "r"), flows("i", "r")),
        _catching("outer", 1), flows("s", "q")
    ))  # fmt: skip
    assert run.tree == "q(by_inner)"


def test_the_first_of_two_that_catch_the_same_wins() -> None:
    assert _caught_by(_catching("b", 1), _catching("c", 1)) == "by_b"
    assert _caught_by(_catching("c", None), _catching("b", None)) == "by_c"


def test_an_error_is_not_caught_where_it_is_not_thrown() -> None:
    run = Driver(process(
        start(), fork(), task("t"), _catching("b", None, "t"), end("ee", error()), flows("s", "f", "t"), flows("f", "ee")
    ))  # fmt: skip
    assert run.active == ["t"]


def test_an_error_of_another_code_goes_further_out() -> None:
    run = Driver(process(
        start(),
        sub("q", start("i"), sub("r", start("j"), end("ee", error(1)), flows("j", "ee")), _catching("inner", 2, "r"), flows("i", "r")),
        _catching("outer", 1), flows("s", "q")
    ))  # fmt: skip
    assert run.tree == "by_outer"


# -- what becomes of the others -----------------------------------------------------------------------------------------


def test_a_caught_error_cancels_what_went_on_beside_it() -> None:
    run = Driver(heard(process(
        start(), sub("q", start("i"), fork(), task("v"), task("t"), end("ee", error()), flows("i", "f", "v"), flows("f", "t", "ee")),
        _catching("b", 1), flows("s", "q")
    )))  # fmt: skip
    run.heard()
    run.complete("t")
    assert run.heard() == (
        "t:complete t.end t-ee ee.start v.end v:delete ee.end q.end b.start b.end b-by_b by_b.start by_b:create"
    )
    assert sorted(run.canceled) == ["ee", "q", "v"]


def test_an_error_that_nobody_catches_ends_its_token_alone() -> None:
    run = Driver(heard(process(
        start(), fork(), task("v"), task("t"), end("ee", error()), flows("s", "f", "v"), flows("f", "t", "ee")
    )))  # fmt: skip
    run.heard()
    run.complete("t")
    assert run.heard() == "t:complete t.end t-ee ee.start ee.end"
    assert (run.tree, run.canceled) == ("v", [])
    run.complete("v")
    assert run.ended is not None
    assert run.ended.state == "COMPLETED"


def test_an_error_that_nobody_catches_lets_a_sub_process_end_as_usual() -> None:
    assert _caught_by() == "n"


def test_an_error_carries_its_code_and_its_message() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), end("ee", '<bpmn:errorEventDefinition errorRef="told"/>'), flows("i", "ee")),
        boundary("b", "q", error(None, camunda_errorCodeVariable="code", camunda_errorMessageVariable="text")), task("u"),
        flows("s", "q"), flows("b", "u"),
        roots='<bpmn:error id="told" errorCode="E7" camunda:errorMessage="it broke"/>',
    ))  # fmt: skip
    assert run.variables == {"code": "E7", "text": "it broke"}


def test_an_error_without_a_message_leaves_null_behind() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), end("ee", error()), flows("i", "ee")),
        boundary("b", "q", error(1, camunda_errorCodeVariable="code", camunda_errorMessageVariable="text")), task("u"),
        flows("s", "q"), flows("b", "u")
    ))  # fmt: skip
    assert run.variables == {"code": "E1", "text": None}


def test_the_variables_of_an_event_sub_process_belong_to_the_scope_that_it_stands_in() -> None:
    run = Driver(process(
        start(),
        sub("q", start("i"), sub("r", start("j"), end("ee", error()), flows("j", "ee")), flows("i", "r"),
            handler("h", error(1, camunda_errorCodeVariable="code"), sets("w", seen="code"), task("u"), flow("w", "u"))),
        flows("s", "q")
    ))  # fmt: skip
    assert run.tree == "q(h(u))"
    assert run.variables["seen"] == "E1"


# -- errors of activities -----------------------------------------------------------------------------------------------


def test_a_script_that_throws_is_left_by_its_boundary_event() -> None:
    run = Driver(heard(process(
        start(), throws("t"), boundary("b", "t", error(1, camunda_errorCodeVariable="code", camunda_errorMessageVariable="text")),
        task("u"), task("n"), flows("s", "t", "n"), flows("b", "u")
    )))  # fmt: skip
    assert run.heard() == "p.start s.start s.end s-t t.start t.end b.start b.end b-u u.start u:create"
    assert (run.tree, run.canceled) == ("u", ["t"])
    assert run.variables == {"code": "E1", "text": "thrown"}


def test_a_script_that_throws_what_nobody_catches_ends_its_token() -> None:
    run = Driver(
        heard(process(start(), fork(), task("v"), throws("t"), task("n"), flows("s", "f", "v"), flows("f", "t", "n")))
    )
    assert run.heard() == "p.start s.start s.end s-f f.start f.end f-v v.start v:create f-t t.start t.end"
    assert (run.tree, run.done, run.canceled) == ("v", ["s", "f", "t"], [])


def test_a_person_may_report_an_error() -> None:
    run = Driver(heard(process(
        start(), task("t"), boundary("b", "t", error(1, camunda_errorCodeVariable="code", camunda_errorMessageVariable="text")),
        task("u"), flows("s", "t"), flows("b", "u")
    )))  # fmt: skip
    run.heard()
    run.task_error("t", "E1", "sorry", {"n": 1})
    assert run.heard() == "t.end t:delete b.start b.end b-u u.start u:create"
    assert (run.tree, run.canceled) == ("u", ["t"])
    assert run.variables == {"code": "E1", "text": "sorry", "n": 1}


def test_a_persons_error_that_nobody_catches_ends_the_task_as_if_it_led_nowhere() -> None:
    run = Driver(
        heard(process(start(), fork(), task("t"), task("v"), task("n"), flows("s", "f", "t", "n"), flows("f", "v")))
    )
    run.heard()
    run.task_error("t", "E1", None, {"n": 1})
    assert run.heard() == "t.end t:delete"
    assert (run.tree, run.canceled, run.variables) == ("v", [], {"n": 1})
    assert "t" in run.done


def test_a_worker_may_report_an_error() -> None:
    worker = node("serviceTask", "t", camunda_type="external", camunda_topic="x")
    run = Driver(process(start(), worker, _catching("b", 1, "t"), task("n"), flows("s", "t", "n")))
    run.external_error("t", "E1", "sorry")
    assert (run.tree, run.canceled) == ("by_b", ["t"])


def test_a_workers_error_that_nobody_catches_ends_its_token() -> None:
    worker = node("serviceTask", "t", camunda_type="external", camunda_topic="x")
    run = Driver(process(start(), worker, _catching("b", 2, "t"), task("n"), flows("s", "t", "n")))
    run.external_error("t", "E1")
    assert (run.is_ended, run.done, run.canceled) == (True, ["s", "t"], [])


# -- errors of listeners and mappings -------------------------------------------------------------------------------------


def _throwing(extension: str) -> Driver:
    """A task `t` with the extension, with a boundary event and an event sub-process that catch everything."""
    return Driver(heard(process(
        start(), sub("q", start("i"), task("t", extensions(extension)), task("n"), _catching("bt", None, "t"), flows("i", "t", "n")),
        _catching("bq", None), flows("s", "q")
    )))  # fmt: skip


def test_an_error_of_a_start_listener_is_one_of_its_activity() -> None:
    run = _throwing(throwing_listener("start"))
    assert (run.tree, run.canceled) == ("q(by_bt)", ["t"])
    assert run.heard().endswith("i-t t.end bt.start bt.end bt-by_bt by_bt.start by_bt:create")


def test_an_error_of_an_end_listener_is_one_of_its_activity_too() -> None:
    run = _throwing(throwing_listener("end"))
    run.complete("t")
    assert run.tree == "q(by_bt)"


@pytest.mark.parametrize("event", ["create", "complete"])
def test_an_error_of_a_task_listener_is_one_of_its_activity(event: str) -> None:
    run = _throwing(throwing_listener(event, kind="taskListener"))
    if event == "complete":
        run.complete("t")
    assert (run.tree, run.canceled) == ("q(by_bt)", ["t"])


def test_an_error_of_a_take_listener_is_one_of_the_scope_around() -> None:
    taking = f'<bpmn:sequenceFlow id="t-n" sourceRef="t" targetRef="n">{extensions(throwing_listener("take"))}</bpmn:sequenceFlow>'
    run = Driver(process(
        start(), sub("q", start("i"), task("t"), task("n"), _catching("bt", None, "t"), _catching("bn", None, "n"), flows("i", "t"), taking),
        _catching("bq", None), flows("s", "q")
    ))  # fmt: skip
    run.complete("t")
    assert run.tree == "by_bq"


@pytest.mark.parametrize("parameter", [taken("x", throwing_script()), given("x", throwing_script())])
def test_an_error_of_a_mapping_is_caught_by_nobody(parameter: str) -> None:
    with pytest.raises(ExecutionFailed):
        _throwing(mapped(parameter)).complete("t")


@pytest.mark.parametrize("event", ["start", "end"])
def test_an_error_of_a_listener_of_the_process_is_caught_by_nobody(event: str) -> None:
    source = process(
        extensions(throwing_listener(event)), start(), handler("h", error(None), task("u")), flow("s", "e"), end()
    )
    with pytest.raises(ExecutionFailed):
        Driver(source)


def test_an_error_of_a_start_events_listener_is_caught_by_its_scope() -> None:
    run = Driver(process(
        start("s", extensions(throwing_listener("start"))), task("t"), flows("s", "t"), handler("h", error(None), task("u"))
    ))  # fmt: skip
    assert run.tree == "h(u)"


def test_an_error_of_a_sub_processs_start_listener_is_caught_at_its_own_border() -> None:
    run = Driver(process(
        start(), sub("q", extensions(throwing_listener("start")), start("i"), task("t"), flows("i", "t")), _catching("b", 1), flows("s", "q")
    ))  # fmt: skip
    assert run.tree == "by_b"


def test_an_error_of_a_gateways_listener_is_caught_by_its_scope() -> None:
    run = Driver(process(
        start(), node("exclusiveGateway", "g", extensions(throwing_listener("start"))), task("t"), flows("s", "g", "t"),
        handler("h", error(None), task("u"))
    ))  # fmt: skip
    assert run.tree == "h(u)"


def test_an_error_of_an_end_listener_does_not_call_the_end_listeners_again() -> None:
    run = _throwing(throwing_listener("end"))
    run.heard()
    run.complete("t")
    # its own word comes after the error, and is never said
    assert run.heard() == "t:complete bt.start bt.end bt-by_bt by_bt.start by_bt:create"
    assert run.canceled == ["t"]


def test_an_error_of_an_end_listener_that_nobody_catches_ends_its_token() -> None:
    run = Driver(process(
        start(), fork(), task("t", extensions(throwing_listener("end"))), task("n"), task("v"), flows("s", "f", "t", "n"), flow("f", "v")
    ))  # fmt: skip
    run.complete("t")
    assert (run.tree, run.canceled) == ("v", [])
    assert "t" in run.done


def test_an_error_of_a_sub_processs_end_listener_is_caught_at_its_own_border() -> None:
    run = Driver(process(
        start(), sub("q", extensions(throwing_listener("end")), start("i"), task("t"), flows("i", "t")), task("n"), _catching("b", 1), flows("s", "q", "n")
    ))  # fmt: skip
    run.complete("t")
    assert run.tree == "by_b"


@pytest.mark.parametrize("extension", [throwing_listener("end"), throwing_listener("delete", kind="taskListener")])
def test_an_error_of_a_listener_of_what_is_cancelled_is_caught_by_nobody(extension: str) -> None:
    run = Driver(process(
        start(), task("t", extensions(extension)), boundary("m", "t", message()), task("u"), _catching("b", None, "t"), flows("s", "t"), flow("m", "u"),
        handler("h", error(None), task("v"))
    ))  # fmt: skip
    with pytest.raises(ExecutionFailed):
        run.receive("M1")
    assert run.tree == "t"


@pytest.mark.parametrize(("code", "expected"), [("E1", "by_b"), ("E2", "")])
def test_an_end_listener_may_throw_when_nobody_has_caught_what_ended_its_activity(code: str, expected: str) -> None:
    run = Driver(process(
        start(), task("t", extensions(throwing_listener("end", code))), task("n"), _catching("b", 1, "t"), flows("s", "t", "n")
    ))  # fmt: skip
    run.task_error("t", "E3")
    assert run.tree == expected


def test_a_script_and_its_end_listener_cannot_both_throw() -> None:
    with pytest.raises(ExecutionFailed):
        Driver(process(
            start(), throws("t", "E1", extensions(throwing_listener("end"))), _catching("b", 1, "t"), flows("s", "t")
        ))  # fmt: skip


@pytest.mark.parametrize("event", ["start", "end"])
def test_an_error_of_a_listener_of_a_start_or_end_event_is_caught_by_its_scope(event: str) -> None:
    throwing = extensions(throwing_listener(event))
    run = Driver(process(start("s", throwing), task("t"), flows("s", "t"), handler("h", error(None), task("u"))))
    assert (run.tree, run.canceled) == ("h(u)", ["s"])
    run = Driver(process(start(), end("e", throwing), flows("s", "e"), handler("h", error(None), task("u"))))
    assert (run.tree, run.canceled) == ("h(u)", ["e"])


def test_an_error_of_a_boundary_events_listener_is_caught_by_the_scope_and_not_at_the_host() -> None:
    run = Driver(process(
        start(), task("t"), boundary("m", "t", message(), extensions(throwing_listener("start"))), task("u"), _catching("b", None, "t"), flows("s", "t"),
        flow("m", "u"), handler("h", error(None), task("v"))
    ))  # fmt: skip
    run.receive("M1")
    assert (run.tree, run.canceled) == ("h(v)", ["t", "m"])


def test_an_error_of_a_create_listener_that_nobody_catches_ends_the_task() -> None:
    throwing = task("t", extensions(throwing_listener("create", kind="taskListener")))
    run = Driver(process(start(), fork(), throwing, task("n"), task("v"), flows("s", "f", "t", "n"), flow("f", "v")))
    assert (run.tree, [one.activity_id for one in run.tasks.values()], run.canceled) == ("v", ["v"], [])


@pytest.mark.parametrize("event", ["start", "end"])
def test_an_error_of_a_listener_of_a_called_process_is_caught_by_nobody(event: str) -> None:
    called = _called(extensions(throwing_listener(event)), start("i"), end("ie"), flows("i", "ie"))
    with pytest.raises(ExecutionFailed):
        Driver(process(start(), call("c", "q"), _catching("b", None, "c"), flows("s", "c")), calls=[called])


def test_an_error_of_a_called_processs_start_event_is_caught_at_the_call() -> None:
    called = _called(start("i", extensions(throwing_listener("start"))), end("ie"), flows("i", "ie"))
    run = Driver(process(start(), call("c", "q"), _catching("b", 1, "c"), flows("s", "c")), calls=[called])
    assert run.tree == "by_b"


def test_a_failure_that_is_no_bpmn_error_is_caught_by_nobody() -> None:
    broken = node("serviceTask", "t", camunda_expression="${nowhere}")
    with pytest.raises(ExecutionFailed):
        Driver(process(start(), broken, _catching("b", None, "t"), flows("s", "t")))


# -- multi-instance -----------------------------------------------------------------------------------------------------


def test_an_error_in_one_instance_cancels_all_of_a_multi_instance_activity() -> None:
    run = Driver(process(
        start(), sub("q", several("2"), start("i"), task("t"), end("ee", error()), flows("i", "t", "ee")), _catching("b", 1), flows("s", "q")
    ))  # fmt: skip
    run.complete("t")
    assert run.tree == "by_b"
    assert sorted(run.canceled) == ["ee", "q", "q", "q#multiInstanceBody", "t"]


@pytest.mark.parametrize("sequential", [True, False])
def test_an_error_that_nobody_catches_completes_its_instance_alone(sequential: bool) -> None:
    run = Driver(process(
        start(), sub("q", several("2", sequential=sequential), start("i"), task("t"), end("ee", error()), flows("i", "t", "ee")),
        task("n"), flows("s", "q", "n")
    ))  # fmt: skip
    run.complete("t")
    assert run.tree == "q#multiInstanceBody(q(t))"
    run.complete("t")
    assert run.tree == "n"


@pytest.mark.parametrize("sequential", [True, False])
def test_a_script_that_throws_in_every_instance_is_done_when_all_have_thrown(sequential: bool) -> None:
    run = Driver(
        process(start(), throws("t", "E1", several("2", sequential=sequential)), task("n"), flows("s", "t", "n"))
    )
    assert run.tree == "n"


# -- call activities ----------------------------------------------------------------------------------------------------

OUT = extensions('<camunda:out variables="all"/>', mapped(given("late", "yes")))


def test_an_error_of_a_called_process_is_caught_at_the_call_activity() -> None:
    called = _called(start("i"), sets("w", inner="1"), task("t"), end("ee", error()), flows("i", "w", "t", "ee"))
    run = Driver(heard(process(
        start(), call("c", "q", OUT), boundary("b", "c", error(1, camunda_errorCodeVariable="code")), task("u"), task("n"),
        flows("s", "c", "n"), flows("b", "u")
    )), calls=[heard(called)])  # fmt: skip
    run.heard()
    run.complete("t")
    assert run.tree == "u"
    assert run.canceled == ["c"]
    assert run.variables == {"code": "E1", "inner": 1, "late": "yes"}
    assert run.called.ended is not None
    assert run.called.ended.state == "INTERNALLY_TERMINATED"
    assert ("ee", True) in run.called.finished
    assert run.heard() == "t:complete t.end t-ee ee.start ee.end q.end c.end b.start b.end b-u u.start u:create"


def test_an_error_of_a_called_process_may_be_caught_further_out() -> None:
    called = _called(start("i"), end("ee", error()), flows("i", "ee"))
    run = Driver(process(
        start(), sub("m", start("k"), call("c", "q"), _catching("b", 2, "c"), flows("k", "c")), _catching("o", 1, "m"), flows("s", "m")
    ), calls=[called])  # fmt: skip
    assert run.tree == "by_o"


def test_an_error_of_a_called_process_that_nobody_catches_ends_only_its_token() -> None:
    called = _called(start("i"), fork("g"), task("t"), end("ee", error()), flows("i", "g", "t"), flows("g", "ee"))
    run = Driver(process(start(), call("c", "q", OUT), task("n"), flows("s", "c", "n")), calls=[called])
    assert run.tree == "c"
    run.complete("t")
    assert run.tree == "n"
    assert run.called.ended is not None
    assert run.called.ended.state == "COMPLETED"


def test_an_event_sub_process_of_the_called_process_comes_first() -> None:
    called = _called(start("i"), end("ee", error()), flows("i", "ee"), handler("h", error(), task("u")))
    run = Driver(
        process(start(), call("c", "q"), _catching("b", 1, "c"), task("n"), flows("s", "c", "n")), calls=[called]
    )
    assert run.tree == "c"
    run.complete("u")
    assert run.tree == "n"


def test_an_error_passes_through_two_calls() -> None:
    inner = process(start("i2"), task("t"), end("ee", error()), flows("i2", "t", "ee")).replace(b'id="p"', b'id="r"')
    middle = _called(start("i"), call("k", "r"), flows("i", "k"))
    run = Driver(process(start(), call("c", "q"), _catching("b", 1, "c"), flows("s", "c")), calls=[middle, inner])
    run.complete("t")
    assert run.tree == "by_b"
    assert run.called.ended is not None
    assert run.called.ended.state == "INTERNALLY_TERMINATED"


def test_what_a_called_process_comes_to_is_not_handed_over_when_the_call_is_interrupted() -> None:
    called = _called(start("i"), sets("w", inner="1"), task("t"), flows("i", "w", "t"))
    run = Driver(heard(process(
        start(), call("c", "q", OUT), boundary("b", "c", message()), task("u"), flows("s", "c"), flows("b", "u")
    )), calls=[heard(called)])  # fmt: skip
    run.heard()
    run.receive("M1")
    assert run.heard() == "t.end t:delete q.end c.end b.start b.end b-u u.start u:create"
    assert (run.tree, run.variables) == ("u", {"late": "yes"})
    assert run.called.ended is not None
    assert run.called.ended.state == "INTERNALLY_TERMINATED"


# -- escalations --------------------------------------------------------------------------------------------------------


def _escalated(*outside: str, kind: str = "throw", inside: str = "", code: int = 1) -> Driver:
    thrower = throw("thr", escalation(code)) if kind == "throw" else end("thr", escalation(code))
    after = task("after") + flow("thr", "after") if kind == "throw" else ""
    return Driver(heard(process(
        start(), sub("q", start("i"), task("t"), thrower, after, flows("i", "t", "thr"), inside), task("n"), flows("s", "q", "n"), *outside
    )))  # fmt: skip


def _escalation_boundary(node_id: str, code: int | None, *, interrupting: bool = True, host: str = "q") -> str:
    definition = escalation(code, camunda_escalationCodeVariable="code")
    return (
        boundary(node_id, host, definition, interrupting=interrupting)
        + task(f"by_{node_id}")
        + flow(node_id, f"by_{node_id}")
    )


def test_an_interrupting_escalation_leaves_the_thrower_no_time_to_go_on() -> None:
    run = _escalated(_escalation_boundary("b", 1))
    run.heard()
    run.complete("t")
    assert run.heard() == ("t:complete t.end t-thr thr.start thr.end q.end b.start b.end b-by_b by_b.start by_b:create")
    assert (run.tree, sorted(run.canceled), run.variables) == ("by_b", ["q", "thr"], {"code": "C1"})


def test_who_throws_an_escalation_that_does_not_interrupt_goes_on_first() -> None:
    run = _escalated(_escalation_boundary("b", 1, interrupting=False))
    run.heard()
    run.complete("t")
    assert run.heard() == (
        "t:complete t.end t-thr thr.start thr.end thr-after after.start after:create "
        "b.start b.end b-by_b by_b.start by_b:create"
    )
    assert run.tree == "q(after) by_b"


def test_a_throwing_end_event_ends_its_scope_before_the_handler_begins() -> None:
    run = _escalated(_escalation_boundary("b", 1, interrupting=False), kind="end")
    run.heard()
    run.complete("t")
    assert run.heard() == (
        "t:complete t.end t-thr thr.start thr.end q.end q-n n.start n:create b.start b.end b-by_b by_b.start by_b:create"
    )
    assert sorted(run.active) == ["by_b", "n"]


def test_an_escalation_that_nobody_catches_is_nothing() -> None:
    for kind, expected in (("throw", "q(after)"), ("end", "n")):
        run = _escalated(_escalation_boundary("b", 2), kind=kind)
        run.complete("t")
        assert (run.tree, run.canceled) == (expected, [])


def test_an_escalation_boundary_event_without_a_code_catches_all() -> None:
    run = _escalated(_escalation_boundary("b", None), code=3)
    run.complete("t")
    assert (run.tree, run.variables) == ("by_b", {"code": "C3"})


def test_an_escalation_event_sub_process_comes_before_the_boundary_event() -> None:
    run = _escalated(_escalation_boundary("b", 1), inside=handler("h", escalation(), task("u")))
    run.complete("t")
    assert run.tree == "q(h(u))"


def test_an_escalation_goes_to_one_handler_only() -> None:
    run = _escalated(
        _escalation_boundary("b", 1, interrupting=False),
        inside=handler("h", escalation(), task("u"), interrupting=False),
    )
    run.complete("t")
    assert sorted(run.active) == ["after", "u"]


def test_an_escalation_of_a_called_process_hands_over_its_variables_and_lets_it_go_on() -> None:
    called = _called(
        start("i"),
        sets("w", inner="1"),
        task("t"),
        throw("thr", escalation()),
        task("after"),
        flows("i", "w", "t", "thr", "after"),
    )
    run = Driver(process(
        start(), call("c", "q", OUT), _escalation_boundary("b", 1, interrupting=False, host="c"), task("n"), flows("s", "c", "n")
    ), calls=[called])  # fmt: skip
    run.complete("t")
    assert sorted(run.active) == ["by_b", "c"]
    assert run.variables == {"inner": 1, "code": "C1"}
    run.complete("after")
    assert sorted(run.active) == ["by_b", "n"]


def test_an_interrupting_escalation_of_a_called_process_ends_it() -> None:
    called = _called(
        start("i"),
        sets("w", inner="1"),
        task("t"),
        throw("thr", escalation()),
        task("after"),
        flows("i", "w", "t", "thr", "after"),
    )
    run = Driver(
        process(start(), call("c", "q", OUT), _escalation_boundary("b", 1, host="c"), flows("s", "c")), calls=[called]
    )
    run.complete("t")
    assert run.tree == "by_b"
    assert run.variables == {"inner": 1, "code": "C1", "late": "yes"}
    assert run.called.ended is not None
    assert run.called.ended.state == "INTERNALLY_TERMINATED"


def test_a_person_may_escalate() -> None:
    run = Driver(heard(process(start(), task("t"), _escalation_boundary("b", 1, host="t"), flows("s", "t"))))
    run.heard()
    run.task_escalation("t", "C1", {"n": 1})
    assert run.heard() == "t.end t:delete b.start b.end b-by_b by_b.start by_b:create"
    assert (run.tree, run.variables) == ("by_b", {"code": "C1", "n": 1})


def test_a_persons_escalation_that_does_not_interrupt_leaves_the_task_open() -> None:
    run = Driver(
        process(start(), task("t"), _escalation_boundary("b", 1, interrupting=False, host="t"), flows("s", "t"))
    )
    run.task_escalation("t", "C1", {"n": 1})
    assert (run.tree, run.variables) == ("t by_b", {"code": "C1", "n": 1})
    run.task_escalation("t", "C1")
    assert run.tree == "t by_b by_b"


# -- beside other events ------------------------------------------------------------------------------------------------


def test_an_error_in_the_way_of_a_signal_cancels_the_receiver() -> None:
    run = Driver(process(
        start(),
        sub("q", start("i"), fork(), catch("c", signal()), task("t"), task("a"), end("ee", error()), flows("i", "f", "c", "t"), flows("f", "a", "ee")),
        _catching("b", 1), flows("s", "q")
    ))  # fmt: skip
    run.complete("a")
    assert (run.tree, run.waits) == ("by_b", [])
