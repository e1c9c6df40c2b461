"""What the file readers of each version of Milvus take; docs/files.md has the table with its sources."""

from __future__ import annotations

from dataclasses import dataclass, replace

NEWEST = "3.0"


@dataclass(frozen=True)
class ReaderRules:
    """Where the readers of the versions differ.

    :param version: of Milvus, such as ``"2.6"``.
    :param extensions: the file types that can be imported.
    :param skips_unknown: whether columns and keys that no field has are skipped; else they are refused (from 2.6).
    :param fixed_size_lists: whether Parquet may hold FixedSizeList (from the releases with milvus#49683).
    :param numpy_nulls: whether NumPy files may be loaded where a field is nullable, or may lack a field (from 2.6).
    :param csv_defaults: whether CSV may lack a nullable field or one with a default, and whether the null key
        stands for a default value (from 2.6).
    :param null_elements: whether a null within a list of a Parquet file is read as zero, False or "" (until 2.5).
    """

    version: str
    extensions: tuple[str, ...] = (".parquet", ".json", ".jsonl", ".ndjson", ".csv", ".npy")
    skips_unknown: bool = True
    fixed_size_lists: bool = True
    numpy_nulls: bool = True
    csv_defaults: bool = True
    null_elements: bool = False


_2_6 = ReaderRules("2.6")
_2_5 = ReaderRules(
    "2.5",
    extensions=(".parquet", ".json", ".csv", ".npy"),
    skips_unknown=False,
    fixed_size_lists=False,
    numpy_nulls=False,
    csv_defaults=False,
    null_elements=True,
)
_2_4 = replace(_2_5, version="2.4", extensions=(".parquet", ".json", ".npy"))
RULES = {rules.version: rules for rules in (_2_4, _2_5, _2_6, replace(_2_6, version=NEWEST))}


def rules_of(version: str | None) -> ReaderRules:
    """The rules of a version, of which major and minor number count; ``None`` is the newest.

    :raises ValueError: for a version that has none.
    """
    if version is None:
        return RULES[NEWEST]
    parts = str(version).removeprefix("v").split(".")
    found = RULES.get(".".join(parts[:2]))
    if found is not None:
        return found
    if all(part.isdecimal() for part in parts[:2]) and len(parts) > 1 and (int(parts[0]), int(parts[1])) > (3, 0):
        return RULES[NEWEST]
    raise ValueError(f"milvus_version must be one of {', '.join(RULES)}, or a newer one, got {version!r}")
