"""Numbers and booleans as Go's `strconv` reads them, which is how Milvus reads the cells of CSV files."""

import re

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DIGITS = r"[0-9](?:_?[0-9])*"
_DECIMAL = re.compile(rf"[+-]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?", re.ASCII)
_HEX = r"[0-9a-fA-F](?:_?[0-9a-fA-F])*"
_HEXADECIMAL = re.compile(rf"[+-]?0[xX]_?(?:{_HEX}(?:\.(?:{_HEX})?)?|\.{_HEX})[pP][+-]?{_DIGITS}", re.ASCII)
_UNSIGNED = re.compile(
    r"0[xX](?P<x>(?:_?[0-9a-fA-F])+)|0[bB](?P<b>(?:_?[01])+)|(?:0[oO]|0)(?P<o>(?:_?[0-7])+)|(?P<d>0|[1-9](?:_?[0-9])*)",
    re.ASCII,
)
_BASES = {"x": 16, "b": 2, "o": 8, "d": 10}
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


def parse_bool(text: str) -> bool:
    """As `strconv.ParseBool`. Raises ValueError."""
    if text not in _BOOLEANS:
        raise ValueError(f"{text!r} is not a boolean")
    return _BOOLEANS[text]


def parse_int(text: str) -> int:
    """As `strconv.ParseInt` to base 10, of any size. Raises ValueError."""
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{text!r} is not an integer")
    return int(text)


def parse_float(text: str) -> float:
    """As `strconv.ParseFloat`, without NaN and infinity, which Milvus refuses afterwards. Raises ValueError."""
    if _DECIMAL.fullmatch(text):
        number = float(text)
    elif _HEXADECIMAL.fullmatch(text):
        try:
            number = float.fromhex(text.replace("_", ""))
        except OverflowError:
            number = float("inf")
    else:
        raise ValueError(f"{text!r} is not a number")
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text!r} is out of range")
    return number


def parse_uint32(text: str) -> int:
    """As `strconv.ParseUint` to base 0, with 32 bits. Raises ValueError."""
    match = _UNSIGNED.fullmatch(text)
    if match is None or match.lastgroup is None:
        raise ValueError(f"{text!r} is not an unsigned integer")
    number = int(match[match.lastgroup].replace("_", ""), _BASES[match.lastgroup])
    if number >= 1 << 32:
        raise ValueError(f"{text!r} is out of range")
    return number
