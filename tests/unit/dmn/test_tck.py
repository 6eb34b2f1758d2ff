"""The official DMN test kit, where it lies beside the repository: every case comes out right."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import tck


@pytest.mark.parametrize("level", tck.LEVELS)
def test_every_case_of_the_kit_is_right(level: str, shared: Path) -> None:
    kit = shared / "conformance" / "dmn-tck"
    if not (kit / "run_tck.py").is_file():
        pytest.skip(f"the DMN test kit is not here: {kit}")
    found = list(tck.answers(kit, level))
    assert [f"{answer.place}: {answer.why}" for answer in found if not answer.right] == []
    assert tck.cases(found)[0] == tck.FLOOR[level]
