"""Times as Camunda writes them: `2013-01-23T13:42:42.657+0200`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

# A plus sign that nobody encoded arrives as a blank in a query string.
_FORM = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+\- ]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)


def format_moment(moment: datetime | None) -> str | None:
    """Milliseconds, UTC, an offset without colon; None stays None."""
    if moment is None:
        return None
    moment = moment.astimezone(UTC)
    # not strftime: %Y does not pad years below 1000 on every platform
    return (
        f"{moment.year:04}-{moment.month:02}-{moment.day:02}T{moment.hour:02}:{moment.minute:02}:"
        f"{moment.second:02}.{moment.microsecond // 1000:03}+0000"
    )


def parse_moment(text: str) -> datetime:
    """The moment in UTC. Accepts `Z`, an offset with or without colon, and no offset at all, which is UTC.

    Raises ValueError.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a date such as 2013-01-23T13:42:42.657+0200")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    microsecond = int((fraction or "0").ljust(6, "0")[:6])
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), microsecond,
            _zone(offset),
        )  # fmt: skip
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a date: {error}") from error


def _zone(offset: str | None) -> timezone:
    if offset is None or offset == "Z":
        return UTC
    digits = offset[1:].replace(":", "").ljust(4, "0")
    distance = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-distance if offset[0] == "-" else distance)
