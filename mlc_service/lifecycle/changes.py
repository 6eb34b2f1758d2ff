"""What differs between two snapshots of a model, in words a reviewer can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlc_service.lifecycle.assets import assets_of_model, fingerprint

_SHOWN = 120


def changes_between(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[str]:
    """One line per difference; a model seen for the first time has one line that says so."""
    if before is None:
        return ["first snapshot of this model"]
    lines = _value_changes(_meta(before), _meta(after), "")
    lines += _value_changes({"tags": _tags(before)}, {"tags": _tags(after)}, "snapshot ")
    lines += _asset_changes(before, after)
    return lines or ["nothing"]


def _meta(snapshot: Mapping[str, Any]) -> Mapping[str, Any]:
    return (snapshot.get("storedModel") or {}).get("modelMetaData") or {}


def _tags(snapshot: Mapping[str, Any]) -> list[str]:
    return sorted((snapshot.get("metaData") or {}).get("tags") or [])


def _value_changes(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str) -> list[str]:
    lines: list[str] = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            lines += _value_changes(old, new, f"{prefix}{name}.")
        else:
            lines.append(f"{prefix}{name}: {_shown(old)} -> {_shown(new)}")
    return lines


def _asset_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    old = {asset.get("filename"): asset for asset in assets_of_model(before)}
    new = {asset.get("filename"): asset for asset in assets_of_model(after)}
    lines = [f"file {name} removed" for name in old if name not in new]
    for name, asset in new.items():
        if name not in old:
            lines.append(f"file {name} added")
        elif fingerprint(old[name]) != fingerprint(asset):
            lines.append(f"file {name} changed" + _line_counts(old[name], asset))
    return lines


def _line_counts(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if new.get("assetType") != "SOURCE_CODE":
        return ""
    before, after = str(old.get("sourceCode", "")).splitlines(), str(new.get("sourceCode", "")).splitlines()
    added = len([line for line in after if line not in set(before)])
    removed = len([line for line in before if line not in set(after)])
    return f" ({added} lines added, {removed} removed)"


def _shown(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "(none)"
    text = ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
