"""What a ticket says, as blocks: words from models and people do not turn into structure by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """A title line above what follows."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text; line breaks are kept."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list, one line per item."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column titles; short rows are filled with empty cells."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Paragraph | Bullets | Table


def as_markdown(blocks: Iterable[Block]) -> str:
    """The blocks as Markdown that also reads well as plain text; used by the board and in messages.

    Inside a line the words are left as they are: who renders this as HTML must not trust it.
    """
    return "\n\n".join(_markdown_block(block) for block in blocks)


def as_wiki(blocks: Iterable[Block]) -> str:
    """The blocks as Jira wiki text (the body of REST v2, on Cloud and on Data Center)."""
    return "\n\n".join(_wiki_block(block) for block in blocks)


def _markdown_block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"## {_one_line(text)}"
        case Paragraph(text):
            return _MARKDOWN_START.sub(r"\1\\\2", text.strip("\n"))
        case Bullets(items):
            return "\n".join(f"- {_one_line(item)}" for item in items)
        case Table(header):
            lines = [header, tuple("---" for _ in header), *_filled(block)]
            return "\n".join("| " + " | ".join(_markdown_cell(cell) for cell in line) + " |" for line in lines)


def _wiki_block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"h3. {_wiki_text(_one_line(text))}"
        case Paragraph(text):
            return "\n".join(_wiki_line(line) for line in text.strip("\n").split("\n"))
        case Bullets(items):
            return "\n".join(f"* {_wiki_text(_one_line(item))}" for item in items)
        case Table(header):
            titles = "||" + "||".join(_wiki_cell(cell) for cell in header) + "||"
            return "\n".join([titles, *("|" + "|".join(_wiki_cell(c) for c in row) + "|" for row in _filled(block))])


def _filled(table: Table) -> list[tuple[str, ...]]:
    width = len(table.header)
    return [(*row[:width], *("" for _ in range(width - len(row)))) for row in table.rows]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _markdown_cell(text: str) -> str:
    return _one_line(text).replace("|", "\\|")


def _wiki_cell(text: str) -> str:
    # Jira swallows an empty cell and shifts the ones after it
    return _wiki_text(_one_line(text)) or " "


_MARKDOWN_START = re.compile(r"^(\s*)([#>|])", re.MULTILINE)
_ADDRESS = re.compile(r"(https?://[^\s|\[\]{}\\!]+)")
# Always special, or special where a word begins or ends (`*bold*`, but not `2*3` or `snake_case`).
_SPECIAL = re.compile(r"[\\{}\[\]|!]|(?<!\w)[*_+^~?-](?=\S)|(?<=\S)[*_+^~?-](?!\w)")
_LINE_START = re.compile(r"^(\s*)(?=(?:h[1-6]\.|bq\.|[#*-]+)\s)")


def _wiki_text(text: str) -> str:
    pieces = _ADDRESS.split(text)
    # odd pieces are addresses: a backslash inside one would break the link
    return "".join(piece if place % 2 else _SPECIAL.sub(r"\\\g<0>", piece) for place, piece in enumerate(pieces))


def _wiki_line(line: str) -> str:
    # a zero-width space in front keeps "h1. " and "# " at the start of a line from becoming structure
    return _LINE_START.sub("\\1\u200b", _wiki_text(line))
