"""A snapshot as a runtime needs it: files, primary source, functions, requirements, schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mlc_service.delegate_api import JsonObject
from mlc_service.lifecycle.assets import Blobs, assets_of_model, content_of, selected
from mlc_service.lifecycle.errors import LifecycleProblem
from mlc_service.runtimes import InputData, ModelFunctions


class CannotRun(LifecycleProblem):
    """The snapshot or the job lacks something a run needs."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """`files` by path in the working folder, `primary` among them."""

    files: Mapping[str, bytes]
    primary: str
    functions: ModelFunctions
    requirements: str | None
    input_schema: str | None
    output_schema: str | None


def model_files(snapshot: Mapping[str, Any], blobs: Blobs) -> ModelFiles:
    """Everything of the model that a run needs. Raises CannotRun, naming the asset."""
    assets = assets_of_model(snapshot)
    primary = next((one for one in assets if one.get("primaryModelSource")), None)
    if primary is None:
        raise CannotRun("the model has no source code asset, so there is nothing to run")
    meta = (snapshot.get("storedModel") or {}).get("modelMetaData") or {}
    return ModelFiles(
        files=named_contents(assets, blobs),
        primary=str(primary["filename"]),
        functions=ModelFunctions(
            init=primary.get("initFunction"),
            score=primary.get("scoreFunction"),
            metrics=primary.get("metricsFunction"),
            train=primary.get("trainFunction"),
        ),
        requirements=_requirements(assets, blobs),
        input_schema=_schema(meta, "inputSchema", assets, blobs),
        output_schema=_schema(meta, "outputSchema", assets, blobs),
    )


def named_contents(assets: Sequence[JsonObject], blobs: Blobs) -> dict[str, bytes]:
    """The bytes of each asset by file name; references to elsewhere are left out."""
    files: dict[str, bytes] = {}
    for asset in assets:
        if asset.get("assetType") in ("FILE", "SOURCE_CODE"):
            files[str(asset["filename"])] = _needed(asset, blobs)
    return files


def input_data(assets: Sequence[JsonObject], blobs: Blobs) -> tuple[InputData, ...]:
    """The inputs of a job in their order. Raises CannotRun, naming the asset."""
    inputs: list[InputData] = []
    for asset in assets:
        name, file_format = str(asset.get("filename")), asset.get("fileFormat", "JSON")
        if file_format not in ("JSON", "CSV"):
            raise CannotRun(f"input '{name}' is {file_format}; this runtime reads JSON lines and CSV")
        if asset.get("assetType") != "FILE":
            raise CannotRun(f"input '{name}' is {asset.get('assetType')}; this runtime reads embedded files only")
        inputs.append(InputData(name, _needed(asset, blobs), "CSV" if file_format == "CSV" else "JSON"))
    return tuple(inputs)


def _needed(asset: JsonObject, blobs: Blobs) -> bytes:
    content = content_of(asset, blobs)
    if content is None:
        raise CannotRun(f"the content of asset '{asset.get('filename')}' is not stored here")
    return content


def _requirements(assets: Sequence[JsonObject], blobs: Blobs) -> str | None:
    texts = [_needed(one, blobs).decode("utf-8", "replace") for one in selected(assets, "REQUIRED_LIBRARIES")]
    return "\n".join(texts) or None


def _schema(meta: Mapping[str, Any], name: str, assets: Sequence[JsonObject], blobs: Blobs) -> str | None:
    declared = meta.get(name)
    if isinstance(declared, list) and declared and isinstance(declared[0], dict):
        definition = declared[0].get("schemaDefinition")
        if definition:
            return definition if isinstance(definition, str) else orjson.dumps(definition).decode()
    file_name = {"inputSchema": "input_schema.avsc", "outputSchema": "output_schema.avsc"}[name]
    asset = next((one for one in assets if one.get("filename") == file_name), None)
    return None if asset is None else _needed(asset, blobs).decode("utf-8", "replace")
