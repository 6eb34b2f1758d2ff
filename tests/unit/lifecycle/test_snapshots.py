from __future__ import annotations

import base64
import hashlib

import pytest

from mlc_service.lifecycle.documents import Kind
from mlc_service.lifecycle.errors import ImmutableDocument, InvalidDocument, StaleVersion, UnknownDocument
from mlc_service.lifecycle.snapshots import add_trained_assets, create_snapshot, refuse_change, snapshot_before
from mlc_service.lifecycle.stored_models import change_model, register_model, remove_model


def test_importing_a_model_moves_its_bytes_to_blobs_and_finds_its_functions(books, a_model):
    content = b"x\n1\n"
    file = {"filename": "test_data.csv", "fileContent": base64.b64encode(content).decode()}
    model = register_model(books, a_model(assets=[file]))
    source, data = model["modelAssets"]
    assert source["primaryModelSource"] is True
    assert (source["initFunction"], source["scoreFunction"]) == ("begin", "action")
    assert (source["metricsFunction"], source["trainFunction"]) == ("metrics", "train")
    assert "fileContent" not in data
    assert data["contentHash"] == {"hashType": "SHA-256", "hexString": hashlib.sha256(content).hexdigest()}
    assert (data["assetRole"], data["fileFormat"], data["fileSize"]) == ("TEST_DATA", "CSV", 4)
    assert books.blobs.get(data["contentHash"]["hexString"]) == content


@pytest.mark.parametrize(
    ("asset", "field"),
    [
        ({"filename": "a.bin", "fileContent": "not base64!"}, "modelAssets[1].fileContent"),
        ({"filename": "../a.bin", "fileContentString": "x"}, "modelAssets[1].filename"),
        ({"filename": "/etc/passwd", "fileContentString": "x"}, "modelAssets[1].filename"),
        ({"filename": "model.py", "fileContentString": "x"}, "modelAssets[1].filename"),
        ({"filename": "a", "assetType": "NOTHING"}, "modelAssets[1].assetType"),
        ({"assetType": "EXTERNAL_FILE", "name": "far"}, "modelAssets[1].fileUrl"),
        ({"filename": "a", "contentHash": {"hexString": "ab"}}, "modelAssets[1].contentHash.hexString"),
        ({"filename": 7}, "modelAssets[1].filename"),
        ({"filename": "m2.py", "sourceCode": "def broken(:"}, "modelAssets[1].sourceCode"),
    ],
)
def test_a_broken_asset_is_refused_with_its_place(books, a_model, asset, field):
    with pytest.raises(InvalidDocument) as refused:
        register_model(books, a_model(assets=[asset]))
    assert refused.value.field == field


def test_a_snapshot_is_a_full_copy_that_later_changes_of_the_model_do_not_reach(books, a_model):
    model = register_model(books, a_model(modelRisk="High"))
    snapshot = create_snapshot(books, {"storedModel": {"id": model["id"]}, "metaData": {"tags": ["run_test", "svc"]}})
    change_model(books, model["id"], {"modelMetaData": {"modelRisk": "Low"}}, model["version"])
    stored = books.get(Kind.DEPLOYABLE_MODEL, snapshot["id"])
    assert stored["storedModel"]["modelMetaData"]["modelRisk"] == "High"
    assert stored["metaData"]["tags"] == ["run_test", "svc"]
    assert stored["metaData"]["name"] == "credit-20260302_0930"
    assert books.get(Kind.STORED_MODEL, model["id"])["modelMetaData"]["modelRisk"] == "Low"


def test_creating_a_snapshot_sends_the_signal_with_the_commit(a_snapshot, a_model, a_file, outgoing):
    snapshot = a_snapshot(model=a_model(assets=[a_file("test_data.json", '{"x": 1}')]))
    [(name, variables)] = outgoing.signals
    assert name == "Signals_deployable_model_changed"
    assert variables["DEPLOYABLE_MODEL"]["id"] == snapshot["id"]
    assert "fileContent" not in str(variables)


def test_a_snapshot_of_a_model_that_nobody_registered_registers_it(books, a_model):
    snapshot = create_snapshot(books, {"storedModel": a_model("fresh")})
    assert books.get(Kind.STORED_MODEL, snapshot["storedModel"]["id"])["modelMetaData"]["name"] == "fresh"


def test_repeating_a_creation_with_its_key_answers_with_the_first(books, a_model, outgoing):
    first = create_snapshot(books, {"storedModel": a_model()}, key="k")
    again = create_snapshot(books, {"storedModel": a_model()}, key="k")
    assert again["id"] == first["id"]
    assert books.count(Kind.DEPLOYABLE_MODEL) == 1


def test_a_snapshot_cannot_be_changed(books, a_model):
    snapshot = create_snapshot(books, {"storedModel": a_model()})
    with pytest.raises(ImmutableDocument):
        refuse_change(books, snapshot["id"])
    with pytest.raises(UnknownDocument):
        refuse_change(books, "nothing")


def test_training_adds_its_artefacts_once_and_on_record(books, a_model):
    snapshot = create_snapshot(books, {"storedModel": a_model()})
    add_trained_assets(books, snapshot["id"], "job-1", {"weights.pkl": b"w"})
    trained = add_trained_assets(books, snapshot["id"], "job-1", {"weights.pkl": b"other"})
    [asset] = trained["trainedAssets"]
    assert (asset["assetRole"], books.blobs.get(asset["contentHash"]["hexString"])) == ("WEIGHTS_FILE", b"w")
    [entry] = trained["journal"]
    assert (entry["change"], entry["jobId"], entry["by"]) == ("trained", "job-1", "ann")
    assert trained["storedModel"] == snapshot["storedModel"]


def test_training_again_replaces_the_artefact_of_that_name(books, a_model):
    snapshot = create_snapshot(books, {"storedModel": a_model()})
    add_trained_assets(books, snapshot["id"], "job-1", {"weights.pkl": b"1", "notes.txt": b"n"})
    trained = add_trained_assets(books, snapshot["id"], "job-2", {"weights.pkl": b"2"})
    contents = {one["filename"]: books.blobs.get(one["contentHash"]["hexString"]) for one in trained["trainedAssets"]}
    assert contents == {"weights.pkl": b"2", "notes.txt": b"n"}
    assert [entry["jobId"] for entry in trained["journal"]] == ["job-1", "job-2"]


def test_a_reviewer_compares_with_the_snapshot_before(books, a_model, clock):
    model = register_model(books, a_model())
    first = create_snapshot(books, {"storedModel": {"id": model["id"]}})
    books.now = clock.forward(minutes=5)
    second = create_snapshot(books, {"storedModel": {"id": model["id"]}})
    before = snapshot_before(books, second)
    assert before is not None
    assert before["id"] == first["id"]
    assert snapshot_before(books, first) is None


def test_a_change_to_an_old_version_is_refused(books, a_model):
    model = register_model(books, a_model())
    change_model(books, model["id"], {"modelMetaData": {"modelRisk": "Low"}}, model["version"])
    with pytest.raises(StaleVersion):
        change_model(books, model["id"], {"modelMetaData": {"modelRisk": "High"}}, model["version"])


def test_a_model_with_snapshots_stays_on_record(books, a_model):
    model = register_model(books, a_model())
    lonely = register_model(books, a_model("lonely"))
    create_snapshot(books, {"storedModel": {"id": model["id"]}})
    with pytest.raises(ImmutableDocument, match="1 snapshots"):
        remove_model(books, model["id"])
    remove_model(books, lonely["id"])
    assert books.find(Kind.STORED_MODEL, lonely["id"]) is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "storedModel"),
        ({"storedModel": {"id": "unknown"}}, "storedModel.id"),
        ({"storedModel": 3}, "storedModel"),
        ({"storedModel": {"modelMetaData": {}}}, "storedModel.modelMetaData.name"),
        ({"storedModel": {"modelMetaData": {"name": "m"}}, "metaData": {"tags": "svc"}}, "metaData.tags"),
        ({"storedModel": {"modelMetaData": {"name": "m"}}, "targetRuntimes": [{"tags": 1}]}, "targetRuntimes[0].tags"),
    ],
)
def test_a_snapshot_that_cannot_be_is_refused_with_its_place(books, body, field):
    with pytest.raises(InvalidDocument) as refused:
        create_snapshot(books, body)
    assert refused.value.field == field
