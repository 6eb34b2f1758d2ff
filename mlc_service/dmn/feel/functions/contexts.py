"""Context functions (DMN 1.5 §10.3.4.10)."""

from __future__ import annotations

from typing import Any

from mlc_service.dmn.feel.functions.registry import function


@function("get value", "m:context, key:string")
def get_value(context: dict[str, Any], key: str) -> Any:
    return context.get(key)


@function("get value", "m:context, keys:list")
def get_nested_value(context: dict[str, Any], keys: list[Any]) -> Any:
    found: Any = context if keys else None
    for key in keys:
        found = found.get(key) if isinstance(found, dict) and isinstance(key, str) else None
    return found


@function("get entries", "m:context")
def get_entries(context: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in context.items()]


@function("context", "entries:list")
def context_of(entries: list[Any]) -> dict[str, Any] | None:
    built: dict[str, Any] = {}
    for entry in entries:
        if not isinstance(entry, dict) or "value" not in entry:
            return None
        key = entry.get("key")
        if not isinstance(key, str) or key in built:
            return None
        built[key] = entry["value"]
    return built


@function("context put", "context:context, key:string, value:any")
def context_put(context: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    return {**context, key: value}


@function("context put", "context:context, keys:list, value:any")
def context_put_nested(context: dict[str, Any], keys: list[Any], value: Any) -> dict[str, Any] | None:
    if not keys or not isinstance(keys[0], str):
        return None
    if len(keys) == 1:
        return {**context, keys[0]: value}
    inner = context.get(keys[0])
    nested = context_put_nested(inner, keys[1:], value) if isinstance(inner, dict) else None
    return None if nested is None else {**context, keys[0]: nested}


@function("context merge", "contexts:list")
def context_merge(contexts: list[Any]) -> dict[str, Any] | None:
    merged: dict[str, Any] = {}
    for context in contexts:
        if not isinstance(context, dict):
            return None
        merged.update(context)
    return merged
