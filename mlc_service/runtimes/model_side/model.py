"""The model's own code: loading it, calling its functions, and telling what went wrong in them."""

from __future__ import annotations

import importlib.util
import inspect
import linecache
import os
import sys
import traceback
import types
import warnings
from collections.abc import Callable
from typing import Any

from .records import MASK

NOTHING = object()  # a score function that returned None: no output record
MASKED_VALUES = 2000


class ModelFailed(Exception):
    """The model's code failed; `told` is a sentence, `frames` the lines of its own source that led there."""

    def __init__(self, told: str, frames: list[str], ends_run: bool = False) -> None:
        self.told = told
        self.frames = frames
        self.ends_run = ends_run
        super().__init__(told)


class Model:
    """A loaded model source with its functions."""

    def __init__(self, primary: str, functions: dict[str, str | None]) -> None:
        """The source has been executed in the current folder. Raises ModelFailed."""
        folder = os.getcwd()
        self.folder = os.path.join(os.path.realpath(folder), "")
        for each in dict.fromkeys([os.path.dirname(os.path.abspath(primary)), folder]):
            sys.path.insert(0, each)
        self._module = self._guarded(lambda: self._execute(primary), None)
        self.functions = {role: self._function(role, name) for role, name in functions.items() if name}

    def begin(self, init_param: dict[str, Any]) -> None:
        """`init` has run, with the parameter if it takes one. Raises ModelFailed."""
        init = self.functions.get("init")
        if init is not None:
            arguments = (init_param,) if positional_count(init)[1] > 0 else ()
            self._guarded(lambda: drain(init(*arguments)), None)

    def call(self, role: str, arguments: tuple[Any, ...], record: Any = None) -> list[Any]:
        """All that the function yields, or what it returns; `record` is masked in messages. Raises ModelFailed."""
        function = self.functions[role]
        outputs: list[Any] = self._guarded(lambda: drain(function(*arguments)), record)
        return outputs

    def first(self, role: str, arguments: tuple[Any, ...]) -> Any:
        """What the function returns, or the first value it yields; NOTHING when there is none. Raises ModelFailed."""

        def run() -> Any:
            answer = self.functions[role](*arguments)
            if isinstance(answer, types.GeneratorType):
                return next(answer, NOTHING)
            return NOTHING if answer is None else answer

        return self._guarded(run, None)

    def score(self, arguments: tuple[Any, ...], record: Any) -> list[Any]:
        """As `call` for the score function; a UserWarning that the model's own code gives counts as an error."""
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always")
            outputs = self.call("score", arguments, record)
        own = None
        for each in given:
            if each.category is UserWarning and self._is_own(each.filename):
                own = own or each
            else:
                sys.stderr.write(warnings.formatwarning(each.message, each.category, each.filename, each.lineno))
        if own is not None:
            told = f"UserWarning: {masked(str(own.message), record)}"
            raise ModelFailed(told, [self._place(own.filename, own.lineno, "score")])
        return outputs

    def _execute(self, primary: str) -> types.ModuleType:
        name = os.path.splitext(os.path.basename(primary))[0]
        name = name if name.isidentifier() and name not in sys.modules else "model_source"
        spec = importlib.util.spec_from_file_location(name, os.path.abspath(primary))
        if spec is None or spec.loader is None:  # .py3 and the like
            from importlib.machinery import SourceFileLoader

            loader = SourceFileLoader(name, os.path.abspath(primary))
            spec = importlib.util.spec_from_loader(name, loader)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    def _function(self, role: str, name: str) -> Callable[..., Any]:
        function = getattr(self._module, name, None)
        if not callable(function):
            raise ModelFailed(f"the source has no function {name!r}, which is named as its {role} function", [])
        return function  # type: ignore[no-any-return]

    def _guarded(self, run: Callable[[], Any], record: Any) -> Any:
        try:
            return run()
        except MemoryError as wrong:
            raise ModelFailed("the model used more memory than it may", self._frames(wrong), ends_run=True) from None
        except SystemExit as wrong:
            told = f"the model ended itself (sys.exit with code {wrong.code!r})"
            raise ModelFailed(told, self._frames(wrong), ends_run=True) from None
        except Exception as wrong:
            told = type(wrong).__name__
            text = masked(str(wrong), record)
            raise ModelFailed(f"{told}: {text}" if text else told, self._frames(wrong)) from None

    def _frames(self, wrong: BaseException) -> list[str]:
        """The traceback's lines in the model's own files, outermost first."""
        if isinstance(wrong, SyntaxError) and wrong.filename and self._is_own(wrong.filename):
            return [self._place(wrong.filename, wrong.lineno or 0, "<module>")]
        frames = traceback.extract_tb(wrong.__traceback__)
        own = [frame for frame in frames if self._is_own(frame.filename)]
        return [self._place(frame.filename, frame.lineno or 0, frame.name) for frame in own[-5:]]

    def _is_own(self, filename: str) -> bool:
        return os.path.realpath(filename).startswith(self.folder)

    def _place(self, filename: str, line: int, function: str) -> str:
        short = os.path.relpath(os.path.realpath(filename), self.folder)
        source = linecache.getline(filename, line).strip()
        return f"{short} line {line}, in {function}: {source}"


def drain(answer: Any) -> list[Any]:
    """Every value of a generator; otherwise the one value, or none for None."""
    if isinstance(answer, types.GeneratorType):
        return list(answer)
    return [] if answer is None else [answer]


def positional_count(function: Callable[..., Any]) -> tuple[int, int]:
    """How many positional arguments a function needs, and how many it takes at most."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 0, 1
    named = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in named if p.default is p.empty]
    unbounded = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return len(needed), 1000 if unbounded else len(named)


def takes_slot(function: Callable[..., Any]) -> bool:
    """The old form `(datum, slot_no)`."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return False
    return len(names) == 2 and "slot" in names[1].lower()


def masked(text: str, record: Any) -> str:
    """The text without the values of the record: record contents stay out of logs."""
    values: set[str] = set()
    stack = [record]
    while stack and len(values) < MASKED_VALUES:
        each = stack.pop()
        if isinstance(each, dict):
            stack.extend(each.values())
        elif isinstance(each, (list, tuple)):
            stack.extend(each)
        elif isinstance(each, (str, int, float)) and not isinstance(each, bool) and len(str(each)) >= 2:
            values.update((str(each), repr(each)[1:-1] if isinstance(each, str) else repr(each)))
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, MASK)
    return text
