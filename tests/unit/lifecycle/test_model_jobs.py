from __future__ import annotations

from dataclasses import replace

import pytest

from mlc_service.lifecycle.documents import Kind
from mlc_service.lifecycle.errors import ImmutableDocument, InvalidDocument
from mlc_service.lifecycle.job_execution import ModelJobRunner
from mlc_service.lifecycle.model_jobs import change_model_job, create_model_job
from mlc_service.lifecycle.test_results import create_test_result, results_of_job, shortened
from mlc_service.runtimes import EnvironmentUnavailable, RunOutcome
from mlc_service.store.errors import LeaseLost


@pytest.fixture
def a_job(bookkeeping, a_snapshot, a_file):
    def make(job_type="MODEL_BATCH_TEST_JOB", *, snapshot=None, key=None, **more):
        body = {
            "jobType": job_type,
            "model": {"id": (snapshot or a_snapshot())["id"]},
            "inputData": [a_file("test_data.json", '{"x": 1}\n')],
            **more,
        }
        return bookkeeping.change(lambda books: create_model_job(books, body, key))

    return make


@pytest.fixture
def run(bookkeeping, runner):
    return ModelJobRunner(bookkeeping, runner)


@pytest.fixture
def stored(bookkeeping):
    return lambda job: bookkeeping.read(lambda books: books.get(Kind.JOB, job["id"]))


def test_a_metrics_job_runs_on_a_runtime_and_leaves_its_result(a_job, an_engine, run, claim, stored, runner, outgoing):
    an_engine("batch")
    job = a_job()
    run(*claim())
    ended = stored(job)
    assert (ended["jobStatus"], ended["jobResult"], ended["jobError"]) == ("COMPLETE", "SUCCESS", None)
    assert ended["targetEngine"]["name"] == "batch"
    assert ended["jobMessages"] == ["batch job complete"]
    assert ended["outputData"][0]["filename"] == "test_result.json"
    assert runner.runs[0].kind == "metrics"
    assert runner.runs[0].inputs[0].content == b'{"x": 1}\n'
    assert outgoing.job_statuses() == ["CREATED", "WAITING", "RUNNING", "COMPLETE"]


def test_the_job_row_is_gone_when_the_model_job_has_ended(a_job, an_engine, run, claim, units):
    an_engine("batch")
    a_job()
    run(*claim())
    assert units.read(lambda unit: unit.jobs.count()) == 0


def test_a_model_job_whose_worker_died_runs_again_and_ends_once(
    a_job, an_engine, run, claim, clock, units, stored, runner, outgoing
):
    an_engine("batch")
    job = a_job()
    dead = claim()
    run_by_somebody_else = []

    def the_worker_dies(_say, _cancelled):
        runner.meanwhile = lambda _say, _cancelled: None
        units.run(lambda unit: unit.jobs.expire(clock.forward(minutes=5), 5, "lost"))
        run(*claim())
        run_by_somebody_else.append(stored(job)["jobStatus"])

    runner.meanwhile = the_worker_dies
    with pytest.raises(LeaseLost):
        run(*dead)
    assert run_by_somebody_else == ["COMPLETE"]
    assert outgoing.job_statuses().count("COMPLETE") == 1
    assert stored(job)["jobMessages"][0].startswith("the worker was lost")


def test_messages_are_written_while_the_model_runs(a_job, an_engine, run, claim, clock, stored, runner):
    an_engine("batch")
    job = a_job()
    seen = []

    def speak(say, _cancelled):
        say("first")
        clock.forward(seconds=2)
        say("second")
        seen.extend(stored(job)["jobMessages"])

    runner.meanwhile = speak
    run(*claim())
    assert seen == ["first", "second"]


def test_a_job_that_is_cancelled_while_it_runs_stays_cancelled(
    a_job, an_engine, run, claim, clock, stored, runner, bookkeeping, outgoing
):
    an_engine("batch")
    job = a_job()
    noticed = []

    def cancel(_say, cancelled):
        bookkeeping.change(lambda books: change_model_job(books, job["id"], {"jobStatus": "CANCELLED"}, None), by="bo")
        clock.forward(seconds=2)
        noticed.append(cancelled())

    runner.meanwhile = cancel
    run(*claim())
    assert noticed == [True]
    assert (stored(job)["jobStatus"], stored(job)["jobError"]) == ("CANCELLED", "cancelled by bo")
    assert outgoing.job_statuses()[-1] == "CANCELLED"


def test_a_scoring_job_that_no_runtime_fits_ends_in_error_with_the_reasons(a_job, an_engine, run, claim, stored):
    an_engine("other", tags=["fraud"])
    job = a_job("MODEL_BATCH_JOB")
    run(*claim())
    assert stored(job)["jobStatus"] == "ERROR"
    assert "other: service tag is fraud, wanted svc" in stored(job)["jobError"]


def test_a_metrics_job_runs_anywhere_when_nothing_matches(a_job, an_engine, run, claim, stored):
    an_engine("online", tags=["fraud"], online=True)
    an_engine("other", tags=["fraud"])
    job = a_job()
    run(*claim())
    assert stored(job)["targetEngine"]["name"] == "other"


def test_an_environment_that_cannot_be_built_ends_the_job_with_the_reason(a_job, an_engine, run, claim, stored, runner):
    def fail(_say, _cancelled):
        raise EnvironmentUnavailable("nonsense==9 does not exist")

    an_engine("batch")
    job = a_job()
    runner.meanwhile = fail
    run(*claim())
    assert (stored(job)["jobStatus"], stored(job)["jobError"]) == ("ERROR", "nonsense==9 does not exist")


def test_a_model_without_source_ends_its_job_in_error(a_job, a_snapshot, an_engine, run, claim, stored):
    an_engine("batch")
    job = a_job(snapshot=a_snapshot(model={"modelMetaData": {"name": "empty"}}))
    run(*claim())
    assert stored(job)["jobStatus"] == "ERROR"
    assert "no source code" in stored(job)["jobError"]


def test_training_adds_its_artefacts_to_the_snapshot(
    a_job, a_snapshot, a_model, a_file, an_engine, run, claim, bookkeeping, runner
):
    an_engine("batch")
    snapshot = a_snapshot(model=a_model(assets=[a_file("training_data.csv", "x\n1\n")]))
    a_job("MODEL_BATCH_TRAINING_JOB", snapshot=snapshot, inputData=[])
    runner.outcome = replace(runner.outcome, output=b"", artefacts={"weights.pkl": b"w"})
    run(*claim())
    assert runner.runs[0].inputs[0].name == "training_data.csv"
    trained = bookkeeping.read(lambda books: books.get(Kind.DEPLOYABLE_MODEL, snapshot["id"]))
    assert [asset["filename"] for asset in trained["trainedAssets"]] == ["weights.pkl"]


def test_a_trained_artefact_lies_in_the_working_folder_of_later_jobs(a_job, a_snapshot, an_engine, run, claim, runner):
    an_engine("batch")
    snapshot = a_snapshot()
    a_job("MODEL_BATCH_TRAINING_JOB", snapshot=snapshot)
    runner.outcome = replace(runner.outcome, artefacts={"weights.pkl": b"w"})
    run(*claim())
    a_job(snapshot=snapshot)
    run(*claim())
    assert runner.runs[1].files["weights.pkl"] == b"w"


def test_creating_a_job_twice_with_one_key_makes_one_job(a_job, a_snapshot, units):
    snapshot = a_snapshot()
    assert a_job(snapshot=snapshot, key="k")["id"] == a_job(snapshot=snapshot, key="k")["id"]
    assert units.read(lambda unit: unit.jobs.count()) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "jobType"),
        ({"jobType": "DANCE"}, "jobType"),
        ({"jobType": "MODEL_BATCH_JOB"}, "inputData"),
        ({"jobType": "MODEL_BATCH_JOB", "jobStatus": "RUNNING"}, "jobStatus"),
        ({"jobType": "MODEL_BATCH_TRAINING_JOB", "model": {"id": "nothing"}}, "model"),
        ({"jobType": "MODEL_BATCH_TRAINING_JOB"}, "model"),
    ],
)
def test_a_job_that_cannot_be_is_refused_with_its_place(books, body, field):
    with pytest.raises(InvalidDocument) as refused:
        create_model_job(books, body)
    assert refused.value.field == field


def test_only_cancelling_can_be_asked_of_a_job(a_job, bookkeeping):
    job = a_job()
    with pytest.raises(InvalidDocument):
        bookkeeping.change(lambda books: change_model_job(books, job["id"], {"jobStatus": "COMPLETE"}, None))
    with pytest.raises(ImmutableDocument):
        bookkeeping.change(lambda books: change_model_job(books, job["id"], {"jobMessages": []}, None))


def test_a_result_is_parsed_from_the_output_and_stored_once_per_job(a_job, an_engine, run, claim, bookkeeping):
    an_engine("batch")
    job = a_job()
    run(*claim())
    [unsaved] = bookkeeping.read(lambda books: results_of_job(books, job["id"]))
    assert unsaved["testResults"] == {"auc": 0.8}
    first = bookkeeping.change(lambda books: create_test_result(books, unsaved, "one key"))
    again = bookkeeping.change(lambda books: create_test_result(books, unsaved, "another key"))
    assert first["id"] == again["id"]
    assert first["job"]["id"] == job["id"]


def test_a_large_result_travels_short_and_is_stored_whole(a_job, an_engine, run, claim, bookkeeping, runner):
    an_engine("batch")
    runner.outcome = replace(runner.outcome, output=b'{"auc": 0.8, "roc": [' + b"1," * 40_000 + b"1]}\n")
    job = a_job()
    run(*claim())
    [whole] = bookkeeping.read(lambda books: results_of_job(books, job["id"]))
    short = shortened(whole)
    assert short["testResults"] == {"auc": 0.8}
    stored = bookkeeping.change(lambda books: create_test_result(books, short))
    assert len(stored["testResults"]["roc"]) == 40_001


def test_a_job_without_output_has_no_result_and_says_why(a_job, an_engine, run, claim, bookkeeping, runner):
    an_engine("batch")
    runner.outcome = RunOutcome("COMPLETE", "FAILURE", [], error="record 1 failed")
    job = a_job()
    run(*claim())
    with pytest.raises(Exception, match="completed without a result: record 1 failed"):
        bookkeeping.read(lambda books: results_of_job(books, job["id"]))
