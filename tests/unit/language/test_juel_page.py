"""The page for authors says what the evaluator knows."""

from __future__ import annotations

from pathlib import Path

from mlc_service.language.page import render

PAGE = Path(__file__).parents[3] / "docs" / "expressions.md"


def test_the_committed_page_is_the_generated_one() -> None:
    committed = PAGE.read_text(encoding="utf-8")
    # the first line holds the command that wrote it
    command = committed.splitlines()[0].removeprefix("<!-- generated: ").removesuffix(" -->")
    hosts = dict(argument.split("=", 1) for argument in command.split() if "=" in argument)
    assert hosts["execution"] == "mlc_service.engine.variables:ExecutionView"
    assert render(hosts) == committed, f"run: {command} > docs/expressions.md"
