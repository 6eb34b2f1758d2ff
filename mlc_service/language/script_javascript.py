"""JavaScript by QuickJS: a new interpreter per run, with no way out of it.

QuickJS can call no Python while a deadline is set, and should not: variables go in as one JSON text, the result and the
journal come back as another.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
import quickjs

from mlc_service.language.errors import ScriptError
from mlc_service.language.script_outcome import (
    DELEGATE_PACKAGE,
    FACTS,
    NO_ERROR_CODE,
    ScriptLimits,
    ScriptOutcome,
    outcome,
    thrown_error,
)

_STACK_BYTES = 256 * 1024  # threads of a pool may have small stacks
_AT_LINE = re.compile(r"(?<!BpmnError \()<input>:(\d+):\d+")  # the class is ours, not the author's

# Variables are properties of the global object, so a bare name reads them. setVariable refreshes the bare name unless
# the script has given it a value of its own: Camunda's bindings look through to the scope in the same way.
# Reading these lines costs as much as most scripts, so each script gets only those that it can need.
_BEGIN = """(function () {
const write = JSON.stringify, own = Object.hasOwn, top = globalThis, assign = Object.assign, is = Object.is;
return function (variablesText, factsText) {
const variables = assign(Object.create(null), JSON.parse(variablesText));
const written = Object.create(null), removed = Object.create(null);
"""
_SHOWN_ONCE = "for (const name in variables) if (name !== 'execution' && !own(top, name)) top[name] = variables[name];"
_SHOWN_AGAIN = """const shown = Object.create(null);
const show = function (name) {
if (name === 'execution' || (own(top, name) && !(name in shown))) return;
if (name in shown && !(own(top, name) && is(top[name], shown[name]))) return;
shown[name] = top[name] = variables[name];
};
for (const name in variables) show(name);
"""
_METHODS = {
    "getVariable": "function (name) { return name in variables ? variables[name] : null; }",
    "hasVariable": "function (name) { return name in variables; }",
    "getVariables": "function () { return assign({}, variables); }",
    "setVariable": """function (name, value) {
name = '' + name;
variables[name] = written[name] = value === undefined ? null : value;
delete removed[name];
show(name);
}""",
    "removeVariable": """function (name) {
name = '' + name;
delete variables[name];
delete written[name];
removed[name] = true;
if (name in shown && own(top, name) && is(top[name], shown[name])) delete top[name];
}""",
    "getProcessInstance": "function () { return execution; }",
}
_FACTS = """const facts = JSON.parse(factsText);
for (const fact in facts) {
execution[fact] = facts[fact];
execution['get' + fact[0].toUpperCase() + fact.slice(1)] = function () { return facts[fact]; };
}
"""
_END = """return function (result) {
return write({ result: typeof result === 'function' ? null : result, written: written, removed: removed });
};
};
})()"""
# A script that names BpmnError is evaluated in here, so that what it throws can be told apart; any other error goes on.
_BPMN_ERROR = f"""const evaluate = eval, begins = Error.captureStackTrace;
let told;
top.BpmnError = class BpmnError extends Error {{
#code; #message;
constructor(code, message) {{
message = message === undefined || message === null ? '' : '' + message;
super(message);
if (typeof code !== 'string' || code === '') {{
const refusal = new TypeError({NO_ERROR_CODE!r});
begins(refusal, new.target);
throw refusal;
}}
this.#code = code;
this.#message = message;
}}
get name() {{ return 'BpmnError'; }}
get errorCode() {{ return this.#code; }}
getErrorCode() {{ return this.#code; }}
getMessage() {{ return this.#message || null; }}
static {{
told = function (error) {{
if (typeof error !== 'object' || error === null || !(#code in error)) return undefined;
return {{ code: error.#code, message: error.#message }};
}};
}}
}};
"""
# the class by Java's names, where no variable is called so
_BPMN_ERROR_IN_JAVA = f"""const engine = {{ delegate: {{ BpmnError: top.BpmnError }} }};
const org = {{ camunda: {{ bpm: {{ engine: engine }} }} }};
const known = {{ '{DELEGATE_PACKAGE}.BpmnError': top.BpmnError }};
const type = function (name) {{
if (own(known, name)) return known[name];
const refusal = new TypeError('scripts have no Java class ' + name);
begins(refusal, type);
throw refusal;
}};
const named = {{ org: org, Packages: {{ org: org }}, Java: {{ type: type }} }};
for (const name in named) if (!own(top, name)) top[name] = named[name];
"""
_END_THROWING = """return function (source) {
let result, thrown;
try {
result = evaluate(source);
} catch (error) {
thrown = told(error);
if (thrown === undefined) throw error;
}
if (typeof result === 'function' || typeof result === 'bigint') result = null;
return write({ result: result, written: written, removed: removed, thrown: thrown });
};
};
})()"""
# a script that reaches `execution` in another way than `execution.name` gets everything
_ROUNDABOUT = re.compile(r"\\|\beval\b|\bFunction\b|\bglobalThis\b|\bthis\b|\bexecution\b(?!\s*\.\s*[A-Za-z])")


@lru_cache(maxsize=1024)
def _harness(source: str) -> str:
    """What surrounds the script: its variables, and as much of `execution` as it can name."""
    everything = _ROUNDABOUT.search(source) is not None
    methods = {name: text for name, text in _METHODS.items() if everything or name in source}
    writes = "setVariable" in methods or "removeVariable" in methods
    throws = _throws(source)
    parts = [_BEGIN, _BPMN_ERROR if throws else "", _SHOWN_AGAIN if writes else _SHOWN_ONCE]
    if throws and (DELEGATE_PACKAGE in source or "Java" in source):
        parts.append(_BPMN_ERROR_IN_JAVA)
    if everything or "execution" in source:
        parts.append("const execution = {" + ",\n".join(f"{name}: {text}" for name, text in methods.items()) + "};\n")
        if _named_facts(source):
            parts.append(_FACTS)
        parts.append("top.execution = Object.freeze(execution);\n")
    return "".join([*parts, _END_THROWING if throws else _END])


def _throws(source: str) -> bool:
    return "BpmnError" in source


def _named_facts(source: str) -> list[str]:
    everything = _ROUNDABOUT.search(source) is not None
    return [fact for fact in FACTS if everything or fact[1:] in source]


class _Interrupted(Exception):
    """QuickJS stopped the script at its time limit."""


def run(source: str, variables: Mapping[str, Any], facts: Mapping[str, Any], limits: ScriptLimits) -> ScriptOutcome:
    """The outcome of one run in an interpreter of its own. Raises ScriptError."""
    given = _json(dict(variables))
    known = _json({fact: facts.get(fact) for fact in _named_facts(source)})
    allowed = limits.deadline_seconds
    started = time.monotonic()
    while True:
        begun = time.monotonic()
        try:
            return _outcome(_run_once(source, given, known, allowed, limits.memory_bytes))
        except _Interrupted:
            now = time.monotonic()
            if now - started >= limits.deadline_seconds * 0.95:
                raise ScriptError(f"the script ran longer than {limits.deadline_seconds:g} s") from None
            # QuickJS measures the CPU time of the whole process, so busy neighbours use up this script's allowance.
            # A run has no effect until it ends, and can be repeated with an allowance that makes up for them.
            allowed *= max(2.0, limits.deadline_seconds / max(now - begun, 0.001))


def check(source: str) -> ScriptError | None:
    """The first syntax error, or None; the script is read but not run."""
    context = _context(1.0, 64 * 1024 * 1024)
    try:
        # the throw comes before anything of the script; a syntax error in it is found before that
        context.eval("throw 0;" + source)
    except quickjs.JSException as error:
        message = str(error)
        if message.startswith("SyntaxError"):
            return _failure(message)
    return None


def _context(seconds: float, memory_bytes: int) -> Any:
    context = quickjs.Context()
    context.set_memory_limit(memory_bytes)
    context.set_max_stack_size(_STACK_BYTES)
    context.set_time_limit(seconds)
    return context


def _run_once(source: str, variables: str, facts: str, seconds: float, memory_bytes: int) -> str:
    try:
        context = _context(seconds, memory_bytes)
        finish = context.eval(_harness(source))(variables, facts)
        return str(finish(source if _throws(source) else _value_of(context, source)))
    except quickjs.StackOverflow:
        raise ScriptError("the script calls itself too deeply") from None
    except quickjs.JSException as error:
        message = str(error)
        if message.startswith("InternalError: interrupted"):
            raise _Interrupted from None
        if message.startswith(("InternalError: out of memory", "null")):
            limit = memory_bytes // (1024 * 1024)
            raise ScriptError(f"the script needs more than {limit} MiB of memory", _line(message)) from None
        raise _failure(message) from None


def _value_of(context: Any, source: str) -> Any:
    try:
        return context.eval(source)
    except TypeError:
        # the script has run; its last value is of a kind that has no JSON, a BigInt
        return None


def _failure(message: str) -> ScriptError:
    return ScriptError(message.splitlines()[0] if message else "the script failed", _line(message))


def _line(message: str) -> int:
    found = _AT_LINE.search(message)
    return int(found.group(1)) if found else 0


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError as error:
        raise ScriptError(f"a variable cannot be given to a script: {error}") from None


def _outcome(text: str) -> ScriptOutcome:
    try:
        answer = orjson.loads(text)
        thrown = answer.get("thrown")
        error = None if thrown is None else thrown_error(thrown["code"], thrown["message"])
        return outcome(answer.get("result"), answer["written"], list(answer["removed"]), error)
    except (ValueError, KeyError, AttributeError, TypeError):
        raise ScriptError("the script's result cannot be read") from None
