"""Stored models: what a team registers, before any snapshot of it exists. These may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlc_service.delegate_api import JsonObject
from mlc_service.lifecycle.assets import Blobs, taken_in
from mlc_service.lifecycle.books import Books
from mlc_service.lifecycle.documents import Kind, merged, object_at, objects_at, text_at, texts_at
from mlc_service.lifecycle.errors import ImmutableDocument


def register_model(books: Books, body: Mapping[str, Any], key: str | None = None) -> JsonObject:
    """The stored model exists, its asset bytes are kept as blobs. Safe to repeat with a key."""
    return books.add(Kind.STORED_MODEL, checked_model(body, "", books.blobs), key=key)


def change_model(books: Books, model_id: str, patch: Mapping[str, Any], version: int | None) -> JsonObject:
    """The stored model after a merge patch. Raises StaleVersion if it is no longer at `version`."""
    current = books.get(Kind.STORED_MODEL, model_id)
    changed = checked_model(merged(current, patch), "", books.blobs)
    return books.replace(Kind.STORED_MODEL, changed | {"id": current["id"]}, version)


def remove_model(books: Books, model_id: str) -> None:
    """The stored model is gone. Raises ImmutableDocument if there are snapshots of it."""
    books.get(Kind.STORED_MODEL, model_id)
    if snapshots := books.count(Kind.DEPLOYABLE_MODEL, keys={"storedModelId": model_id}):
        raise ImmutableDocument(f"{snapshots} snapshots were made of this model, so it stays on record")
    books.remove(Kind.STORED_MODEL, model_id)


def checked_model(body: Mapping[str, Any], path: str, blobs: Blobs) -> JsonObject:
    """The model as it is stored; raises InvalidDocument with the place of what is wrong below `path`."""
    prefix = f"{path}." if path else ""
    meta = object_at(body, "modelMetaData", path)
    text_at(meta, "name", f"{prefix}modelMetaData", required=True)
    texts_at(meta, "tags", f"{prefix}modelMetaData")
    object_at(meta, "custom", f"{prefix}modelMetaData")
    return dict(body) | {
        # diagrams read these without asking whether they are there
        "modelMetaData": {"tags": [], "custom": {}} | meta,
        "modelAssets": taken_in(objects_at(body, "modelAssets", path), f"{prefix}modelAssets", blobs),
        "requiredAssets": objects_at(body, "requiredAssets", path),
        "associatedModels": objects_at(body, "associatedModels", path),
    }
