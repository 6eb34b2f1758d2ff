"""The sentences of docs/decisions.md that no code can tell: one line for each function and hit policy."""

from __future__ import annotations

THEMES = {
    "numbers": "Numbers and logic",
    "texts": "Texts",
    "lists": "Lists",
    "contexts": "Contexts",
    "temporal": "Dates, times and durations",
    "ranges": "Ranges",
}
MEANINGS = {
    "number": "The number written in a text, with the separators given.",
    "decimal": "The number to that many decimals, halves to the even digit.",
    "floor": "The next lower number of that many decimals, else the next lower whole number.",
    "ceiling": "The next higher number of that many decimals, else the next higher whole number.",
    "round up": "The number to that many decimals, away from zero.",
    "round down": "The number to that many decimals, towards zero.",
    "round half up": "The number to that many decimals, halves away from zero.",
    "round half down": "The number to that many decimals, halves towards zero.",
    "abs": "The number or duration without its sign.",
    "modulo": "The rest of a division, with the sign of the divisor.",
    "sqrt": "The square root.",
    "log": "The natural logarithm.",
    "exp": "e to that power.",
    "odd": "Whether the whole number is odd.",
    "even": "Whether the whole number is even.",
    "not": "True for false, false for true, else null.",
    "is": "Whether both are the same value of the same type, zones and offsets included.",
    "string": "The value as text; null stays null.",
    "substring": "The text from that position, from 1, or from -1 backwards; so many characters if a length is given.",
    "string length": "The number of characters (code points).",
    "upper case": "The text in capitals.",
    "lower case": "The text in small letters.",
    "trim": "The text without white space at its ends.",
    "substring before": "What stands before the first match; an empty text if there is none.",
    "substring after": "What stands behind the first match; an empty text if there is none.",
    "contains": "Whether the match is in the text.",
    "starts with": "Whether the text begins with the match.",
    "ends with": "Whether the text ends with the match.",
    "matches": "Whether the XPath pattern is found in the text; flags `s m i x q`.",
    "replace": "The text with every match of the XPath pattern replaced; `$1` stands for a group.",
    "split": "The pieces between the matches of the XPath pattern.",
    "string join": "The texts of a list in one, with the delimiter between; nulls are left out.",
    "count": "How many items.",
    "min": "The least item.",
    "max": "The greatest item.",
    "sum": "The sum of numbers or durations; null for no items.",
    "mean": "The arithmetic mean of numbers or durations.",
    "product": "The product of numbers.",
    "median": "The middle number, or the mean of the two in the middle.",
    "stddev": "The standard deviation of a sample.",
    "mode": "The most frequent numbers, in order.",
    "all": "Whether all items are true, in three-valued logic.",
    "any": "Whether any item is true, in three-valued logic.",
    "list contains": "Whether an item equals the element.",
    "append": "The list with further items.",
    "concatenate": "The lists one after the other.",
    "union": "The lists one after the other, each value once.",
    "distinct values": "Each value once.",
    "duplicate values": "The values that are there more than once, each once.",
    "flatten": "The list with the items of inner lists in their place.",
    "reverse": "The list backwards.",
    "index of": "The positions of the match, from 1.",
    "sublist": "The items from that position; so many if a length is given.",
    "insert before": "The list with an item before that position.",
    "remove": "The list without the item at that position.",
    "list replace": "The list with another item at that position, or wherever `match(old, new)` is true.",
    "sort": "The list in order, or in that of `precedes(a, b)`.",
    "get value": "The value of a key, or at the end of a path of keys.",
    "get entries": "A list of `{key, value}`.",
    "context": "The context of such a list.",
    "context put": "The context with another value for a key, or at the end of a path of keys.",
    "context merge": "The contexts in one; the last one to have a key decides.",
    "date": "A date, from a text, a point in time, or year, month and day.",
    "time": "A time of day, from a text, a point in time, or its parts.",
    "date and time": "A point in time, from a text, or a date and a time.",
    "duration": "A duration, from an ISO 8601 text.",
    "years and months duration": "The whole months from one day to another.",
    "now": "The moment of the evaluation, which the caller gives as `__now__`; null without.",
    "today": "The day of that moment.",
    "day of week": "Monday to Sunday.",
    "month of year": "January to December.",
    "day of year": "1 to 366.",
    "week of year": "1 to 53, by ISO 8601.",
    "last day of month": "The last day of the month.",
    "range": "The range written in a text, its ends literals.",
    "before": "Whether the first lies before the second; either may be a point or a range, as below.",
    "after": "Whether the first lies after the second.",
    "meets": "Whether the first ends where the second starts.",
    "met by": "Whether the second ends where the first starts.",
    "overlaps": "Whether they have a point in common.",
    "overlaps before": "Whether they overlap and the first starts and ends first.",
    "overlaps after": "Whether they overlap and the first starts and ends last.",
    "finishes": "Whether the first ends with the second and does not start before it.",
    "finished by": "Whether the second finishes the first.",
    "starts": "Whether the first starts with the second and does not end behind it.",
    "started by": "Whether the second starts the first.",
    "includes": "Whether the second lies inside the first.",
    "during": "Whether the first lies inside the second.",
    "coincides": "Whether both are the same.",
}
POLICIES = {
    "UNIQUE": "One rule may hold; more are an error that names them. The default.",
    "ANY": "Several may hold if all answer the same; one row.",
    "FIRST": "The first rule that holds, in the order of the table.",
    "PRIORITY": "The row whose outputs stand first in the output values; first column first.",
    "RULE ORDER": "All rows, in the order of the table.",
    "OUTPUT ORDER": "All rows, in the order of the output values.",
    "COLLECT": "All rows, in the order of the table.",
    "COLLECT SUM": "One row: the sum of the only output column.",
    "COLLECT MIN": "One row: the least value.",
    "COLLECT MAX": "One row: the greatest value.",
    "COLLECT COUNT": "One row: how many rules hold.",
}
INTRODUCTION = """# Decisions

What may stand in a DMN file. Written by `python -m mlc_service.dmn.page > docs/decisions.md`; a test keeps it so.
How decisions are called from a process is in [writing processes](writing-processes.md).

## Files

{files}

A file may hold decision tables, literal expressions, and the boxed expressions context, list, relation, invocation,
function, conditional, filter, for, some and every; required decisions; business knowledge models; decision services;
types of its own; `camunda:inputVariable`, `camunda:versionTag`, `camunda:historyTimeToLive` (optional). A decision's
key is its id, or its name if it has none, with a warning. A decision without logic has the value of the variable of
its name. Imports of DMN files are resolved among the files given to the parser.

## Cells

| `expressionLanguage` | what a cell is |
|---|---|
| none, `feel`, a FEEL address | an input cell: FEEL unary tests. Any other cell: a FEEL expression |
| `juel` | Camunda's expressions, with or without `${{}}` |
| {languages} | a script whose last value counts, run in its sandbox |

Outside FEEL an input cell sees the column's value as `cellInput` and under the name of the input variable. It holds if
it answers true, or the value itself. A variable that nobody set is null: a metric that was not measured must not stop
the decision. In FEEL null is neither below nor above anything.

Column types: `string boolean number integer long double date time dateTime`, `date and time`, `days and time duration`,
`years and months duration`, their `dayTimeDuration` and `yearMonthDuration`, and those of the file. Values are
converted as in Camunda; what cannot be is an error that names decision, rule and cell. The value of a decision that is
no table is converted so in files of DMN 1.1 to 1.3, which Camunda 7 reads; in those of 1.4 and 1.5 the number 2 is no
string, and an error.
"""
MISSING = """## Not there

- Functions of kind PMML. Of Java, only these pure methods can be named from `external`: {java}.
- `allowedValues` and `typeConstraint` are not checked.
- XPath patterns know {blocks} blocks of Unicode by name (`\\p{{IsGreek}}`), those of living scripts that authors use.
- PMML and XSD imports; Excel files.
"""
