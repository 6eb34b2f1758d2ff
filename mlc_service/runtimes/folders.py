"""The folder a run works in: laid out before, read back after, trusting nothing the model left there."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlc_service.runtimes.runs import InputData

MAX_ARTEFACTS = 1000
MAX_DEPTH = 8


class UnsafePath(ValueError):
    """An asset whose name leads out of the model's folder."""


class TooMuchOutput(RuntimeError):
    """The model left more than the limits let us take."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """`assets` is the model's current folder, `out` holds its output, `inputs` it may only read."""

    top: Path

    @classmethod
    def create(cls, within: Path | None) -> RunFolder:
        if within is not None:
            within.mkdir(parents=True, exist_ok=True)
        folder = cls(Path(tempfile.mkdtemp(prefix="mlc-run-", dir=within)))
        for each in (folder.assets, folder.out, folder.inputs, folder.scratch):
            each.mkdir()
        return folder

    @property
    def assets(self) -> Path:
        return self.top / "work"

    @property
    def out(self) -> Path:
        return self.top / "out"

    @property
    def inputs(self) -> Path:
        return self.top / "inputs"

    @property
    def scratch(self) -> Path:
        return self.top / "tmp"

    @property
    def output(self) -> Path:
        return self.out / "output.jsonl"

    @property
    def progress(self) -> Path:
        return self.out / "progress"

    def place(self, files: Mapping[str, bytes]) -> None:
        """The files are in the model's folder, with its `outputDir`. Raises UnsafePath."""
        (self.assets / "outputDir").mkdir()
        for name, content in files.items():
            path = PurePosixPath(name)
            if not name or path.is_absolute() or ".." in path.parts or "\0" in name:
                raise UnsafePath(f"the asset name {name!r} leads out of the model's folder")
            target = self.assets / path
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            except OSError as wrong:
                raise UnsafePath(f"the asset {name!r} cannot be placed: {wrong.strerror}") from wrong

    def place_inputs(self, inputs: tuple[InputData, ...]) -> list[dict[str, str]]:
        """The inputs are readable for the model; answers how its side finds them, in order."""
        placed = []
        for number, each in enumerate(inputs):
            path = self.inputs / str(number)
            path.write_bytes(each.content)
            placed.append({"name": each.name, "path": str(path), "format": each.format})
        return placed

    def read_output(self, limit: int) -> bytes:
        """The output lines so far; empty if the model did away with the file. Raises TooMuchOutput."""
        return _read_at(self.out, "output.jsonl", limit) or b""

    def read_progress(self) -> str:
        """Where the model's process was when it last said so."""
        try:
            return (_read_at(self.out, "progress", 4096) or b"").decode(errors="replace").strip()[:60]
        except TooMuchOutput:
            return ""

    def read_artefacts(self, limit: int) -> dict[str, bytes]:
        """All regular files below `outputDir`, by path inside it. Links are left out. Raises TooMuchOutput."""
        found: dict[str, bytes] = {}
        try:
            folder = os.open(self.assets / "outputDir", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return found
        _collect(folder, "", found, limit)
        return found

    def remove(self) -> None:
        """Nothing of the run is left on disk."""
        shutil.rmtree(self.top, ignore_errors=True)


def _collect(folder: int, prefix: str, found: dict[str, bytes], limit: int) -> None:
    """Descends by descriptor, so that no name the model chose can lead elsewhere."""
    try:
        for name in sorted(os.listdir(folder)):
            kind = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_ISDIR(kind) and prefix.count("/") < MAX_DEPTH:
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                _collect(inner, f"{prefix}{name}/", found, limit)
            elif stat.S_ISREG(kind):
                left = limit - sum(map(len, found.values()))
                content = _read_file(name, left, folder)
                if content is not None:
                    found[prefix + name] = content
                if len(found) > MAX_ARTEFACTS:
                    raise TooMuchOutput(f"the model left more than {MAX_ARTEFACTS} files in outputDir")
    finally:
        os.close(folder)


def _read_at(folder: Path, name: str, limit: int) -> bytes | None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        return _read_file(name, limit, descriptor)
    finally:
        os.close(descriptor)


def _read_file(name: str, limit: int, folder: int) -> bytes | None:
    """A regular file's content; None for anything else, links above all: they would be read with our rights."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:
            return None
        if about.st_size > limit:
            raise TooMuchOutput(f"the model's output is larger than {limit:,} bytes")
        return file.read(limit)
