"""The sentences of docs/expressions.md that no table of the evaluator holds: operators, coercions, what differs."""

from __future__ import annotations

from collections.abc import Mapping

# what Camunda 7.24 does otherwise; test_juel_conformance.py holds an example of each
DIFFERENCES: Mapping[str, str] = {
    "overflow": "A whole number beyond 64 bits is refused; Java wraps around in silence.",
    "enums": (
        "An enum is its name as text: `status == 'ACTIVE'`, `status.toString()`, `status.name()` work, and so does "
        "`status.equals('ACTIVE')`, which is false in Java. A name that the enum does not have is unequal, not an "
        "error. There is no `ordinal()`."
    ),
    "beans": (
        "Java objects are JSON here: `job.jobStatus` and `job.getJobStatus()` read the key, and a key that is not "
        "there is null, since JSON leaves null properties out. Camunda refuses a property that the class does not "
        "have."
    ),
    "numbers": (
        "`equals`, `contains`, `indexOf` and `compareTo` hold equal numbers equal; Java keeps Integer and Long "
        "apart, so that `n.equals(5)` is false there."
    ),
    "lenient": (
        "Read here, refused there: `${…}` and `#{…}` in one text, `a ? b:f()` without spaces, `order.empty` (a "
        "reserved word after a dot), numbers where a method wants text (`s.contains(5)`), and data that is no text "
        "in `S(x)` and `JSON(x)`."
    ),
    "dates": (
        "A Date and a Joda DateTime are one kind here, with the methods of both. Written as text it is ISO 8601 "
        "(`2026-11-21T08:56:00.000Z`) where java.util.Date writes `Sat Nov 21 08:56:00 UTC 2026`; its `year` is the"
        " year of the calendar, not counted from 1900."
    ),
    "characters": "`length()` and indexes count characters; Java counts UTF-16 units, so an emoji is 2 there.",
    "closed": (
        "Only the methods on this page exist. `getClass()`, `hashCode()`, streams, Joda's field properties and "
        "everything else of Java's library cannot be reached, and neither can static members."
    ),
    "reading": (
        "Values are read, not changed: `put`, `add`, `append`, `remove`, `prop(name, value)` are refused. Variables"
        " are written with `execution.setVariable`."
    ),
    "xml": "An XML element written as text stands as it was read; Spin indents it anew.",
    "patterns": (
        "Regular expressions are matched by another engine: leading `(?i)`, `(?s)`, `(?m)`, `\\p{Alpha}` and its "
        "like, `\\Q…\\E`, groups and look-around work; possessive quantifiers and atomic groups do not."
    ),
}

OPERATORS = (
    ("`a.b` `a['b']` `a[0]`", "property, map key, list index; null if `a` is null or has no such entry"),
    ("`a.f(x)` `a['f'](x)`", "method; an error if `a` is null"),
    ("`-a` `not a` `!a` `empty a`", "sign; negation; null, `''`, or a list or map without elements"),
    ("`*` `/` `div` `%` `mod`", "division always gives a Double"),
    ("`+` `-`", "numbers only; texts that read as numbers count, null and `''` are 0. To join texts write `${a}${b}`"),
    ("`<` `lt` `>` `gt` `<=` `le` `>=` `ge`", "with null always false, except that null `<=` null"),
    ("`==` `eq` `!=` `ne`", "null equals only null"),
    ("`&&` `and`", "the right side is asked only if the left is true"),
    ("`||` `or`", "the right side is asked only if the left is false"),
    ("`a ? b : c`", "only the branch taken is worked out"),
)
COERCIONS = (
    ("Boolean", "null and `''` are false; a text is true if it reads `true` in any case; anything else is an error"),
    ("Long", "null and `''` are 0; a Double is cut off; a text must be a whole number of 64 bits"),
    ("Double", "null and `''` are 0.0; a text as Java reads it (`1.5`, `1e3`, `NaN`)"),
    (
        "text",
        "null is `''`; a Double as Java writes it (`1.0E7`); lists `[a, b]`, maps `{a=1}`; dates ISO 8601; Spin JSON "
        "as JSON",
    ),
)
COMPARED = (
    "`==` and the orderings take the first kind that fits: either side a Double, both become Double; either side a "
    "whole number, both Long; either side a Boolean (`==` only), both Boolean; either side a text, both text; dates"
    " by time. A text that does not become the wanted kind is an error: `n == 'abc'` fails if `n` is a number."
)
SCRIPT_ERRORS = (
    "A script throws a BPMN error by Camunda's `BpmnError`. What it wrote until then stays written, and it has no",
    "result. The message may be left out; without a code, the script has failed. A script that catches its error goes",
    "on. In a decision table, where nothing can catch it, a BPMN error is a failure.",
)
SCRIPT_THROWS = (
    (
        "`groovy`",
        "`throw new org.camunda.bpm.engine.delegate.BpmnError('code', 'message')`, also after an import, and as the "
        "cause of another exception",
    ),
    (
        "`javascript`",
        "`throw new BpmnError('code', 'message')`, also by Java's name, by `Packages.…` and by `Java.type('…')`; "
        "caught, it has `errorCode` and `message`",
    ),
    (
        "`python`",
        "`raise BpmnError('code', 'message')`, also after `from org.camunda.bpm.engine.delegate import BpmnError`; "
        "caught, `str(error)` tells both",
    ),
    ("`python-full`", "as in `python`; caught, it has `code` and `message`"),
    ("`juel`, `feel`", "cannot throw"),
)
