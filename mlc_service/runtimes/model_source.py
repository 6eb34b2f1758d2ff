"""Finds a model's functions by the smart comments in its source, without running it."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass

SMART_COMMENT = re.compile(r"^#\s*(?:modelop|fastscore)\.(init|score|action|metrics|train|training)\s*$")
ROLES = {"action": "score", "training": "train"}  # other words for a role


@dataclass(frozen=True, slots=True)
class ModelFunctions:
    """Names of a model's functions; None where the model has no such function."""

    init: str | None = None
    score: str | None = None
    metrics: str | None = None
    train: str | None = None


class ModelSourceError(ValueError):
    """Model source that cannot be read; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        self.message = message
        self.line = line
        super().__init__(f"line {line}: {message}")


def detect_functions(source: str) -> ModelFunctions:
    """The functions that smart comments (`# modelop.score`, ModelOp 6.1) mark, by name.

    A comment marks the top-level `def` that follows it; decorators, blank lines and other comments may stand
    between. Raises ModelSourceError for source that is not Python, a comment without a function, or a role
    that is marked twice.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as wrong:
        raise ModelSourceError(wrong.msg, wrong.lineno or 1) from wrong
    except ValueError as wrong:  # null bytes
        raise ModelSourceError(str(wrong), 1) from wrong
    marks = _smart_comments(source)
    found: dict[str, str] = {}
    for role, line in marks:
        name = _function_after(tree, line)
        if name is None:
            raise ModelSourceError(f"'# modelop.{role}' is not followed by a top-level function", line)
        if role in found and found[role] != name:
            raise ModelSourceError(f"'# modelop.{role}' marks both {found[role]} and {name}", line)
        found[role] = name
    return ModelFunctions(**found)


def _smart_comments(source: str) -> list[tuple[str, int]]:
    marks: list[tuple[str, int]] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT and (match := SMART_COMMENT.match(token.string.rstrip())):
                marks.append((ROLES.get(match[1], match[1]), token.start[0]))
    except (tokenize.TokenError, IndentationError) as wrong:
        raise ModelSourceError(str(wrong.args[0]), 1) from wrong
    return marks


def _function_after(tree: ast.Module, line: int) -> str | None:
    """The top-level function that is the next statement after `line`."""
    for node in tree.body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        if first > line:
            return node.name if isinstance(node, ast.FunctionDef) else None
    return None
