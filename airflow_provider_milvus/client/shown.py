"""What an error may quote of a connection's values: nothing that may hold a secret."""

from __future__ import annotations

import re
from typing import Any

NOT_SHOWN = "(not shown here, as it may hold a secret)"
# Longer texts are more likely a key in the wrong field than a number or a name that was misspelt.
_LONGEST_SHOWN = 24
_PATH = re.compile(r"[/~.][\w./~ +-]{1,120}|[A-Za-z]:\\[\w.\\ -]{1,120}|[\w./-]{1,80}\.(pem|crt|cer|key)")


def shown(value: Any) -> str:
    """A short setting as it was given, or a stand-in for what may be something else."""
    text = repr(value)
    short = isinstance(value, str | int | float | None) and len(text) <= _LONGEST_SHOWN
    return text if short else f"a {type(value).__name__} {NOT_SHOWN}"


def shown_path(path: Any) -> str:
    """A path as it was given, or a stand-in for what may be a certificate or a key that was pasted."""
    text = str(path)
    return repr(text) if _PATH.fullmatch(text) else NOT_SHOWN
