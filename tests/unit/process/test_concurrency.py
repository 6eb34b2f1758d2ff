"""Many at once: work on one instance is serialised, different instances do not lose anything."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Event, Thread

from mlc_service.jobs.runner import ThreadRunner
from mlc_service.process.errors import NotFound
from mlc_service.process.instances import set_instance_variables
from mlc_service.process.signals import broadcast_signal, emit_signal
from mlc_service.process.tasks import complete_task
from tests.unit.process.service import Service, diagram, flow, path

START, END = '<bpmn:startEvent id="s"/>', '<bpmn:endEvent id="e"/>'
TASK = '<bpmn:userTask id="t"/>'
EVENTS = '<bpmn:signal id="sig" name="go"/>'
CATCH = (
    '<bpmn:intermediateCatchEvent id="c"><bpmn:signalEventDefinition signalRef="sig"/></bpmn:intermediateCatchEvent>'
)
PATIENCE_SECONDS = 60


def at_once(*actions: Callable[[], object]) -> list[BaseException]:
    """All actions begin at the same moment; answers what they raised."""
    together = Barrier(len(actions))
    raised: list[BaseException] = []

    def run(action: Callable[[], object]) -> None:
        together.wait(PATIENCE_SECONDS)
        try:
            action()
        except Exception as error:
            raised.append(error)

    threads = [Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def wait_until(holds: Callable[[], bool]) -> None:
    pulse = Event()
    for _ in range(PATIENCE_SECONDS * 50):
        if holds():
            return
        pulse.wait(0.02)
    raise AssertionError("did not come true")


def test_a_task_completed_by_two_at_once_is_completed_once(service: Service) -> None:
    started = service.begin(path(START, TASK, '<bpmn:userTask id="u"/>'))
    (task,) = service.tasks()
    raised = at_once(*[lambda n=n: service.run(complete_task, task.id, {"by": n}) for n in range(4)])  # type: ignore[misc]
    assert [type(error) for error in raised] == [NotFound] * 3
    assert service.trail(started.id) == ["s", "t", "u*"]


def test_branches_completed_at_once_meet_in_their_join(service: Service) -> None:
    """Camunda answers this with optimistic-locking errors; here everybody waits for the instance."""
    branches = 6
    process = f'{START}<bpmn:parallelGateway id="fork"/><bpmn:parallelGateway id="join"/>{END}' + flow("s", "fork")
    for number in range(branches):
        process += f'<bpmn:userTask id="t{number}"/>' + flow("fork", f"t{number}") + flow(f"t{number}", "join")
    started = service.begin(process + flow("join", "e"))
    tasks = service.tasks()
    raised = at_once(
        *[lambda t=task: service.run(complete_task, t.id, {t.activity_id: True}) for task in tasks]  # type: ignore[misc]
    )
    assert raised == []
    assert service.record(started.id).state == "COMPLETED"
    assert len(service.variables(started.id)) == branches


def test_variables_written_at_once_are_all_kept(service: Service) -> None:
    started = service.begin(path(START, TASK))
    raised = at_once(
        *[lambda n=n: service.run(set_instance_variables, started.id, {f"v{n}": n}) for n in range(8)]  # type: ignore[misc]
    )
    assert raised == []
    assert service.variables(started.id) == {f"v{n}": n for n in range(8)}


def test_broadcasts_at_once_reach_everybody_once(service: Service) -> None:
    service.deploy(diagram(path(START, CATCH, END), EVENTS))
    waiting = [service.start().id for _ in range(10)]
    assert at_once(*[lambda: service.run(broadcast_signal, "go")] * 4) == []
    assert [service.record(id).state for id in waiting] == ["COMPLETED"] * 10
    assert all(service.trail(id) == ["s", "c", "e"] for id in waiting)


def test_threads_carry_many_instances_through_all_their_jobs(service: Service) -> None:
    steps = "".join(
        f'<bpmn:serviceTask id="{name}" camunda:delegateExpression="${{{name}}}" camunda:asyncBefore="true"/>'
        + flow("fork", name)
        + flow(name, "join")
        for name in ("a", "b")
    )
    process = (
        f'{START}<bpmn:parallelGateway id="fork"/>{steps}<bpmn:parallelGateway id="join"/>'
        '<bpmn:serviceTask id="c" camunda:delegateExpression="${c}"/>'
        + CATCH
        + END
        + flow("s", "fork")
        + flow("join", "c")
        + flow("c", "c2")
        + flow("c2", "e")
    ).replace('id="c"><bpmn:signal', 'id="c2"><bpmn:signal')
    service.deploy(diagram(process, EVENTS))
    for name in ("a", "b", "c"):
        service.delegates[name] = lambda call, name=name: {name: call.instance_id}  # type: ignore[misc]
    runner = ThreadRunner(service.bench, threads=4, poll_seconds=0.05)
    runner.start()
    instances = [service.start().id for _ in range(25)]
    wait_until(lambda: len(service.jobs()) == 0)
    service.units.run(lambda unit: emit_signal(unit, service.clock.now(), "go", {"went": True}))
    wait_until(lambda: len(service.records(finished=True)) == len(instances))
    runner.stop()
    for id in instances:
        assert service.variables(id) == {"a": id, "b": id, "c": id, "went": True}
    assert len(service.calls) == 3 * len(instances)
    assert service.jobs() == []
    assert service.read(lambda unit: unit.incidents.count()) == 0
