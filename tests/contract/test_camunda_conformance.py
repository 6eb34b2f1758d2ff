"""Camunda's engine tests, where the kit lies beside the repository: every case takes the path it takes in Camunda."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import conformance


@pytest.mark.parametrize("executor", conformance.EXECUTORS)
def test_every_replay_case_passes(executor: str, shared: Path, groovy_folder: Path) -> None:
    kit = shared / "conformance" / "camunda7"
    if not (kit / "run_cases.py").is_file():
        pytest.skip(f"the replay cases are not here: {kit}")
    report = conformance.play(kit, executor, groovy_folder)
    assert report.failures == []
    # one case counts what waits for a job executor that must not be running
    assert report.skipped == (1 if executor == "on" else 0)
    assert report.passed + report.skipped == report.cases
