"""The wall around script workers: where it can stand, and what it says where it cannot."""

from __future__ import annotations

import os
import platform
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from mlc_service.language import walls
from mlc_service.language.errors import ScriptError
from mlc_service.language.scripts import GroovySettings, ScriptRunner
from mlc_service.language.worker_side import wall

needs_wall = pytest.mark.skipif(walls.why_no_wall("landlock") is not None, reason=str(walls.why_no_wall("landlock")))


def test_without_landlock_scripts_of_walled_languages_are_refused_with_a_way_out(
    monkeypatch: pytest.MonkeyPatch, groovy_folder: Path
) -> None:
    monkeypatch.setattr(wall, "landlock_abi", lambda: 0)
    runner = ScriptRunner(full_python=True, groovy=GroovySettings(folder=groovy_folder))
    for language in ("groovy", "python-full"):
        why = runner.why_unsupported(language)
        assert why is not None
        assert "Landlock" in why
        assert "'rlimits'" in why
        with pytest.raises(ScriptError, match="Landlock"):
            runner.run(language, "1", {})
    assert runner.supported("python")


def test_on_an_unknown_machine_the_setting_that_helps_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    why = walls.why_no_wall("landlock")
    assert why is not None
    assert "x86_64 and aarch64" in why
    assert walls.why_no_wall("rlimits") is None


@needs_wall
def test_without_a_wall_around_files_calls_are_closed_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("seen")
    runner = ScriptRunner(full_python=True, sandbox="rlimits")
    try:
        assert runner.run("python-full", f"open({str(tmp_path / 'file')!r}).read()", {}).result == "seen"
        for source in (
            f"open({str(tmp_path / 'new')!r}, 'w')",
            "import socket\nsocket.socket()",
            "import os\nos.fork()",
        ):
            with pytest.raises(ScriptError, match="PermissionError"):
                runner.run("python-full", source, {})
    finally:
        runner.close()


@needs_wall
def test_a_walled_process_has_no_rights_left_even_as_root() -> None:
    program = """
import sys
from mlc_service.language.worker_side import wall
status = open('/proc/self/status')
wall.close_files([])
wall.drop_rights()
wall.close_calls()
status.seek(0)
print(*(line.split()[1] for line in status if line.startswith(('CapEff', 'CapPrm', 'CapBnd', 'NoNewPrivs', 'Seccomp:'))))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    permitted, effective, bounding, no_new, seccomp = done.stdout.split()
    assert int(permitted, 16) == int(effective, 16) == 0
    assert os.geteuid() != 0 or int(bounding, 16) == 0
    assert (no_new, seccomp) == ("1", "2")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_jump_of_the_filter_lands_inside_it(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    for address in (None, 0x7FFF_1234_5678):
        code = [struct.unpack("=HBBI", each) for each in _eights(wall._filter(address))]
        assert len(code) < 4096
        for place, (kind, yes, no, _) in enumerate(code):
            if kind in (wall._EQUALS, wall._AT_LEAST, wall._ANY_BIT):
                assert place + 1 + max(yes, no) < len(code)
        assert code[-2:] == [wall._yes(), wall._no(1)]


def _eights(code: bytes) -> list[bytes]:
    return [code[at : at + 8] for at in range(0, len(code), 8)]


@pytest.mark.skipif(not Path("/usr/include/asm-generic/unistd.h").exists(), reason="the kernel's headers are not here")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads this machine's headers")
def test_the_numbers_of_the_system_calls_are_the_kernels() -> None:
    x86 = _numbers("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    generic = _numbers("/usr/include/asm-generic/unistd.h")
    checked = 0
    for line in wall._REFUSED.splitlines():
        for call in [] if line.lstrip().startswith("#") else line.split():
            name, ours, theirs = call.split(":")
            for number, header in ((ours, x86), (theirs, generic)):
                if name in header:
                    assert number == header[name], name
                    checked += 1
    assert checked > 200
    for machine, header in (("x86_64", x86), ("aarch64", generic)):
        for name, known in wall._ARGUMENTS[machine].items():
            assert str(known) == header[name]


def _numbers(path: str) -> dict[str, str]:
    if not Path(path).exists():
        pytest.skip(f"{path} is not here")
    found = {}
    for line in Path(path).read_text().splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == "#define" and words[1].startswith("__NR") and words[2].isdigit():
            found[words[1].removeprefix("__NR3264_").removeprefix("__NR_")] = words[2]
    return found
