"""Multipart forms, read whole: deployments need every file before anything can be said about one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from mlc_service.rest.errors import HttpProblem, bad_request

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_MOST_PARTS = 1000
_MOST_HEADER_BYTES = 16 * 1024
# RFC 5987, as Python's urllib3 wrote names that are not ASCII
_EXTENDED_NAME = re.compile(rb"filename\*\s*=\s*utf-8''([^;\s]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part; `filename` is None for a plain field."""

    name: str
    filename: str | None
    content: bytes
    # as it came: `text/plain; encoding=UTF-8`
    media_type: str | None = field(default=None, compare=False)

    def text(self) -> str:
        """The content of a plain field. Raises a 400."""
        return _decoded(self.content, f"The form parameter '{self.name[:100]}'")


def read_parts(content_type: str, body: bytes) -> list[Part]:
    """The parts of a `multipart/form-data` body in their order. Raises a 400 or a 415."""
    kind, options = parse_options_header(content_type.encode("latin-1", "replace"))
    if kind != b"multipart/form-data":
        raise HttpProblem(415, "RestException", "The body must be multipart/form-data")
    boundary = options.get(b"boundary")
    if not boundary:
        raise bad_request("The content type of a multipart form needs a boundary")
    reader = _Reader()
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise bad_request(f"The multipart form cannot be read: {error}") from error
    if not reader.is_complete:
        raise bad_request("The multipart form is cut off")
    return reader.parts


class _Reader:
    """Collects parts from the parser's callbacks."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.is_complete = False
        self._headers: dict[bytes, bytes] = {}
        self._field = bytearray()
        self._value = bytearray()
        self._content = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._part_begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def _part_begin(self) -> None:
        if len(self.parts) == _MOST_PARTS:
            raise bad_request(f"The multipart form has more than {_MOST_PARTS} parts")
        self._headers = {}
        self._content = bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]
        self._check_header()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _header_end(self) -> None:
        self._headers[bytes(self._field).lower()] = bytes(self._value)
        self._field = bytearray()
        self._value = bytearray()

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _part_end(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"")
        _, options = parse_options_header(disposition)
        if b"name" not in options:
            raise bad_request("A part of the multipart form has no name")
        name = _decoded(options[b"name"], "The name of a form parameter")
        kind = self._headers.get(b"content-type")
        media_type = None if kind is None else kind.decode("latin-1")
        self.parts.append(Part(name, _filename(disposition, options), bytes(self._content), media_type))

    def _end(self) -> None:
        self.is_complete = True

    def _check_header(self) -> None:
        if len(self._field) + len(self._value) > _MOST_HEADER_BYTES:
            raise bad_request("A header of the multipart form is too long")


def _filename(disposition: bytes, options: dict[bytes, bytes]) -> str | None:
    extended = _EXTENDED_NAME.search(disposition)
    if extended is not None:
        return _checked(unquote(extended[1].decode("ascii", "replace")), "A file name")
    given = options.get(b"filename")
    return None if given is None else _decoded(given, "A file name")


def _decoded(raw: bytes, what: str) -> str:
    try:
        return _checked(raw.decode("utf-8"), what)
    except UnicodeDecodeError as error:
        raise bad_request(f"{what} is not valid UTF-8") from error


def _checked(text: str, what: str) -> str:
    if "\x00" in text:
        raise bad_request(f"{what} holds a NUL character")
    return text
