"""What can go wrong in text an author wrote inside a diagram."""

from __future__ import annotations


class ExpressionError(Exception):
    """An expression that cannot be read, or not be worked out with the names at hand.

    `text` is the whole expression as written; `column` counts from 1 in it, 0 where no place can be named.
    """

    def __init__(self, message: str, text: str, column: int = 0) -> None:
        self.message = message
        self.text = text
        self.column = column
        super().__init__(message)


class ScriptError(Exception):
    """A script that cannot be read, failed, or was stopped at a limit; `line` counts from 1, 0 if unknown."""

    def __init__(self, message: str, line: int = 0) -> None:
        self.message = message
        self.line = line
        super().__init__(message)


class TimerError(ValueError):
    """A timer text that names no time; the message says what was expected."""
