"""Which runtimes fit a snapshot, and for each one why or why not. Pure: documents in, an explained answer out.

The rule (modelop.md section 3.5 names the criteria, not their precedence; this precedence is ours):

1. The runtime is usable: its state is INIT or RUNNING.
2. If the snapshot names target runtimes, one of them must fit in everything it says: name, engineType, tags (all),
   environmentName, inProduction. Service tags do not matter then, somebody has chosen.
3. Otherwise runtime and snapshot share a service tag: a snapshot tag that is not a switch of the process (`run_test`,
   `jira` ...). A snapshot without service tags fits nowhere: "anywhere" would be a dangerous default.
4. A runtime with endpoints serves one model. One that serves another model already does not fit.

Better is: more shared tags, then the name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mlc_service.delegate_api import JsonObject, RuntimeMatching
from mlc_service.lifecycle.moves import USABLE_ENGINE_STATES

PROCESS_TAGS = frozenset({"run_test", "jira", "servicenow", "train"})


def service_tags(snapshot: Mapping[str, Any]) -> set[str]:
    """The tags of the snapshot that say where it belongs, switches of the process left out."""
    meta = snapshot.get("metaData") or {}
    return {tag for tag in meta.get("tags") or [] if tag.lower() not in PROCESS_TAGS}


def has_endpoints(runtime: Mapping[str, Any]) -> bool:
    """True for a runtime that scores online; one without endpoints takes batches."""
    return bool(runtime.get("inputEndpoints") or runtime.get("outputEndpoints"))


def match(
    snapshot: Mapping[str, Any], runtimes: Iterable[JsonObject], serving: Mapping[str, JsonObject] | None = None
) -> RuntimeMatching:
    """The runtimes that fit, best first, and one explanation per runtime.

    `serving` maps a runtime's id to the reference of the stored model that is deployed there (`{id, name}`).
    An explanation is `{runtimeId, name, matches, online, failed: [{criterion, wanted, found}]}`.
    """
    fitting: list[JsonObject] = []
    explanation: list[JsonObject] = []
    for runtime in sorted(runtimes, key=lambda one: str(one.get("name", ""))):
        failed = _failed(snapshot, runtime, (serving or {}).get(str(runtime.get("id"))))
        explanation.append(
            {
                "runtimeId": runtime.get("id"),
                "name": runtime.get("name"),
                "matches": not failed,
                "online": has_endpoints(runtime),
                "failed": failed,
            }
        )
        if not failed:
            fitting.append(runtime)
    wanted = _wanted_tags(snapshot)
    fitting.sort(key=lambda one: -len(wanted & set(one.get("tags") or [])))
    return RuntimeMatching(fitting, explanation)


def in_words(explanation: Iterable[Mapping[str, Any]]) -> str:
    """Why nothing fits, one line per runtime."""
    lines = [
        f"{one['name']}: " + "; ".join(f"{f['criterion']} is {f['found']}, wanted {f['wanted']}" for f in one["failed"])
        for one in explanation
        if not one["matches"]
    ]
    return "\n".join(lines) or "there are no runtimes"


def _wanted_tags(snapshot: Mapping[str, Any]) -> set[str]:
    tags = service_tags(snapshot)
    for target in snapshot.get("targetRuntimes") or []:
        tags |= set(target.get("tags") or [])
    return tags


def _failed(
    snapshot: Mapping[str, Any], runtime: Mapping[str, Any], serves: Mapping[str, Any] | None
) -> list[JsonObject]:
    failed: list[JsonObject] = []
    state = str(runtime.get("state", "INIT"))
    if state not in USABLE_ENGINE_STATES:
        failed.append(_failure("state", " or ".join(sorted(USABLE_ENGINE_STATES)), state))
    targets = snapshot.get("targetRuntimes") or []
    if targets:
        # of several targets the one that comes closest explains best
        attempts: list[list[JsonObject]] = [_failed_target(target, runtime) for target in targets]
        failed += sorted(attempts, key=len)[0]
    else:
        tags, wanted = sorted(runtime.get("tags") or []), sorted(service_tags(snapshot))
        if not wanted:
            failed.append(_failure("service tag", "one on the snapshot", "none"))
        elif not set(tags) & set(wanted):
            failed.append(_failure("service tag", ", ".join(wanted), ", ".join(tags) or "none"))
    model = (snapshot.get("storedModel") or {}).get("id")
    if serves is not None and has_endpoints(runtime) and serves.get("id") != model:
        failed.append(_failure("free", "no other model", f"serving {serves.get('name') or serves.get('id')}"))
    return failed


def _failed_target(target: Mapping[str, Any], runtime: Mapping[str, Any]) -> list[JsonObject]:
    failed = [
        _failure(name, str(target[name]), str(runtime.get(name)))
        for name in ("id", "name", "engineType", "environmentName", "inProduction")
        if target.get(name) is not None and target[name] != runtime.get(name)
    ]
    missing = sorted(set(target.get("tags") or []) - set(runtime.get("tags") or []))
    if missing:
        failed.append(
            _failure("tags", ", ".join(target["tags"]), ", ".join(sorted(runtime.get("tags") or [])) or "none")
        )
    return failed


def _failure(criterion: str, wanted: str, found: str) -> JsonObject:
    return {"criterion": criterion, "wanted": wanted, "found": found}
