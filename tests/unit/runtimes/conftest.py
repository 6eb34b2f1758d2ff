"""Real runs of real child processes; the model environment is built once and shared by all sessions."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlc_service.clock import SystemClock
from mlc_service.runtimes import (
    InputData,
    LocalRuntime,
    ModelRun,
    OnlineModel,
    OnlineSource,
    RunLimits,
    RunOutcome,
    RuntimeSettings,
    detect_functions,
)

RunModel = Callable[..., RunOutcome]
OpenModel = Callable[..., OnlineModel]


@pytest.fixture(scope="session")
def environments_folder() -> Path:
    wanted = os.environ.get("MLC_TEST_ENVIRONMENTS")
    return Path(wanted) if wanted else Path.home() / ".cache" / "mlc-test-environments"


@pytest.fixture
def settings(environments_folder: Path, tmp_path: Path) -> RuntimeSettings:
    return RuntimeSettings(environments=environments_folder, work=tmp_path / "runs")


def json_lines(*records: Any) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


@pytest.fixture
def run_model(settings: RuntimeSettings) -> Iterator[RunModel]:
    """Runs model source over records (or raw inputs) and checks that nothing is left on disk."""
    runtime = LocalRuntime(settings, SystemClock())

    def run(source: str, *records: Any, kind: str = "score", **more: Any) -> RunOutcome:
        callbacks = {name: more.pop(name) for name in ("on_message", "cancelled") if name in more}
        more.setdefault("inputs", (InputData("data.json", json_lines(*records)),))
        more.setdefault("limits", RunLimits(seconds=30))
        files = {"model.py": source.encode(), **more.pop("files", {})}
        order = ModelRun(kind=kind, files=files, primary="model.py", functions=detect_functions(source), **more)  # type: ignore[arg-type]
        return runtime.run(order, **callbacks)

    yield run
    assert settings.work is not None
    assert not settings.work.exists() or list(settings.work.iterdir()) == []


@pytest.fixture
def open_model(settings: RuntimeSettings) -> Iterator[OpenModel]:
    opened: list[OnlineModel] = []

    def build(source: str, **more: Any) -> OnlineModel:
        online = OnlineSource({"model.py": source.encode()}, "model.py", detect_functions(source), **more)
        opened.append(OnlineModel(online, settings))
        return opened[-1]

    yield build
    for model in opened:
        model.close()


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], None]:
    """Waits for a condition, and fails when it does not come."""

    def wait(condition: Callable[[], object]) -> None:
        give_up = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < give_up, "the condition did not come"
            time.sleep(0.01)

    return wait
