"""External tasks from fetching to the next wait state, on instances that really run."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from mlc_service.engine import ExecutionFailed
from mlc_service.process.errors import LockedByAnother, LockExpired, NotFound, Suspended
from mlc_service.process.external_tasks import (
    Failure,
    Fetched,
    Wish,
    complete_external_task,
    extend_lock,
    fetch_and_lock,
    handle_bpmn_error,
    handle_failure,
    lock_external_task,
    set_external_task_priority,
    set_external_task_retries,
    unlock_external_task,
)
from mlc_service.process.instances import delete_instance, set_instance_suspended
from mlc_service.store.external_tasks import FetchOrder, Topic
from mlc_service.store.rows import ExternalTaskRow, IncidentRow
from tests.unit.process.service import Service, diagram, flow, path

START, TASK, END = '<bpmn:startEvent id="s"/>', '<bpmn:userTask id="t"/>', '<bpmn:endEvent id="e"/>'
LOST = '<bpmn:error id="lost" errorCode="LOST"/>'
CAUGHT = (
    '<bpmn:boundaryEvent id="caught" attachedToRef="ship"><bpmn:errorEventDefinition errorRef="lost"'
    ' camunda:errorMessageVariable="why"/></bpmn:boundaryEvent><bpmn:userTask id="search"/>'
) + flow("caught", "search")
MINUTE = 60_000


def ship(extensions: str = "", id: str = "ship", attributes: str = 'camunda:topic="orders"') -> str:
    inner = f"<bpmn:extensionElements>{extensions}</bpmn:extensionElements>" if extensions else ""
    return f'<bpmn:serviceTask id="{id}" camunda:type="external" {attributes}>{inner}</bpmn:serviceTask>'


def error_if(expression: str) -> str:
    return f'<camunda:errorEventDefinition errorRef="lost" expression="${{{expression}}}"/>'


def fetch(
    service: Service, worker: str = "w", limit: int = 10, order: FetchOrder | None = None, **wish: Any
) -> list[Fetched]:
    topic = wish.pop("topic", Topic("orders"))
    wishes = [Wish(topic, wish.pop("lock_milliseconds", MINUTE), **wish)]
    return service.run(fetch_and_lock, worker, wishes, limit, order or FetchOrder())


def fetched(service: Service, worker: str = "w") -> str:
    """The id of the one task there is to fetch."""
    (one,) = fetch(service, worker)
    return one.info.task.id


def left(service: Service) -> list[ExternalTaskRow]:
    return [one.task for one in service.read(lambda unit: unit.external_tasks.find())]


def incidents(service: Service) -> list[IncidentRow]:
    return service.read(lambda unit: unit.incidents.find())


# --- fetching -----------------------------------------------------------------------------------------------------


def test_a_worker_gets_the_task_with_the_variables_it_can_see(service: Service) -> None:
    mapping = '<camunda:inputOutput><camunda:inputParameter name="label">to ${name}</camunda:inputParameter></camunda:inputOutput>'
    started = service.begin(
        path(START, ship(mapping), END), variables={"name": "ann", "amount": 3}, business_key="order-1"
    )
    (one,) = fetch(service)
    task = one.info.task
    assert (task.activity_id, task.topic, task.worker, task.retries) == ("ship", "orders", "w", None)
    assert task.lock_until == service.clock.now() + timedelta(minutes=1)
    assert (task.instance_id, one.info.business_key) == (started.id, "order-1")
    assert one.variables == {"name": "ann", "amount": 3, "label": "to ann"}
    assert fetch(service, "other") == []


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"names": ["label", "amount", "no such"]}, {"label": 1, "amount": 3}),
        ({"names": []}, {}),
        ({"local": True}, {"label": 1}),
        ({"local": True, "names": ["amount"]}, {}),
    ],
)
def test_a_worker_gets_the_variables_it_asks_for(
    service: Service, wish: dict[str, Any], expected: dict[str, Any]
) -> None:
    mapping = (
        '<camunda:inputOutput><camunda:inputParameter name="label">${1}</camunda:inputParameter></camunda:inputOutput>'
    )
    service.begin(path(START, ship(mapping), END), variables={"name": "ann", "amount": 3})
    (one,) = fetch(service, **wish)
    assert one.variables == expected


def test_a_worker_gets_extension_properties_if_it_asks_for_them(service: Service) -> None:
    properties = '<camunda:properties><camunda:property name="printer" value="left"/></camunda:properties>'
    service.begin(path(START, ship(properties), END))
    (one,) = fetch(service, with_properties=True)
    assert one.properties == {"printer": "left"}
    service.run(unlock_external_task, one.info.task.id)
    (one,) = fetch(service)
    assert one.properties == {}


def test_the_most_urgent_comes_first_if_the_worker_wants_that(service: Service) -> None:
    fork = '<bpmn:parallelGateway id="fork"/>'
    tasks = "".join(
        ship(id=f"x{n}", attributes=f'camunda:topic="orders" camunda:taskPriority="{n}"') + flow("fork", f"x{n}")
        for n in (1, 3, 2)
    )
    service.begin(path(START, fork) + tasks)
    assert [one.info.task.activity_id for one in fetch(service, limit=2, order=FetchOrder(by_priority=True))] == [
        "x3", "x2",
    ]  # fmt: skip
    assert [one.info.task.activity_id for one in fetch(service)] == ["x1"]


# --- completing ---------------------------------------------------------------------------------------------------


def test_a_completed_task_takes_its_instance_on_to_the_next_wait(service: Service) -> None:
    started = service.begin(path(START, ship(), TASK, END))
    id = fetched(service)
    service.run(complete_external_task, id, "w", {"sent": True}, {"weight": 2})
    assert service.trail(started.id) == ["s", "ship", "t*"]
    assert service.variables(started.id) == {"sent": True}
    assert left(service) == []
    with pytest.raises(NotFound) as gone:
        service.run(complete_external_task, id, "w")
    assert gone.value.kind == "external task"


def test_local_variables_reach_output_parameters_only(service: Service) -> None:
    mapping = '<camunda:inputOutput><camunda:outputParameter name="heavy">${weight &gt; 1}</camunda:outputParameter></camunda:inputOutput>'
    started = service.begin(path(START, ship(mapping), TASK, END))
    service.run(complete_external_task, fetched(service), "w", {}, {"weight": 2})
    assert service.variables(started.id) == {"heavy": True}


def test_a_worker_whose_lock_ran_out_may_complete_until_another_one_has_the_task(service: Service) -> None:
    started = service.begin(path(START, ship(), TASK, END))
    id = fetched(service, "slow")
    service.clock.forward(minutes=2)
    assert fetched(service, "fast") == id
    with pytest.raises(LockedByAnother) as refused:
        service.run(complete_external_task, id, "slow")
    assert (refused.value.worker, refused.value.holder) == ("slow", "fast")
    service.clock.forward(minutes=2)
    service.run(complete_external_task, id, "fast")
    assert service.trail(started.id) == ["s", "ship", "t*"]


def test_what_fails_behind_the_task_leaves_it_with_its_worker(service: Service) -> None:
    broken = '<bpmn:scriptTask id="x" scriptFormat="python"><bpmn:script>1 / 0</bpmn:script></bpmn:scriptTask>'
    started = service.begin(path(START, ship(), broken, END))
    id = fetched(service)
    with pytest.raises(ExecutionFailed):
        service.run(complete_external_task, id, "w", {"sent": True})
    (task,) = left(service)
    assert (task.id, task.worker) == (id, "w")
    assert service.variables(started.id) == {}


def test_a_task_whose_instance_was_deleted_is_gone(service: Service) -> None:
    started = service.begin(path(START, ship(), END))
    id = fetched(service)
    service.run(delete_instance, started.id)
    assert left(service) == []
    reports: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
        (complete_external_task, ("w",)),
        (handle_failure, ("w", Failure())),
        (handle_bpmn_error, ("w", "LOST")),
        (extend_lock, ("w", 5)),
        (lock_external_task, ("w", 5)),
        (unlock_external_task, ()),
        (set_external_task_priority, (1,)),
    ]
    for use_case, arguments in reports:
        with pytest.raises(NotFound):
            service.run(use_case, id, *arguments)
    with pytest.raises(NotFound):
        service.run(set_external_task_retries, [id], 1)


def test_a_suspended_task_is_neither_fetched_nor_completed(service: Service) -> None:
    started = service.begin(path(START, ship(), END))
    id = fetched(service)
    service.run(set_instance_suspended, started.id, True)
    with pytest.raises(Suspended):
        service.run(complete_external_task, id, "w")
    service.run(unlock_external_task, id)
    assert fetch(service) == []
    service.run(set_instance_suspended, started.id, False)
    service.run(complete_external_task, fetched(service), "w")
    assert service.record(started.id).state == "COMPLETED"


# --- failing ------------------------------------------------------------------------------------------------------


def test_a_failed_task_can_be_fetched_again_after_its_pause(service: Service) -> None:
    started = service.begin(path(START, ship(), TASK, END))
    id = fetched(service)
    failure = Failure("x" * 700, "tray 2", retries=2, pause_milliseconds=30_000)
    service.run(handle_failure, id, "w", failure, {"tries": 1}, {"mine": True})
    (task,) = left(service)
    assert (task.retries, task.error_message, task.error_details) == (2, "x" * 666, "tray 2")
    assert service.variables(started.id) == {"tries": 1}
    assert incidents(service) == []
    assert fetch(service) == []
    service.clock.forward(seconds=30)
    (again,) = fetch(service, "other", local=True)
    assert again.variables == {"mine": True}
    service.run(complete_external_task, id, "other")
    assert service.trail(started.id) == ["s", "ship", "t*"]


def test_no_retries_left_is_an_incident_until_somebody_sets_more(service: Service) -> None:
    started = service.begin(path(START, ship(), END))
    id = fetched(service)
    service.run(handle_failure, id, "w", Failure("no paper"))
    service.run(handle_failure, id, "w", Failure("still no paper"))
    (incident,) = incidents(service)
    assert (incident.kind, incident.external_task_id, incident.message) == ("failedExternalTask", id, "no paper")
    assert (incident.instance_id, incident.activity_id) == (started.id, "ship")
    assert fetch(service) == []
    service.run(set_external_task_retries, [id], 1)
    assert incidents(service) == []
    assert fetched(service) == id
    service.run(set_external_task_retries, [id], 0)
    (incident,) = incidents(service)
    assert incident.message == "still no paper"


def test_an_incident_leaves_with_its_task(service: Service) -> None:
    service.begin(path(START, ship(), TASK, END))
    id = fetched(service)
    service.run(handle_failure, id, "w", Failure("no paper"))
    # somebody has put paper in: the worker goes on with what it had
    service.run(complete_external_task, id, "w")
    assert incidents(service) == []


def test_a_failure_with_retries_left_after_one_without_resolves_the_incident(service: Service) -> None:
    service.begin(path(START, ship(), END))
    id = fetched(service)
    service.run(handle_failure, id, "w", Failure())
    service.run(handle_failure, id, "w", Failure(retries=1))
    assert incidents(service) == []
    for wrong in (Failure(retries=-1), Failure(pause_milliseconds=-1)):
        with pytest.raises(ValueError, match="negative"):
            service.run(handle_failure, id, "w", wrong)
    with pytest.raises(ValueError, match="negative"):
        service.run(set_external_task_retries, [id], -1)


# --- BPMN errors --------------------------------------------------------------------------------------------------


def test_a_reported_bpmn_error_is_caught_where_the_diagram_says(service: Service) -> None:
    started = service.begin(path(START, ship(), END) + CAUGHT, LOST)
    service.run(handle_bpmn_error, fetched(service), "w", "LOST", "fell off", {"where": "bridge"})
    assert service.trail(started.id) == ["s", "ship✗", "caught", "search*"]
    assert service.variables(started.id) == {"where": "bridge", "why": "fell off"}
    assert left(service) == []


def test_a_bpmn_error_that_nobody_catches_ends_the_token(service: Service) -> None:
    started = service.begin(path(START, ship(), TASK, END))
    service.run(handle_bpmn_error, fetched(service), "w", "UNKNOWN", None, {"where": "bridge"})
    assert service.record(started.id).state == "COMPLETED"
    assert service.variables(started.id) == {"where": "bridge"}


@pytest.mark.parametrize(
    "expression",
    [
        "externalTask.errorMessage == 'no parcel'",
        "externalTask.errorDetails == 'at all'",
        "externalTask.workerId == 'w' and externalTask.topicName == 'orders'",
        # what it had before this failure
        "externalTask.retries == null",
        "found == 0",
    ],
)
def test_a_failure_is_a_bpmn_error_where_the_diagram_says_so(service: Service, expression: str) -> None:
    started = service.begin(path(START, ship(error_if(expression)), END) + CAUGHT, LOST)
    id = fetched(service)
    service.run(handle_failure, id, "w", Failure("no parcel", "at all", retries=0), {"found": 0})
    assert service.trail(started.id) == ["s", "ship✗", "caught", "search*"]
    assert left(service) == []
    assert incidents(service) == []


def test_a_failure_that_the_diagram_does_not_know_stays_one(service: Service) -> None:
    service.begin(path(START, ship(error_if("externalTask.errorMessage == 'lost'")), END) + CAUGHT, LOST)
    service.run(handle_failure, fetched(service), "w", Failure("no paper", retries=1))
    assert [task.error_message for task in left(service)] == ["no paper"]


def test_a_completion_can_be_a_bpmn_error_too(service: Service) -> None:
    started = service.begin(path(START, ship(error_if("found == 0")), END) + CAUGHT, LOST)
    service.run(complete_external_task, fetched(service), "w", {"found": 0})
    assert service.trail(started.id) == ["s", "ship✗", "caught", "search*"]


# --- holding ------------------------------------------------------------------------------------------------------


def test_only_the_holder_keeps_a_task_and_only_while_its_lock_lasts(service: Service) -> None:
    service.begin(path(START, ship(), END))
    id = fetched(service)
    with pytest.raises(LockedByAnother):
        service.run(extend_lock, id, "other", MINUTE)
    with pytest.raises(LockedByAnother):
        service.run(lock_external_task, id, "other", MINUTE)
    service.clock.forward(seconds=50)
    service.run(extend_lock, id, "w", MINUTE)
    service.clock.forward(seconds=61)
    with pytest.raises(LockExpired):
        service.run(extend_lock, id, "w", MINUTE)
    service.run(lock_external_task, id, "other", MINUTE)
    assert [task.worker for task in left(service)] == ["other"]
    service.run(set_external_task_priority, id, 9)
    assert [task.priority for task in left(service)] == [9]


# --- many at once -------------------------------------------------------------------------------------------------


def at_once(action: Callable[[int], Any], times: int = 4) -> list[Any]:
    """What each of as many threads answered or raised."""

    def run(number: int) -> Any:
        try:
            return action(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(run, range(times)))


def test_a_task_reported_by_two_at_once_is_completed_once(service: Service) -> None:
    started = service.begin(path(START, ship(), TASK, END))
    id = fetched(service)
    answers = at_once(lambda n: service.run(complete_external_task, id, "w", {"by": n}))
    assert sorted(type(answer).__name__ for answer in answers) == ["NoneType"] + ["NotFound"] * 3
    assert service.trail(started.id) == ["s", "ship", "t*"]


def test_workers_at_once_share_the_tasks_and_finish_them_all(service: Service) -> None:
    service.deploy(diagram(path(START, ship(), END)))
    started = {service.start().id for _ in range(12)}

    def work(number: int) -> list[str]:
        done = []
        while tasks := fetch(service, f"w{number}", limit=2):
            for one in tasks:
                service.run(complete_external_task, one.info.task.id, f"w{number}")
                done.append(one.info.task.instance_id)
        return done

    done = at_once(work)
    assert sorted(id for ids in done for id in ids) == sorted(started)
    assert left(service) == []
