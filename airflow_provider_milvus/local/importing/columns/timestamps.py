"""Timestamps with a time zone, in the layouts that Milvus reads (`pkg/util/timestamptz/timestamptz.go`)."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(T| +)(\d{1,2}):(\d{2}):(\d{2})(?:[.,](\d+))?(Z|([+-])(\d{2})(?::(\d{2}))?)?", re.ASCII
)
_MIN_OFFSET, _MAX_OFFSET = timedelta(hours=-12), timedelta(hours=14)


def parse_timestamp(text: str, zone: tzinfo) -> int:
    """Microseconds since 1970. A text without an offset is in `zone`. Raises ValueError."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid timestamp string: {text!r}. Does not match any known format")
    year, month, day, separator, hour, minute, second, fraction, offset, sign, hours, minutes = match.groups()
    if separator == "T" and hours is not None and minutes is None:
        raise ValueError(f"invalid timestamp string: {text!r}. Does not match any known format")
    if offset is None:
        where = zone
    elif sign is None:
        where = UTC
    else:
        shift = timedelta(hours=int(hours), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
        if not _MIN_OFFSET <= shift <= _MAX_OFFSET or int(minutes or 0) > 60:
            raise ValueError(f"UTC offset of {text!r} is out of the valid range [-12, 14]")
        where = timezone(shift)
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), micros, where)
        return (moment - EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"invalid timestamp string: {text!r}: {error}") from None


def timestamp_text(micros: int) -> str:
    """A point in time as text."""
    return (EPOCH + timedelta(microseconds=micros)).isoformat()
