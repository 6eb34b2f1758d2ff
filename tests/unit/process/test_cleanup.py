"""History leaves when its time is over: by one job, in the window or when somebody asks, never while anything runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest

from mlc_service.jobs.one import Workbench
from mlc_service.jobs.runner import run_due
from mlc_service.process import cleanup
from mlc_service.process.cleanup import (
    CLEANUP_JOB_ID,
    HISTORY_CLEANUP,
    ask_for_cleanup,
    clean_all,
    cleanup_job,
    plan_cleanup,
)
from mlc_service.process.decisions import evaluate_decision
from mlc_service.process.deployments import delete_deployment
from mlc_service.process.instances import delete_instance
from mlc_service.process.job_control import set_job_retries
from mlc_service.process.retention import CleanupWindow, RetentionRules, parse_time_of_day
from mlc_service.process.work import handlers
from mlc_service.store.rows import JobRow
from mlc_service.store.units import Units
from tests.unit.process.service import Service, diagram, path

TASK = '<bpmn:userTask id="wait" />'
START, END = '<bpmn:startEvent id="start" />', '<bpmn:endEvent id="end" />'
NIGHT = CleanupWindow(parse_time_of_day("22:00"), parse_time_of_day("05:00"))
DMN = b"""<?xml version="1.0"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" xmlns:camunda="http://camunda.org/schema/1.0/dmn"
             id="ds" name="ds" namespace="n">
  <decision id="d" name="D" camunda:historyTimeToLive="2">
    <variable name="d" /><literalExpression><text>1</text></literalExpression>
  </decision>
</definitions>"""


def living_for(days: str | None, content: str, key: str = "p") -> bytes:
    """A diagram that says so."""
    said = "" if days is None else f' camunda:historyTimeToLive="{days}"'
    return diagram(content).replace(b'id="p"', f'id="{key}"{said}'.encode(), 1)


@pytest.fixture
def waiting(service: Service) -> Service:
    """A process p that waits at a task, kept for 30 days after its end."""
    service.deploy(living_for("30", path(START, TASK, END)))
    return service


def with_rules(service: Service, **rules: Any) -> Service:
    """The same service, set up otherwise; what it runs follows these rules, too."""
    service.around = replace(service.around, retention=RetentionRules(**rules))
    service.bench = Workbench(service.units, service.clock, handlers(service.units, service.around, service._call))
    return service


def job(service: Service) -> JobRow | None:
    return service.read(cleanup_job)


def planned(service: Service) -> JobRow:
    found = job(service)
    assert found is not None
    return found


def cleaned(service: Service) -> None:
    """Somebody has asked for it, and it was done."""
    service.run(ask_for_cleanup, immediately=True)
    service.run_jobs()


def ended(service: Service, times: int = 1) -> list[str]:
    ids = []
    for _ in range(times):
        ids.append(service.start().id)
        service.complete()
    return ids


# --- when something may leave -------------------------------------------------------------------------------------


def test_an_instance_may_leave_its_time_to_live_after_its_end(waiting: Service) -> None:
    (id,) = ended(waiting)
    assert waiting.record(id).removal == waiting.clock.now() + timedelta(days=30)
    waiting.clock.forward(days=29, hours=23)
    cleaned(waiting)
    assert len(waiting.records()) == 1
    waiting.clock.forward(hours=1)
    cleaned(waiting)
    assert waiting.records() == []
    assert waiting.trail(id) == []


def test_an_instance_that_ends_in_its_first_step_may_leave_too(service: Service) -> None:
    service.deploy(living_for("0", path(START, END)))
    service.start()
    cleaned(service)
    assert service.records() == []


def test_a_cancelled_instance_may_leave_too(waiting: Service) -> None:
    id = waiting.start().id
    waiting.run(delete_instance, id)
    assert waiting.record(id).removal == waiting.clock.now() + timedelta(days=30)


def test_without_a_time_to_live_history_is_kept_for_ever(service: Service) -> None:
    service.deploy(living_for(None, path(START, END)))
    service.start()
    service.clock.forward(days=100_000)
    cleaned(service)
    assert len(service.records()) == 1


def test_another_time_to_live_counts_for_what_ends_later(waiting: Service) -> None:
    (before,) = ended(waiting)
    definition_id = waiting.record(before).definition_id
    waiting.units.run(lambda unit: unit.definitions.set_time_to_live(definition_id, 1))
    (after,) = ended(waiting)
    days = [waiting.record(id).removal - waiting.clock.now() for id in (before, after)]  # type: ignore[operator]
    assert days == [timedelta(days=30), timedelta(days=1)]


def test_a_running_instance_never_leaves(waiting: Service) -> None:
    id = waiting.start().id
    waiting.clock.forward(days=10_000)
    cleaned(waiting)
    assert waiting.trail(id) == ["start", "wait*"]


def test_a_called_instance_stays_until_its_caller_may_leave(service: Service) -> None:
    call = '<bpmn:callActivity id="call" calledElement="q" />'
    service.deploy(living_for("0", path(START, END), key="q"), "q.bpmn")
    service.deploy(living_for("30", path(START, call, TASK, END)))
    root = service.start().id
    service.clock.forward(days=100)
    cleaned(service)
    assert len(service.records()) == 2
    service.complete()
    called = next(row for row in service.records() if row.id != root)
    assert (called.ended, called.removal) != (None, service.record(root).removal)
    service.clock.forward(days=29)
    cleaned(service)
    assert len(service.records()) == 2
    service.clock.forward(days=1)
    cleaned(service)
    assert service.records() == []


def test_history_of_a_deleted_definition_leaves_as_it_was_promised(waiting: Service) -> None:
    ended(waiting)
    (deployment,) = waiting.read(lambda unit: unit.deployments.find())
    waiting.run(delete_deployment, deployment.id)
    waiting.clock.forward(days=30)
    cleaned(waiting)
    assert waiting.records() == []


def test_a_decision_that_nobodys_instance_asked_for_leaves_by_its_own_time_to_live(service: Service) -> None:
    (row,) = service.deploy(DMN, "d.dmn").decisions
    assert row.history_time_to_live == 2
    service.run(evaluate_decision, row, {})
    service.clock.forward(days=2)
    assert service.read(lambda unit: unit.decision_history.count()) == 1
    cleaned(service)
    assert service.read(lambda unit: unit.decision_history.count()) == 0


def test_the_services_time_to_live_counts_for_definitions_that_say_nothing(service: Service) -> None:
    with_rules(service, time_to_live=90)
    silent = service.deploy(living_for(None, path(START, END)))
    talking = service.deploy(living_for("30", path(START, END), key="q"), "q.bpmn")
    decision = service.deploy(DMN.replace(b' camunda:historyTimeToLive="2"', b""), "d.dmn")
    rows = [*silent.processes, *talking.processes, *decision.decisions]
    assert [row.history_time_to_live for row in rows] == [90, 30, 90]


# --- the job ------------------------------------------------------------------------------------------------------


def test_without_a_window_nothing_is_planned(service: Service) -> None:
    service.run(plan_cleanup)
    assert job(service) is None


def test_with_a_window_the_job_is_due_when_it_opens(service: Service) -> None:
    with_rules(service, window=NIGHT).run(plan_cleanup)
    assert planned(service).due == datetime(2026, 3, 2, 22, 0, tzinfo=UTC)
    assert planned(service).kind == HISTORY_CLEANUP


def test_in_an_open_window_the_job_is_due_at_once(service: Service, clock: Any) -> None:
    clock.forward(hours=14)
    with_rules(service, window=NIGHT).run(plan_cleanup)
    assert planned(service).due == clock.now()


def test_another_window_counts_from_the_next_start_on(service: Service) -> None:
    with_rules(service, window=NIGHT).run(plan_cleanup)
    noon = CleanupWindow(parse_time_of_day("12:00"), parse_time_of_day("13:00"))
    with_rules(service, window=noon).run(plan_cleanup)
    assert planned(service).due == datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_when_the_window_was_taken_away_the_planned_job_cleans_nothing_and_rests(waiting: Service) -> None:
    with_rules(waiting, window=NIGHT).run(plan_cleanup)
    ended(waiting)
    with_rules(waiting)
    waiting.clock.forward(days=31)
    waiting.run_jobs()
    assert len(waiting.records()) == 1
    assert planned(waiting).suspended


def test_services_that_start_at_once_plan_one_job(service: Service) -> None:
    with_rules(service, window=NIGHT)
    together = Barrier(4)

    def start() -> None:
        together.wait()
        service.run(plan_cleanup)

    starts = [Thread(target=start) for _ in range(4)]
    for one in starts:
        one.start()
    for one in starts:
        one.join()
    assert [row.id for row in service.jobs()] == [CLEANUP_JOB_ID]


def test_in_the_window_history_is_cleaned_and_the_job_waits_for_the_next(waiting: Service) -> None:
    with_rules(waiting, window=NIGHT).run(plan_cleanup)
    ended(waiting)
    waiting.clock.forward(days=31)
    waiting.clock.forward(hours=13)
    waiting.run_jobs()
    assert waiting.records() == []
    assert planned(waiting).due == datetime(2026, 4, 3, 22, 0, tzinfo=UTC)
    assert planned(waiting).state == "ready"


def test_a_job_that_comes_late_leaves_all_for_the_next_window(waiting: Service) -> None:
    with_rules(waiting, window=NIGHT).run(plan_cleanup)
    ended(waiting)
    waiting.clock.forward(days=31)
    waiting.run_jobs()
    assert len(waiting.records()) == 1
    assert planned(waiting).due == datetime(2026, 4, 2, 22, 0, tzinfo=UTC)


def test_cleaning_stops_when_the_window_closes(waiting: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with_rules(waiting, window=NIGHT, batch_rows=1).run(plan_cleanup)
    ended(waiting, times=5)
    waiting.clock.forward(days=31, hours=12, minutes=30)
    after_each_batch(monkeypatch, lambda: waiting.clock.forward(hours=3))
    waiting.run_jobs()
    # at 22:00, 1:00 and 4:00
    assert len(waiting.records()) == 2
    assert planned(waiting).due == datetime(2026, 4, 3, 22, 0, tzinfo=UTC)


def test_a_long_cleaning_goes_back_to_the_table_between_its_runs(
    waiting: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlc_service.process.cleanup._BATCHES_IN_A_RUN", 2)
    with_rules(waiting, batch_rows=1)
    ended(waiting, times=5)
    waiting.clock.forward(days=31)
    waiting.run(ask_for_cleanup, immediately=True)
    # two, two, one
    assert waiting.run_jobs() == 3
    assert waiting.records() == []
    assert planned(waiting).suspended


def test_a_cleaning_that_was_killed_goes_on_where_it_was(waiting: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with_rules(waiting, batch_rows=1)
    ended(waiting, times=3)
    waiting.clock.forward(days=31)
    waiting.run(ask_for_cleanup, immediately=True)

    def die() -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        after_each_batch(patched, die)
        with pytest.raises(SystemExit):
            waiting.run_jobs()
    assert len(waiting.records()) == 2
    assert planned(waiting).state == "running"
    waiting.clock.forward(minutes=5)
    waiting.units.run(lambda unit: unit.jobs.expire(waiting.clock.now(), 3, "gone"))
    waiting.run_jobs()
    assert waiting.records() == []


def test_two_that_clean_at_once_remove_everything_once(waiting: Service) -> None:
    ids = ended(waiting, times=20)
    waiting.clock.forward(days=31)
    together = Barrier(2)
    removed: list[int] = []

    def clean() -> None:
        together.wait()
        gone = clean_all(waiting.units, waiting.clock, batch_rows=1)
        removed.append(gone.get("historic_process_instances", 0))

    cleaners = [Thread(target=clean) for _ in range(2)]
    for one in cleaners:
        one.start()
    for one in cleaners:
        one.join()
    # who finds only what the other is just removing stops, and the other goes on
    assert sum(removed) == len(ids)
    assert waiting.records() == []


def test_asking_brings_a_planned_job_forward_and_ignores_the_window(waiting: Service) -> None:
    with_rules(waiting, window=NIGHT).run(plan_cleanup)
    ended(waiting)
    waiting.clock.forward(days=31)
    waiting.run(plan_cleanup)
    asked = waiting.run(ask_for_cleanup, immediately=True)
    assert (asked.id, asked.due) == (CLEANUP_JOB_ID, waiting.clock.now())
    waiting.run(plan_cleanup)
    waiting.run_jobs()
    assert waiting.records() == []
    assert planned(waiting).due == datetime(2026, 4, 2, 22, 0, tzinfo=UTC)


def test_asking_for_the_window_when_there_is_none_leaves_a_job_that_rests(service: Service) -> None:
    assert service.run(ask_for_cleanup, immediately=False).suspended
    assert service.run_jobs() == 0


def test_asking_while_it_is_at_work_changes_nothing(service: Service, units: Units) -> None:
    service.run(ask_for_cleanup, immediately=True)
    now = service.clock.now()
    units.run(lambda unit: unit.jobs.claim("w", now, now + timedelta(seconds=30), 1))
    asked = service.run(ask_for_cleanup, immediately=False)
    assert (asked.state, asked.suspended) == ("running", False)


def test_a_cleaning_that_fails_is_tried_again_and_then_an_incident(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.run(ask_for_cleanup, immediately=True)

    def fail() -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patched:
        after_each_batch(patched, fail)
        for _ in range(3):
            service.run_jobs()
            service.clock.forward(minutes=1)
    assert (planned(service).state, planned(service).exception_message) == ("failed", "RuntimeError: the disk is full")
    (incident,) = service.read(lambda unit: unit.incidents.find())
    assert incident.job_id == CLEANUP_JOB_ID
    service.run(plan_cleanup)
    assert planned(service).state == "failed"
    service.run(ask_for_cleanup, immediately=True)
    service.run_jobs()
    assert (planned(service).exception_message, planned(service).retries) == (None, 3)
    assert service.read(lambda unit: unit.incidents.find()) == []


def test_a_person_can_give_a_failed_cleaning_new_tries(service: Service, units: Units) -> None:
    service.run(ask_for_cleanup, immediately=True)
    service.run(set_job_retries, CLEANUP_JOB_ID, 0)
    service.run(set_job_retries, CLEANUP_JOB_ID, 1)
    assert run_due(service.bench) == 1
    assert units.read(lambda unit: unit.incidents.find()) == []


def after_each_batch(monkeypatch: pytest.MonkeyPatch, then: Callable[[], Any]) -> None:
    """Something happens when a batch has been committed."""
    remove = cleanup._remove_batch

    def removing(*given: Any) -> Any:
        gone = remove(*given)
        then()
        return gone

    monkeypatch.setattr(cleanup, "_remove_batch", removing)
