"""What a model cannot do. Root in CI: only the kernel's wall counts here, not file modes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sandlock

from mlc_service.clock import SystemClock
from mlc_service.runtimes import (
    LocalRuntime,
    ModelRun,
    OnlineModel,
    RunLimits,
    RunOutcome,
    RuntimeSettings,
    SandboxUnavailable,
    ScoringError,
    detect_functions,
)

RunModel = Callable[..., RunOutcome]
OpenModel = Callable[..., OnlineModel]
Eventually = Callable[[Callable[[], object]], None]

TRY = """
import ctypes, os, socket, subprocess, sys
# modelop.score
def score(r):
    try:
        {statement}
    except Exception as wrong:
        return type(wrong).__name__
    return "ALLOWED"
"""


@pytest.mark.parametrize(
    "statement",
    [
        "open('/etc/shadow').read()",
        "open('/etc/passwd').read()",
        f"open({str(Path(__file__).parents[3] / 'pyproject.toml')!r}).read()",
        "os.listdir('/root')",
        "os.listdir('/tmp')",
        "open('/proc/1/environ').read()",
        "open(f'/proc/{os.getppid()}/environ').read()",
        "open('/tmp/from-a-model', 'w').write('x')",
        "open('../inputs/0', 'w').write('x')",
        "open(os.path.join(sys.prefix, 'x'), 'w').write('x')",
        "os.mkdir('/root/from-a-model')",
        "os.symlink('/etc/passwd', 'link'); open('link').read()",
        "os.link('/usr/bin/env', 'hard')",
        "socket.create_connection(('127.0.0.1', PORT), 2)",
        "socket.create_connection(('::1', PORT), 2)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
        "socket.socket(socket.AF_UNIX).connect('SOCKET')",
        "socket.socket().bind(('127.0.0.1', 0))",
        "os.kill(os.getppid(), 0)",
        "os.kill(1, 0)",
        "subprocess.run(['/bin/cat', '/etc/passwd'], check=True, capture_output=True)",
    ],
)
def test_a_model_cannot_reach_what_is_not_its_own(statement: str, run_model: RunModel, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(tmp_path / "s"))
        local.listen()
        filled = statement.replace("PORT", str(server.getsockname()[1])).replace("SOCKET", str(tmp_path / "s"))
        outcome = run_model(TRY.format(statement=filled), 1)
    assert json.loads(outcome.output) in ("PermissionError", "OSError", "CalledProcessError")


@pytest.mark.parametrize(
    "statement",
    [
        "open('x', 'w').write('x'); open('x').read()",
        "import tempfile; tempfile.TemporaryFile().write(b'x')",
        "subprocess.run(['/bin/echo'], check=True)",
        "import threading, ssl, sqlite3, zoneinfo; zoneinfo.ZoneInfo('UTC')",
        "open(os.devnull, 'w').write('x'); os.urandom(3); open('/dev/urandom', 'rb').read(3)",
    ],
)
def test_a_model_can_do_ordinary_work(statement: str, run_model: RunModel) -> None:
    outcome = run_model(TRY.format(statement=statement), 1)
    assert json.loads(outcome.output) == "ALLOWED"


def test_the_service_variables_do_not_reach_the_model(run_model: RunModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLC_SECRET", "s3cret")
    outcome = run_model("import os\n# modelop.score\ndef score(r): return dict(os.environ)", 1)
    assert b"HOME" in outcome.output
    assert b"s3cret" not in outcome.output


def test_links_in_place_of_the_output_are_not_followed(run_model: RunModel, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('"s3cret"\n')
    source = f"""
import os, shutil
# modelop.score
def score(r):
    for place in ("../out/output.jsonl", "../out/progress"):
        os.unlink(place)
        os.symlink({str(secret)!r}, place)
    shutil.rmtree("outputDir")
    os.symlink({str(tmp_path)!r}, "outputDir")
    return r
"""
    outcome = run_model(source, 1)
    assert outcome.output == b""
    assert outcome.artefacts == {}
    assert "s3cret" not in str(outcome)


def test_a_run_cannot_outlive_its_time_nor_can_what_it_started(run_model: RunModel) -> None:
    source = """
import os, time
# modelop.score
def score(r):
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        print("descendant", os.getpid(), flush=True)
        time.sleep(600)
    while True:
        pass
"""
    outcome = run_model(source, 1, limits=RunLimits(seconds=1))
    assert (outcome.status, outcome.result) == ("ERROR", "FAILURE")
    assert outcome.error == "the model ran longer than 1 s and was stopped while scoring record 1"
    [line] = [line for line in outcome.messages if "descendant" in line]
    assert not Path(f"/proc/{line.split()[-1]}").exists()


@pytest.mark.parametrize("loop", ["held.append(bytearray(8 << 20))", "bytearray(8 << 30)"])
def test_a_run_cannot_use_more_memory_than_it_may(run_model: RunModel, loop: str) -> None:
    source = f"# modelop.score\ndef score(r):\n    held = []\n    while True:\n        {loop}"
    outcome = run_model(source, 1, limits=RunLimits(seconds=30, memory_bytes=150 << 20))
    assert (outcome.status, outcome.result) == ("ERROR", "FAILURE")
    assert "memory" in str(outcome.error)
    assert "scoring record 1" in str(outcome.error)


def test_the_memory_of_children_counts(run_model: RunModel) -> None:
    source = """
import os, time
# modelop.score
def score(r):
    if os.fork() == 0:
        held = bytearray(b"x") * (100 << 20)
        time.sleep(60)
    held = bytearray(b"x") * (100 << 20)
    os.wait()
"""
    outcome = run_model(source, 1, limits=RunLimits(seconds=30, memory_bytes=150 << 20))
    assert outcome.error == "the model used more than 150 MiB of memory and was stopped while scoring record 1"


def test_a_file_cannot_grow_beyond_its_limit(run_model: RunModel) -> None:
    source = "# modelop.score\ndef score(r):\n    open('big', 'wb').write(bytes(3 << 20))"
    outcome = run_model(source, 1, limits=RunLimits(seconds=30, file_bytes=1 << 20))
    assert outcome.result == "FAILURE"
    assert "File too large" in str(outcome.error)


def test_more_artefacts_than_allowed_are_an_error(run_model: RunModel) -> None:
    source = "# modelop.train\ndef train(df):\n    for i in range(3): open(f'outputDir/{i}', 'wb').write(bytes(600))"
    outcome = run_model(source, {}, kind="train", limits=RunLimits(seconds=30, artefact_bytes=1000))
    assert (outcome.status, outcome.artefacts) == ("ERROR", {})
    assert "larger than" in str(outcome.error)


SLEEPER = """
import os, time
# modelop.score
def score(r):
    open("pid.part", "w").write(f"{os.getpid()} {os.getppid()}")
    os.rename("pid.part", "pid")
    time.sleep(600)
"""

SERVICE = """
import sys
from pathlib import Path
from mlc_service.clock import SystemClock
from mlc_service.runtimes import *
source = sys.stdin.read()
run = ModelRun("score", {"model.py": source.encode()}, "model.py", detect_functions(source), (InputData("a", b"1"),))
LocalRuntime(RuntimeSettings(Path(sys.argv[1]), Path(sys.argv[2])), SystemClock()).run(run)
"""


def gone(pid: int) -> bool:
    """No such process, or one that is dead and only waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("victim", ["service", "warden"])
def test_a_model_dies_with_the_service_and_with_its_warden(
    victim: str, settings: RuntimeSettings, eventually: Eventually
) -> None:
    assert settings.work is not None
    LocalRuntime(settings, SystemClock())
    service = subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(settings.environments), str(settings.work)],
        stdin=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    try:
        assert service.stdin is not None
        service.stdin.write(SLEEPER.encode())
        service.stdin.close()
        work = settings.work
        eventually(lambda: list(work.glob("*/work/pid")))
        model, warden = map(int, next(work.glob("*/work/pid")).read_text().split())
        assert not gone(model)
        os.kill(service.pid if victim == "service" else warden, signal.SIGKILL)
        eventually(lambda: gone(model) and gone(warden))
    finally:
        service.kill()
        service.wait()


def test_without_landlock_nothing_runs_unless_asked_for(
    settings: RuntimeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandlock, "landlock_abi_version", lambda: 0)
    source = "# modelop.score\ndef score(r): return r"
    run = ModelRun("score", {"model.py": source.encode()}, "model.py", detect_functions(source))
    with pytest.raises(SandboxUnavailable, match=r"Landlock ABI 0.*'rlimits'"):
        LocalRuntime(settings, SystemClock()).run(run)
    outcome = LocalRuntime(replace(settings, sandbox="rlimits"), SystemClock()).run(run)
    assert outcome.result == "SUCCESS"


def test_limits_hold_without_the_wall_too(settings: RuntimeSettings) -> None:
    source = "# modelop.init\ndef begin():\n    while True: pass\n# modelop.score\ndef score(r): return r"
    run = ModelRun(
        "score", {"model.py": source.encode()}, "model.py", detect_functions(source), limits=RunLimits(seconds=0.5)
    )
    outcome = LocalRuntime(replace(settings, sandbox="rlimits"), SystemClock()).run(run)
    assert outcome.error == "the model ran longer than 0.5 s and was stopped while running init"


def test_an_online_model_is_behind_the_same_wall(open_model: OpenModel) -> None:
    model = open_model(TRY.format(statement="open('/etc/passwd').read()"))
    assert model.score(1) == "PermissionError"
    model.close()
    with pytest.raises(ScoringError, match="not running"):
        model.score(1)
