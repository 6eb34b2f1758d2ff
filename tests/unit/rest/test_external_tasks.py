"""External tasks over HTTP: what is refused and how it is said, as Camunda 7.24 answered when it was asked."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from mlc_service.engine.ids import derived_id
from mlc_service.store.rows import DeploymentRow, ExternalTaskRow, InstanceRow, ProcessDefinitionRow

REST = "/mlc-service/rest"
FETCH = f"{REST}/external-task/fetchAndLock"
INSTANCE = str(uuid4())
TASK = derived_id(INSTANCE, 8)
MISSING = "External task with id nothing does not exist"


@pytest.fixture
def task(units, clock):
    """A task of topic `orders` that the worker `w` has for a minute. Its instance has no state that could be loaded."""
    now = clock.now()
    row = ExternalTaskRow(
        TASK, INSTANCE, "p:1", "p", "ship", 7, "orders", 3, "w", now + timedelta(minutes=1),
        None, None, None, False, now,
    )  # fmt: skip
    with units.begin() as unit:
        unit.deployments.insert(DeploymentRow("d", None, None, now), [])
        unit.definitions.insert(
            ProcessDefinitionRow("p:1", "p", 1, "tag", "Parcels", None, "p.bpmn", "d", False, None, True)
        )
        unit.instances.insert(
            InstanceRow(INSTANCE, "p:1", "p", "order-1", INSTANCE, None, None, b"", {"a": 1}, False, 1, now), {}
        )
        unit.external_tasks.insert([row])
    return row


@pytest.fixture
def post(client):
    def post(operation, body=None, id=TASK):
        return client.post(f"{REST}/external-task/{id}/{operation}", json=body)

    return post


def said(answer):
    return answer.status_code, answer.json()["type"], answer.json()["message"]


def row_of(units):
    return units.read(lambda unit: unit.external_tasks.get(TASK))


# --- what is missing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "status", "kind", "message"),
    [
        ({"workerId": None}, 500, "NullValueException", "workerId is null"),
        ({"maxTasks": -1}, 500, "ProcessEngineException", "maxResults is not greater than or equal to 0"),
        ({"maxTasks": 2**31}, 400, "InvalidRequestException", "maxTasks is out of range"),
        ({"topics": [{"lockDuration": 5}]}, 500, "NullValueException", "topicName is null"),
        ({"topics": [{"topicName": "t"}]}, 500, "ProcessEngineException", "lockTime is not greater than 0"),
        (
            {"topics": [{"topicName": "t", "lockDuration": -1}]},
            500, "ProcessEngineException", "lockTime is not greater than 0",
        ),
        (
            {"topics": [{"topicName": "t", "lockDuration": 1, "processVariables": {"a": [1]}}]},
            500, "ProcessEngineException", "Object values cannot be used to query",
        ),
        (
            {"asyncResponseTimeout": 1_800_001},
            400, "InvalidRequestException",
            "The asynchronous response timeout cannot be set to a value greater than 1800000 milliseconds",
        ),
        (
            {"sorting": [{"sortBy": "foo", "sortOrder": "asc"}]},
            400, "InvalidRequestException", "Cannot set query sortBy parameter to value foo",
        ),
        (
            {"sorting": [{"sortBy": "createTime"}]},
            400, "InvalidRequestException", "sortBy and sortOrder can only be set together",
        ),
        (
            {"sorting": [{"sortBy": "createTime", "sortOrder": "up"}]},
            400, "InvalidRequestException", "Cannot set query sortOrder parameter to value up",
        ),
    ],
)  # fmt: skip
def test_a_fetch_that_makes_no_sense_is_refused(client, changed, status, kind, message):
    body = {"workerId": "w", "maxTasks": 1, "topics": [{"topicName": "t", "lockDuration": 5}]}
    assert said(client.post(FETCH, json=body | changed)) == (status, kind, message)


@pytest.mark.parametrize(
    ("operation", "body", "status", "message"),
    [
        ("complete", {}, 500, "workerId is null"),
        ("failure", {"retries": 1}, 500, "workerId is null"),
        ("bpmnError", {"errorCode": "1"}, 500, "workerId is null"),
        ("bpmnError", {"workerId": "w"}, 500, "errorCode is null"),
        ("lock", {"lockDuration": 5}, 500, "workerId is null"),
        ("extendLock", {"newDuration": 5}, 500, "workerId is null"),
        ("failure", {"workerId": "w", "retries": -1}, 500, "retries is not greater than or equal to 0"),
        ("failure", {"workerId": "w", "retryTimeout": -1}, 500, "retryDuration is not greater than or equal to 0"),
        ("lock", {"workerId": "w"}, 400, "lockDuration is not greater than 0"),
        ("lock", {"workerId": "w", "lockDuration": -5}, 400, "lockDuration is not greater than 0"),
        ("extendLock", {"workerId": "w"}, 400, "lockTime is not greater than 0"),
        ("extendLock", {"workerId": "w", "newDuration": 0}, 400, "lockTime is not greater than 0"),
    ],
)
def test_a_report_with_something_missing_is_refused_before_the_task_is_looked_for(
    post, operation, body, status, message
):
    answer = post(operation, body, id="nothing")
    assert (answer.status_code, answer.json()["message"]) == (status, message)


REPORTS = {
    "complete": {},
    "failure": {"retries": 1},
    "bpmnError": {"errorCode": "1"},
    "extendLock": {"newDuration": 5000},
    "lock": {"lockDuration": 5000},
}


@pytest.mark.parametrize("operation", REPORTS)
def test_a_task_that_does_not_exist_is_a_404(post, operation):
    assert said(post(operation, {"workerId": "w", **REPORTS[operation]}, id="nothing")) == (
        404, "RestException", MISSING,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("complete", "External Task {} cannot be completed by worker 'x'. It is locked by worker 'w'."),
        ("failure", "Failure of External Task {} cannot be reported by worker 'x'. It is locked by worker 'w'."),
        ("bpmnError", "Bpmn error of External Task {} cannot be reported by worker 'x'. It is locked by worker 'w'."),
        ("extendLock", "The lock of the External Task {} cannot be extended by worker 'x''. It is locked by worker 'w'."),
        ("lock", "External Task {} cannot be locked by worker 'x'. It is locked by worker 'w'."),
    ],
)  # fmt: skip
def test_another_worker_cannot_report(post, task, operation, message):
    answer = post(operation, {"workerId": "x", **REPORTS[operation]})
    assert said(answer) == (400, "RestException", message.format(TASK))


# --- holding ------------------------------------------------------------------------------------------------------


def test_an_unlocked_task_is_nobodys_and_may_be_locked_by_anybody(post, task, units, clock):
    assert post("unlock").status_code == 204
    assert (row_of(units).worker, row_of(units).lock_until) == (None, None)
    assert said(post("extendLock", {"workerId": "w", "newDuration": 5})) == (
        400, "RestException",
        f"The lock of the External Task {TASK} cannot be extended by worker 'w''. It is locked by worker 'null'.",
    )  # fmt: skip
    assert post("lock", {"workerId": "x", "lockDuration": 5000}).status_code == 204
    assert (row_of(units).worker, row_of(units).lock_until) == ("x", clock.now() + timedelta(seconds=5))
    assert said(post("unlock", id="nothing")) == (404, "RestException", MISSING)


def test_a_lock_can_be_extended_until_it_runs_out(post, task, units, clock):
    assert post("extendLock", {"workerId": "w", "newDuration": "90000"}).status_code == 204
    assert row_of(units).lock_until == clock.now() + timedelta(seconds=90)
    now = clock.forward(seconds=91)
    milliseconds = int(now.timestamp() * 1000)
    assert said(post("extendLock", {"workerId": "w", "newDuration": 5})) == (
        400, "RestException",
        f"Cannot extend a lock that expired: lockExpirationTime is not greater than or equal to {milliseconds}",
    )  # fmt: skip


def test_a_lock_for_longer_than_the_calendar_is_a_very_long_one(post, task, units, clock):
    assert post("lock", {"workerId": "w", "lockDuration": 2**63 - 1}).status_code == 204
    assert row_of(units).lock_until > clock.now() + timedelta(days=365 * 500)


@pytest.mark.parametrize("operation", ["complete", "failure", "bpmnError", "extendLock"])
def test_nobody_reports_on_a_suspended_task(post, task, units, operation):
    units.run(lambda unit: unit.instances.set_suspended(INSTANCE, True))
    answer = post(operation, {"workerId": "w", **REPORTS[operation]})
    assert said(answer) == (400, "RestException", f"ENGINE-03043 ExternalTask with id '{TASK}' is suspended.")


# --- what people do -----------------------------------------------------------------------------------------------


def test_no_retries_are_an_incident_and_new_ones_resolve_it(client, task, units):
    def set_retries(retries, id=TASK):
        return client.put(f"{REST}/external-task/{id}/retries", json={"retries": retries})

    def incidents():
        return client.get(f"{REST}/incident?configuration={TASK}").json()

    assert said(set_retries(-1)) == (
        400, "BadUserRequestException",
        "The number of retries cannot be negative: retries is not greater than or equal to 0",
    )  # fmt: skip
    assert said(set_retries(None)) == (400, "InvalidRequestException", "The number of retries cannot be null.")
    assert said(set_retries(1, id="nothing")) == (404, "RestException", MISSING)
    for _ in range(2):
        assert set_retries(0).status_code == 204
        [incident] = incidents()
    assert (incident["incidentType"], incident["configuration"]) == ("failedExternalTask", TASK)
    assert (incident["activityId"], incident["failedActivityId"]) == ("ship", None)
    assert set_retries(3).status_code == 204
    assert incidents() == []
    assert row_of(units).retries == 3


@pytest.mark.parametrize(
    "named",
    [
        {"externalTaskIds": [TASK, TASK]},
        {"processInstanceIds": [INSTANCE]},
        {"externalTaskQuery": {"topicName": "orders"}},
        {"processInstanceQuery": {"businessKey": "order-1"}},
    ],
)
def test_retries_of_many_tasks_are_set_together(client, task, units, named):
    assert client.put(f"{REST}/external-task/retries", json={"retries": 4, **named}).status_code == 204
    assert row_of(units).retries == 4


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"externalTaskIds": [TASK]}, 400, "The number of retries cannot be null."),
        ({"retries": 1}, 400, "externalTaskIds is empty"),
        ({"retries": 1, "externalTaskQuery": {"topicName": "none"}}, 400, "externalTaskIds is empty"),
        ({"retries": 1, "externalTaskQuery": {"tenantIdIn": ["x"]}}, 400, "externalTaskIds is empty"),
        ({"retries": 1, "externalTaskQuery": [1]}, 400, "externalTaskQuery must be an object"),
        (
            {"retries": 1, "externalTaskIds": [TASK, None]},
            400, "External task id cannot be null: externalTaskIds contains null value",
        ),
        (
            {"retries": 1, "externalTaskIds": [TASK, "nothing"]},
            404, "Cannot find external task with id nothing: externalTask is null",
        ),
    ],
)  # fmt: skip
def test_retries_of_many_tasks_are_set_for_all_or_none(client, task, units, body, status, message):
    answer = client.put(f"{REST}/external-task/retries", json=body)
    assert (answer.status_code, answer.json()["message"]) == (status, message)
    assert row_of(units).retries is None


def test_a_priority_has_64_bits(client, task, units):
    path = f"{REST}/external-task/{TASK}/priority"
    assert client.put(path, json={"priority": 9_999_999_999}).status_code == 204
    assert row_of(units).priority == 9_999_999_999
    assert client.put(path, json={}).status_code == 400
    assert client.put(path.replace(TASK, "nothing"), json={"priority": 1}).status_code == 404


# --- looking ------------------------------------------------------------------------------------------------------


def test_a_task_is_shown_with_what_belongs_to_its_instance_and_definition(client, task):
    shown = client.get(f"{REST}/external-task/{TASK}").json()
    assert shown == {
        "id": TASK, "activityId": "ship", "activityInstanceId": derived_id(INSTANCE, 7),
        "executionId": derived_id(INSTANCE, 7), "errorMessage": None, "topicName": "orders", "workerId": "w",
        "lockExpirationTime": "2026-03-02T09:31:00.000+0000", "createTime": "2026-03-02T09:30:00.000+0000",
        "processDefinitionId": "p:1", "processDefinitionKey": "p", "processDefinitionVersionTag": "tag",
        "processInstanceId": INSTANCE, "businessKey": "order-1", "retries": None, "suspended": False,
        "priority": 3, "tenantId": None,
    }  # fmt: skip
    assert client.get(f"{REST}/external-task").json() == [shown]
    assert said(client.get(f"{REST}/external-task/nothing")) == (404, "RestException", MISSING)


def test_tasks_are_found_by_their_lock_as_it_is_now_and_by_their_execution(client, task, clock):
    def count(**query):
        return client.get(f"{REST}/external-task/count", params=query).json()["count"]

    assert (count(locked="true"), count(notLocked="true"), count(locked="false")) == (1, 0, 1)
    clock.forward(minutes=2)
    assert (count(locked="true"), count(notLocked="true")) == (0, 1)
    assert count(executionId=derived_id(INSTANCE, 7)) == 1
    assert count(executionId=derived_id(INSTANCE, 6)) == 0
    assert count(executionId=str(uuid4())) == 0
    assert count(executionId="no UUID") == 0
    assert count(priorityHigherThanOrEquals=3, priorityLowerThanOrEquals=9_999_999_999) == 1
    assert count(processVariables="a_eq_1") == 0
    posted = {"processVariables": [{"name": "a", "operator": "eq", "value": 1}], "processDefinitionNameLike": "Par%"}
    assert client.post(f"{REST}/external-task/count", json=posted).json() == {"count": 1}


def test_topics_are_listed_by_whether_somebody_has_their_tasks(client, task):
    def topics(*flags):
        return client.get(f"{REST}/external-task/topic-names", params=dict.fromkeys(flags, "true")).json()

    assert topics() == topics("withLockedTasks") == topics("withRetriesLeft") == ["orders"]
    assert topics("withUnlockedTasks") == topics("withLockedTasks", "withUnlockedTasks") == []


def test_details_of_an_error_are_plain_text(client, task, units):
    path = f"{REST}/external-task/{TASK}/errorDetails"
    assert client.get(path).status_code == 204
    units.run(lambda unit: unit.external_tasks.fail(TASK, task.created, "no", "tray 2 ist leer: Ö", 1))
    answer = client.get(path)
    assert answer.text == "tray 2 ist leer: Ö"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert said(client.get(path.replace(TASK, "nothing"))) == (
        500, "NullValueException", "No external task found with id nothing: externalTask is null",
    )  # fmt: skip
