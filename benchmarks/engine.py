"""Does a step cost the same after ten turns, items or tokens and after ten thousand? And against stock SpiffWorkflow?

Run with `make bench` or `python -m benchmarks.engine [--only WORD …] [--no-peer] [--no-curves]`. Prints, for each
curve, the CPU time at every size, the exponent (the slope of log time over log size, least squares) and whether that
is linear; then the time of a turn in each thousand of 10,000; then our time beside that of SpiffWorkflow as it comes,
wherever the same diagram runs there. Writes `results/engine.json` and charts beside it.

Trust: CPU time of the process, so that others on the machine disturb it little; the sizes of a curve, and the two
engines, take turns, so that a machine that becomes slower meets all alike; of several runs the best counts. Exits 1
if a curve is not linear or stock is less than 20 times as slow at the largest size that it masters.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from time import monotonic, process_time
from typing import Any

from benchmarks.engine_cases import CASES, Case
from benchmarks.engine_charts import draw
from benchmarks.engine_world import World

RESULTS = Path(__file__).parent / "results"
# at least five, and more as long as they take little time in all
RUNS, MOST_RUNS, SECONDS = 5, 15, 6
PEER_RUNS = 3
PEER_SECONDS = 60
# a line with a little noise; n log n at these sizes is 1.12, n squared 2
MOST = 1.2
AT_LEAST = 20
TURNS, WINDOW = 10_000, 1_000
# a window may be this much slower than the first
MOST_GROWTH = 1.25


@dataclass(slots=True)
class Curve:
    """CPU seconds of a case at each size."""

    group: str
    name: str
    counted: str
    sizes: list[int]
    seconds: list[float]
    exponent: float
    is_linear: bool


@dataclass(slots=True)
class Windows:
    """CPU seconds of each thousand turns, one after the other, and the bytes of the stored state after each."""

    name: str
    seconds: list[float]
    state_bytes: list[int] = field(default_factory=list)
    growth: float = 1.0
    is_steady: bool = True


@dataclass(slots=True)
class Comparison:
    """CPU seconds of the same case on both engines; `outcome` says what became of stock if it did not end."""

    group: str
    name: str
    counted: str
    size: int
    ours: float
    stock: float | None
    outcome: str

    @property
    def ratio(self) -> float | None:
        return None if self.stock is None else self.stock / self.ours


def measured(case: Case) -> Curve:
    """The best of several runs at each size, the sizes taking turns."""
    parsed = [case.parsed(n) for n in case.sizes]
    # the diagrams are no garbage to be looked for in every run
    gc.freeze()
    best = [math.inf] * len(case.sizes)
    for _ in _runs():
        for position, (n, definitions) in enumerate(zip(case.sizes, parsed, strict=True)):
            best[position] = min(best[position], case.seconds(n, definitions))
    gc.unfreeze()
    slope = exponent(case.sizes, best)
    return Curve(case.group, case.name, case.counted, list(case.sizes), best, slope, slope <= MOST)


def _runs() -> Iterator[int]:
    began = monotonic()
    for run in range(MOST_RUNS):
        if run >= RUNS and monotonic() - began > SECONDS:
            return
        yield run


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """The slope of a straight line through the logarithms: 1 where time is in proportion to size."""
    points = [(math.log(size), math.log(time)) for size, time in zip(sizes, seconds, strict=True)]
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def windows(case: Case) -> Windows:
    """The case's 10,000 turns, window by window; each window the best of several runs."""
    definitions = case.parsed(TURNS)
    best = [math.inf] * (TURNS // WINDOW)
    sizes: list[int] = []
    for _ in _runs():
        world = World(definitions)
        gc.collect()
        sizes = []
        if case.drive == "run":
            world.start(case.variables(TURNS))
            marks = [*world.scripts_at[::WINDOW], process_time()]
        else:
            instance_id = world.start(case.variables(TURNS))
            marks = [process_time()]
            for turn in range(1, TURNS + 1):
                row = world.rows[instance_id]
                number = next(iter(row.tasks))
                world.feed(instance_id, lambda one, number=number: one.complete_task(number))
                if turn % WINDOW == 0:
                    marks.append(process_time())
                    sizes.append(len(row.state))
        best = [min(old, end - begin) for old, (begin, end) in zip(best, pairwise(marks), strict=True)]
    # the last turn ends the instance: its state is no longer that of one that waits
    growth = min(best[-3:]) / min(best[:3])
    return Windows(case.name, best, sizes[:-1], growth, growth <= MOST_GROWTH)


def compared(case: Case, n: int) -> Comparison:
    """Both engines in turn, each in processes of its own."""
    ours, stock, outcome = math.inf, math.inf, ""
    for _ in range(PEER_RUNS):
        ours = min(ours, float(_in_process("ours", case, n)))
        if not outcome:
            answer = _in_process("stock", case, n)
            try:
                stock = min(stock, float(answer))
            except ValueError:
                outcome = answer
    ended = None if outcome else stock
    return Comparison(case.group, case.name, case.counted, n, ours, ended, outcome)


def _in_process(side: str, case: Case, n: int) -> str:
    command = [sys.executable, "-m", "benchmarks.engine_peer", side, case.group, case.name, str(n)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PEER_SECONDS, cwd=Path(__file__).parents[1]
        )
    except subprocess.TimeoutExpired:
        return f"no end within {PEER_SECONDS} s"
    if done.returncode == 0:
        return done.stdout.strip()
    last = (done.stderr.strip().splitlines() or ["no word"])[-1]
    if side == "ours":
        raise SystemExit(f"{case.group}, {case.name}: {last}")
    return last


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], metavar="WORD", help="cases with one of these in their names")
    parser.add_argument("--no-peer", action="store_true", help="leave SpiffWorkflow as it comes out")
    parser.add_argument("--no-curves", action="store_true", help="only the comparison")
    asked = parser.parse_args()
    cases = [
        case
        for case in CASES
        if not asked.only or any(word in f"{case.group}, {case.name}" for word in asked.only)
    ]  # fmt: skip
    curves = [] if asked.no_curves else _curves(cases)
    steady = [] if asked.no_curves else _windows(cases)
    comparisons = [] if asked.no_peer else _comparisons(cases)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "engine.json").write_text(json.dumps(_report(curves, steady, comparisons), indent=1))
    charts = draw(RESULTS, curves, steady, comparisons)
    print(f"\n{RESULTS / 'engine.json'}, {', '.join(chart.name for chart in charts)}")
    bent = [f"{curve.group}, {curve.name}" for curve in curves if not curve.is_linear]
    bent += [f"windows of {one.name}" for one in steady if not one.is_steady]
    slow = [f"{one.group}, {one.name}" for one in _largest(comparisons) if (one.ratio or math.inf) < AT_LEAST]
    print("every curve is linear" if not bent else f"NOT LINEAR: {'; '.join(bent)}")
    if comparisons:
        print(
            f"everywhere at least {AT_LEAST} times as fast as stock at the largest size it masters"
            if not slow
            else f"LESS THAN {AT_LEAST} TIMES AS FAST AS STOCK: {'; '.join(slow)}"
        )
    return int(bool(bent or slow))


def _curves(cases: Sequence[Case]) -> list[Curve]:
    curves: list[Curve] = []
    for case in cases:
        if not case.sizes:
            continue
        if not curves or curves[-1].group != case.group:
            print(f"\n{case.group}")
        curve = measured(case)
        curves.append(curve)
        times = ", ".join(
            f"{size:,}: {time * 1000:.4g} ms" for size, time in zip(curve.sizes, curve.seconds, strict=True)
        )
        print(f"  {case.name}\n    {curve.counted} {times}; {curve.seconds[-1] / curve.sizes[-1] * 1e6:.1f} µs each")
        print(f"    exponent {curve.exponent:.2f}, linear: {'yes' if curve.is_linear else 'NO'}", flush=True)
    return curves


def _windows(cases: Sequence[Case]) -> list[Windows]:
    found: list[Windows] = []
    for case in cases:
        if case.group != "loops" or case.drive not in ("run", "tasks"):
            continue
        if not found:
            print(f"\nmicroseconds a turn, in windows of {WINDOW:,} turns")
        one = windows(case)
        found.append(one)
        print(f"  {case.name}\n    {'  '.join(f'{seconds / WINDOW * 1e6:.1f}' for seconds in one.seconds)}")
        state = f"; stored state {one.state_bytes[0]} to {one.state_bytes[-1]} bytes" if one.state_bytes else ""
        print(f"    last to first {one.growth:.2f}, steady: {'yes' if one.is_steady else 'NO'}{state}", flush=True)
    return found


def _comparisons(cases: Sequence[Case]) -> list[Comparison]:
    found: list[Comparison] = []
    for case in cases:
        for n in case.peer_sizes:
            if not found:
                print("\nbeside SpiffWorkflow 3.2.0 as it comes (milliseconds)")
            if not found or (found[-1].group, found[-1].name) != (case.group, case.name):
                print(f"  {case.group}, {case.name}")
            one = compared(case, n)
            found.append(one)
            beside = (
                f"{one.stock * 1000:.4g}, {one.ratio:.0f} times as much" if one.stock and one.ratio else one.outcome
            )
            print(f"    {n:,} {case.counted}: ours {one.ours * 1000:.4g}, stock {beside}", flush=True)
    return found


def _largest(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Of each case, that of the largest size at which stock came to its end."""
    largest = {(one.group, one.name): one for one in comparisons if one.stock is not None}
    return list(largest.values())


def _report(curves: list[Curve], steady: list[Windows], comparisons: list[Comparison]) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"python": platform.python_version(), "processor": platform.machine()},
        "curves": [asdict(curve) for curve in curves],
        "windows": [asdict(one) for one in steady],
        "beside stock": [{**asdict(one), "ratio": one.ratio} for one in comparisons],
    }


if __name__ == "__main__":
    sys.exit(main())
