"""A ticket's text: structure comes from blocks only, never from the words in them."""

from __future__ import annotations

import pytest

from mlc_service.tickets import Bullets, Heading, Paragraph, Table, as_markdown
from mlc_service.tickets.text import as_wiki

BLOCKS = (
    Heading("Test results"),
    Table(("metric", "value"), (("auc", "0.81"), ("f1",))),
    Bullets(("first", "second\nline")),
    Paragraph("One.\nTwo."),
)


def test_markdown() -> None:
    assert as_markdown(BLOCKS) == (
        "## Test results\n\n"
        "| metric | value |\n| --- | --- |\n| auc | 0.81 |\n| f1 |  |\n\n"
        "- first\n- second line\n\n"
        "One.\nTwo."
    )


def test_wiki_text() -> None:
    assert as_wiki(BLOCKS) == (
        "h3. Test results\n\n||metric||value||\n|auc|0.81|\n|f1| |\n\n* first\n* second line\n\nOne.\nTwo."
    )


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("{color:red}x{color}", "\\{color:red\\}x\\{color\\}"),
        ("[~boss] [a|http://x]", "\\[\\~boss\\] \\[a\\|http://x\\]"),
        ("!http://evil/x.png!", "\\!http://evil/x.png\\!"),
        ("*bold* _it_ snake_case 2*3 a-b", "\\*bold\\* \\_it\\_ snake_case 2*3 a-b"),
        ("see https://mlc.test/a_b/-c- now", "see https://mlc.test/a_b/-c- now"),
        ("h1. big", "\u200bh1. big"),
        ("# one", "\u200b# one"),
        ("C:\\temp", "C:\\\\temp"),
    ],
)
def test_words_are_never_mark_up_in_jira(words: str, written: str) -> None:
    assert as_wiki([Paragraph(words)]) == written


def test_a_line_of_words_is_no_heading_in_markdown() -> None:
    assert as_markdown([Paragraph("one\n# two\n| three")]) == "one\n\\# two\n\\| three"


def test_a_pipe_in_a_cell_does_not_make_a_column() -> None:
    assert as_markdown([Table(("a",), (("x|y",),))]).endswith("| x\\|y |")
    assert as_wiki([Table(("a",), (("x|y",),))]).endswith("|x\\|y|")
