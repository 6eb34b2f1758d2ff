"""Full CPython for scripts: a warm process that never runs a script itself and forks one child for each.

So a script finds fresh modules and leaves nothing behind, its limits are its own, and ending it costs a millisecond.
The child closes its calls (see `wall.py`) before it touches the script; files were closed before.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import json
import linecache
import math
import os
import resource
import select
import signal
import sys
import time
from datetime import date
from decimal import Decimal
from types import ModuleType
from typing import Any, NoReturn

from . import wall

# loaded once and shared by every script; what is not among them is still found, unless it needs a library outside
# the standard library's folder
_MODULES = (
    "abc", "array", "ast", "base64", "bisect", "calendar", "cmath", "codecs", "collections", "collections.abc",
    "copy", "csv", "dataclasses", "datetime", "decimal", "difflib", "enum", "fractions", "functools", "graphlib",
    "hashlib", "heapq", "hmac", "html", "io", "itertools", "json", "json.decoder", "math", "numbers", "operator",
    "pprint", "random", "re", "secrets", "statistics", "string", "struct", "textwrap", "time", "traceback", "types",
    "typing", "unicodedata", "urllib.parse", "uuid", "zlib", "zoneinfo", "xml.etree.ElementTree", "_strptime",
    "encodings.idna",
)  # fmt: skip
_ANSWER_BYTES = 32 * 1024 * 1024
_DEEPEST = 100
_PARTS = 1_000_000
_FILE = "<script>"
_DELEGATE_PACKAGE = "org.camunda.bpm.engine.delegate"
_base_bytes = 0


def load_modules() -> None:
    """Modules that scripts use are in memory, so that loading them needs no file."""
    global _base_bytes
    for name in _MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    time.strptime("2026", "%Y")
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError), open("/proc/self/statm", encoding="ascii") as file:
        _base_bytes = int(file.read().split()[0]) * resource.getpagesize()


def serve(closes_calls: bool) -> None:
    """Answers one line with one line until its input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    lines = os.fdopen(os.dup(0), "rb")
    nothing_in, nothing_out = os.pipe()
    os.close(nothing_out)
    # whatever a script finds at the usual numbers is empty; what it writes there is refused or goes nowhere
    os.dup2(nothing_in, 0)
    os.dup2(2, 1)
    answers.write(b'{"ready": true}\n')
    answers.flush()
    for line in lines:
        request = json.loads(line)
        answer = _answer(request, lines.fileno(), answers.fileno(), closes_calls)
        answers.write(answer + b"\n")
        answers.flush()


def _answer(request: dict[str, Any], lines: int, answers: int, closes_calls: bool) -> bytes:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            os.close(lines)
            os.close(answers)
            _run_as_child(request, write, closes_calls)
        finally:
            os._exit(70)
    os.close(write)
    deadline = time.monotonic() + request["seconds"]
    answer, late = bytearray(), False
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([read], [], [], left)[0]:
            late = True
            break
        chunk = os.read(read, 1 << 16)
        answer += chunk
        if not chunk or len(answer) > _ANSWER_BYTES:
            break
    os.close(read)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if late:
        return _error(f"the script ran longer than {request['seconds']:g} s")
    if len(answer) > _ANSWER_BYTES:
        return _error("the script's result is too large")
    if not answer.endswith(b"\n"):
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
            return _error(f"the script ran longer than {request['seconds']:g} s")
        return _error("the script broke its interpreter and was stopped")
    if b"\n" in answer[:-1]:
        # one line is one script's answer: a second would be taken for the next script's
        return _error("the script wrote into the service's pipe")
    return bytes(answer[:-1])


def _error(message: str, line: int = 0) -> bytes:
    return json.dumps({"error": {"message": message, "line": line}}).encode()


def _run_as_child(request: dict[str, Any], write: int, closes_calls: bool) -> NoReturn:
    wall.die_with_parent()
    memory = request["memory"]
    if _base_bytes:
        wall.limit(resource.RLIMIT_AS, _base_bytes + memory)
    wall.limit(resource.RLIMIT_CPU, math.ceil(request["seconds"]) + 1)
    if closes_calls:
        wall.close_calls()
    try:
        answer = _run(request)
    except MemoryError:
        answer = _error(f"the script needs more than {memory // (1024 * 1024)} MiB of memory")
    rest = memoryview(answer + b"\n")
    while rest:
        rest = rest[os.write(write, rest) :]
    os._exit(0)


class Execution:
    """What a script may ask of the execution it runs in, and the record of its writes."""

    def __init__(self, variables: dict[str, Any], facts: dict[str, Any]) -> None:
        self._variables = variables
        self._written: dict[str, Any] = {}
        self._removed: list[str] = []
        for fact, value in facts.items():
            setattr(self, fact, value)
            setattr(self, f"get{fact[0].upper()}{fact[1:]}", lambda value=value: value)

    def getVariable(self, name: str) -> Any:  # noqa: N802  Camunda's name
        return self._variables.get(name)

    def hasVariable(self, name: str) -> bool:  # noqa: N802
        return name in self._variables

    def getVariables(self) -> dict[str, Any]:  # noqa: N802
        return dict(self._variables)

    def getProcessInstance(self) -> Execution:  # noqa: N802
        return self

    def setVariable(self, name: str, value: Any) -> None:  # noqa: N802
        if name in self._removed:
            self._removed.remove(name)
        self._variables[name] = value
        self._written[name] = value

    def removeVariable(self, name: str) -> None:  # noqa: N802
        self._variables.pop(name, None)
        self._written.pop(name, None)
        if name not in self._removed:
            self._removed.append(name)


class BpmnError(Exception):
    """What a script raises to throw a BPMN error."""

    def __init__(self, code: str | None = None, message: object = None) -> None:
        if not isinstance(code, str) or not code:
            raise ValueError("the error code of a BpmnError must be a text that is not empty")
        self.code = code
        self.message = str(message) if message is not None and str(message) else None
        super().__init__(f"{self.message or ''} (errorCode='{code}')".strip())


def _text_of(error: BpmnError, name: str) -> str | None:
    # a class of the script's own may lack it or have anything there
    value = getattr(error, name, None)
    return value if isinstance(value, str) else None


def _offer_import(name: str) -> None:
    """`from org.camunda.bpm.engine.delegate import BpmnError`, as scripts for Jython have it, finds ours."""
    inner = "BpmnError"
    found: object = BpmnError
    while name:
        module = sys.modules[name] = ModuleType(name)
        setattr(module, inner, found)
        found = module
        name, _, inner = name.rpartition(".")


def _run(request: dict[str, Any]) -> bytes:
    source: str = request["source"]
    variables: dict[str, Any] = request["variables"]
    execution = Execution(dict(variables), request["facts"])
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    names.update((name, value) for name, value in variables.items() if name.isidentifier() and name[:2] != "__")
    names["execution"] = execution
    names["BpmnError"] = BpmnError
    if _DELEGATE_PACKAGE in source:
        _offer_import(_DELEGATE_PACKAGE)
    linecache.cache.clear()
    result, thrown = None, None
    try:
        result = _value_of(source, names)
    except BpmnError as error:
        thrown = {"code": _text_of(error, "code"), "message": _text_of(error, "message")}
    except MemoryError:
        raise
    except SystemExit:
        return _error("the script ended its interpreter")
    except SyntaxError as wrong:
        return _error(f"SyntaxError: {wrong.msg}", wrong.lineno or 0)
    except BaseException as wrong:
        return _error(_told(wrong), _line(wrong))
    written: dict[str, Any] = {}
    for name, value in execution._written.items():
        try:
            written[str(name)] = _Plain().of(value, 0)
        except ValueError as wrong:
            return _error(f"variable '{name}': {wrong}")
    try:
        plain = _Plain().of(result, 0)
    except ValueError:
        plain = None
    answer = {"result": plain, "written": written, "removed": execution._removed}
    if thrown is not None:
        answer["thrown"] = thrown
    return json.dumps(answer, allow_nan=False).encode()


def _value_of(source: str, names: dict[str, Any]) -> Any:
    tree = ast.parse(source, _FILE)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, _FILE, "exec"), names)  # noqa: S102  this is the place for it
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), _FILE, "eval"), names)  # noqa: S307


def _told(wrong: BaseException) -> str:
    try:
        text = str(wrong)
    except BaseException:
        text = ""
    return f"{type(wrong).__name__}: {text}" if text else type(wrong).__name__


def _line(wrong: BaseException) -> int:
    found, frame = 0, wrong.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == _FILE:
            found = frame.tb_lineno
        frame = frame.tb_next
    return found


class _Plain:
    """A value under way to JSON, and how much more of it is allowed."""

    def __init__(self) -> None:
        self._left = _PARTS

    def of(self, value: Any, depth: int) -> Any:
        """The value in plain JSON. Raises ValueError."""
        self._left -= 1 + (len(value) >> 4 if isinstance(value, str) else 0)
        if self._left < 0:
            raise ValueError("the value is too large")
        if depth > _DEEPEST:
            raise ValueError(f"the value is nested deeper than {_DEEPEST} levels")
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float | Decimal):
            if not math.isfinite(value):
                raise ValueError(f"{value} is not a number that can be stored")
            return float(value)
        if isinstance(value, dict):
            return {self._key(key): self.of(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.of(item, depth + 1) for item in value]
        if isinstance(value, date):
            return value.isoformat()
        raise ValueError(f"a value of type {type(value).__name__} cannot be stored")

    @staticmethod
    def _key(key: Any) -> str:
        if isinstance(key, str | int | float):
            return str(key)
        raise ValueError(f"a key of type {type(key).__name__} cannot be stored")
