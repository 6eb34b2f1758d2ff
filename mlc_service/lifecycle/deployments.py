"""Deployed models: which snapshot is in force where. The document is the truth; running processes follow it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlc_service.delegate_api import JsonObject
from mlc_service.lifecycle.books import Books
from mlc_service.lifecycle.documents import Kind, iso
from mlc_service.lifecycle.engines import engine_reference
from mlc_service.lifecycle.errors import NoRuntime
from mlc_service.lifecycle.matching import has_endpoints
from mlc_service.lifecycle.moves import DEPLOYED_MODEL, ENGINE, USABLE_ENGINE_STATES, check_move
from mlc_service.lifecycle.snapshots import snapshot_reference


def check_deployable(
    books: Books, snapshot_id: str, engine_id: str, lock: bool = False
) -> tuple[JsonObject, JsonObject]:
    """The snapshot and the runtime, surely fit for each other. Raises UnknownDocument, NoRuntime."""
    snapshot = books.get(Kind.DEPLOYABLE_MODEL, snapshot_id)
    engine = books.get(Kind.ENGINE, engine_id, lock)
    if engine["state"] not in USABLE_ENGINE_STATES:
        raise NoRuntime(f"runtime '{engine['name']}' is in state {engine['state']}")
    if has_endpoints(engine):
        for other in _in_force(books, engine_id):
            served = other["deployableModel"]["storedModel"]
            if served["id"] != snapshot["storedModel"]["id"]:
                name = served["modelMetaData"].get("name")
                raise NoRuntime(f"runtime '{engine['name']}' serves model '{name}'; it can serve one")
    return snapshot, engine


def record_deployment(books: Books, snapshot_id: str, engine_id: str, key: str, deployed_id: str) -> JsonObject:
    """The snapshot is DEPLOYED on the runtime; the one of the same model before it is SUPERSEDED. Safe to repeat."""
    if known := books.find_by_key(Kind.DEPLOYED_MODEL, key):
        return known
    # locked: of two models that want one runtime at the same moment, the second must see the first
    snapshot, engine = check_deployable(books, snapshot_id, engine_id, lock=True)
    for previous in _in_force(books, engine_id):
        if previous["deployableModel"]["storedModel"]["id"] == snapshot["storedModel"]["id"]:
            end_deployment(books, previous, "SUPERSEDED")
    online = has_endpoints(engine)
    if online and engine["state"] == "INIT":
        check_move(ENGINE, f"runtime '{engine['name']}'", engine["state"], "RUNNING")
        books.replace(Kind.ENGINE, engine | {"state": "RUNNING"}, engine["version"])
    return books.add(
        Kind.DEPLOYED_MODEL,
        {
            "id": deployed_id,
            "group": snapshot.get("group"),
            "deployableModel": snapshot_reference(snapshot),
            "engine": engine_reference(engine),
            "deploymentType": "ONLINE" if online else "BATCH",
            "state": "DEPLOYED",
            "deployTime": iso(books.now),
            "schedules": [],
            "additionalAssets": [],
        },
        key=key,
    )


def end_deployment(books: Books, deployed: JsonObject, wanted: str) -> JsonObject:
    """The deployed model is SUPERSEDED or UNDEPLOYED. Raises IllegalMove."""
    check_move(DEPLOYED_MODEL, f"deployed model '{deployed['id']}'", deployed["state"], wanted)
    changed = deployed | {"state": wanted, "undeployTime": iso(books.now)}
    return books.replace(Kind.DEPLOYED_MODEL, changed, deployed["version"])


def withdraw_deployment(books: Books, deployed_id: str, version: int | None = None) -> JsonObject:
    """The deployed model is UNDEPLOYED and its runtime is free. Raises IllegalMove, UnknownDocument, StaleVersion."""
    current = books.get(Kind.DEPLOYED_MODEL, deployed_id)
    if version is not None:
        current["version"] = version
    deployed = end_deployment(books, current, "UNDEPLOYED")
    engine = books.find(Kind.ENGINE, deployed["engine"]["id"])
    if is_online(deployed) and engine is not None and engine["state"] == "RUNNING":
        books.replace(Kind.ENGINE, engine | {"state": "INIT"}, engine["version"])
    return deployed


def deployed_online(books: Books, engine_name: str) -> JsonObject | None:
    """What the runtime of that name serves now, None if nothing."""
    engines = books.search(Kind.ENGINE, name=engine_name, limit=1)
    if not engines:
        return None
    return next((one for one in _in_force(books, engines[0]["id"]) if one["deploymentType"] == "ONLINE"), None)


def _in_force(books: Books, engine_id: str) -> list[JsonObject]:
    return books.search(Kind.DEPLOYED_MODEL, keys={"engineId": engine_id}, state="DEPLOYED")


def is_online(deployed: Mapping[str, Any]) -> bool:
    """True if records can be scored on it one by one."""
    return deployed.get("deploymentType") == "ONLINE"
