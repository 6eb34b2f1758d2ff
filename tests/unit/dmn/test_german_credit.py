"""The real table of ModelOp's German credit example on its real scores (issue 2, requirement 6)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlc_service.dmn import Verdict, parse_dmn, verdict

BAD_CREDIT = 1


@pytest.fixture
def german_credit(shared: Path) -> Path:
    folder = shared / "data" / "german_credit"
    if not folder.is_dir():
        pytest.skip(f"the German credit data is not here: {folder}")
    return folder


def metrics_of(scored: Path) -> dict[str, float]:
    """AUC, precision, recall and F1 of bad credit; with a score of 0 or 1 the AUC is the mean of the two rates."""
    records = [json.loads(line) for line in scored.read_text().splitlines() if line]
    pairs = [(record["label_value"] == BAD_CREDIT, record["score"] == BAD_CREDIT) for record in records]
    hits, misses = pairs.count((True, True)), pairs.count((True, False))
    alarms, rejections = pairs.count((False, True)), pairs.count((False, False))
    precision, recall = hits / (hits + alarms), hits / (hits + misses)
    return {
        "auc": (recall + rejections / (rejections + alarms)) / 2,
        "precision": precision,
        "recall": recall,
        "f1_score": 2 * precision * recall / (precision + recall),
    }


def judge(source: str, metrics: dict[str, float]) -> Verdict:
    (decision,) = parse_dmn(source.encode(), "GC_PASS_performance_DMN.dmn")
    return verdict(decision.evaluate(metrics))


def test_the_table_passes_the_model_and_fails_it_with_raised_thresholds(german_credit: Path) -> None:
    metrics = metrics_of(german_credit / "df_sample_scored.json")
    print("df_sample_scored.json, bad credit as the positive label:", metrics)
    assert {name: round(number, 4) for name, number in metrics.items()} == {
        "auc": 0.6825,
        "precision": 0.4516,
        "recall": 0.7241,
        "f1_score": 0.5563,
    }
    source = (german_credit / "GC_PASS_performance_DMN.dmn").read_text()
    assert judge(source, metrics) == Verdict(True, [])

    raised = source
    for old, new in (("&lt;= 0.65<", "&lt;= 0.7<"), ("&lt;= 0.4<", "&lt;= 0.6<"), ("&lt;=.5<", "&lt;=.7<")):
        assert raised.count(old) == 1
        raised = raised.replace(old, new)
    assert judge(raised, metrics) == Verdict(
        False,
        [
            "auc is under threshold of 0.7",
            "precision under threshold of 0.6",
            "f1_score under threshold of 0.7",
        ],
    )


def test_metrics_that_are_missing_do_not_crash(german_credit: Path) -> None:
    source = (german_credit / "GC_PASS_performance_DMN.dmn").read_text()
    assert judge(source, {}).passed
    assert judge(source, {"auc": float("nan"), "recall": 0.1}).reasons == ["recall under threshold of 0.6"]
