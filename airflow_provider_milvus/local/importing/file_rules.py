"""What the file readers of each version of Milvus take (`internal/util/importutilv2`); docs/files.md has the table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FileRules:
    """Where the readers of the versions differ.

    :param skips_unknown: whether columns and keys that no field has are skipped; else they are refused (from 2.6).
    :param fixed_size_lists: whether Parquet may hold FixedSizeList (from the releases with milvus#49683).
    :param numpy_nulls: whether NumPy files may be loaded where a field is nullable, or may lack a field (from 2.6).
    :param csv_defaults: whether CSV may lack a nullable field or one with a default, and whether the null key
        stands for a default value (from 2.6).
    :param float_halves: whether Parquet and NumPy may hold floats for Float16 and BFloat16 vectors (from 3.0).
    :param null_elements: whether a null within a list of a Parquet file is read as zero, False or "" (until 2.5).
    """

    skips_unknown: bool = True
    fixed_size_lists: bool = True
    numpy_nulls: bool = True
    csv_defaults: bool = True
    float_halves: bool = True
    null_elements: bool = False


UNTIL_2_5 = FileRules(
    skips_unknown=False,
    fixed_size_lists=False,
    numpy_nulls=False,
    csv_defaults=False,
    float_halves=False,
    null_elements=True,
)
SINCE_2_6 = FileRules(float_halves=False)
SINCE_3_0 = FileRules()
