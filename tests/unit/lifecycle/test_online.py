from __future__ import annotations

import pytest

from mlc_service.lifecycle.documents import Kind
from mlc_service.lifecycle.engines import change_engine, engine_for_job, match_runtimes, remove_engine
from mlc_service.lifecycle.errors import IllegalMove, ImmutableDocument, InvalidDocument, NoRuntime, ScoringRefused
from mlc_service.lifecycle.online import DeploymentFailed, OnlineServing


@pytest.fixture
def serving(bookkeeping, warm_models):
    return OnlineServing(bookkeeping, warm_models)


@pytest.fixture
def state_of(bookkeeping):
    return lambda kind, document: bookkeeping.read(lambda books: books.get(kind, document["id"]))["state"]


def test_a_deployed_model_scores_records(serving, a_snapshot, an_engine, state_of):
    engine = an_engine("scorer", online=True)
    deployed = serving.deploy(a_snapshot()["id"], engine["id"], "key")
    assert (deployed["state"], deployed["deploymentType"]) == ("DEPLOYED", "ONLINE")
    assert serving.score("scorer", {"x": 3}) == {"score": 6}
    assert state_of(Kind.ENGINE, engine) == "RUNNING"


def test_a_runtime_without_endpoints_gets_a_batch_deployment_and_starts_nothing(
    serving, a_snapshot, an_engine, warm_models
):
    deployed = serving.deploy(a_snapshot()["id"], an_engine("batch")["id"], "key")
    assert deployed["deploymentType"] == "BATCH"
    assert warm_models.open_ids == {}
    with pytest.raises(ScoringRefused) as refused:
        serving.score("batch", {"x": 1})
    assert refused.value.status == 503


def test_deploying_twice_with_one_key_deploys_once(serving, a_snapshot, an_engine, bookkeeping):
    snapshot, engine = a_snapshot(), an_engine("scorer", online=True)
    first = serving.deploy(snapshot["id"], engine["id"], "key")
    assert serving.deploy(snapshot["id"], engine["id"], "key")["id"] == first["id"]
    assert bookkeeping.read(lambda books: books.count(Kind.DEPLOYED_MODEL)) == 1


def test_a_newer_snapshot_supersedes_the_one_before(serving, a_snapshot, an_engine, state_of, warm_models):
    engine, first = an_engine("scorer", online=True), a_snapshot()
    second = a_snapshot(model=first["storedModel"])
    old = serving.deploy(first["id"], engine["id"], "1")
    new = serving.deploy(second["id"], engine["id"], "2")
    assert state_of(Kind.DEPLOYED_MODEL, old) == "SUPERSEDED"
    assert list(warm_models.open_ids) == [new["id"]]


def test_a_runtime_serves_one_model_and_says_which(serving, a_snapshot, a_model, an_engine, bookkeeping):
    engine = an_engine("scorer", online=True)
    serving.deploy(a_snapshot()["id"], engine["id"], "1")
    other = a_snapshot(model=a_model("fraud"))
    with pytest.raises(NoRuntime, match="serves model 'credit'"):
        serving.deploy(other["id"], engine["id"], "2")
    matching = bookkeeping.read(lambda books: match_runtimes(books, other))
    assert matching.matching == []


def test_a_model_that_does_not_start_is_not_deployed(serving, a_snapshot, an_engine, warm_models, bookkeeping):
    warm_models.broken = "init raised FileNotFoundError: weights.pkl"
    with pytest.raises(DeploymentFailed, match="FileNotFoundError"):
        serving.deploy(a_snapshot()["id"], an_engine("scorer", online=True)["id"], "key")
    assert bookkeeping.read(lambda books: books.count(Kind.DEPLOYED_MODEL)) == 0


def test_after_a_restart_the_first_record_starts_the_model_again(
    bookkeeping, serving, a_snapshot, an_engine, warm_models
):
    deployed = serving.deploy(a_snapshot()["id"], an_engine("scorer", online=True)["id"], "key")
    warm_models.open_ids.clear()
    after_restart = OnlineServing(bookkeeping, warm_models)
    assert after_restart.score("scorer", {"x": 1}) == {"score": 2}
    assert warm_models.open_ids[deployed["id"]].files["model.py"]


def test_an_undeployed_model_answers_no_more_and_frees_its_runtime(serving, a_snapshot, an_engine, state_of):
    engine = an_engine("scorer", online=True)
    deployed = serving.deploy(a_snapshot()["id"], engine["id"], "key")
    serving.undeploy(deployed["id"])
    assert state_of(Kind.ENGINE, engine) == "INIT"
    with pytest.raises(ScoringRefused, match="no model is deployed online"):
        serving.score("scorer", {"x": 1})
    with pytest.raises(IllegalMove):
        serving.undeploy(deployed["id"])


def test_an_unknown_runtime_and_a_refused_record_have_their_own_status(serving, a_snapshot, an_engine):
    serving.deploy(a_snapshot()["id"], an_engine("scorer", online=True)["id"], "key")
    for name, record, status in (("nowhere", {"x": 1}, 404), ("scorer", 7, 400)):
        with pytest.raises(ScoringRefused) as refused:
            serving.score(name, record)
        assert refused.value.status == status


def test_two_runtimes_cannot_have_one_name_nor_a_name_that_is_no_address(an_engine):
    an_engine("a")
    for name in ("a", "a b", "a/b"):
        with pytest.raises(InvalidDocument):
            an_engine(name)


def test_a_runtime_moves_as_its_table_says(bookkeeping, an_engine):
    engine = an_engine("a")
    stopped = bookkeeping.change(lambda books: change_engine(books, engine["id"], {"state": "STOPPED"}, None))
    with pytest.raises(IllegalMove, match="cannot go from STOPPED to RUNNING; possible: INIT"):
        bookkeeping.change(lambda books: change_engine(books, stopped["id"], {"state": "RUNNING"}, None))


def test_a_runtime_with_a_deployed_model_cannot_be_removed(serving, bookkeeping, a_snapshot, an_engine):
    engine = an_engine("scorer", online=True)
    serving.deploy(a_snapshot()["id"], engine["id"], "key")
    with pytest.raises(ImmutableDocument):
        bookkeeping.change(lambda books: remove_engine(books, engine["id"]))


def test_a_job_that_names_its_runtime_gets_that_one_or_none(bookkeeping, an_engine):
    an_engine("a")
    b = an_engine("b", tags=["other"])
    job = {"jobType": "MODEL_BATCH_JOB", "targetEngine": {"name": "b"}}
    assert bookkeeping.read(lambda books: engine_for_job(books, job, {}))["id"] == b["id"]
    with pytest.raises(NoRuntime, match="there is no runtime 'c'"):
        bookkeeping.read(lambda books: engine_for_job(books, job | {"targetEngine": {"name": "c"}}, {}))
