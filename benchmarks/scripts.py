"""One warm call of a small script in each language: what does it cost a step of a process?

Run with `python benchmarks/scripts.py`. Prints the median and the 95th percentile of 2,000 calls that read variables
and set one, through ScriptRunner as the engine calls it. A script's first call compiles it and may start a worker;
that is printed apart. Exits 1 if a bar does not hold. Groovy and full Python are left out, and said to be, where they
cannot run (MLC_TEST_GROOVY or ~/.cache/mlc-test-groovy is where Groovy is installed to).
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlc_service.language.groovy_install import InstallFailed, install
from mlc_service.language.scripts import GroovySettings, ScriptRunner

CALLS = 2_000
VARIABLES = {"n": 1, "lines": [{"price": 4.5, "count": 2}, {"price": 3.0, "count": 1}], "STATE": "open"}


@dataclass(frozen=True)
class Case:
    """A script, and what its median must stay under (no bar: None)."""

    name: str
    language: str
    source: str
    bar_milliseconds: float | None


CASES = (
    Case("Python, one line (quick path)", "python", "execution.setVariable('n', n + 1)", 1.0),
    Case(
        "Python, a loop (pydantic-monty)",
        "python",
        "total = sum([l['price'] * l['count'] for l in lines])\nexecution.setVariable('total', total)",
        1.0,
    ),
    Case("JavaScript, one line", "javascript", "execution.setVariable('n', n + 1)", 1.0),
    Case(
        "JavaScript, a loop",
        "javascript",
        "const total = lines.reduce((s, l) => s + l.price * l.count, 0);\nexecution.setVariable('total', total)",
        1.0,
    ),
    Case("Groovy, one line", "groovy", "execution.setVariable('n', n + 1)", 2.0),
    Case(
        "Groovy, a loop",
        "groovy",
        "def total = lines.collect { it.price * it.count }.sum()\nexecution.setVariable('total', total)",
        2.0,
    ),
    Case("Full Python, one line", "python-full", "execution.setVariable('n', n + 1)", None),
    Case("JUEL, one line", "juel", "${execution.setVariable('n', n + 1)}", None),
)


def main() -> int:
    folder = Path(os.environ.get("MLC_TEST_GROOVY") or Path.home() / ".cache/mlc-test-groovy")
    try:
        install(folder)
    except InstallFailed as failure:
        print(failure)
    runner = ScriptRunner(groovy=GroovySettings(folder=folder), full_python=True)
    slow = 0
    print(f"{'':34} {'first':>10} {'median':>10} {'95 %':>10} {'bar':>8}")
    try:
        for case in CASES:
            why_not = runner.why_unsupported(case.language)
            if why_not:
                print(f"{case.name:34} left out: {why_not}")
                continue

            def call(case: Case = case) -> None:
                runner.run(case.language, case.source, VARIABLES)

            first, times = measured(call)
            median = statistics.median(times)
            late = case.bar_milliseconds is not None and median > case.bar_milliseconds
            slow += late
            bar = "" if case.bar_milliseconds is None else f"{case.bar_milliseconds:g} ms"
            p95 = statistics.quantiles(times, n=20)[-1]
            print(f"{case.name:34} {first:7.1f} ms {median:7.3f} ms {p95:7.3f} ms {bar:>8}{'  MISSED' if late else ''}")
    finally:
        runner.close()
    return 1 if slow else 0


def measured(call: Callable[[], None]) -> tuple[float, list[float]]:
    """Milliseconds of the first call, and of warm ones."""
    first = timed(call)
    for _ in range(200):
        call()
    return first, [timed(call) for _ in range(CALLS)]


def timed(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    sys.exit(main())
