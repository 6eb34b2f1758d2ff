"""BpmnError in Python scripts that monty runs.

Monty knows no class that inherits, and exceptions with one text only. So an exception of its own, which no script meets
otherwise, stands for BpmnError; calls of BpmnError become calls of a function, which keeps in a table what code and
message the exception's text stands for. A script that names something of its own BpmnError is left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mlc_service.language.script_outcome import DELEGATE_PACKAGE, NO_ERROR_CODE, ThrownError, thrown_error

STAND_IN = NotADirectoryError
BEFORE = f"""_mlc_thrown = {{}}
BpmnError = {STAND_IN.__name__}
def _mlc_bpmn_error(code=None, message=None):
    if not isinstance(code, str) or code == '': raise ValueError({NO_ERROR_CODE!r})
    message = '' if message is None else str(message)
    text = f"{{message}} (errorCode='{{code}}')".strip()
    _mlc_thrown[text] = [code, message]
    return BpmnError(text)
"""
# asked for after the exception: what else the journal holds is there as well
LEFT_BEHIND = "[_mlc_thrown, _mlc_written, _mlc_removed]"
_NAME = "BpmnError"
_FUNCTION = "_mlc_bpmn_error"


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Bytes of one line, counted from 0, and the text that stands there instead."""

    line: int
    start: int
    end: int | None
    text: str


def edited(source: str, edits: Iterable[Edit]) -> str:
    """The source with all edits made; no line moves."""
    lines = source.split("\n")
    for edit in sorted(edits, reverse=True):
        raw = lines[edit.line].encode()
        rest = b"" if edit.end is None else raw[edit.end :]
        lines[edit.line] = (raw[: edit.start] + edit.text.encode() + rest).decode()
    return "\n".join(lines)


def throwing(tree: ast.Module, source: str) -> list[Edit] | None:
    """What to change in a script that may throw BpmnErrors; None if it has no use for ours."""
    if _NAME not in source:
        return None
    nodes = list(ast.walk(tree))
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and _is_ours(node)]
    if any(_binds(node) for node in nodes if node not in imports):
        return None
    lines = source.encode().split(b"\n")
    edits = [edit for node in imports for edit in _passed_over(node)]
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id=name) as called) if name == _NAME:
                edits.extend(_replaced(called, _FUNCTION, lines))
            case ast.Raise(exc=ast.Name(id=name) as raised) if name == _NAME:
                edits.extend(_replaced(raised, f"{_FUNCTION}()", lines))
    return edits


def thrown(table: Any, text: str) -> ThrownError | None:
    """The BPMN error that an exception with this text stands for. Raises ScriptError if it is none."""
    match table:
        case dict() if text in table:
            match table[text]:
                case [code, message]:
                    return thrown_error(code, message)
    return None


def _is_ours(node: ast.ImportFrom) -> bool:
    match node:
        case ast.ImportFrom(module=module, names=[ast.alias(name=name, asname=None)], level=0):
            return module == DELEGATE_PACKAGE and name == _NAME
    return False


def _binds(node: ast.AST) -> bool:
    """Whether the script gives the name a meaning of its own here."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name) | ast.MatchAs(name=name):
            return name == _NAME
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name == _NAME
        case ast.ExceptHandler(name=name):
            return name == _NAME
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return any((each.asname or each.name) == _NAME for each in names)
    return False


def _replaced(node: ast.Name, text: str, lines: list[bytes]) -> Iterator[Edit]:
    line = node.lineno - 1
    # before Python 3.12, what stands inside an f-string may be said to stand elsewhere
    if lines[line][node.col_offset : node.end_col_offset] == _NAME.encode():
        yield Edit(line, node.col_offset, node.end_col_offset, text)


def _passed_over(node: ast.stmt) -> Iterator[Edit]:
    """The statement does nothing, and takes as many lines as before."""
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    if first == last:
        yield Edit(first, node.col_offset, node.end_col_offset, "pass")
        return
    yield Edit(first, node.col_offset, None, "pass")
    for line in range(first + 1, last):
        yield Edit(line, 0, None, "")
    yield Edit(last, 0, node.end_col_offset, "")
