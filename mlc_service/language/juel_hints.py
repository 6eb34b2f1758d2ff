"""What to write instead, when an expression asks for something that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

_PACKAGE = re.compile(r"(?:java|javax|org|com)(?:\.[a-z_][\w]*)*\.([A-Z]\w*)")
_MAX_NAMES = 2_000
_WHERE_HOSTS_ARE = {
    "execution": "execution is known wherever a process instance runs",
    "task": "task is known in what belongs to a user task: its assignments, due dates and task listeners",
    "externalTask": "externalTask is known in error definitions of external tasks",
    "caseExecution": "CMMN cases are not supported",
}
# static members that authors have met in Java, and what does the same here
INSTEAD: Mapping[str, str] = {
    "LocalDate": "dateTime().toLocalDate()",
    "LocalDateTime": "dateTime()",
    "LocalTime": "dateTime().toLocalTime()",
    "ZonedDateTime": "dateTime()",
    "OffsetDateTime": "dateTime()",
    "Instant": "now()",
    "DateTime": "dateTime()",
    "Date": "now()",
    "Calendar": "dateTime()",
    "Duration": "dateTime().plusHours(1) and its like, or a timer's ISO 8601 duration",
    "Period": "dateTime().plusDays(1) and its like",
    "DateTimeFormatter": "dateTime().toString('yyyy-MM-dd')",
    "SimpleDateFormat": "dateTime().toString('yyyy-MM-dd')",
    "System": "now().getTime() for the time; the environment cannot be read",
    "Math": "operators and ? : (for example a > b ? a : b), or a script",
    "Integer": "arithmetic, which reads a text as a number ('5' + 1)",
    "Long": "arithmetic, which reads a text as a number ('5' + 1)",
    "Double": "arithmetic, which reads a text as a number ('1.5' * 2)",
    "BigDecimal": "arithmetic, which works in Double and Long",
    "Boolean": "a comparison such as x == 'true'",
    "String": "value.toString(), or text around ${value}",
    "Arrays": "text.split(',')",
    "Collections": "JSON('[]')",
    "List": "JSON('[1, 2]').elements()",
    "Map": "JSON('{\"a\": 1}')",
    "HashMap": "JSON('{}') or a map input parameter",
    "ArrayList": "JSON('[]') or a list input parameter",
    "Objects": "==, which is safe with null",
    "Optional": "empty x ? 'other' : x",
    "StringUtils": "empty x, x.trim(), x.contains(…)",
    "UUID": "execution.id, or a script",
    "Spin": "S(x), JSON(x), XML(x)",
    "Variables": "the value itself; its type follows from it",
    "Runtime": "a service task",
    "Thread": "a timer",
}


def for_name(text: str, name: str, column: int, names: Mapping[str, Any]) -> str:
    """A sentence to add when no variable of that name exists; "" if there is nothing to say."""
    static = static_member(text, name, column)
    if static:
        return f"; {static}"
    if name in _WHERE_HOSTS_ARE:
        return f"; {_WHERE_HOSTS_ARE[name]}"
    near = near_names(name, names)
    return f"; did you mean {near}?" if near else ""


def static_member(text: str, name: str, column: int) -> str:
    """What to write instead of `java.time.LocalDate.now()` or `Math.max(1, 2)`, if the name begins such a thing."""
    qualified = _PACKAGE.match(text, column - 1)
    simple = qualified.group(1) if qualified else name
    if qualified is None and simple not in INSTEAD:
        return ""
    instead = INSTEAD.get(simple)
    return f"Java classes cannot be reached ({simple})" + (f"; use {instead}" if instead else "; use a script")


def near_names(name: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, quoted; "" if none is near."""
    candidates: list[str] = []
    for one in known:
        if isinstance(one, str) and not one.startswith("__"):
            candidates.append(one)
        if len(candidates) >= _MAX_NAMES:
            break
    for one in candidates:
        if one.lower() == name.lower():
            return f"'{one}'"
    near = get_close_matches(name, candidates, 1, 0.7)
    return f"'{near[0]}'" if near else ""
