"""Keep secrets out of the texts of servers and HTTP libraries.

A server may quote a token in an error, a proxy the header it did not like, an HTTP library the value it could not send;
and each of them may escape it in a way of its own. So every text is redacted after it has been decoded, and every
character of a secret is recognised in all its usual escapes.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urlsplit

from airflow_provider_milvus.rest.decoding import MASK

# A shorter secret is replaced only where it stands alone, or it would be replaced in the middle of ordinary words.
SHORTEST_PART = 4
# A longer secret is no ordinary word, even if it consists of letters alone.
LONGEST_WORD = 16
_ESCAPE_LETTERS = {"\t": "t", "\r": "r", "\n": "n", "\f": "f", "\b": "b"}
_CORE = re.compile("[A-Za-z0-9]+")
_PRINTABLE = re.compile("[!-~]+")
_BETWEEN_DELIMITERS = re.compile(r"[^\[\]/?#@]+")  # of a URL
# What begins an escape of a letter or a digit, and such an escape: of JSON, Python, URLs or HTML.
_MARKERS = ("\\u", "\\x", "%", "&#")
_ESCAPED = re.compile(
    r"[\\%&](?:(?:(?<=%)|(?<=(?<!\\)\\)\\*+(?:u00|x))([3-7][0-9A-Fa-f])"
    r"|(?<=&)#(?:[xX]0*+([3-7][0-9A-Fa-f])|0*+([0-9]{2,3}+));?)"
)
_ALONE_LEFT = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\[nrt]))"
_ALONE_RIGHT = "(?![A-Za-z0-9])"


class Redactor:
    """Replaces secrets by ``***``; more of them can be added at any time, and are kept."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.secrets: frozenset[str] = frozenset()
        self._cores: frozenset[str] = frozenset()
        self._in_text = self._in_name = re.compile("(?!)")
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> bool:
        """Redact these from now on as well; whether there is a new one among them."""
        found = self.secrets.union(secret for secret in secrets if secret.strip())
        if found == self.secrets:
            return False
        sought = found.union(*map(_parts, found))
        self._in_text = _pattern(sought)
        self._in_name = _pattern({secret for secret in found if not _is_word(secret)})
        self._cores = frozenset(max(_CORE.findall(secret), key=len, default="") for secret in sought)
        self.secrets = found
        return True

    def text(self, text: str) -> str:
        """A text without any secret."""
        return self._redacted(text, self._in_text)

    def name(self, text: str) -> str:
        """A name of a job, a collection or a file without secrets.

        By it jobs are recognised, so a password that is an ordinary word stays: it discloses nothing there.
        """
        return self._redacted(text, self._in_name)

    def may_occur(self, text: str) -> bool:
        """Whether a secret may occur in a JSON text, in which any character can be escaped."""
        return bool(self.secrets) and (_may_have_escapes(text) or self._has_core(text))

    def _redacted(self, text: str, pattern: re.Pattern[str]) -> str:
        if self._has_core(text):
            text = pattern.sub(MASK, text)
        if self.secrets and _may_have_escapes(text):
            unescaped = _ESCAPED.sub(_unescaped, text)
            # Without a secret the text stays as it was written.
            if unescaped != text and self._has_core(unescaped) and pattern.search(unescaped):
                return pattern.sub(MASK, unescaped)
        return text

    def _has_core(self, text: str) -> bool:
        # A quick search, which misses only letters and digits that are escaped.
        return any(core in text for core in self._cores)


def parts_of_token(token: str) -> set[str]:
    """A token, and the parts of it that are secrets by themselves. A user's name is not one, its password is."""
    password = token.partition(":")[2]
    return {secret for secret in (token, password, *_base64(token)) if secret}


def secrets_of_url(url: str) -> set[str]:
    """The credentials in a URL, as they are written in it and as they are sent."""
    try:
        credentials, at, _ = urlsplit(url).netloc.rpartition("@")
    except ValueError:
        return set()
    return parts_of_token(credentials) | parts_of_token(unquote(credentials)) if at else set()


def _base64(token: str) -> set[str]:
    """What an ``Authorization: Basic`` header has of a user and a password."""
    if ":" not in token:
        return set()
    return {encode(token.encode()).decode().rstrip("=") for encode in (base64.b64encode, base64.urlsafe_b64encode)}


def _may_have_escapes(text: str) -> bool:
    return any(marker in text for marker in _MARKERS)


def _unescaped(escape: re.Match[str]) -> str:
    """The letter or digit that is escaped; anything else stays, as patterns know its escapes."""
    hexadecimal, html_hexadecimal, html_decimal = escape.groups()
    character = chr(int(html_decimal) if html_decimal else int(hexadecimal or html_hexadecimal, 16))
    return character if character.isascii() and character.isalnum() else escape[0]


def _parts(secret: str) -> Iterator[str]:
    """What may be left of a secret where HTTP libraries drop what is not ASCII, or split a text at white space, or a
    URL at its delimiters. What is before a colon can be the name of a user, which is no secret.
    """
    for printable in _PRINTABLE.findall(secret):
        of_url = _BETWEEN_DELIMITERS.findall(printable)
        for part in (printable, *of_url, *(part.rpartition(":")[2] for part in of_url)):
            if len(part) >= SHORTEST_PART and not part.isalpha():
                yield part


def _is_word(secret: str) -> bool:
    return len(secret) < LONGEST_WORD and (secret.isalpha() or secret.isdigit())


def _pattern(secrets: Iterable[str]) -> re.Pattern[str]:
    """Finds each secret in each of its escapes, the longest first."""
    ordered = sorted(secrets, key=lambda secret: (-len(secret), secret))
    return re.compile("|".join(map(_one, ordered)) or "(?!)")


def _one(secret: str) -> str:
    # Within a run of backslashes the search begins once, or it would take hours for a long one.
    first = _character(secret[0]).replace(r"\\*", r"(?<!\\)\\*").replace(r"\\+", r"(?<!\\)\\+")
    pattern = first + "".join(map(_character, secret[1:]))
    if len(secret) < SHORTEST_PART:
        return f"{_ALONE_LEFT}{pattern}{_ALONE_RIGHT}"
    # A number may be a part of a job's id.
    return f"(?<![0-9]){pattern}(?![0-9])" if secret.isdigit() else pattern


def _character(character: str) -> str:
    if character.isascii() and character.isalnum():
        return character
    data = character.encode("utf-8", "surrogatepass")
    units = character.encode("utf-16-be", "surrogatepass")
    percent = "".join(f"%{byte:02x}" for byte in data)
    python = "".join(rf"\\+x{byte:02x}" for byte in data)
    forms = {
        rf"\\*{re.escape(character)}",  # a backslash before it, or several in JSON within JSON
        "".join(rf"\\+u(?i:{units[i : i + 2].hex()})" for i in range(0, len(units), 2)),
        f"(?i:{percent})",
        f"(?i:{python})",
        re.escape(html.escape(character)),
        f"&#0*{ord(character)};",
        f"(?i:&#x0*{ord(character):x};)",
        re.escape(data.decode("latin-1")),
    }
    if character == " ":
        forms.add(r"\+")
    if letter := _ESCAPE_LETTERS.get(character):
        forms.add(rf"\\+{letter}")
    return f"(?:{'|'.join(sorted(forms, key=len, reverse=True))})"
