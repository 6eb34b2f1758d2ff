from __future__ import annotations

from mlc_service.lifecycle.changes import changes_between


def snapshot(*assets, tags=(), **meta):
    return {"metaData": {"tags": list(tags)}, "storedModel": {"modelMetaData": meta, "modelAssets": list(assets)}}


def source(text):
    return {"filename": "model.py", "assetType": "SOURCE_CODE", "sourceCode": text}


def data(sha256, name="data.csv"):
    return {"filename": name, "assetType": "FILE", "contentHash": {"hexString": sha256}}


def test_the_first_snapshot_has_nothing_to_compare_with():
    assert changes_between(None, snapshot()) == ["first snapshot of this model"]


def test_equal_snapshots_differ_in_nothing():
    assert changes_between(snapshot(data("a"), name="m"), snapshot(data("a"), name="m")) == ["nothing"]


def test_metadata_tags_and_files_are_compared():
    before = snapshot(source("a\nb\n"), data("1"), data("2", "old.csv"), tags=["x"], custom={"owner": "ann"})
    after = snapshot(source("a\nc\n"), data("9"), data("3", "new.csv"), tags=["x", "y"], custom={"owner": "bo"})
    assert changes_between(before, after) == [
        "custom.owner: ann -> bo",
        "snapshot tags: x -> x, y",
        "file old.csv removed",
        "file model.py changed (1 lines added, 1 removed)",
        "file data.csv changed",
        "file new.csv added",
    ]


def test_a_trained_artefact_replaces_the_file_of_its_name():
    before = snapshot(data("1", "weights.pkl"))
    after = before | {"trainedAssets": [data("2", "weights.pkl")]}
    assert changes_between(before, after) == ["file weights.pkl changed"]


def test_a_long_value_is_cut():
    [line] = changes_between(snapshot(description="a"), snapshot(description="b" * 500))
    assert len(line) < 160
