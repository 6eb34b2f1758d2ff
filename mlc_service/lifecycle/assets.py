"""Assets: the files, sources and references that belong to a model, a job or an association.

Bytes never stay inside a document: they go to the blob store under their SHA-256, the asset keeps `contentHash` and
`fileSize`. Source code stays inline, as in ModelOp, so that people and diagrams can read it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from pathlib import PurePosixPath
from typing import Any, Protocol
from uuid import uuid4

from mlc_service.delegate_api import JsonObject
from mlc_service.lifecycle.documents import object_at, text_at
from mlc_service.lifecycle.errors import InvalidDocument
from mlc_service.runtimes import ModelSourceError, detect_functions

ASSET_TYPES = frozenset({"FILE", "EXTERNAL_FILE", "SOURCE_CODE", "SQL"})
TEST_RESULT_COMPARATOR = "TEST_RESULT_COMPARATOR"
WEIGHTS_FILE = "WEIGHTS_FILE"

_ROLE_BY_NAME = (
    (re.compile(r".*\.dmn$"), TEST_RESULT_COMPARATOR),
    (re.compile(r"requirements.*\.txt$"), "REQUIRED_LIBRARIES"),
    (re.compile(r"required_assets\.json$"), "REQUIRED_ASSETS"),
    (re.compile(r"metadata\.json$"), "MODEL_METADATA"),
    (re.compile(r".*\.avsc$"), "MODEL_SCHEMA"),
    (re.compile(r"readme.*"), "README_FILE"),
    (re.compile(r".*\.docx$"), "MODEL_DOCUMENTATION"),
    (re.compile(r".*\.(pickle|pkl|joblib|onnx|safetensors)$"), WEIGHTS_FILE),
    (re.compile(r"baseline.*"), "BASELINE_DATA"),
    (re.compile(r"training.*"), "TRAINING_DATA"),
    (re.compile(r"comparator.*"), "COMPARATOR_DATA"),
    (re.compile(r"test.*"), "TEST_DATA"),
)
_FORMAT_BY_SUFFIX = {".json": "JSON", ".jsonl": "JSON", ".csv": "CSV", ".parquet": "PARQUET", ".avro": "AVRO"}
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")
_FUNCTION_FIELDS = ("initFunction", "scoreFunction", "metricsFunction", "trainFunction")


class Blobs(Protocol):
    """Bytes by their SHA-256, as hex. `put` of the same bytes twice is one blob."""

    def put(self, content: bytes) -> str: ...

    def get(self, sha256: str) -> bytes | None: ...


def taken_in(assets: Sequence[Mapping[str, Any]], path: str, blobs: Blobs) -> list[JsonObject]:
    """The assets as they are stored: bytes moved to `blobs`, roles, formats and functions filled in.

    Raises InvalidDocument with the path of the asset and the field.
    """
    stored = [_taken_in_one(asset, f"{path}[{number}]", blobs) for number, asset in enumerate(assets)]
    _check_names(stored, path)
    sources = [asset for asset in stored if asset["assetType"] == "SOURCE_CODE"]
    for number, asset in enumerate(stored):
        if asset["assetType"] == "SOURCE_CODE":
            _detect(asset, f"{path}[{number}]")
    if sources and not any(source.get("primaryModelSource") for source in sources):
        # without a word from the author the first source that has something to call is the model
        primary = next((one for one in sources if any(one.get(name) for name in _FUNCTION_FIELDS)), sources[0])
        primary["primaryModelSource"] = True
    return stored


def _taken_in_one(asset: Mapping[str, Any], path: str, blobs: Blobs) -> JsonObject:
    result = deepcopy(dict(asset))
    kind = text_at(asset, "assetType", path) or ("SOURCE_CODE" if "sourceCode" in asset else "FILE")
    if kind not in ASSET_TYPES:
        raise InvalidDocument(f"{path}.assetType", f"'{kind}' is not one of {', '.join(sorted(ASSET_TYPES))}")
    name = text_at(asset, "filename", path) or text_at(asset, "name", path)
    if not name and kind in ("FILE", "SOURCE_CODE"):
        raise InvalidDocument(f"{path}.filename", "an asset needs a file name")
    _check_file_name(name, f"{path}.filename")
    result |= {
        "assetId": asset.get("assetId") or str(uuid4()),
        "assetType": kind,
        "name": text_at(asset, "name", path) or name,
        "filename": name,
        "assetRole": _role(asset, kind, name, path),
        "metaData": object_at(asset, "metaData", path),
    }
    if file_format := text_at(asset, "fileFormat", path) or _FORMAT_BY_SUFFIX.get(_suffix(name)):
        result["fileFormat"] = file_format
    if kind == "SOURCE_CODE":
        _take_in_source(result, path)
    elif kind == "FILE":
        _take_in_content(result, path, blobs)
    elif kind == "EXTERNAL_FILE":
        text_at(asset, "fileUrl", path, required=True)
    return result


def _take_in_source(asset: JsonObject, path: str) -> None:
    if not isinstance(asset.get("sourceCode"), str):
        content = _decoded(asset, path)
        if content is None:
            raise InvalidDocument(f"{path}.sourceCode", "a source asset needs its source code")
        try:
            asset["sourceCode"] = content.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidDocument(f"{path}.fileContent", "source code must be UTF-8") from None
    asset.pop("fileContent", None)
    asset.pop("fileContentString", None)
    asset.setdefault("sourceCodeType", "MODEL")


def _take_in_content(asset: JsonObject, path: str, blobs: Blobs) -> None:
    content = _decoded(asset, path)
    asset.pop("fileContent", None)
    asset.pop("fileContentString", None)
    if content is not None:
        sha256 = blobs.put(content)
        asset["contentHash"] = {"hashType": "SHA-256", "hexString": sha256}
        asset["fileSize"] = len(content)
        return
    known = content_hash(asset)
    if known is None:
        # an empty output file: the run will fill it
        asset.pop("contentHash", None)
        return
    found = blobs.get(known) if _HEX_SHA256.fullmatch(known) else None
    if found is None:
        raise InvalidDocument(f"{path}.contentHash.hexString", f"no content is stored under '{known}'")
    asset["contentHash"] = {"hashType": "SHA-256", "hexString": known}
    asset["fileSize"] = len(found)


def _decoded(asset: Mapping[str, Any], path: str) -> bytes | None:
    encoded = asset.get("fileContent")
    if encoded:
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise InvalidDocument(f"{path}.fileContent", "must be base64") from None
    text = asset.get("fileContentString")
    if text is not None and not isinstance(text, str):
        raise InvalidDocument(f"{path}.fileContentString", "must be a text")
    return text.encode("utf-8") if text else None


def _detect(source: JsonObject, path: str) -> None:
    if _suffix(source["filename"]) not in (".py", ".py3", ""):
        return
    try:
        found = detect_functions(source["sourceCode"])
    except ModelSourceError as broken:
        raise InvalidDocument(f"{path}.sourceCode", str(broken)) from broken
    for name, function in (
        ("initFunction", found.init),
        ("scoreFunction", found.score),
        ("metricsFunction", found.metrics),
        ("trainFunction", found.train),
    ):
        # what a person mapped by hand stays
        if function and not source.get(name):
            source[name] = function


def _role(asset: Mapping[str, Any], kind: str, name: str, path: str) -> str:
    role = text_at(asset, "assetRole", path)
    if role and role != "UNKNOWN":
        return role
    return "MODEL_SOURCE" if kind == "SOURCE_CODE" else guessed_role(name)


def guessed_role(name: str) -> str:
    """The role a file most likely has, by its name (modelop.md section 3.7); UNKNOWN if it tells nothing."""
    lower = PurePosixPath(name).name.lower()
    return next((role for pattern, role in _ROLE_BY_NAME if pattern.fullmatch(lower)), "UNKNOWN")


def _check_file_name(name: str, path: str) -> None:
    parts = PurePosixPath(name).parts
    if "\\" in name or "\0" in name or ".." in parts or PurePosixPath(name).is_absolute():
        raise InvalidDocument(path, f"'{name}' must be a plain file name inside the model")


def _check_names(assets: Iterable[JsonObject], path: str) -> None:
    seen: set[str] = set()
    for number, asset in enumerate(assets):
        name = asset["filename"]
        if name and name in seen:
            raise InvalidDocument(f"{path}[{number}].filename", f"two assets are called '{name}'")
        seen.add(name)


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


# --- reading ----------------------------------------------------------------------------------------------------


def content_hash(asset: Mapping[str, Any]) -> str | None:
    """The SHA-256 of the asset's bytes as lower-case hex, None if it has none of its own."""
    found = asset.get("contentHash")
    hexadecimal = found.get("hexString") if isinstance(found, Mapping) else None
    return hexadecimal.lower() if isinstance(hexadecimal, str) and hexadecimal else None


def content_of(asset: Mapping[str, Any], blobs: Blobs) -> bytes | None:
    """The asset's bytes, None if they are not stored here."""
    if asset.get("assetType") == "SOURCE_CODE":
        return str(asset.get("sourceCode", "")).encode("utf-8")
    known = content_hash(asset)
    return None if known is None else blobs.get(known)


def fingerprint(asset: Mapping[str, Any]) -> str:
    """Equal for two assets exactly when what they hold is equal."""
    if asset.get("assetType") == "SOURCE_CODE":
        return hashlib.sha256(str(asset.get("sourceCode", "")).encode("utf-8")).hexdigest()
    return content_hash(asset) or str(asset.get("fileUrl") or asset.get("sqlStatement") or "")


def assets_of_model(snapshot: Mapping[str, Any]) -> list[JsonObject]:
    """All assets of a snapshot in order; what its training produced comes last and replaces assets of that name."""
    model = snapshot.get("storedModel") or {}
    trained = list(snapshot.get("trainedAssets") or [])
    replaced = {asset.get("filename") for asset in trained}
    kept = [asset for asset in model.get("modelAssets") or [] if asset.get("filename") not in replaced]
    return [*kept, *trained]


def selected(assets: Iterable[JsonObject], role: str | None = None, usage: str | None = None) -> list[JsonObject]:
    """Those with that role and usage; None takes any."""
    return [
        asset
        for asset in assets
        if (role is None or asset.get("assetRole") == role) and (usage is None or asset.get("usage") == usage)
    ]


def without_bytes(value: Any) -> Any:
    """A copy with no embedded content anywhere: documents as process variables and signals stay small."""
    if isinstance(value, dict):
        return {
            name: without_bytes(one) for name, one in value.items() if name not in ("fileContent", "fileContentString")
        }
    return [without_bytes(one) for one in value] if isinstance(value, list) else value
