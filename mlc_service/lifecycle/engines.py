"""Runtimes, which ModelOp's documents call engines: where model jobs run and models are deployed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlc_service.delegate_api import JsonObject, RuntimeMatching
from mlc_service.lifecycle.books import Books
from mlc_service.lifecycle.documents import Kind, merged, objects_at, text_at, texts_at
from mlc_service.lifecycle.errors import ImmutableDocument, InvalidDocument, NoRuntime, RuntimesAway
from mlc_service.lifecycle.matching import has_endpoints, in_words, match
from mlc_service.lifecycle.moves import ENGINE, USABLE_ENGINE_STATES, check_move


def register_engine(books: Books, body: Mapping[str, Any], key: str | None = None) -> JsonObject:
    """The runtime exists, in state INIT. Raises InvalidDocument if another one has its name."""
    checked = _checked(body)
    if key is not None and (known := books.find_by_key(Kind.ENGINE, key)):
        return known
    if books.search(Kind.ENGINE, name=checked["name"], limit=1):
        raise InvalidDocument("name", f"there is a runtime called '{checked['name']}' already")
    if checked["state"] != "INIT":
        raise InvalidDocument("state", "a new runtime starts in INIT")
    return books.add(Kind.ENGINE, checked, key=key)


def ensure_engine(books: Books, body: Mapping[str, Any]) -> JsonObject:
    """A runtime of that name exists; the one that is there already stays as it is. For the start of the service."""
    found = books.search(Kind.ENGINE, name=text_at(body, "name", required=True), limit=1)
    return found[0] if found else register_engine(books, body)


def change_engine(books: Books, engine_id: str, patch: Mapping[str, Any], version: int | None) -> JsonObject:
    """The runtime after a merge patch. Raises IllegalMove for a state that cannot follow, StaleVersion."""
    current = books.get(Kind.ENGINE, engine_id)
    changed = _checked(merged(current, patch)) | {"id": current["id"]}
    if changed["state"] != current["state"]:
        check_move(ENGINE, f"runtime '{current['name']}'", current["state"], changed["state"])
    if changed["name"] != current["name"]:
        raise InvalidDocument("name", "the name of a runtime is part of its scoring address and cannot change")
    return books.replace(Kind.ENGINE, changed, version)


def remove_engine(books: Books, engine_id: str) -> None:
    """The runtime is gone. Raises ImmutableDocument while a model is deployed on it."""
    books.get(Kind.ENGINE, engine_id)
    if deployed := books.count(Kind.DEPLOYED_MODEL, keys={"engineId": engine_id}, state="DEPLOYED"):
        raise ImmutableDocument(f"{deployed} models are deployed on this runtime: undeploy them first")
    books.remove(Kind.ENGINE, engine_id)


def all_engines(books: Books) -> list[JsonObject]:
    """Every runtime, by name."""
    return sorted(books.search(Kind.ENGINE), key=lambda one: str(one["name"]))


def engines_with_tag(books: Books, tag: str) -> list[JsonObject]:
    """The runtimes that carry the tag, by name."""
    return sorted(books.search(Kind.ENGINE, keys={"tag": tag}), key=lambda one: str(one["name"]))


def match_runtimes(books: Books, snapshot: Mapping[str, Any]) -> RuntimeMatching:
    """The runtimes that fit a snapshot now, and why the others do not."""
    return match(snapshot, all_engines(books), _serving(books))


def _serving(books: Books) -> dict[str, JsonObject]:
    """The stored model that each runtime serves, by the runtime's id."""
    return {
        str(deployed["engine"]["id"]): {
            "id": deployed["deployableModel"]["storedModel"]["id"],
            "name": deployed["deployableModel"]["storedModel"]["modelMetaData"].get("name"),
        }
        for deployed in books.search(Kind.DEPLOYED_MODEL, state="DEPLOYED")
    }


def engine_for_job(
    books: Books,
    job: Mapping[str, Any],
    snapshot: Mapping[str, Any],
    is_served: Callable[[JsonObject], bool] = lambda _engine: True,
) -> JsonObject:
    """The runtime a model job runs on: the one it names, else a matching one without endpoints.

    Tests and training do not touch production, so for them any usable runtime will do where none matches: first those
    without endpoints. Raises NoRuntime with the reason for each runtime, RuntimesAway if none that fits is served.
    """
    wanted = job.get("targetEngine") or {}
    # one that is lost for the moment is still the one that is meant
    engines = [one | {"state": "INIT"} if one.get("lostSince") else one for one in all_engines(books)]
    if wanted.get("id") or wanted.get("name"):
        candidates = [_named(engines, wanted)]
    else:
        candidates = _fitting(books, engines, job, snapshot)
    for one in candidates:
        if is_served(one):
            return one
    raise RuntimesAway([str(one["name"]) for one in candidates])


def _fitting(
    books: Books, engines: list[JsonObject], job: Mapping[str, Any], snapshot: Mapping[str, Any]
) -> list[JsonObject]:
    matching = match(snapshot, engines, _serving(books))
    candidates = list(matching.batch)
    if job.get("jobType") != "MODEL_BATCH_JOB":
        usable = [one for one in engines if one.get("state", "INIT") in USABLE_ENGINE_STATES]
        candidates += [one for one in usable if not has_endpoints(one)] + matching.online + usable
    if not candidates:
        raise NoRuntime(f"no runtime fits this job:\n{in_words(matching.explanation)}")
    return candidates


def engine_reference(engine: Mapping[str, Any]) -> JsonObject:
    """Enough of a runtime to name it inside another document."""
    return {
        name: engine[name]
        for name in ("id", "name", "engineType", "tags", "environmentName", "inProduction", "inputEndpoints")
        if name in engine
    }


def _named(engines: list[JsonObject], wanted: Mapping[str, Any]) -> JsonObject:
    for engine in engines:
        if engine["id"] == wanted.get("id") or (not wanted.get("id") and engine["name"] == wanted.get("name")):
            if engine["state"] not in USABLE_ENGINE_STATES:
                raise NoRuntime(f"runtime '{engine['name']}' is in state {engine['state']}")
            return engine
    raise NoRuntime(f"there is no runtime '{wanted.get('name') or wanted.get('id')}'")


def _checked(body: Mapping[str, Any]) -> JsonObject:
    state = text_at(body, "state") or "INIT"
    if state not in ENGINE:
        raise InvalidDocument("state", f"'{state}' is not one of {', '.join(ENGINE)}")
    name = text_at(body, "name", required=True)
    if not all(character.isalnum() or character in "-_." for character in name):
        raise InvalidDocument("name", "may hold letters, digits, '-', '_' and '.' only: it is part of an address")
    return dict(body) | {
        "name": name,
        "state": state,
        "engineType": text_at(body, "engineType") or "MODEL_OP_ENGINE",
        "tags": texts_at(body, "tags"),
        "environmentName": text_at(body, "environmentName"),
        "inputEndpoints": objects_at(body, "inputEndpoints"),
        "outputEndpoints": objects_at(body, "outputEndpoints"),
        "inProduction": body.get("inProduction") is True,
    }
