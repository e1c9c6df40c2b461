"""What databases, collections, aliases, partitions, fields and indexes may be called.

The rules and texts are those of Milvus's `internal/proxy/util.go` and `pkg/common/keywords.go`. Milvus Lite takes
nearly any name, and makes folders and files of them.
"""

import re

from milvus_lite.exceptions import SchemaValidationError

MAX_BYTES = 255
NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
INDEX_NAME = re.compile(r"[A-Za-z_][\w\[\]]*", re.ASCII)
PARTITION_NAME = re.compile(r"\w[\w-]*", re.ASCII)
FIRST = re.compile(r"[A-Za-z_]", re.ASCII)
RESERVED = ("RowID", "Timestamp", "__virtual_pk__", "$namespace_id")
ANY_CASE = "exists json_contains json_contains_all json_contains_any array_contains array_contains_all"
KEYWORDS = frozenset(
    word
    for lower in f"{ANY_CASE} array_contains_any array_length true false text_match phrase_match random_sample".split()
    for word in (lower, lower.upper())
) | {"$meta", "like", "and", "or", "not", "in", "True", "False"}
INVALID_PARAMETER, INVALID_DATABASE_NAME, INVALID_FIELD_NAME = 1100, 802, 1701


class InvalidName(SchemaValidationError):  # type: ignore[misc]
    """A name that Milvus refuses, with the code that it refuses it with."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def check_collection_name(name: str, kind: str = "name") -> None:
    """Raises InvalidName; `kind` is what it is of a collection: its name or an alias."""
    problem = _problem(name, f"a collection {kind}", f"collection {kind}")
    if problem:
        raise InvalidName(INVALID_PARAMETER, f"Invalid collection {kind}: {name}.  {problem}: invalid parameter")


def check_database_name(name: str) -> None:
    """Raises InvalidName."""
    problem = _problem(name, "a database name", "database name")
    if problem:
        raise InvalidName(INVALID_DATABASE_NAME, f"{problem}: invalid database name[database={name}]")


def check_field_name(name: str) -> None:
    """Raises InvalidName, for keywords of filters and names of system fields too."""
    problem = _problem(name, "a field name", "field name")
    if problem:
        problem = f"Invalid field name: {name}. {problem[0].upper()}{problem[1:]}."
    elif name in RESERVED:
        problem = f'field name "{name}" is reserved for internal use and cannot be used in user schemas'
    elif name in KEYWORDS or name.lower() == "null":
        problem = f"Invalid field name: {name}. {name} is keyword in milvus."
    if problem:
        raise InvalidName(INVALID_FIELD_NAME, f"{problem}: field name invalid[field={name}]")


def check_partition_name(name: str) -> None:
    """Raises InvalidName. Milvus Lite would make and remove a folder of that name, "../x" too."""
    if len(name.encode()) > MAX_BYTES or not PARTITION_NAME.fullmatch(name):
        first = "The first character of a partition name must be an underscore or letter."
        others = "Partition name can only contain numbers, letters and underscores."
        problem = others if PARTITION_NAME.match(name) else first
        raise InvalidName(INVALID_PARAMETER, f"Invalid partition name: {name}. {problem}: invalid parameter")


def check_index_name(name: str) -> None:
    """Raises InvalidName; without a name an index is called after its field."""
    if name and (len(name.encode()) > MAX_BYTES or not INDEX_NAME.fullmatch(name)):
        first = "The first character of a index name must be an underscore or letter."
        others = "Index name can only contain numbers, letters, and underscores."
        problem = others if FIRST.match(name) else first
        raise InvalidName(INVALID_PARAMETER, f"Invalid index name: {name}. {problem}: invalid parameter")


def _problem(name: str, one: str, kind: str) -> str:
    if not name:
        return f"{kind} couldn't be empty"
    if len(name.encode()) > MAX_BYTES:
        return f"the length of {one} must be less than {MAX_BYTES} characters"
    if not FIRST.match(name):
        return f"the first character of {one} must be an underscore or letter"
    return "" if NAME.fullmatch(name) else f"{kind} can only contain numbers, letters and underscores"
