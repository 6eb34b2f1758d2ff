"""Instances that are migrated: every row that names a definition or an activity follows, and history with it."""

from __future__ import annotations

from typing import Any

import pytest

from mlc_service.engine import InvalidPlan, MigrationInstruction, NotMigratable
from mlc_service.engine.values import TypedValue
from mlc_service.jobs.work import Lease
from mlc_service.process.activity_tree import activity_tree
from mlc_service.process.deployments import delete_deployment
from mlc_service.process.errors import NoSuchInstance, OtherDefinition, UnknownPlanEnd
from mlc_service.process.instances import set_instance_suspended, set_instance_variables
from mlc_service.process.messages import CorrelateMessage, correlate_message
from mlc_service.process.migration import MigrationPlan, generated_instructions, migrate_instances, plan_problems
from mlc_service.process.signals import broadcast_signal
from mlc_service.store.errors import LeaseLost
from mlc_service.store.history_filters import ActivityHistoryFilter, TaskHistoryFilter, VariableHistoryFilter
from mlc_service.store.units import UnitOfWork
from tests.unit.engine.shapes import (
    MESSAGE,
    SIGNAL,
    boundary,
    listeners,
    mapping,
    node,
    process,
    sub,
    timer,
    user,
    users,
    ways,
)  # fmt: skip
from tests.unit.process.service import Service

START, END = node("startEvent", "s"), node("endEvent", "e")
A_TASK = START + users("a") + END + ways("s > a > e")
HOUR = timer("PT1H")


def plan(
    service: Service, source: str, target: str, *mapped: str, key: str = "p", **options: Any
) -> tuple[MigrationPlan, str]:
    """Both are deployed and an instance of the source runs; `mapped` are `a` or `a > b`, `!` updates the trigger.

    Answers the plan, which is the generated one if nothing is mapped, and the instance's id.
    """
    (before,) = service.deploy(process(source)).processes
    (after,) = service.deploy(process(target, key=key)).processes
    id = service.run_in(before.id, **options)
    if mapped:
        instructions = [instruction(one) for one in mapped]
    else:
        instructions = service.run(generated_instructions, before.id, after.id)
    return MigrationPlan(before.id, after.id, instructions), id


def instruction(text: str) -> MigrationInstruction:
    ends = text.removesuffix("!").split(" > ")
    return MigrationInstruction(ends[0], ends[-1], text.endswith("!"))


def migrate(service: Service, plan: MigrationPlan, *ids: str, **options: Any) -> None:
    service.run(migrate_instances, plan, ids, **options)


def run_time_rows(unit: UnitOfWork) -> dict[str, list[Any]]:
    return {
        "task": unit.tasks.find(), "job": unit.jobs.find(), "subscription": unit.subscriptions.find(),
        "external task": [one.task for one in unit.external_tasks.find()], "incident": unit.incidents.find(),
    }  # fmt: skip


def test_everything_that_waits_follows_under_its_own_id(service: Service) -> None:
    external = {"camunda_type": "external", "camunda_topic": "t"}

    def fork(suffix: str) -> str:
        ids = [f"{one}{suffix}" for one in ("user", "train", "ship", "hear")]
        elements = (
            user(ids[0]), node("serviceTask", ids[1], camunda_class="train"), node("serviceTask", ids[2], **external),
            node("receiveTask", ids[3], messageRef="m1"),
        )  # fmt: skip
        return (
            START + node("parallelGateway", "fork") + "".join(elements) + boundary(f"late{suffix}", ids[0], HOUR)
            + "".join(ways(f"fork > {one}") for one in ids) + ways("s > fork")
        )  # fmt: skip

    names = ("user", "train", "ship", "hear", "late")
    chosen, id = plan(service, fork(""), fork("2"), *(f"{one} > {one}2" for one in names), key="q")
    service.delegates["train"] = lambda _: 1 / 0
    for seconds in (0, 5, 30):
        service.clock.forward(seconds=seconds)
        service.run_jobs()
    before = service.read(run_time_rows)
    assert {kind: len(rows) for kind, rows in before.items()} == {
        "task": 1, "job": 2, "subscription": 1, "external task": 1, "incident": 1,
    }  # fmt: skip
    migrate(service, chosen, id)
    after = service.read(run_time_rows)
    for kind, rows in before.items():
        changes = {"definition_id": chosen.target_id}
        if kind not in ("subscription", "incident"):
            changes["definition_key"] = "q"
        expected = [row._replace(activity_id=f"{row.activity_id}2", **changes) for row in rows]
        assert after[kind] == expected, kind
    row = service.read(lambda unit: unit.instances.get(id))
    assert (row.definition_id, row.definition_key) == (chosen.target_id, "q")
    assert service.read(lambda unit: activity_tree(unit, service.around, id)).activity_id == chosen.target_id
    assert (service.record(id).definition_id, service.record(id).definition_key) == (chosen.target_id, "q")
    # what was deployed first is not needed any more
    assert service.read(lambda unit: unit.instances.count_by_definition()) == {chosen.target_id: 1}


def test_history_of_what_is_active_follows_and_what_is_over_stays(service: Service) -> None:
    inside = sub("x", node("startEvent", "xs"), user("a", name="one"), node("endEvent", "xe"), ways("xs > a > xe"))
    chosen, id = plan(
        service,
        START + inside + END + ways("s > x > e"),
        START + user("b", name="two") + END + ways("s > b > e"),
        "a > b",
    )
    (task,) = service.tasks()
    migrate(service, chosen, id)
    rows = service.read(lambda unit: unit.history.find_activities(ActivityHistoryFilter(instance_id=id)))
    assert [(row.activity_id, row.activity_name, row.definition_id, row.canceled) for row in rows] == [
        ("s", None, chosen.source_id, False), ("x", None, chosen.source_id, True), ("xs", None, chosen.source_id, False),
        ("b", "two", chosen.target_id, False),
    ]  # fmt: skip
    assert (rows[3].parent, rows[3].number, rows[3].ended) == (0, task.activity, None)
    (record,) = service.read(lambda unit: unit.history.find_tasks(TaskHistoryFilter(instance_id=id)))
    assert (record.id, record.activity_id, record.name, record.definition_id) == (task.id, "b", "one", chosen.target_id)
    (now,) = service.tasks()
    assert now == task._replace(activity_id="b", definition_id=chosen.target_id)
    service.complete()
    assert service.trail(id) == ["s", "x✗", "xs", "b", "e"]
    assert service.record(id).state == "COMPLETED"


def test_a_new_scope_is_the_parent_of_what_is_in_it(service: Service) -> None:
    around = (
        START
        + sub("x", mapping({"inside": "5"}), node("startEvent", "xs"), users("a"), ways("xs > a"))
        + END
        + ways("s > x > e")
    )
    chosen, id = plan(service, A_TASK, around, "a")
    migrate(service, chosen, id)
    tree = service.read(lambda unit: activity_tree(unit, service.around, id))
    (scope,) = tree.children
    assert (scope.activity_id, [child.activity_id for child in scope.children]) == ("x", ["a"])
    rows = service.read(lambda unit: unit.history.find_activities(ActivityHistoryFilter(instance_id=id)))
    assert {row.activity_id: row.parent for row in rows} == {"s": 0, "a": rows[2].number, "x": 0}
    (inside,) = service.read(lambda unit: unit.history.find_variables(VariableHistoryFilter(name="inside")))
    assert (inside.scope, inside.definition_id) == (rows[2].number, chosen.target_id)
    service.complete()
    assert service.record(id).state == "COMPLETED"


def test_variables_of_live_scopes_follow_and_those_of_the_plan_are_written(service: Service) -> None:
    local = START + user("a", mapping({"own": "1"})) + user("b") + END + ways("s > a > b > e")
    chosen, id = plan(service, local, local, variables={"v": 1})
    service.complete()
    day = TypedValue("Date", "2026-03-01T00:00:00.000+00:00")
    migrate(service, MigrationPlan(chosen.source_id, chosen.target_id, chosen.instructions, {"v": 2, "day": day}), id)
    rows = service.read(lambda unit: unit.history.find_variables(VariableHistoryFilter(instance_id=id)))
    assert {row.name: row.definition_id for row in rows} == {
        "day": chosen.target_id, "own": chosen.source_id, "v": chosen.target_id,
    }  # fmt: skip
    assert service.variables(id)["v"] == 2
    (entry,) = [row for row in rows if row.name == "day"]
    assert entry.value["$type"] == "Date"


def test_an_event_that_is_updated_is_found_by_its_new_name(service: Service) -> None:
    first = START + users("a", "after") + boundary("b", "a", MESSAGE) + ways("s > a", "b > after")
    second = first.replace('messageRef="m1"', 'messageRef="m2"')
    chosen, id = plan(service, first, second, "a", "after", "b!")
    migrate(service, chosen, id)
    service.run(correlate_message, CorrelateMessage("M2"))
    assert service.trail(id)[-1] == "after*"


def test_a_timer_that_is_updated_is_due_anew(service: Service) -> None:
    first = START + users("a", "after") + boundary("b", "a", HOUR) + ways("s > a", "b > after")
    second = first.replace("PT1H", "PT10M")
    chosen, id = plan(service, first, second, "a", "after", "b!")
    (job,) = service.jobs()
    service.clock.forward(minutes=5)
    migrate(service, chosen, id)
    (now,) = service.jobs()
    assert (now.id, now.due) == (job.id, service.clock.now() + (job.due - job.created) / 6)
    service.clock.forward(minutes=10)
    service.run_jobs()
    assert service.trail(id)[-1] == "after*"


def test_signals_thrown_on_the_way_reach_the_instance_under_its_new_definition(service: Service) -> None:
    first = START + users("a", "after") + boundary("b", "a", SIGNAL) + ways("s > a", "b > after")
    chosen, id = plan(service, first, first.replace("after", "later"), "a", "b")
    migrate(service, chosen, id)
    assert service.run(broadcast_signal, "S1") == 1
    assert service.trail(id)[-1] == "later*"


def test_listeners_are_called_unless_they_are_skipped(service: Service) -> None:
    around = START + sub("x", listeners("x"), node("startEvent", "xs"), users("a"), ways("xs > a")) + ways("s > x")
    chosen, first = plan(service, A_TASK, around, "a", variables={"log": ""})
    second = service.run_in(chosen.source_id, variables={"log": ""})
    migrate(service, chosen, first)
    migrate(service, chosen, second, skips_listeners=True, skips_mappings=True)
    assert [service.variables(id)["log"] for id in (first, second)] == ["x.start ", ""]


def test_what_begins_in_a_suspended_instance_rests(service: Service) -> None:
    chosen, id = plan(service, A_TASK, A_TASK + boundary("b", "a", HOUR), "a")
    service.run(set_instance_suspended, id, True)
    migrate(service, chosen, id)
    (job,) = service.jobs()
    (task,) = service.tasks()
    assert (job.suspended, task.suspended) == (True, True)
    service.clock.forward(hours=2)
    assert service.run_jobs() == 0


def test_a_delegate_at_work_ends_at_the_activity_that_took_over(service: Service) -> None:
    first = START + node("serviceTask", "a", camunda_class="train") + users("after") + ways("s > a > after")
    second = START + node("serviceTask", "b", camunda_class="deploy") + users("later") + ways("s > b > later")
    chosen, id = plan(service, first, second, "a > b")

    def work(_: Any) -> dict[str, Any]:
        migrate(service, chosen, id)
        return {"done": True}

    service.delegates["train"] = work
    service.run_jobs()
    assert (service.trail(id), service.variables(id)) == (["s", "b", "later*"], {"done": True})


def test_a_delegate_that_is_tried_again_is_the_new_one(service: Service) -> None:
    first = START + node("serviceTask", "a", camunda_class="train") + ways("s > a")
    chosen, id = plan(service, first, first.replace('"train"', '"deploy"'), "a")
    service.delegates["train"] = lambda _: 1 / 0
    service.run_jobs()
    migrate(service, chosen, id)
    service.clock.forward(seconds=5)
    service.run_jobs()
    assert [call.implementation for call in service.calls] == ["train", "deploy"]
    assert service.record(id).state == "COMPLETED"


def test_a_timer_at_work_that_the_migration_ends_comes_to_nothing(service: Service) -> None:
    chosen, id = plan(service, A_TASK + boundary("b", "a", HOUR), A_TASK, "a")
    service.clock.forward(hours=1)
    lease, now = Lease("me", 30), service.clock.now()
    (job,) = service.units.run(lambda unit: unit.jobs.claim(lease.worker, now, lease.until(now), 1))
    migrate(service, chosen, id)
    with pytest.raises(LeaseLost):
        service.units.run(lambda unit: unit.jobs.finish(job.id, job.attempt))
    assert service.jobs() == []


def test_called_instances_and_their_incidents_stay_with_their_call_activity(service: Service) -> None:
    service.deploy(process(START + node("serviceTask", "train", camunda_class="train") + ways("s > train"), key="q"))
    call = START + node("callActivity", "a", calledElement="q") + users("after") + ways("s > a > after")
    chosen, id = plan(service, call, call.replace('"a"', '"b"'), "a > b")
    service.delegates["train"] = lambda _: 1 / 0
    for seconds in (0, 5, 30):
        service.clock.forward(seconds=seconds)
        service.run_jobs()
    migrate(service, chosen, id)
    incidents = service.read(lambda unit: unit.incidents.find())
    assert {(one.activity_id, one.instance_id == id) for one in incidents} == {("train", False), ("b", True)}
    service.delegates.clear()
    (job,) = service.jobs()
    service.units.run(lambda unit: unit.jobs.set_retries(job.id, 1))
    service.clock.forward(hours=1)
    service.run_jobs()
    assert service.trail(id) == ["s", "b", "after*"]


def test_all_instances_are_migrated_or_none(service: Service) -> None:
    two = START + users("a", "b") + END + ways("s > a > b > e")
    chosen, first = plan(service, two, A_TASK, "a")
    second = service.run_in(chosen.source_id)
    service.complete(instance_id=second)
    with pytest.raises(NotMigratable) as refused:
        migrate(service, chosen, first, second)
    assert (refused.value.instance_id, [one.activity_id for one in refused.value.unfit]) == (second, ["b"])
    assert service.read(lambda unit: unit.instances.count_by_definition()) == {chosen.source_id: 2}
    third = service.run_in(chosen.source_id)
    migrate(service, chosen, third, first, first)
    assert service.read(lambda unit: unit.instances.count_by_definition()) == {chosen.source_id: 1, chosen.target_id: 2}


def test_who_cannot_be_migrated_is_told_why(service: Service) -> None:
    chosen, id = plan(service, A_TASK, A_TASK)
    for role, ends in (("source", ("nope", chosen.target_id)), ("target", (chosen.source_id, "nope"))):
        with pytest.raises(UnknownPlanEnd) as unknown:
            service.run(plan_problems, MigrationPlan(*ends))
        assert (unknown.value.role, unknown.value.id) == (role, "nope")
    with pytest.raises(NoSuchInstance):
        migrate(service, chosen, id, "nope")
    with pytest.raises(OtherDefinition) as other:
        migrate(service, MigrationPlan(chosen.target_id, chosen.source_id, chosen.instructions), id)
    assert (other.value.definition_id, other.value.wanted) == (chosen.source_id, chosen.target_id)
    wrong = MigrationPlan(chosen.source_id, chosen.target_id, [MigrationInstruction("a", "s")])
    assert [one.kind for one in service.run(plan_problems, wrong)] == ["type"]
    with pytest.raises(InvalidPlan):
        migrate(service, wrong)
    assert service.read(lambda unit: unit.instances.get(id)).definition_id == chosen.source_id


def test_the_old_deployment_can_go_and_leaves_what_has_migrated(service: Service) -> None:
    chosen, id = plan(service, A_TASK, A_TASK)
    left = service.run_in(chosen.source_id)
    migrate(service, chosen, id)
    old = service.read(lambda unit: unit.definitions.get(chosen.source_id)).deployment_id
    service.run(delete_deployment, old, cascade=True)
    service.complete()
    assert service.trail(id) == ["s", "a", "e"]
    assert (service.trail(left), [one.id for one in service.records()]) == ([], [id])


def test_an_instance_may_go_back_and_forth(service: Service) -> None:
    around = START + sub("x", node("startEvent", "xs"), users("a"), ways("xs > a")) + END + ways("s > x > e")
    there, id = plan(service, A_TASK, around, "a")
    back = MigrationPlan(there.target_id, there.source_id, there.instructions)
    for _ in range(3):
        migrate(service, there, id)
        service.run(set_instance_variables, id, {"seen": True})
        migrate(service, back, id)
    service.complete()
    assert service.trail(id) == ["s", "a", "x✗", "x✗", "x✗", "e"]
