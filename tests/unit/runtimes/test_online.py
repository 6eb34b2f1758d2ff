from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlc_service.runtimes import (
    OnlineModel,
    OnlineModels,
    OnlineSource,
    RunLimits,
    RuntimeSettings,
    ScoringError,
    detect_functions,
)

OpenModel = Callable[..., OnlineModel]

COUNTING = """
import json, os, time
state = {"calls": 0}
# modelop.init
def begin(param):
    state["name"] = json.loads(param["rawJson"])["name"]
# modelop.score
def score(record):
    state["calls"] += 1
    if record == "exit": os._exit(7)
    if record == "hang": time.sleep(600)
    if record == "nan": return float("nan")
    if record == "fail": raise ValueError("cannot do fail")
    if record == "print": print("x" * 300000); return "printed"
    yield [state["name"], state["calls"], record]
""".replace('return float("nan")', 'yield float("nan"); return').replace('return "printed"', 'yield "printed"; return')
LIMITS = RunLimits(seconds=30, score_seconds=5)


def test_init_runs_once_and_the_model_keeps_its_state(open_model: OpenModel) -> None:
    model = open_model(COUNTING, deployed={"name": "m"}, limits=LIMITS)
    assert model.score({"a": "ü"}) == ["m", 1, {"a": "ü"}]
    assert model.score([1, 2]) == ["m", 2, [1, 2]]


def test_what_cannot_be_scored_is_told_in_modelops_words_and_the_model_lives_on(open_model: OpenModel) -> None:
    model = open_model(COUNTING, deployed={"name": "m"}, limits=LIMITS)
    for record, kind, message, detail in [
        ("fail", "output", "An output error occurred during model execution, please check the engine logs for details", "ValueError"),
        ("nan", "output", "output record rejected by encoding", "the value is NaN"),
        (float("nan"), "input", "input record rejected by encoding", "not JSON compliant"),
    ]:  # fmt: skip
        with pytest.raises(ScoringError) as caught:
            model.score(record)
        assert (caught.value.kind, str(caught.value)) == (kind, f"An error has occurred: {message}")
        assert detail in caught.value.detail
    assert "fail" not in caught.value.detail
    assert model.score("x") == ["m", 3, "x"]


def test_schemas_are_checked_when_given(open_model: OpenModel) -> None:
    model = open_model(
        "# modelop.score\ndef score(r): return r['x'] if r['x'] < 5 else 'text'",
        limits=LIMITS,
        input_schema='[{"name": "x", "type": "double"}]',
        output_schema='"double"',
    )
    assert model.score({"x": 1}) == 1
    with pytest.raises(ScoringError, match="input record rejected by schema") as caught:
        model.score({"y": 1})
    assert caught.value.detail == "Field 'x' missing for record 'input_schema'"
    with pytest.raises(ScoringError, match="output record rejected by schema"):
        model.score({"x": 9})


def test_a_model_that_dies_is_started_again_for_the_next_record(open_model: OpenModel) -> None:
    model = open_model(COUNTING, deployed={"name": "m"}, limits=LIMITS)
    assert model.score(1) == ["m", 1, 1]
    with pytest.raises(ScoringError, match="not running") as caught:
        model.score("exit")
    assert caught.value.kind == "state"
    assert "exit code 7" in caught.value.detail
    assert model.score(1) == ["m", 1, 1]


def test_a_record_has_its_time(open_model: OpenModel) -> None:
    model = open_model(COUNTING, deployed={"name": "m"}, limits=RunLimits(seconds=30, score_seconds=0.5))
    with pytest.raises(ScoringError) as caught:
        model.score("hang")
    assert (caught.value.kind, caught.value.detail) == ("state", "no answer within 0.5 s")
    assert model.score(1) == ["m", 1, 1]


def test_a_model_that_prints_a_lot_still_answers(open_model: OpenModel) -> None:
    model = open_model(COUNTING, deployed={"name": "m"}, limits=LIMITS)
    assert model.score("print") == "printed"
    assert model.score("y" * 200_000) == ["m", 2, "y" * 200_000]


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("# modelop.init\ndef begin(): 1 / 0\n# modelop.score\ndef score(r): return r", "ZeroDivisionError"),
        ("x = 1", "the model has no score function"),
        ("import os\nos._exit(1)", "exit code 1"),
    ],
)
def test_a_model_that_does_not_load_is_in_error(open_model: OpenModel, source: str, detail: str) -> None:
    model = open_model(source, limits=LIMITS)
    with pytest.raises(ScoringError) as caught:
        model.start()
    assert caught.value.kind == "state"
    assert detail in caught.value.detail


def test_many_threads_share_one_model(open_model: OpenModel) -> None:
    model = open_model(COUNTING, deployed={"name": "m"}, limits=LIMITS)
    answers: list[Any] = []

    def ask(record: int) -> None:
        answers.append(model.score(record))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer[1] for answer in answers) == list(range(1, 21))
    assert sorted(answer[2] for answer in answers) == list(range(20))


def test_the_pool_knows_models_by_id_and_leaves_nothing_behind(settings: RuntimeSettings) -> None:
    def source(number: int) -> OnlineSource:
        text = f"# modelop.score\ndef score(r): return {number}"
        return OnlineSource({"model.py": text.encode()}, "model.py", detect_functions(text), limits=LIMITS)

    models = OnlineModels(settings)
    assert models.find("a") is None
    first = models.open("a", source(1))
    models.open("b", source(2))
    assert models.find("a") is first
    assert models.open("a", source(3)).score(0) == 3
    with pytest.raises(ScoringError, match="not running"):
        first.score(0)
    models.close("b")
    models.close("b")
    assert models.find("b") is None
    models.close_all()
    assert models.find("a") is None
    assert settings.work is not None
    assert list(Path(settings.work).iterdir()) == []
