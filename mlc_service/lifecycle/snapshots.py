"""Snapshots ("deployable models"): immutable copies of a stored model, the thing that is tested, approved, deployed.

Nothing in a snapshot changes after it is created, with one exception on record: a training job of the snapshot adds
what it produced under `trainedAssets`, and each such addition has a line in `journal` (job, date, hashes). The copy of
the model itself stays untouched, so the same snapshot can be trained again and compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlc_service.delegate_api import JsonObject
from mlc_service.lifecycle.assets import WEIGHTS_FILE, content_hash, taken_in, without_bytes
from mlc_service.lifecycle.books import Books
from mlc_service.lifecycle.documents import (
    ENVELOPE,
    Kind,
    iso,
    object_at,
    objects_at,
    text_at,
    texts_at,
)
from mlc_service.lifecycle.errors import ImmutableDocument, InvalidDocument
from mlc_service.lifecycle.stored_models import checked_model

SNAPSHOT_CHANGED = "com.modelop.mlc.definitions.Signals_deployable_model_changed"


def create_snapshot(books: Books, body: Mapping[str, Any], key: str | None = None) -> JsonObject:
    """The snapshot exists and the signal `…Signals_deployable_model_changed` goes out with the same commit.

    `body` is `{storedModel: {id}}` for a model that is registered, or `{storedModel: {whole model}}`; further
    metaData, targetRuntimes, associatedModels, modelDocuments. Safe to repeat with a key.
    """
    if key is not None and (known := books.find_by_key(Kind.DEPLOYABLE_MODEL, key)):
        return known
    model = _model_for(books, object_at(body, "storedModel"))
    meta = object_at(body, "metaData")
    own_meta = meta | {
        "name": text_at(meta, "name", "metaData") or _default_name(books, model),
        "description": text_at(meta, "description", "metaData"),
        "tags": texts_at(meta, "tags", "metaData"),
        "custom": object_at(meta, "custom", "metaData"),
    }
    associations = objects_at(body, "associatedModels") or model.get("associatedModels") or []
    snapshot = books.add(
        Kind.DEPLOYABLE_MODEL,
        {
            "id": body.get("id"),
            "group": body.get("group") or model.get("group"),
            "storedModel": model,
            "metaData": own_meta,
            "associatedModels": [_association(books, one, number) for number, one in enumerate(associations)],
            "modelDocuments": objects_at(body, "modelDocuments"),
            "targetRuntimes": _target_runtimes(body),
            "trainedAssets": [],
            "journal": [],
        },
        key=key,
    )
    books.signal(SNAPSHOT_CHANGED, {"DEPLOYABLE_MODEL": without_bytes(snapshot)})
    return snapshot


def refuse_change(books: Books, snapshot_id: str) -> None:
    """Always raises: ImmutableDocument, or UnknownDocument if there is no such snapshot."""
    books.get(Kind.DEPLOYABLE_MODEL, snapshot_id)
    raise ImmutableDocument("a snapshot never changes: change the stored model and create a new snapshot")


def add_trained_assets(books: Books, snapshot_id: str, job_id: str, artefacts: Mapping[str, bytes]) -> JsonObject:
    """The artefacts are assets of the snapshot, on record in its journal. Once per job: repeating changes nothing."""
    snapshot = books.get(Kind.DEPLOYABLE_MODEL, snapshot_id, lock=True)
    if any(entry.get("jobId") == job_id for entry in snapshot.get("journal") or []):
        return snapshot
    added: list[JsonObject] = []
    for name, content in sorted(artefacts.items()):
        sha256 = books.blobs.put(content)
        added.append(
            {
                "assetId": sha256[:32],
                "assetType": "FILE",
                "assetRole": WEIGHTS_FILE,
                "name": name,
                "filename": name,
                "fileSize": len(content),
                "contentHash": {"hashType": "SHA-256", "hexString": sha256},
                "metaData": {"custom": {"trainedBy": job_id}},
            }
        )
    names = {asset["filename"] for asset in added}
    kept = [asset for asset in snapshot.get("trainedAssets") or [] if asset["filename"] not in names]
    entry = {
        "date": iso(books.now),
        "by": books.by,
        "change": "trained",
        "jobId": job_id,
        "assets": [{"filename": asset["filename"], "sha256": content_hash(asset)} for asset in added],
    }
    return books.replace(
        Kind.DEPLOYABLE_MODEL,
        snapshot | {"trainedAssets": [*kept, *added], "journal": [*(snapshot.get("journal") or []), entry]},
        snapshot["version"],
    )


def snapshot_before(books: Books, snapshot: Mapping[str, Any]) -> JsonObject | None:
    """What a reviewer compares with: the deployed snapshot of the same model, else the one made before this one."""
    model_id = str((snapshot.get("storedModel") or {}).get("id"))
    for deployed in books.search(Kind.DEPLOYED_MODEL, keys={"storedModelId": model_id}, state="DEPLOYED"):
        deployed_id = (deployed.get("deployableModel") or {}).get("id")
        if deployed_id != snapshot.get("id") and (found := books.find(Kind.DEPLOYABLE_MODEL, str(deployed_id))):
            return found
    created = str(snapshot.get("createdDate"))
    others = books.search(Kind.DEPLOYABLE_MODEL, keys={"storedModelId": model_id})
    earlier = [one for one in others if one["id"] != snapshot.get("id") and one["createdDate"] <= created]
    return max(earlier, key=lambda one: str(one["createdDate"]), default=None)


def snapshot_reference(snapshot: Mapping[str, Any]) -> JsonObject:
    """Enough of a snapshot to name it inside another document; the whole is under its id."""
    model = snapshot.get("storedModel") or {}
    meta = model.get("modelMetaData") or {}
    return {
        "id": snapshot.get("id"),
        "group": snapshot.get("group"),
        "metaData": snapshot.get("metaData") or {},
        "storedModel": {
            "id": model.get("id"),
            "modelMetaData": {
                name: value
                for name, value in meta.items()
                if name in ("name", "description", "type", "tags", "custom") or name.startswith("model")
            },
        },
    }


def _model_for(books: Books, given: JsonObject) -> JsonObject:
    model_id = given.get("id")
    if model_id and not set(given) - ENVELOPE:
        found = books.find(Kind.STORED_MODEL, str(model_id))
        if found is None:
            raise InvalidDocument("storedModel.id", f"there is no stored model '{model_id}'")
        return found
    if not given:
        raise InvalidDocument("storedModel", "a snapshot needs the stored model it is a copy of")
    checked = checked_model(given, "storedModel", books.blobs)
    if model_id and books.find(Kind.STORED_MODEL, str(model_id)):
        return checked
    # a model that comes with its snapshot is registered too: later snapshots find what they belong to
    registered = books.add(Kind.STORED_MODEL, checked)
    return checked | {name: registered[name] for name in ENVELOPE if name in registered}


def _default_name(books: Books, model: JsonObject) -> str:
    return f"{model['modelMetaData']['name']}-{books.now.strftime('%Y%m%d_%H%M')}"


def _association(books: Books, association: JsonObject, number: int) -> JsonObject:
    path = f"associatedModels[{number}]"
    assets: Sequence[JsonObject] = objects_at(association, "associationAssets", path)
    return association | {"associationAssets": taken_in(assets, f"{path}.associationAssets", books.blobs)}


def _target_runtimes(body: Mapping[str, Any]) -> list[JsonObject]:
    targets = objects_at(body, "targetRuntimes")
    for number, target in enumerate(targets):
        texts_at(target, "tags", f"targetRuntimes[{number}]")
    return targets
