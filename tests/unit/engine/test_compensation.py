"""Compensation: what has completed is undone by its handlers, in reverse order, while whoever threw it waits."""

from __future__ import annotations

import pytest

from mlc_service.engine import ExecutionFailed
from tests.unit.engine.driver import Driver, flow, flows
from tests.unit.engine.pieces import (
    CANCEL,
    TERMINATE,
    boundary,
    call,
    compensation,
    end,
    error,
    extensions,
    fork,
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
)


def undoable(node_id: str) -> str:
    """A user task and `h<id>`, the user task that undoes it."""
    return task(node_id) + undone_by_task(node_id)


def undone_by_task(host: str) -> str:
    handler_id = f"h{host}"
    return (
        boundary(f"undo_{host}", host, compensation()) + task(handler_id, isForCompensation="true")
        + f'<bpmn:association id="a_{host}" sourceRef="undo_{host}" targetRef="{handler_id}" associationDirection="One"/>'
    )  # fmt: skip


def _compensations(run: Driver) -> list[str]:
    return [wait.removeprefix("compensate ") for wait in run.waits if wait.startswith("compensate ")]


def _complete(run: Driver, *path: str) -> None:
    for activity_id in path:
        run.complete(activity_id)


# -- subscriptions ------------------------------------------------------------------------------------------------------


def test_what_has_completed_can_be_undone() -> None:
    run = Driver(process(start(), undoable("a"), task("b"), flows("s", "a", "b")))
    assert _compensations(run) == []
    run.complete("a")
    assert _compensations(run) == ["ha"]
    run.complete("b")
    assert (run.is_ended, _compensations(run)) == (True, [])


def test_what_was_cancelled_cannot_be_undone() -> None:
    run = Driver(
        process(start(), undoable("a"), boundary("b", "a", message()), task("n"), flows("s", "a", "n"), flow("b", "n"))
    )
    run.receive("M1")
    assert (run.tree, _compensations(run)) == ("n", [])


def test_an_activity_that_completes_twice_can_be_undone_twice() -> None:
    run = Driver(process(
        start(), node("exclusiveGateway", "m"), undoable("a"), node("exclusiveGateway", "x", default="x-th"), throw("th", compensation()), end(),
        flows("s", "m", "a", "x", "th", "e"), flow("x", "m", "${again}")
    ))  # fmt: skip
    run.complete("a", {"again": True})
    run.complete("a", {"again": False})
    assert run.active == ["ha", "ha", "th"]
    _complete(run, "ha", "ha")
    assert run.is_ended


def test_a_sub_process_in_which_nothing_can_be_undone_leaves_nothing_behind() -> None:
    run = Driver(process(start(), sub("q", start("i"), task("a"), flows("i", "a")), task("n"), flows("s", "q", "n")))
    run.complete("a")
    assert _compensations(run) == []


def test_a_finished_sub_process_is_remembered_with_what_can_be_undone_in_it() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), undoable("a"), undoable("b"), flows("i", "a", "b")), task("n"), flows("s", "q", "n")
    ))  # fmt: skip
    run.complete("a")
    assert _compensations(run) == ["ha"]
    run.complete("b")
    assert _compensations(run) == ["ha", "hb", "q"]


def test_what_can_be_undone_in_a_cancelled_sub_process_is_forgotten() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), undoable("a"), task("t"), flows("i", "a", "t")), boundary("b", "q", message()), throw("th", compensation()),
        task("n"), flows("s", "q"), flows("b", "th", "n")
    ))  # fmt: skip
    run.complete("a")
    run.receive("M1")
    assert (run.tree, _compensations(run)) == ("n", [])


# -- throwing -----------------------------------------------------------------------------------------------------------


def test_handlers_begin_all_at_once_the_last_completed_first() -> None:
    run = Driver(heard(process(
        start(), undoable("a"), undoable("b"), undoable("c"), throw("th", compensation()), task("n"), flows("s", "a", "b", "c", "th", "n")
    )))  # fmt: skip
    _complete(run, "a", "b")
    run.heard()
    run.complete("c")
    assert run.heard() == ("c:complete c.end c-th th.start hc.start hc:create hb.start hb:create ha.start ha:create")
    assert (run.active, _compensations(run)) == (["ha", "hb", "hc", "th"], [])
    _complete(run, "hb", "hc")
    assert run.active == ["ha", "th"]
    run.heard()
    run.complete("ha")
    assert run.heard() == "ha:complete ha.end th.end th-n n.start n:create"
    assert run.tree == "n"


def test_a_throw_with_nothing_to_undo_passes() -> None:
    run = Driver(process(start(), throw("th", compensation()), task("n"), flows("s", "th", "n")))
    assert (run.tree, run.done) == ("n", ["s", "th"])


def test_a_throw_may_name_one_activity() -> None:
    run = Driver(process(
        start(), undoable("a"), undoable("b"), throw("th", compensation("a")), task("n"), flows("s", "a", "b", "th", "n")
    ))  # fmt: skip
    _complete(run, "a", "b")
    assert (run.active, _compensations(run)) == (["ha", "th"], ["hb"])
    run.complete("ha")
    assert (run.tree, _compensations(run)) == ("n", ["hb"])


def test_a_throw_that_names_what_has_not_completed_passes() -> None:
    run = Driver(process(
        start(), fork(), undoable("a"), undoable("b"), throw("th", compensation("b")), task("n"), flows("s", "f", "a", "th", "n"), flow("f", "b")
    ))  # fmt: skip
    run.complete("a")
    assert (run.active, _compensations(run)) == (["b", "n"], ["ha"])


def test_a_second_throw_undoes_only_what_completed_since() -> None:
    run = Driver(process(
        start(), undoable("a"), throw("t1", compensation()), undoable("b"), throw("t2", compensation()), task("n"),
        flows("s", "a", "t1", "b", "t2", "n")
    ))  # fmt: skip
    _complete(run, "a", "ha", "b")
    assert run.active == ["hb", "t2"]


def test_a_compensation_end_event_ends_when_all_is_undone() -> None:
    run = Driver(process(start(), undoable("a"), end("ce", compensation()), flows("s", "a", "ce")))
    run.complete("a")
    assert run.active == ["ce", "ha"]
    run.complete("ha")
    assert run.ended is not None
    assert run.ended.state == "COMPLETED"
    assert run.canceled == []


def test_a_handler_that_does_not_wait_is_undone_within_the_step() -> None:
    run = Driver(heard(process(
        start(), sets("a", n="1"), boundary("undo_a", "a", compensation()), sets("ha", n="n + 10").replace("camunda:expression", 'isForCompensation="true" camunda:expression'),
        '<bpmn:association id="as" sourceRef="undo_a" targetRef="ha" associationDirection="One"/>', throw("th", compensation()), task("n"),
        flows("s", "a", "th", "n")
    )))  # fmt: skip
    assert run.variables == {"n": 11}
    assert run.heard().endswith("th.start ha.start ha.end th.end th-n n.start n:create")


def test_a_throw_in_a_sub_process_undoes_that_sub_process_alone() -> None:
    run = Driver(process(
        start(), undoable("a"), sub("q", start("i"), undoable("b"), throw("th", compensation()), task("n"), flows("i", "b", "th", "n")),
        flows("s", "a", "q")
    ))  # fmt: skip
    _complete(run, "a", "b")
    assert run.active == ["hb", "th"]
    run.complete("hb")
    assert (run.tree, _compensations(run)) == ("q(n)", ["ha"])


def test_a_branch_that_is_still_active_goes_on_beside_the_compensation() -> None:
    run = Driver(process(
        start(), fork(), undoable("a"), throw("th", compensation()), task("n"), task("other"), flows("s", "f", "a", "th", "n"), flow("f", "other")
    ))  # fmt: skip
    run.complete("a")
    assert run.active == ["ha", "other", "th"]
    run.complete("other")
    run.complete("ha")
    assert run.tree == "n"


def test_an_interrupted_compensation_cancels_its_handlers() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), undoable("a"), throw("th", compensation()), flows("i", "a", "th")), boundary("b", "q", message()), task("u"),
        flows("s", "q"), flows("b", "u")
    ))  # fmt: skip
    run.complete("a")
    run.receive("M1")
    assert (run.tree, run.waits) == ("u", [])
    assert sorted(run.canceled) == ["ha", "q", "th"]


def test_deleting_the_instance_ends_a_compensation() -> None:
    run = Driver(process(start(), undoable("a"), throw("th", compensation()), task("n"), flows("s", "a", "th", "n")))
    run.complete("a")
    run.cancel()
    assert run.ended is not None
    assert run.ended.state == "EXTERNALLY_TERMINATED"
    assert sorted(run.canceled) == ["ha", "th"]


# -- sub-processes ------------------------------------------------------------------------------------------------------


def _finished_sub_process(*after: str, inside: str = "") -> Driver:
    run = Driver(process(
        start(),
        sub("q", start("i"), undoable("a"), undoable("b"), inside, flows("i", "a", "b")), *after, throw("th", compensation()), task("n"),
        flows("s", "q", "th", "n")
    ))  # fmt: skip
    _complete(run, "a", "b")
    return run


def test_a_finished_sub_process_is_there_again_while_it_is_undone() -> None:
    run = _finished_sub_process()
    assert run.tree in ("th q(hb ha)", "q(hb ha) th")
    _complete(run, "hb", "ha")
    assert run.tree == "n"
    # nothing of that is a new row of the sub-process
    assert (run.done.count("q"), run.canceled) == (1, [])


def test_a_sub_process_inside_a_sub_process_is_undone_in_its_place() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), sub("r", start("j"), undoable("a"), flows("j", "a")), undoable("b"), flows("i", "r", "b")),
        task("m"), throw("th", compensation()), task("n"), flows("s", "q", "m", "th", "n")
    ))  # fmt: skip
    _complete(run, "a")
    assert _compensations(run) == ["ha", "r"]
    _complete(run, "b")
    assert _compensations(run) == ["ha", "hb", "q", "r"]
    _complete(run, "m")
    assert run.tree in ("th q(hb r(ha))", "q(hb r(ha)) th")
    _complete(run, "ha", "hb")
    assert run.tree == "n"


def test_a_sub_process_with_a_handler_of_its_own_is_undone_by_that_and_inside() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), undoable("a"), flows("i", "a")), undone_by_task("q"), throw("th", compensation()), task("n"),
        flows("s", "q", "th", "n")
    ))  # fmt: skip
    run.complete("a")
    assert run.active == ["ha", "hq", "th"]
    _complete(run, "hq", "ha")
    assert run.tree == "n"


def test_a_throw_may_name_a_finished_sub_process() -> None:
    run = Driver(process(
        start(), undoable("z"), sub("q", start("i"), undoable("a"), flows("i", "a")), throw("th", compensation("q")), task("n"),
        flows("s", "z", "q", "th", "n")
    ))  # fmt: skip
    _complete(run, "z", "a")
    assert (run.active, _compensations(run)) == (["ha", "th"], ["hz"])


def test_a_compensation_event_sub_process_says_how_its_scope_is_undone() -> None:
    run = Driver(heard(process(
        start(), sub("q", start("i"), undoable("a"), flows("i", "a"), handler("ce", compensation(), task("cu"))), throw("th", compensation()), task("n"),
        flows("s", "q", "th", "n")
    )))  # fmt: skip
    run.heard()
    run.complete("a")
    assert run.tree in ("th q(ce(cu))", "q(ce(cu)) th")
    run.complete("cu")
    assert run.tree == "n"
    assert "ha" not in run.done


def test_a_compensation_event_sub_process_may_undo_what_is_in_its_scope() -> None:
    run = Driver(process(
        start(),
        sub("q", start("i"), undoable("a"), flows("i", "a"),
            handler("ce", compensation(), task("cu"), throw("inner", compensation()), task("cv"), flows("cu", "inner", "cv"))),
        throw("th", compensation()), task("n"), flows("s", "q", "th", "n")
    ))  # fmt: skip
    _complete(run, "a", "cu")
    assert run.active == ["ha", "inner", "th"]
    run.complete("ha")
    assert run.active == ["cv", "th"]
    run.complete("cv")
    assert run.tree == "n"


def test_a_sub_process_with_a_compensation_event_sub_process_is_remembered_by_that() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), undoable("a"), flows("i", "a"), handler("ce", compensation(), task("cu"))), task("n"), flows("s", "q", "n")
    ))  # fmt: skip
    run.complete("a")
    assert _compensations(run) == ["ce", "ha"]


def test_a_compensation_event_sub_process_is_enough_to_be_remembered() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), task("a"), flows("i", "a"), handler("ce", compensation(), task("cu"))), throw("th", compensation()), task("n"),
        flows("s", "q", "th", "n")
    ))  # fmt: skip
    run.complete("a")
    assert run.active == ["cu", "th"]


def test_a_handler_may_be_a_sub_process() -> None:
    run = Driver(process(
        start(), task("a"), boundary("undo_a", "a", compensation()),
        sub("ha", start("i"), task("x"), task("y"), flows("i", "x", "y"), isForCompensation="true"),
        '<bpmn:association id="as" sourceRef="undo_a" targetRef="ha" associationDirection="One"/>', throw("th", compensation()), task("n"),
        flows("s", "a", "th", "n")
    ))  # fmt: skip
    run.complete("a")
    assert run.active == ["th", "x"]
    _complete(run, "x", "y")
    assert run.tree == "n"


def test_a_call_activity_can_be_undone_by_its_handler() -> None:
    called = process(start("i"), undoable("qt"), flows("i", "qt")).replace(b'id="p"', b'id="q"')
    run = Driver(process(
        start(), call("c", "q"), undone_by_task("c"), throw("th", compensation()), task("n"), flows("s", "c", "th", "n")
    ), calls=[called])  # fmt: skip
    run.complete("qt")
    assert run.active == ["hc", "th"]
    run.complete("hc")
    assert run.tree == "n"


# -- variables ----------------------------------------------------------------------------------------------------------


def _with_locals(*after: str) -> Driver:
    """A sub-process with a variable of its own that hides one of the process; its handler is a task."""
    run = Driver(process(
        start(),
        sub("q", start("i"), undoable("a"), flows("i", "a")), sets("later", loc="loc + 100"), *after,
        throw("th", compensation()), task("n"), flows("s", "q", "later", "th", "n")
    ), {"loc": 1, "live": 1})  # fmt: skip
    run.write_at("q", loc=7)
    run.complete("a")
    return run


def test_a_handler_sees_the_variables_of_its_scope_as_they_were_when_that_completed() -> None:
    run = Driver(process(
        start(),
        sub("q", start("i"), undoable_by_writing("a", seen="loc", seen_live="live"), task("t"), flows("i", "a", "t")), sets("later", live="5"),
        throw("th", compensation()), task("n"), flows("s", "q", "later", "th", "n")
    ), {"loc": 1, "live": 1})  # fmt: skip
    run.write_at("q", loc=7)
    run.complete("t")
    assert run.tree == "n"
    assert run.variables == {"loc": 1, "live": 5, "seen": 7, "seen_live": 5}


def undoable_by_writing(node_id: str, **values: str) -> str:
    """A task that does nothing and a handler that writes variables."""
    handling = sets(f"h{node_id}", **values).replace(
        "camunda:expression", 'isForCompensation="true" camunda:expression'
    )
    return (
        node("task", node_id) + boundary(f"undo_{node_id}", node_id, compensation()) + handling
        + f'<bpmn:association id="a_{node_id}" sourceRef="undo_{node_id}" targetRef="h{node_id}" associationDirection="One"/>'
    )  # fmt: skip


def test_what_a_handler_writes_to_a_variable_of_the_finished_scope_is_gone_with_that() -> None:
    run = _with_locals()
    run.complete("ha", {"loc": 6, "fresh": 2})
    assert run.tree == "n"
    assert run.variables == {"loc": 101, "live": 1, "fresh": 2}


def test_the_variables_of_each_instance_are_remembered_apart() -> None:
    run = Driver(process(
        start(),
        sub("q", several("2"), extensions(listener("start", "execution.setVariableLocal('mine', loopCounter)")), start("i"),
            undoable_by_writing("a", seen="execution.getVariable('seen').concat(mine).concat(' ')"), flows("i", "a")),
        throw("th", compensation()), task("n"), flows("s", "q", "th", "n")
    ), {"seen": ""})  # fmt: skip
    assert run.tree == "n"
    assert sorted(run.variables["seen"].split()) == ["0", "1"]


def test_an_input_parameter_of_the_handler_sees_the_snapshot() -> None:
    handling = task(
        "ha",
        extensions(mapped(taken("copy", "${loc}")), listener("end", "execution.setVariable('seen', copy)")),
        isForCompensation="true",
    )
    run = Driver(process(
        start(),
        sub("q", start("i"), node("task", "a"), boundary("undo_a", "a", compensation()), handling,
            '<bpmn:association id="as" sourceRef="undo_a" targetRef="ha" associationDirection="One"/>', task("t"), flows("i", "a", "t")),
        throw("th", compensation()), task("n"), flows("s", "q", "th", "n")
    ), {"loc": 1})  # fmt: skip
    run.write_at("q", loc=7)
    run.complete("t")
    run.complete("ha")
    assert run.variables == {"loc": 1, "seen": 7}


# -- multi-instance -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sequential", [True, False])
def test_each_instance_of_a_multi_instance_task_is_undone(sequential: bool) -> None:
    run = Driver(process(
        start(), task("a", several("2", sequential=sequential)), undone_by_task("a"), throw("th", compensation()), task("n"), flows("s", "a", "th", "n")
    ))  # fmt: skip
    _complete(run, "a", "a")
    assert run.active == ["ha", "ha", "th"]
    _complete(run, "ha", "ha")
    assert run.tree == "n"


@pytest.mark.parametrize("sequential", [True, False])
def test_what_can_be_undone_in_each_instance_of_a_sub_process_is_remembered(sequential: bool) -> None:
    run = Driver(process(
        start(), sub("q", several("2", sequential=sequential), start("i"), undoable("a"), flows("i", "a")), task("m"), throw("th", compensation()), task("n"),
        flows("s", "q", "m", "th", "n")
    ))  # fmt: skip
    _complete(run, "a", "a")
    assert _compensations(run) == ["ha", "ha", "q", "q", "q#multiInstanceBody"]
    run.complete("m")
    assert run.active == ["ha", "ha", "th"]
    _complete(run, "ha", "ha")
    assert run.tree == "n"


# -- transactions -------------------------------------------------------------------------------------------------------


def _transaction(*more: str, cancelled: str = "") -> Driver:
    run = Driver(heard(process(
        start(),
        node("transaction", "tx", start("i"), fork(), undoable("a"), end("ce", CANCEL), task("k"), flows("i", "f", "a", "ce"), flow("f", "k"), *more),
        boundary("bc", "tx", CANCEL), task("u"), task("n"), flows("s", "tx", "n"), flows("bc", "u"), cancelled
    )))  # fmt: skip
    run.heard()
    return run


def test_a_cancelled_transaction_is_undone_and_then_left_by_its_cancel_boundary_event() -> None:
    run = _transaction()
    run.complete("a")
    assert run.heard() == "a:complete a.end a-ce k.end k:delete ce.start ha.start ha:create"
    assert run.tree in ("tx(ce ha)", "tx(ha ce)")
    assert run.canceled == ["k"]
    run.complete("ha")
    assert run.heard() == "ha:complete ha.end ce.end tx.end bc.start bc.end bc-u u.start u:create"
    assert run.tree == "u"
    assert sorted(run.canceled) == ["ce", "k", "tx"]


def test_nothing_else_is_waited_for_in_a_transaction_that_is_cancelled_nor_at_its_border() -> None:
    run = Driver(process(
        start(),
        node("transaction", "tx", start("i"), undoable("a"), end("ce", CANCEL), flows("i", "a", "ce"), handler("h", message(1), task("v"), interrupting=False)),
        boundary("bm", "tx", message(2)), boundary("bc", "tx", CANCEL), task("u"), flows("s", "tx"), flow("bc", "u"), flow("bm", "u")
    ))  # fmt: skip
    assert run.waits == ["message bm", "message h_s"]
    run.complete("a")
    assert (run.active, run.waits) == (["ce", "ha"], [])


def test_a_cancelled_transaction_with_nothing_to_undo_is_left_at_once() -> None:
    run = Driver(process(
        start(), node("transaction", "tx", start("i"), end("ce", CANCEL), flows("i", "ce")), boundary("bc", "tx", CANCEL), task("u"), flows("s", "tx"), flows("bc", "u")
    ))  # fmt: skip
    assert (run.tree, sorted(run.canceled)) == ("u", ["ce", "tx"])


def test_a_transaction_without_a_cancel_boundary_event_cannot_be_cancelled() -> None:
    with pytest.raises(ExecutionFailed, match="Could not find cancel boundary event for cancel end event"):
        Driver(
            process(
                start(),
                node("transaction", "tx", start("i"), end("ce", CANCEL), flows("i", "ce")),
                task("n"),
                flows("s", "tx", "n"),
            )
        )


def test_a_completed_transaction_is_undone_like_a_sub_process() -> None:
    run = Driver(process(
        start(), node("transaction", "tx", start("i"), undoable("a"), flows("i", "a")), boundary("bc", "tx", CANCEL), task("u"), throw("th", compensation()), task("n"),
        flows("s", "tx", "th", "n"), flows("bc", "u")
    ))  # fmt: skip
    run.complete("a")
    assert run.active == ["ha", "th"]
    run.complete("ha")
    assert run.tree == "n"


def test_only_what_completed_in_the_transaction_is_undone_by_its_cancellation() -> None:
    run = Driver(process(
        start(), undoable("z"), node("transaction", "tx", start("i"), undoable("a"), end("ce", CANCEL), flows("i", "a", "ce")), boundary("bc", "tx", CANCEL), task("u"),
        flows("s", "z", "tx"), flows("bc", "u")
    ))  # fmt: skip
    _complete(run, "z", "a", "ha")
    assert (run.tree, _compensations(run)) == ("u", ["hz"])


def test_a_transaction_can_be_left_by_an_error_and_nothing_is_undone() -> None:
    run = Driver(process(
        start(), node("transaction", "tx", start("i"), undoable("a"), end("ee", error()), flows("i", "a", "ee")), boundary("b", "tx", error()), task("u"),
        flows("s", "tx"), flows("b", "u")
    ))  # fmt: skip
    run.complete("a")
    assert (run.tree, _compensations(run)) == ("u", [])


def test_a_transaction_that_runs_several_times_is_cancelled_as_a_whole() -> None:
    run = Driver(process(
        start(), node("transaction", "tx", several("2"), start("i"), undoable("a"), end("ce", CANCEL), flows("i", "a", "ce")), boundary("bc", "tx", CANCEL), task("u"),
        flows("s", "tx"), flows("bc", "u")
    ))  # fmt: skip
    run.complete("a")
    run.complete("ha")
    assert run.tree == "u"


def test_a_transaction_among_several_that_has_completed_is_not_undone_by_the_cancellation_of_another() -> None:
    run = Driver(process(
        start(),
        node("transaction", "tx", several("2"), start("i"), undoable("a"), node("exclusiveGateway", "x", default="x-ok"), end("ok"), end("ce", CANCEL),
             flows("i", "a", "x", "ok"), flow("x", "ce", "${bad}")),
        boundary("bc", "tx", CANCEL), task("u"), flows("s", "tx"), flows("bc", "u")
    ))  # fmt: skip
    run.complete("a", {"bad": False})
    run.complete("a", {"bad": True})
    run.complete("ha")
    assert (run.tree, _compensations(run), run.done.count("ha")) == ("u", [], 1)


# -- beside other events ------------------------------------------------------------------------------------------------


def test_an_error_in_a_handler_is_caught_around_it() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), undoable("a"), throw("th", compensation()), task("n"), flows("i", "a", "th", "n")), boundary("b", "q", error()), task("u"),
        flows("s", "q"), flows("b", "u")
    ))  # fmt: skip
    run.complete("a")
    run.task_error("ha", "E1")
    assert (run.tree, sorted(run.canceled)) == ("u", ["ha", "q", "th"])


def test_an_error_in_a_handler_that_nobody_catches_ends_that_handler() -> None:
    # Camunda forgets the throw event over it
    run = Driver(process(start(), undoable("a"), throw("th", compensation()), task("n"), flows("s", "a", "th", "n")))
    run.complete("a")
    run.task_error("ha", "E1")
    assert run.tree == "n"


def test_an_interrupting_event_sub_process_forgets_nothing_of_what_can_be_undone() -> None:
    run = Driver(process(
        start(), undoable("a"), task("t"), flows("s", "a", "t"), handler("h", message(), task("u"), throw("th", compensation()), task("v"), flows("u", "th", "v"))
    ))  # fmt: skip
    run.complete("a")
    run.receive("M1")
    assert _compensations(run) == ["ha"]


def test_a_throw_in_an_event_sub_process_undoes_what_the_scope_around_it_has_done_too() -> None:
    run = Driver(process(
        start(), undoable("a"), task("t"), flows("s", "a", "t"),
        handler("h", signal(), undoable("b"), throw("th", compensation()), task("v"), flows("b", "th", "v"), interrupting=False)
    ))  # fmt: skip
    run.complete("a")
    run.receive("S1")
    run.complete("b")
    assert run.active == ["ha", "hb", "t", "th"]
    _complete(run, "hb", "ha")
    assert run.tree == "t h(v)"


def test_a_throw_in_event_sub_processes_within_each_other_undoes_what_all_scopes_around_have_done() -> None:
    run = Driver(heard(process(
        start(), undoable("a"), task("t"), flows("s", "a", "t"),
        handler("h", signal(), undoable("b"), task("w"), flows("b", "w"),
                handler("k", message(), undoable("d"), throw("th", compensation()), task("v"), flows("d", "th", "v"), interrupting=False))
    )))  # fmt: skip
    run.complete("a")
    run.receive("S1")
    run.complete("b")
    run.receive("M1")
    run.heard()
    run.complete("d")
    assert run.heard() == "d:complete d.end d-th th.start hd.start hd:create hb.start hb:create ha.start ha:create"
    _complete(run, "ha", "hd", "hb")
    assert run.tree == "h(w k(v))"


def test_what_completed_in_a_finished_event_sub_process_is_undone_with_the_scope_around_it() -> None:
    run = Driver(process(
        start(), undoable("a"), task("t"), throw("th", compensation()), task("n"), flows("s", "a", "t", "th", "n"),
        handler("h", signal(), undoable("b"), interrupting=False)
    ))  # fmt: skip
    run.complete("a")
    run.receive("S1")
    run.complete("b")
    assert _compensations(run) == ["h", "ha", "hb"]
    run.complete("t")
    assert run.active == ["ha", "hb", "th"]
    _complete(run, "ha", "hb")
    assert run.tree == "n"


def test_a_terminate_end_event_ends_a_compensation_too() -> None:
    run = Driver(process(
        start(), fork(), undoable("a"), throw("th", compensation()), task("t"), end("te", TERMINATE), flows("s", "f", "a", "th"), flows("f", "t", "te")
    ))  # fmt: skip
    run.complete("a")
    run.complete("t")
    assert run.is_ended
    assert sorted(run.canceled) == ["ha", "th"]


def test_listeners_of_a_handler_and_of_the_throw_event_are_called() -> None:
    run = Driver(process(
        start(), sets("a", n="1"), boundary("undo_a", "a", compensation()),
        task("ha", extensions(listener("start", "execution.setVariable('began', 1)"), listener("end", "execution.setVariable('ended', 1)")), isForCompensation="true"),
        '<bpmn:association id="as" sourceRef="undo_a" targetRef="ha" associationDirection="One"/>', throw("th", compensation()), flows("s", "a", "th")
    ))  # fmt: skip
    run.complete("ha")
    assert run.variables == {"n": 1, "began": 1, "ended": 1}
