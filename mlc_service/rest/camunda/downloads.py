"""Files that leave the service."""

from __future__ import annotations

import mimetypes
from urllib.parse import quote


def attachment(filename: str) -> dict[str, str]:
    """Headers that make a browser save the answer under this name, and never show it as a page of ours."""
    name = filename.rsplit("/", 1)[-1]
    plain = "".join(
        letter if letter.isascii() and letter.isprintable() and letter not in '"\\' else "_" for letter in name
    )
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }


def media_type_of(name: str) -> str:
    """The media type of a file by its name."""
    if name.endswith((".bpmn", ".dmn", ".xml")):
        return "application/xml"
    if name.endswith(".form"):
        return "application/json"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
