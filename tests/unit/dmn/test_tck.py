"""The official DMN test kit, where it lies beside the repository: never fewer passes than we had."""

from __future__ import annotations

import importlib.util
import sys
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mlc_service.dmn import Decision, DecisionError, parse_dmn
from mlc_service.problems import InvalidResource

# results in the runner's scope: (passed, of). Raise them when more pass.
LEVEL_2 = (126, 126)
LEVEL_3_VALUES = (1725, 1783)
LEVEL_3_ERRORS = (1349, 1376)


@pytest.fixture
def kit(shared: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    runner = shared / "conformance" / "dmn-tck" / "run_tck.py"
    if not runner.is_file():
        pytest.skip(f"the DMN test kit is not here: {runner}")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec = importlib.util.spec_from_file_location("run_tck", runner)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # the runner leaves its files open, and here every warning is an error
    module.__dict__["open"] = lambda path, _mode: BytesIO(Path(path).read_bytes())
    return module


def results_of(kit: ModuleType, level: str) -> list[tuple[bool, bool, str]]:
    """For each result in scope: passed, error expected, and where it is."""
    assert kit.__file__ is not None
    found = []
    for test_file in sorted((Path(kit.__file__).parent / "TestCases" / level).glob("*/*.xml")):
        root = ElementTree.parse(test_file).getroot()
        model_file = test_file.parent / (root.findtext(kit.T + "modelName") or "").strip()
        if root.tag != kit.T + "testCases" or not model_file.is_file():
            continue
        model = kit.Model(str(model_file))
        try:
            decisions = {decision.key: decision for decision in parse_dmn(model.bytes, model_file.name)}
        except InvalidResource:
            decisions = {}
        for case in root.findall(kit.T + "testCase"):
            inputs = {node.get("name"): kit.plain(kit.read_value(node)) for node in case.findall(kit.T + "inputNode")}
            for node in case.findall(kit.T + "resultNode"):
                meta = model.d.get(node.get("name"))
                if meta is None or case.get("type", "decision") != "decision":
                    continue
                if not (meta["logic"] if level.endswith("2") else model.in_scope(node.get("name"))):
                    continue
                error = node.get("errorResult") in ("true", "1")
                passed = _passes(kit, decisions.get(meta["id"]), inputs, meta, node, error)
                found.append((passed, error, f"{test_file.parent.name} {case.get('id')} {node.get('name')}"))
    return found


def _passes(
    kit: ModuleType, decision: Decision | None, inputs: dict[str, Any], meta: Any, node: Any, error: bool
) -> bool:
    if decision is None:
        return False
    try:
        rows = decision.evaluate({**inputs, "__now__": datetime(2026, 1, 1, tzinfo=UTC)}).rows
    except DecisionError:
        return error
    return bool(kit.equal(kit.read_value(node.find(kit.T + "expected")), kit.result_value(rows, meta)))


def test_level_2_passes_whole(kit: ModuleType) -> None:
    results = results_of(kit, "compliance-level-2")
    assert (sum(passed for passed, _, _ in results), len(results)) == LEVEL_2


def test_level_3_passes_at_least_what_it_did(kit: ModuleType) -> None:
    results = results_of(kit, "compliance-level-3")
    values = [passed for passed, error, _ in results if not error]
    errors = [passed for passed, error, _ in results if error]
    print("DMN TCK level 3:", sum(values), "of", len(values), "values;", sum(errors), "of", len(errors), "errors")
    assert (len(values), len(errors)) == (LEVEL_3_VALUES[1], LEVEL_3_ERRORS[1])
    assert sum(values) >= LEVEL_3_VALUES[0]
    assert sum(errors) >= LEVEL_3_ERRORS[0]
