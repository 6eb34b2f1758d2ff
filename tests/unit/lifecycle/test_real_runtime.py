"""The life cycle with the real local runtime: a sandboxed child process runs the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlc_service.lifecycle.documents import Kind
from mlc_service.lifecycle.job_execution import ModelJobRunner
from mlc_service.lifecycle.model_jobs import create_model_job
from mlc_service.lifecycle.online import DeploymentFailed, OnlineServing
from mlc_service.lifecycle.test_results import results_of_job
from mlc_service.runtimes import LocalRuntime, OnlineModels, RuntimeSettings

TRAINED = """
import os

# modelop.init
def begin():
    global factor
    factor = int(open("factor.txt").read()) if os.path.exists("factor.txt") else None

# modelop.score
def action(record):
    yield {"score": record["x"] * factor}

# modelop.metrics
def metrics(data):
    yield {"rows": len(data), "factor": factor}

# modelop.train
def train(data):
    with open("outputDir/factor.txt", "w") as file:
        file.write(str(int(data["x"].max())))
"""


@pytest.fixture(scope="session")
def settings(tmp_path_factory):
    # one environment for all tests here: building it takes seconds
    return RuntimeSettings(environments=Path(tmp_path_factory.getbasetemp()) / "environments")


@pytest.fixture
def serving(bookkeeping, settings):
    models = OnlineModels(settings)
    yield OnlineServing(bookkeeping, models)
    models.close_all()


@pytest.fixture
def snapshot(a_snapshot, a_file):
    source = {"assetType": "SOURCE_CODE", "filename": "model.py", "sourceCode": TRAINED}
    data = a_file("training_data.csv", "x\n2\n7\n")
    return a_snapshot(model={"modelMetaData": {"name": "factor"}, "modelAssets": [source, data]})


@pytest.fixture
def run_job(bookkeeping, settings, clock, claim, snapshot):
    run = ModelJobRunner(bookkeeping, LocalRuntime(settings, clock))

    def run_one(job_type, inputs):
        body = {"jobType": job_type, "model": {"id": snapshot["id"]}, "inputData": inputs}
        job = bookkeeping.change(lambda books: create_model_job(books, body))
        run(*claim())
        return bookkeeping.read(lambda books: books.get(Kind.JOB, job["id"]))

    return run_one


def test_a_model_is_trained_measured_and_served(bookkeeping, run_job, serving, snapshot, an_engine, a_file):
    an_engine("batch", tags=["batch"])
    scorer = an_engine("scorer", online=True)
    trained = run_job("MODEL_BATCH_TRAINING_JOB", [])
    assert (trained["jobStatus"], trained["jobResult"]) == ("COMPLETE", "SUCCESS"), trained["jobMessages"]
    measured = run_job("MODEL_BATCH_TEST_JOB", [a_file("test_data.json", '{"x": 1}\n{"x": 2}\n')])
    [result] = bookkeeping.read(lambda books: results_of_job(books, measured["id"]))
    assert result["testResults"] == {"rows": 2, "factor": 7}
    serving.deploy(snapshot["id"], scorer["id"], "key")
    assert serving.score("scorer", {"x": 3}) == {"score": 21}


def test_a_model_whose_init_fails_is_not_deployed(serving, a_snapshot, an_engine):
    source = (
        "# modelop.init\ndef begin():\n    raise KeyError('weights')\n# modelop.score\ndef action(x):\n    yield x\n"
    )
    asset = {"assetType": "SOURCE_CODE", "filename": "model.py", "sourceCode": source}
    broken = a_snapshot(model={"modelMetaData": {"name": "broken"}, "modelAssets": [asset]})
    with pytest.raises(DeploymentFailed, match="weights"):
        serving.deploy(broken["id"], an_engine("scorer", online=True)["id"], "key")
