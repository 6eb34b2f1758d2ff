"""Every path of "Deploy with run test and Jira", on a whole service with real model jobs."""

from __future__ import annotations

from tests.process.world import LABELLED, MODEL, World

FAILING = MODEL.replace("def metrics(df):", "def metrics(df):\n    raise ValueError('the score column has a bad day')")


def test_a_tested_and_approved_snapshot_is_deployed_online_and_scores(world: World) -> None:
    world.runtime("credit-online", online=True)
    world.snapshot(world.model(), "run_test", "jira")
    ticket = world.ticket()
    assert ticket["summary"] == "Approve Credit v1"
    for fact in ("Credit", "High", "accuracy", "0.75", "thresholds.dmn"):
        assert fact in ticket["description"]
    world.move(ticket, "Done", "good enough")
    instance = world.ended()
    variables = world.variables(instance["id"])
    assert variables["OUTCOME"] == "DEPLOYED"
    assert (variables["TICKET_STATUS"], variables["TICKET_COMMENT"]) == ("DONE", "good enough")
    (deployed,) = world.documents("deployedModels")
    assert (deployed["state"], deployed["engine"]["name"]) == ("DEPLOYED", "credit-online")
    (result,) = world.documents("modelTestResults")
    assert result["testResults"] == {"accuracy": 0.75, "record_count": 4}
    answer = world.http.post("/credit-online/api/roundtrip/0/1", json={"x": 21})
    assert (answer.status_code, answer.json()) == (200, {"score": 42})
    assert len(world.tickets()) == 1
    assert world.get("/mlc-service/rest/incident") == []
    assert world.get("/mlc-service/rest/job") == []


def test_without_tags_a_snapshot_goes_straight_to_its_batch_runtime(world: World) -> None:
    world.runtime("credit-batch")
    world.snapshot(world.model())
    assert world.outcome() == "DEPLOYED"
    (deployed,) = world.documents("deployedModels")
    assert deployed["engine"]["name"] == "credit-batch"
    assert world.documents("jobs") == []
    assert world.tickets() == []
    assert "DeployBatch" in world.activities(world.ended()["id"])


def test_a_snapshot_tagged_train_is_trained_before_it_is_tested(world: World) -> None:
    world.runtime()
    snapshot = world.snapshot(world.model(), "train", "run_test")
    assert world.outcome() == "DEPLOYED"
    assert sorted(job["jobType"] for job in world.documents("jobs")) == [
        "MODEL_BATCH_TEST_JOB",
        "MODEL_BATCH_TRAINING_JOB",
    ]
    trained = world.get(f"/model-manage/api/deployableModels/{snapshot['id']}")
    assert "weights.json" in str(trained)
    activities = world.activities(world.ended()["id"])
    assert activities.index("GetTrainJob") < activities.index("CreateTestJob")


def test_a_model_below_its_thresholds_is_rejected_with_the_reasons(world: World) -> None:
    world.runtime()
    world.snapshot(world.model(threshold=0.9), "run_test", "jira")
    assert world.outcome() == "REJECTED"
    (ticket,) = world.tickets()
    assert (ticket["kind"], ticket["summary"]) == ("rejection", "Credit v1 rejected: test results below the thresholds")
    assert "accuracy is under 0.9" in ticket["description"]
    assert world.documents("deployedModels") == []


def test_a_model_without_test_data_is_rejected_if_a_test_was_asked_for(world: World) -> None:
    world.runtime()
    world.snapshot(world.model(test_data=None), "run_test", "jira")
    assert world.outcome() == "REJECTED"
    (ticket,) = world.tickets()
    assert (ticket["kind"], ticket["summary"]) == ("rejection", "Credit v1 rejected: it has no test data")
    assert "TEST_DATA" in ticket["description"]
    assert world.documents("jobs") == []


def test_a_failing_test_runs_again_when_its_ticket_is_done_and_is_rejected_when_it_is_not(world: World) -> None:
    world.runtime()
    world.snapshot(world.model(FAILING), "run_test", "jira")
    first = world.ticket(1)
    assert (first["kind"], first["status"]) == ("failure", "Open")
    assert "the score column has a bad day" in first["description"]
    world.move(first, "Done", "repaired, try again")
    second = world.ticket(2)
    assert second["kind"] == "failure"
    assert len(world.documents("jobs")) == 2
    world.move(second, "Rejected", "give up")
    assert world.outcome() == "REJECTED"
    rejection = world.ticket(3)
    assert (rejection["kind"], rejection["summary"]) == ("rejection", "Credit v1 rejected: its model job failed")
    assert "the score column has a bad day" in rejection["description"]
    assert len(world.tickets()) == 3
    assert world.documents("deployedModels") == []


def test_a_reviewer_who_says_no_is_quoted_in_the_rejection(world: World) -> None:
    world.runtime()
    world.snapshot(world.model(), "run_test", "jira")
    world.move(world.ticket(), "Rejected", "the training data is from 1994")
    assert world.outcome() == "REJECTED"
    rejection = world.ticket(2)
    assert (rejection["kind"], rejection["summary"]) == ("rejection", "Credit v1 rejected by the reviewer")
    assert "the training data is from 1994" in rejection["description"]
    assert world.documents("deployedModels") == []


def test_a_missing_runtime_opens_an_error_ticket_that_says_why_none_fits(world: World) -> None:
    world.runtime("mortgage-batch", tag="mortgage")
    world.snapshot(world.model(), "run_test")
    assert world.outcome() == "ERROR"
    (ticket,) = world.tickets()
    assert ticket["kind"] == "error"
    assert "mortgage-batch" in ticket["description"]
    assert "mortgage" in ticket["description"]
    assert world.variables(world.ended()["id"])["ERROR_CODE"] == "NO_MATCHING_RUNTIME"


def test_a_model_that_does_not_start_online_opens_an_error_ticket(world: World) -> None:
    world.runtime("credit-online", online=True)
    broken = MODEL.replace("    factor = 2", "    raise RuntimeError('no weights here')")
    world.snapshot(world.model(broken))
    assert world.outcome() == "ERROR"
    (ticket,) = world.tickets()
    assert ticket["kind"] == "error"
    assert "no weights here" in ticket["description"]
    assert [one for one in world.documents("deployedModels") if one["state"] == "DEPLOYED"] == []


def test_each_of_many_snapshots_gets_its_own_process_job_and_ticket(world: World) -> None:
    world.runtime()
    model = world.model(test_data=LABELLED)
    for _ in range(3):
        world.snapshot(model, "run_test", "jira")
    tickets = [world.ticket(number) for number in (1, 2, 3)]
    for ticket in tickets:
        world.move(ticket, "Done")
    world.until("three ends", lambda: True if [one["endTime"] for one in world.instances()].count(None) == 0 else None)
    assert len(world.instances()) == 3
    assert len(world.documents("jobs")) == 3
    assert len(world.documents("modelTestResults")) == 3
    assert [one["state"] for one in world.documents("deployedModels")].count("DEPLOYED") == 1
