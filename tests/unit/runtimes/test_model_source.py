from __future__ import annotations

import pytest

from mlc_service.runtimes import ModelFunctions, ModelSourceError, detect_functions

MARKED = """
import json

# modelop.init
def begin(param): ...

#modelop.score
@cached
def action(record):
    yield record

# modelop.metrics

# the one that is tested
def measure(df): ...

    # modelop.score inside nothing: a comment elsewhere in a text "# modelop.train"
TEXT = '''
# modelop.train
def no(): ...
'''
"""


def test_functions_are_found_by_their_smart_comments() -> None:
    assert detect_functions(MARKED) == ModelFunctions(init="begin", score="action", metrics="measure")


@pytest.mark.parametrize("comment", ["# modelop.train", "#modelop.training", "#   modelop.train  "])
def test_train_has_two_spellings(comment: str) -> None:
    assert detect_functions(f"{comment}\ndef fit(df): ...") == ModelFunctions(train="fit")


def test_source_without_comments_has_no_functions() -> None:
    assert detect_functions("def score(record): ...") == ModelFunctions()


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("x = 1\ndef broken(:\n", 2, "invalid syntax"),
        ("# modelop.score\nx = 1\n", 1, "not followed by a top-level function"),
        ("x = 1\n# modelop.score\n", 2, "not followed by a top-level function"),
        ("# modelop.init\nclass A:\n    def a(self): ...\n", 1, "not followed by a top-level function"),
        ("# modelop.score\ndef a(r): ...\n# modelop.score\ndef b(r): ...\n", 3, "marks both a and b"),
    ],
)
def test_a_wrong_source_is_refused_with_its_line(source: str, line: int, message: str) -> None:
    with pytest.raises(ModelSourceError, match=message) as caught:
        detect_functions(source)
    assert caught.value.line == line
