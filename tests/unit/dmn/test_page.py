"""docs/decisions.md says what the code says."""

from __future__ import annotations

from pathlib import Path

from mlc_service.dmn.feel.functions import FUNCTIONS
from mlc_service.dmn.page import page, policies, theme_of
from mlc_service.dmn.page_texts import MEANINGS, POLICIES, THEMES

PAGE = Path(__file__).resolve().parents[3] / "docs" / "decisions.md"


def test_the_committed_page_is_the_generated_one() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m mlc_service.dmn.page > docs/decisions.md"


def test_every_function_and_policy_has_a_line_and_no_line_is_left_over() -> None:
    assert sorted(MEANINGS) == sorted(FUNCTIONS)
    assert list(POLICIES) == policies()
    assert {theme_of(name) for name in FUNCTIONS} == set(THEMES)
