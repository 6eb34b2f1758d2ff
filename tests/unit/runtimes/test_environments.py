from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from mlc_service.runtimes import Environment, Environments, EnvironmentUnavailable


def test_a_model_without_requirements_gets_pandas(environments_folder: Path) -> None:
    environment = Environments(environments_folder).prepare(None)
    assert subprocess.run([environment.python, "-I", "-c", "import pandas, numpy"]).returncode == 0


def test_the_same_requirements_share_an_environment(environments_folder: Path) -> None:
    environments = Environments(environments_folder)
    said: list[str] = []
    assert environments.prepare(None) == environments.prepare("# nothing\n\n", said.append)
    assert said == []


@pytest.fixture
def tiny_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlc_service.runtimes.environments.DEFAULT_REQUIREMENTS", "iniconfig\n")


@pytest.mark.usefixtures("tiny_default")
def test_concurrent_builders_build_once(tmp_path: Path) -> None:
    said: list[str] = []
    got: list[Environment] = []
    threads = [
        threading.Thread(target=lambda: got.append(Environments(tmp_path).prepare(None, said.append))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 3
    assert len({each.python for each in got}) == 1
    assert len(said) == 1
    assert [each.name for each in tmp_path.iterdir() if "building" in each.name] == []


@pytest.mark.usefixtures("tiny_default")
def test_a_build_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    key = Environments(tmp_path).prepare(None).key
    (tmp_path / key / "mlc-environment.json").unlink()
    assert Environments(tmp_path).prepare(None).python.exists()


def test_a_version_that_does_not_exist_is_told_in_the_installers_words(environments_folder: Path) -> None:
    with pytest.raises(EnvironmentUnavailable, match=r"cannot be installed.*pandas==0\.0\.7"):
        Environments(environments_folder).prepare("pandas==0.0.7")


@pytest.mark.parametrize(
    "line",
    [
        "-r /etc/passwd",
        "--extra-index-url https://example.org/simple",
        "-e .",
        "./local",
        "/etc",
        "thing @ file:///etc",
        "thing@ git+https://example.org/x",
        "https://example.org/x.whl",
        "pandas\\\n @ https://example.org/x.whl",
    ],
)
def test_requirements_do_not_reach_beyond_the_index(line: str, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentUnavailable, match=r"requirements"):
        Environments(tmp_path).prepare(line)
    assert list(tmp_path.iterdir()) == []
