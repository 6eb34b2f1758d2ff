"""Delegates that find runtimes."""

from __future__ import annotations

from delegates.variables import snapshot_of
from mlc_service.delegate_api import DelegateExecution, JsonObject, delegate


@delegate(
    "GetCompatibleEngine",
    reads=("DEPLOYABLE_MODEL",),
    writes=("RUNTIMES", "ONLINE_RUNTIMES", "BATCH_RUNTIMES", "RUNTIME_MATCHING", "RUNTIME_MATCHING_MESSAGE"),
)
def get_compatible_engine(execution: DelegateExecution) -> None:
    """RUNTIMES are the runtimes that fit the snapshot, best first; ONLINE_RUNTIMES and BATCH_RUNTIMES part them.

    RUNTIME_MATCHING says for every runtime which criteria failed, RUNTIME_MATCHING_MESSAGE the same in words.
    """
    matching = execution.ports.runtimes.compatible_with(snapshot_of(execution))
    execution.log("runtimes_matched", found=[runtime["name"] for runtime in matching.matching])
    execution.set("RUNTIMES", matching.matching)
    execution.set("ONLINE_RUNTIMES", matching.online)
    execution.set("BATCH_RUNTIMES", matching.batch)
    execution.set("RUNTIME_MATCHING", matching.explanation)
    execution.set("RUNTIME_MATCHING_MESSAGE", _in_words(matching.explanation))


@delegate("GetRuntimesByTag", reads=("TAG",), writes=("RUNTIMES",))
def get_runtimes_by_tag(execution: DelegateExecution) -> None:
    """RUNTIMES are the runtimes that carry TAG, by name; an empty list if there are none."""
    execution.set("RUNTIMES", execution.ports.runtimes.with_tag(execution.required("TAG", str)))


def _in_words(explanation: list[JsonObject]) -> str:
    if not explanation:
        return "there are no runtimes"
    return "\n".join(
        f"{one['name']}: " + ("fits" if one["matches"] else "; ".join(_failure(f) for f in one["failed"]))
        for one in explanation
    )


def _failure(failed: JsonObject) -> str:
    return f"{failed['criterion']} is {failed['found']}, wanted {failed['wanted']}"
