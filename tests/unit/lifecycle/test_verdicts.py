from __future__ import annotations

from pathlib import Path

import pytest

from mlc_service.lifecycle.assets import taken_in
from mlc_service.lifecycle.errors import ComparatorBroken, ComparatorUnclear
from mlc_service.lifecycle.verdicts import comparator_for, judge

GERMAN_CREDIT = Path(__file__).parents[4] / "shared/data/german_credit/GC_PASS_performance_DMN.dmn"


class BlobsInMemory:
    def __init__(self):
        self.contents = {}

    def put(self, content):
        self.contents[str(hash(content))] = content
        return str(hash(content))

    def get(self, sha256):
        return self.contents.get(sha256)


@pytest.fixture
def blobs():
    return BlobsInMemory()


@pytest.fixture
def snapshot_with(blobs):
    def build(*files, associations=(), **meta):
        assets = [{"filename": name, "fileContentString": text} for name, text in files]
        model = {"modelMetaData": {"name": "credit", **meta}, "modelAssets": taken_in(assets, "modelAssets", blobs)}
        return {"storedModel": model, "associatedModels": list(associations)}

    return build


def test_a_model_without_a_table_passes(snapshot_with, blobs):
    snapshot = snapshot_with()
    verdict = judge(snapshot, {"auc": 0.1}, comparator_for(snapshot), blobs)
    assert verdict.passed
    assert verdict.comparator is None


def test_the_only_table_of_the_model_judges(snapshot_with, blobs, a_dmn):
    snapshot = snapshot_with(("t.dmn", a_dmn("0.7")))
    assert judge(snapshot, {"auc": 0.8}, comparator_for(snapshot), blobs).passed
    failed = judge(snapshot, {"auc": 0.6}, comparator_for(snapshot), blobs)
    assert (failed.passed, failed.message, failed.reasons) == (False, "auc is under 0.7", ("auc is under 0.7",))


def test_a_missing_or_infinite_metric_does_not_crash(snapshot_with, blobs, a_dmn):
    snapshot = snapshot_with(("t.dmn", a_dmn("0.7")))
    assert judge(snapshot, {"auc": float("nan")}, comparator_for(snapshot), blobs).passed
    assert judge(snapshot, {}, comparator_for(snapshot), blobs).passed


def test_several_tables_are_refused_by_name_unless_one_is_asked_for(snapshot_with, a_dmn):
    snapshot = snapshot_with(("a.dmn", a_dmn("0.1")), ("b.dmn", a_dmn("0.2")))
    with pytest.raises(ComparatorUnclear, match=r"a\.dmn, b\.dmn"):
        comparator_for(snapshot)
    assert comparator_for(snapshot, wanted="b.dmn")["filename"] == "b.dmn"
    with pytest.raises(ComparatorBroken, match=r"no decision table 'c\.dmn'"):
        comparator_for(snapshot, wanted="c.dmn")


def test_the_table_on_the_association_comes_before_the_model_s(snapshot_with, a_dmn):
    table = {"filename": "drift.dmn", "assetRole": "TEST_RESULT_COMPARATOR"}
    association = {"associatedModel": {"id": "monitor"}, "associationAssets": [table]}
    snapshot = snapshot_with(("a.dmn", a_dmn("0.1")), associations=[association])
    assert comparator_for(snapshot, monitor_id="monitor") == table
    assert comparator_for(snapshot)["filename"] == "a.dmn"


def test_a_broken_cell_is_reported_with_file_decision_rule_and_cell(snapshot_with, blobs, a_dmn):
    snapshot = snapshot_with(("broken.dmn", a_dmn("if then else")))
    with pytest.raises(ComparatorBroken) as broken:
        judge(snapshot, {"auc": 0.5}, comparator_for(snapshot), blobs)
    assert "broken.dmn" in broken.value.message
    for part in ("performance", "too_low", "c"):
        assert part in broken.value.message


def test_what_is_not_dmn_is_reported_with_the_file(snapshot_with, blobs):
    snapshot = snapshot_with(("t.dmn", "no xml"))
    with pytest.raises(ComparatorBroken, match=r"t\.dmn"):
        judge(snapshot, {}, comparator_for(snapshot), blobs)


@pytest.mark.skipif(not GERMAN_CREDIT.exists(), reason="the shared data is not here")
def test_raised_thresholds_of_german_credit_fail_with_three_reasons(snapshot_with, blobs):
    table = GERMAN_CREDIT.read_text()
    metrics = {"auc": 0.72, "precision": 0.5, "recall": 0.55, "f1_score": 0.6}
    passing = snapshot_with(("t.dmn", table.replace("&lt;= 0.6<", "&lt;= 0.5<")))
    assert judge(passing, metrics, comparator_for(passing), blobs).passed
    raised = table.replace("&lt;= 0.4", "&lt;= 0.6").replace("&lt;=.5", "&lt;=.7").replace("&lt;= .5", "&lt;= .7")
    failing = snapshot_with(("t.dmn", raised))
    assert len(judge(failing, metrics, comparator_for(failing), blobs).reasons) == 3
