"""XPath's regular expressions in FEEL: what they match, and that none of them can hold a worker."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from typing import Any

import pytest

from mlc_service.dmn.feel import EvaluationLimit, Run, Scope, expression, scope

SECONDS_ALLOWED = 5.0  # the limit is half a second; the rest is for slow machines


def value(text: str, **variables: Any) -> Any:
    return expression(text).value(Scope(Run(variables)))


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|a)*$", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*a){25}$", "(?:a?){40}a{40}$", "(\\w+\\s?)*$!"],
)
@pytest.mark.parametrize("call", ["matches(t, p)", 'replace(t, p, "x")', "split(t, p)"])
def test_a_runaway_pattern_ends_in_an_error(call: str, pattern: str) -> None:
    started = time.monotonic()
    with contextlib.suppress(EvaluationLimit):
        value(call, t="a" * 60 + "!" * 3, p=pattern)
    assert time.monotonic() - started < SECONDS_ALLOWED


def test_the_matcher_works_again_after_a_pattern_was_stopped() -> None:
    with pytest.raises(EvaluationLimit):
        value('matches(t, "^(a+)+$")', t="a" * 60 + "!")
    assert value('matches("foobar", "o{2}")') is True


def test_a_pattern_as_large_as_memory_ends_in_an_error_or_nothing() -> None:
    with contextlib.suppress(EvaluationLimit):
        assert value("matches(t, p)", t="a", p="(((a{1000}){1000}){1000}){1000}") in (None, False)


def test_slow_patterns_use_up_the_steps_of_an_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = itertools.count(step=4.0)
    monkeypatch.setattr(scope.time, "monotonic", lambda: next(moments))
    with pytest.raises(EvaluationLimit, match="more than 1000000 steps"):
        value('for i in 1..10 return matches("a", "a")')


def test_a_text_may_be_only_so_long() -> None:
    with pytest.raises(EvaluationLimit, match="10000 characters"):
        value('matches(t, "a")', t="a" * 10_001)


def test_each_thread_has_a_matcher_of_its_own() -> None:
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.extend(value('matches("foobar", "^f.*r$")') for _ in range(50)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 200


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('matches("x", "[A-Z-[OI]]", "i")', True),
        ('matches("O", "[A-Z-[OI]]", "i")', False),
        ('matches("Zoë", "^\\p{Lu}\\p{Ll}+$")', True),
        ('matches("Zoë", "^\\p{IsBasicLatin}+$")', False),
        ('matches("a b", "a b", "x")', False),
        ('matches("ab", "a b", "x")', True),
        ('matches("a.b", "a.b", "q")', True),
        ('matches("axb", "a.b", "q")', False),
        ('matches("abab", "^(ab)\\1$")', True),
        ('matches("a", "[")', None),
        ('matches("a", "a**")', None),
        ('matches("a", "(?=a)a")', None),
        ('matches("a", "[\\1]")', None),
        ('matches("a", "a", "g")', None),
        ('matches("١", "^\\d$")', True),
        ('matches("-", "[a\\-z]")', True),
        ('matches("-", "[a-]")', True),
        ('matches("]", "[\\]]")', True),
        ('replace("abracadabra", "a(.)", "<$1>")', "<b>r<c><d><b>ra"),
        ('replace("a.b", ".", "\\$", "q")', "a\\$b"),
        ('replace("😀", "😀", "x")', "x"),
        ('split("a;b;;c", ";")', ["a", "b", "", "c"]),
        ('split("a1b22c", "\\d+")', ["a", "b", "c"]),
    ],
)
def test_patterns_are_those_of_xpath(text: str, says: Any) -> None:
    assert value(text) == says
