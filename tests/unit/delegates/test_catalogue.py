from __future__ import annotations

import pytest

import delegates
from mlc_service.delegate_api import BpmnError, MissingVariable

SNAPSHOT = {"id": "s1", "storedModel": {"id": "m1", "modelAssets": [{"sourceCode": "x"}]}}


def test_every_delegate_has_a_name_of_its_own_and_says_what_it_does():
    assert len({one.name for one in delegates.CATALOGUE}) == len(delegates.CATALOGUE)
    for one in delegates.CATALOGUE:
        assert one.summary.endswith((".", ".)")) or one.summary, one.name
        assert one.writes, one.name


def test_creating_a_job_takes_inputs_in_order_under_either_name(call, fake):
    one, two = {"filename": "a.csv"}, {"filename": "b.csv"}
    written = call(
        "CreateModelBatchJob", JOB_TYPE="MODEL_BATCH_JOB", DEPLOYABLE_MODEL=SNAPSHOT, INPUT_FILES=[one, two],
        OUTPUT_FILE=two, RUNTIME={"id": "r", "name": "batch", "tags": []}, JOB_PARAMETERS={"n": 1},
    )  # fmt: skip
    assert written == {"JOB": fake.job}
    [(_, job, key)] = fake.calls
    assert key == "key-1"
    assert job["model"] == {"id": "s1"}
    assert (job["inputData"], job["outputData"]) == ([one, two], [two])
    assert (job["targetEngine"], job["jobParameters"]) == ({"id": "r", "name": "batch"}, {"n": 1})


def test_a_job_may_name_its_snapshot_by_id(call, fake):
    call("CreateModelBatchJob", JOB_TYPE="MODEL_BATCH_TRAINING_JOB", MODEL_ID="s1")
    assert fake.calls[0][1]["model"] == {"id": "s1"}


def test_a_job_without_snapshot_or_with_a_wrong_input_names_the_variable(call):
    with pytest.raises(MissingVariable, match="DEPLOYABLE_MODEL"):
        call("CreateModelBatchJob", JOB_TYPE="MODEL_BATCH_JOB")
    with pytest.raises(MissingVariable, match="INPUT_FILE"):
        call("CreateModelBatchJob", JOB_TYPE="MODEL_BATCH_JOB", DEPLOYABLE_MODEL=SNAPSHOT, INPUT_FILE="a.csv")


def test_a_job_the_life_cycle_refuses_is_a_bpmn_error(call, fake):
    fake.refusal = "inputData: this job has no input"
    with pytest.raises(BpmnError, match="this job has no input"):
        call("CreateModelBatchJob", JOB_TYPE="MODEL_BATCH_JOB", DEPLOYABLE_MODEL=SNAPSHOT)


def test_get_job_reads_the_job_again(call):
    assert call("GetJob", JOB_ID="j9")["JOB"]["id"] == "j9"
    assert call("GetJob", JOB={"id": "j8"})["JOB"]["id"] == "j8"


def test_snapshots_are_found_by_id_by_tag_and_by_model(call, fake):
    assert call("GetDeployableModelById", MODEL_ID="s1") == {"DEPLOYABLE_MODEL": fake.snapshot}
    assert call("GetDeployableModelById", DEPLOYABLE_MODEL_ID="s1") == {"DEPLOYABLE_MODEL": fake.snapshot}
    assert call("GetMostRecentDeployableModelByTag", TAG="svc") == {"DEPLOYABLE_MODEL": fake.snapshot}
    found = call("GetMostRecentDeployableModelByStoredModel", STORED_MODEL={"id": "m1"})
    assert found == {"DEPLOYABLE_MODEL": fake.snapshot}


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("GetDeployableModelById", {"MODEL_ID": "nothing"}),
        ("GetMostRecentDeployableModelByTag", {"TAG": "nothing"}),
        ("GetMostRecentDeployableModelByStoredModel", {"STORED_MODEL": {"id": "nothing"}}),
    ],
)
def test_a_snapshot_that_is_not_there_is_a_failure(call, name, variables):
    with pytest.raises(BpmnError) as error:
        call(name, **variables)
    assert error.value.code == "FAILURE"


def test_assets_are_found_by_role(call):
    assert call("FindDeployableModelAssets", DEPLOYABLE_MODEL=SNAPSHOT, ASSET_ROLE="TEST_DATA") == {
        "ASSETS": [{"assetRole": "TEST_DATA", "usage": None}]
    }


def test_results_are_parsed_from_the_job_that_ran(call, fake):
    written = call("ParseModelTestResultFromBatchJob", MODEL_BATCH_JOB={"id": "j1"})
    assert written == {"MODEL_TEST_RESULT": fake.results[0], "MODEL_TEST_RESULTS": fake.results}
    with pytest.raises(MissingVariable, match="MODEL_BATCH_JOB"):
        call("ParseModelTestResultFromBatchJob")


def test_a_test_result_is_stored_under_the_key_of_the_step(call, fake):
    assert call("CreateModelTestResult", MODEL_TEST_RESULT={"testResults": {}})["MODEL_TEST_RESULT"]["id"] == "r1"
    assert fake.calls == [("test result", {"testResults": {}}, "key-1")]


def test_the_verdict_becomes_two_variables(call, fake):
    assert call("ModelTestResultEval", MODEL_TEST_RESULT={"testResults": {}}, DMN_FILE="t.dmn") == {
        "TEST_RESULT": False,
        "TEST_RESULT_MESSAGE": "auc too low",
    }
    assert fake.calls[0][1] == "t.dmn"


def test_matching_runtimes_come_with_an_explanation(call):
    written = call("GetCompatibleEngine", DEPLOYABLE_MODEL=SNAPSHOT)
    assert [one["name"] for one in written["ONLINE_RUNTIMES"]] == ["o"]
    assert [one["name"] for one in written["BATCH_RUNTIMES"]] == ["b"]
    assert [one["name"] for one in written["RUNTIMES"]] == ["o", "b"]
    assert written["RUNTIME_MATCHING_MESSAGE"] == "o: fits\nc: service tag is none, wanted svc"


def test_runtimes_are_found_by_tag(call):
    assert call("GetRuntimesByTag", TAG="svc") == {"RUNTIMES": [{"name": "svc"}]}


@pytest.mark.parametrize("variable", ["ENGINE_INSTANCE", "RUNTIME"])
def test_a_model_is_deployed_on_the_runtime_either_variable_names(call, fake, variable):
    assert call("DeployModel", DEPLOYABLE_MODEL=SNAPSHOT, **{variable: {"id": "r1"}}) == {
        "DEPLOYED_MODEL": {"id": "d1"}
    }
    assert fake.calls == [("deploy", ("s1", "r1"), "key-1")]


def test_a_deployment_that_fails_is_the_failure_of_the_diagram(call, fake):
    fake.refusal = "init raised KeyError"
    with pytest.raises(BpmnError) as error:
        call("DeployModel", DEPLOYABLE_MODEL=SNAPSHOT, RUNTIME={"id": "r1"})
    assert (error.value.code, error.value.message) == ("FAILURE", "init raised KeyError")


def test_a_notification_points_at_snapshot_and_job(call, fake):
    written = call("CreateNotification", NOTIFICATION_MESSAGE="passed", DEPLOYABLE_MODEL=SNAPSHOT, JOB={"id": "j1"})
    notification = written["NOTIFICATION"]
    assert (notification["deployableModelId"], notification["storedModelId"], notification["jobId"]) == (
        "s1",
        "m1",
        "j1",
    )
    assert fake.calls[0][2] == "key-1"


@pytest.mark.parametrize(
    ("name", "variables", "kind"),
    [
        ("CreateJiraModelApproval", {"DEPLOYABLE_MODEL": SNAPSHOT}, "MODEL_APPROVAL"),
        ("CreateJiraModelReview", {"DEPLOYABLE_MODEL": SNAPSHOT}, "MODEL_REVIEW"),
        ("CreateJiraTestReview", {"DEPLOYABLE_MODEL": SNAPSHOT, "JOB": {"id": "j"}}, "TEST_REVIEW"),
        ("CreateJiraJobNotification", {"JOB": {"id": "j"}}, "JOB_NOTIFICATION"),
        ("CreateJiraModelNotification", {"DEPLOYABLE_MODEL": SNAPSHOT}, "MODEL_NOTIFICATION"),
        ("CreateJiraSimpleNotification", {"TICKET_MESSAGE": "hello"}, "SIMPLE_NOTIFICATION"),
    ],
)
def test_each_ticket_is_opened_for_this_process_under_the_key_of_the_step(call, fake, name, variables, kind):
    written = call(name, **variables)
    assert written["NEW_NOTIFICATION"]["processInstanceId"] == "p1"
    [(_, order, key)] = fake.calls
    assert (order.kind, key) == (kind, "key-1")


def test_an_approval_carries_the_test_result_and_the_words_of_the_diagram(call, fake):
    call(
        "CreateJiraModelApproval", DEPLOYABLE_MODEL=SNAPSHOT, MODEL_TEST_RESULT={"id": "r1"}, TICKET_TITLE="Please look",
        TICKET_PRIORITY="High", TICKET_CUSTOM_FIELDS={"team": "risk"}, TICKET_COMMENT="of an older ticket",
    )  # fmt: skip
    order = fake.calls[0][1]
    assert (order.test_result, order.title, order.priority) == ({"id": "r1"}, "Please look", "High")
    assert (order.custom_fields, order.comment) == ({"team": "risk"}, "")


def test_a_rejection_carries_what_belongs_to_its_cause_and_nothing_else(call, fake):
    facts = {
        "DEPLOYABLE_MODEL": SNAPSHOT,
        "JOB": {"id": "j1"},
        "MODEL_TEST_RESULT": {"id": "r1"},
        "TEST_RESULT_MESSAGE": "auc too low",
        "TICKET_CLOSED_BY": "rita",
        "TICKET_COMMENT": "too risky",
    }
    for cause in ("MISSING_TEST_DATA", "JOB_FAILED", "DMN_NOT_PASSED", "REVIEW_REJECTED"):
        call("CreateJiraModelReview", REJECTION_CAUSE=cause, **facts)
    missing, failed, dmn, reviewed = (order for _, order, _ in fake.calls)
    assert (missing.job, missing.test_result, missing.message, missing.comment) == (None, None, "", "")
    assert (failed.job, failed.test_result) == ({"id": "j1"}, None)
    assert (dmn.job, dmn.message) == (None, "auc too low")
    assert (reviewed.closed_by, reviewed.comment, reviewed.message) == ("rita", "too risky", "")


def test_an_unknown_cause_is_refused(call):
    with pytest.raises(MissingVariable, match="REJECTION_CAUSE"):
        call("CreateJiraModelReview", DEPLOYABLE_MODEL=SNAPSHOT, REJECTION_CAUSE="BAD_WEATHER")


def test_the_error_ticket_carries_the_error_message(call, fake):
    call("CreateJiraModelNotification", DEPLOYABLE_MODEL=SNAPSHOT, ERROR_MESSAGE="no runtime fits")
    assert fake.calls[0][1].message == "no runtime fits"
