"""Does a test result pass? The decision table of the model says (modelop.md section 5)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from mlc_service.delegate_api import JsonObject, Verdict
from mlc_service.dmn import DecisionError, DecisionResult, parse_dmn, verdict
from mlc_service.language import scripts
from mlc_service.language.scripts import ScriptRunner
from mlc_service.lifecycle.assets import TEST_RESULT_COMPARATOR, Blobs, assets_of_model, content_of, selected
from mlc_service.lifecycle.errors import ComparatorBroken, ComparatorUnclear
from mlc_service.problems import InvalidResource

# what monitors copy into their result so that a table can tell models apart
_MODEL_INPUTS = ("modelRisk", "modelMethodology", "modelUseCategory", "modelOrganization")


def comparator_for(
    snapshot: Mapping[str, Any], monitor_id: str | None = None, wanted: str | None = None
) -> JsonObject | None:
    """The DMN asset that judges: the one asked for by file name, else the association's, else the model's only one.

    None if there is none. Raises ComparatorUnclear if several could be meant.
    """
    association = [
        asset
        for one in snapshot.get("associatedModels") or []
        if monitor_id and (one.get("associatedModel") or {}).get("id") == monitor_id
        for asset in selected(one.get("associationAssets") or [], TEST_RESULT_COMPARATOR)
    ]
    own = selected(assets_of_model(snapshot), TEST_RESULT_COMPARATOR)
    if wanted is not None:
        named = [asset for asset in [*association, *own] if wanted in (asset.get("filename"), asset.get("name"))]
        if not named:
            raise ComparatorBroken(f"the model has no decision table '{wanted}'")
        return named[0]
    candidates = association or own
    if len(candidates) > 1:
        meta = (snapshot.get("storedModel") or {}).get("modelMetaData") or {}
        raise ComparatorUnclear(str(meta.get("name")), (str(asset.get("filename")) for asset in candidates))
    return candidates[0] if candidates else None


def judge(
    snapshot: Mapping[str, Any],
    test_results: Mapping[str, Any],
    comparator: JsonObject | None,
    blobs: Blobs,
    runner: ScriptRunner | None = None,
) -> Verdict:
    """What the table says about the top-level values of a test result.

    Fail if a rule says `passes` false; no rule at all is a pass. `runner` runs cells in script languages. Raises
    ComparatorBroken with file, decision, rule and cell.
    """
    if comparator is None:
        return Verdict(True, "The model has no decision table, so nothing was compared.")
    name = str(comparator.get("filename"))
    source = content_of(comparator, blobs)
    if source is None:
        raise ComparatorBroken(f"{name}: the content of the file is not stored here")
    inputs = {**_model_inputs(snapshot), **_scalars(test_results)}
    passed, reasons = True, list[str]()
    for result in _evaluated(source, name, inputs, runner):
        said = verdict(result)
        passed = passed and said.passed
        reasons += said.reasons
    if passed:
        return Verdict(True, f"All rules of {name} passed.", (), name)
    unexplained = f"A rule of {name} did not pass and gives no reason."
    return Verdict(False, "; ".join(reasons) or unexplained, tuple(reasons), name)


def _evaluated(
    source: bytes, name: str, inputs: Mapping[str, Any], runner: ScriptRunner | None
) -> Iterable[DecisionResult]:
    try:
        decisions = parse_dmn(source, name, languages=runner or scripts)
        return [decision.evaluate(inputs, runner) for decision in decisions]
    except InvalidResource as broken:
        raise ComparatorBroken(str(broken)) from broken
    except DecisionError as broken:
        raise ComparatorBroken(f"{name}: {broken}") from broken


def _scalars(test_results: Mapping[str, Any]) -> JsonObject:
    return {
        name: value
        for name, value in test_results.items()
        if isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value))
    }


def _model_inputs(snapshot: Mapping[str, Any]) -> JsonObject:
    meta = (snapshot.get("storedModel") or {}).get("modelMetaData") or {}
    return {name: meta[name] for name in _MODEL_INPUTS if isinstance(meta.get(name), str)}
