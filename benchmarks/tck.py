"""The official DMN test kit: how many of its cases come out right (`make tck`).

Two counts. The kit's own runner asks a running service over HTTP for decisions, as it would ask Camunda 7. It cannot
ask for decision services and deploys one file at a time, so the second count takes every case there is in process.

    python benchmarks/tck.py [--kit ../shared/conformance/dmn-tck] [--only '0085*']
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib.util
import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.service import running_service
from mlc_service.dmn import DecisionError, Model, read_model
from mlc_service.dmn.feel import times
from mlc_service.problems import InvalidResource

ROOT = Path(__file__).resolve().parents[1]
KIT = ROOT.parent / "shared" / "conformance" / "dmn-tck"
LEVELS = ("compliance-level-2", "compliance-level-3")
CAMUNDA_7_21 = 2745  # cases, published by the kit
# cases that must come out right: (of the runner's, of all). Raise them when more do.
FLOOR_OVER_HTTP = {"compliance-level-2": 116, "compliance-level-3": 3225}
FLOOR = {"compliance-level-2": 116, "compliance-level-3": 3275}
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Answer:
    """One result node of one case: right or not, and why not."""

    level: str
    folder: str
    case: str
    node: str
    right: bool
    why: str

    @property
    def place(self) -> str:
        return f"{self.folder} {self.case} {self.node}"


def load_runner(kit: Path) -> ModuleType:
    """The kit's runner as a module: its reading of test files and its idea of equal values are used here too."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec = importlib.util.spec_from_file_location("run_tck", kit / "run_tck.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    # the runner leaves its files open, which is an error where warnings are
    module.__dict__["open"] = lambda path, _mode: BytesIO(Path(path).read_bytes())
    return module


def answers(kit: Path, level: str, only: str = "*") -> Iterator[Answer]:
    """What the library says to every result node of a level, decision services and imports included."""
    runner = load_runner(kit)
    for test_file in sorted((kit / "TestCases" / level).glob("*/*.xml")):
        root = ElementTree.parse(test_file).getroot()
        if root.tag != runner.T + "testCases" or not fnmatch.fnmatch(test_file.parent.name, only):
            continue
        yield from _answers_of_file(runner, level, test_file, root)


def _answers_of_file(runner: ModuleType, level: str, test_file: Path, root: Any) -> Iterator[Answer]:
    path = test_file.parent / (root.findtext(runner.T + "modelName") or "").strip()
    others = [file.read_bytes() for file in sorted(test_file.parent.glob("*.dmn")) if file != path]
    meta = runner.Model(str(path))
    model, trouble = Model([], []), ""
    try:
        model = read_model(path.read_bytes(), path.name, imports=others)
    except InvalidResource as error:
        trouble = f"not deployed: {error}"
    for case in root.findall(runner.T + "testCase"):
        inputs = {node.get("name"): _given(runner.read_value(node)) for node in case.iter(runner.T + "inputNode")}
        for node in case.findall(runner.T + "resultNode"):
            why = trouble or _mistake(runner, model, meta, case, node, inputs)
            yield Answer(level, test_file.parent.name, case.get("id", ""), node.get("name", ""), not why, why)


def _mistake(runner: ModuleType, model: Model, meta: Any, case: Any, node: Any, inputs: dict[str, Any]) -> str:
    name = node.get("name")
    wanted = runner.read_value(node.find(runner.T + "expected"))
    shape = meta.d.get(name) or {"logic": "literalExpression", "outs": [], "hit": None, "agg": None}
    invoked = case.get("invocableName")
    found: Any
    if case.get("type", "decision") == "decisionService" or shape is not meta.d.get(name):
        service = next((one for one in model.services if one.name in (invoked, name)), None)
        if service is None:
            return f"there is no decision service '{invoked or name}'"
        found = service
        if len(service.outputs) > 1:
            shape = {**shape, "logic": "decisionTable", "outs": service.outputs, "hit": "UNIQUE", "agg": None}
    else:
        found = next((one for one in model.decisions if one.name == name), None)
        if found is None:
            return "there is no such decision"
    try:
        result = found.evaluate({**inputs, "__now__": _NOW})
    except DecisionError as error:
        return "" if node.get("errorResult") in ("true", "1") else str(error)
    got = runner.result_value(result.rows, shape)
    if isinstance(got, dict) and found.__class__.__name__ == "DecisionService" and name in got:
        got = got[name]
    return "" if runner.equal(wanted, got) else f"wanted {wanted!r}, got {got!r}"


def _given(value: Any) -> Any:
    """The input as a caller in Python gives it: dates, times and durations as such."""
    if isinstance(value, list):
        return [_given(item) for item in value]
    if isinstance(value, dict):
        return {name: _given(part) for name, part in value.items()}
    kind = getattr(value, "t", None)
    parse = _TEMPORAL.get(kind)
    if parse is not None:
        return parse(value.v)
    return value if kind is None else (int(value.v) if kind == "number" and value.v == int(value.v) else value.v)


_TEMPORAL = {
    "date": times.parse_date, "time": times.parse_time, "dateTime": times.parse_date_time,
    "duration": times.parse_duration,
}  # fmt: skip


def cases(found: list[Answer]) -> tuple[int, int]:
    """How many cases are right in all their nodes, and how many there are."""
    right: dict[tuple[str, str], bool] = {}
    for answer in found:
        key = (answer.folder, answer.case)
        right[key] = right.get(key, True) and answer.right
    return sum(right.values()), len(right)


def over_http(kit: Path, report: Path) -> dict[str, tuple[int, int]]:
    """What the kit's runner finds right of a service started for it, by level: (cases right, cases it can ask for)."""
    with running_service() as base:
        command = [sys.executable, kit / "run_tck.py", "--base", base, "--tck", kit / "TestCases", "--all"]
        subprocess.run([*command, "--json", report], check=True, stdout=subprocess.DEVNULL)
    totals = json.loads(report.read_text())["totals"]
    return {level: (found["cases passed"], found["cases"]) for level, found in totals.items()}


def main() -> int:
    """0 if nothing fell below its floor, 1 if something did; 0 with a word where there is no kit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kit", type=Path, default=KIT)
    parser.add_argument("--only", default="*", help="folders, for the count in process")
    parser.add_argument("--in-process", action="store_true", help="no service, no second count")
    parser.add_argument("--report", type=Path, default=Path(tempfile.gettempdir(), "mlc-tck.json"))
    asked = parser.parse_args()
    if not (asked.kit / "run_tck.py").is_file():
        print(f"The DMN test kit is not here, so nothing was counted: {asked.kit}")
        return 0
    below = 0
    total = Counter({"right": 0, "of": 0})
    print("In process, every case (decision services and imports too):")
    for level in LEVELS:
        found = list(answers(asked.kit, level, asked.only))
        right, of = cases(found)
        total.update(right=right, of=of)
        below += asked.only == "*" and right < FLOOR[level]
        print(f"  {level:20} {right:5} of {of:5} cases")
        for answer in found:
            if not answer.right:
                print(f"    wrong: {answer.place}: {answer.why[:200]}")
    print(f"  {'both':20} {total['right']:5} of {total['of']:5} cases (published for Camunda 7.21: {CAMUNDA_7_21})")
    if asked.in_process or asked.only != "*":
        return int(below > 0)
    print("Over HTTP, by the kit's own runner (it cannot ask for decisions without id, services and imports):")
    for level, (right, of) in over_http(asked.kit, asked.report).items():
        below += right < FLOOR_OVER_HTTP[level]
        print(f"  {level:20} {right:5} of {of:5} cases")
    print(f"  what it found wrong, case by case: {asked.report}")
    if below:
        print("This is below the floor.")
    return int(below > 0)


if __name__ == "__main__":
    sys.exit(main())
