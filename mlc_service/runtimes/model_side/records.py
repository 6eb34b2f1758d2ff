"""Reads input assets: JSON with one record a line, CSV with a header."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MASK = "**********"
INTEGER = re.compile(r"[-+]?(0|[1-9]\d*)\Z")
DECIMAL = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?\Z")
LEADING_ZERO = re.compile(r"[-+]?0\d")
STRING_FAULTS = ("Invalid control character", "Invalid \\", "Unterminated string")


@dataclass(frozen=True)
class Rejected:
    """An input line that is no record; `reason` in ModelOp's form, {column,what}."""

    line: int
    reason: str

    def told(self) -> str:
        return f"Record rejected by encoding with reason {self.reason}: {MASK}"


def read_records(path: str, form: str) -> Iterator[Any]:
    """Each record of the file, and a Rejected for each line that is none. Blank lines are skipped."""
    return read_csv(path) if form == "CSV" else read_json_lines(path)


def read_json_lines(path: str) -> Iterator[Any]:
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield parse_json(line.rstrip(b"\r\n"), number)


def parse_json(line: bytes, number: int) -> Any:
    """The JSON value, or a Rejected. NaN and Infinity are not JSON."""
    try:
        return json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as wrong:
        return Rejected(number, f"{{{wrong.start + 1},invalid_utf8}}")
    except json.JSONDecodeError as wrong:
        what = "invalid_string" if wrong.msg.startswith(STRING_FAULTS) else re.sub(r"\W+", "_", wrong.msg.lower())
        return Rejected(number, f"{{{wrong.pos + 1},{what}}}")
    except (ValueError, RecursionError) as wrong:
        return Rejected(number, f"{{1,{wrong.args[0] if isinstance(wrong, _Constant) else 'invalid_value'}}}")


class _Constant(ValueError):
    pass


def _no_constant(name: str) -> Any:
    raise _Constant(f"{name}_is_not_json")


def read_csv(path: str) -> Iterator[Any]:
    """A dict per row; cells that are written as numbers are numbers, empty cells are None."""
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.reader(file, strict=True)
        header: list[str] | None = None
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as wrong:
                yield Rejected(rows.line_num, "{1," + re.sub(r"\W+", "_", str(wrong)) + "}")
                continue
            if not row:
                continue
            if header is None:
                header = row
            elif len(row) != len(header):
                yield Rejected(rows.line_num, f"{{{len(row)},{len(header)}_fields_expected}}")
            elif any("\udc80" <= sign <= "\udcff" for cell in row for sign in cell):
                yield Rejected(rows.line_num, "{1,invalid_utf8}")
            else:
                yield {name: _cell(text) for name, text in zip(header, row)}  # noqa: B905


def _cell(text: str) -> Any:
    bare = text.strip()
    if not bare:
        return None
    if INTEGER.match(bare):
        return int(bare)
    if DECIMAL.match(bare) and not LEADING_ZERO.match(bare):
        return float(bare)
    return text
