"""Which types of a file go into which fields: Milvus's tables, every combination.

Parquet: `isArrowDataTypeConvertible`, internal/util/importutilv2/parquet/util.go:271 (249 in 2.6, 123 in 2.5).
NumPy: `validateHeader`, internal/util/importutilv2/numpy/util.go:282.
"""

import numpy as np
import pyarrow as pa
import pytest
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns import Converter
from airflow_provider_milvus.local.importing.file_rules import SINCE_2_6, UNTIL_2_5
from airflow_provider_milvus.local.importing.readers import open_reader

ID = FieldSchema("id", DataType.INT64, is_primary=True)
VERSIONS = {"2.5": UNTIL_2_5, "2.6": SINCE_2_6}

ARROW_TYPES = {
    "bool": pa.bool_(),
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint8": pa.uint8(),
    "uint16": pa.uint16(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "float16": pa.float16(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "string": pa.string(),
    "large_string": pa.large_string(),
    "binary": pa.binary(),
    "large_binary": pa.large_binary(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamp_utc": pa.timestamp("us", "UTC"),
    "decimal": pa.decimal128(9, 2),
    "struct": pa.struct([("a", pa.int64())]),
    "map": pa.map_(pa.int64(), pa.float32()),
    "sparse": pa.struct([("indices", pa.list_(pa.uint32())), ("values", pa.list_(pa.float32()))]),
    "sparse64": pa.struct([("indices", pa.list_(pa.int64())), ("values", pa.list_(pa.float64()))]),
    "sparse_int16": pa.struct([("indices", pa.list_(pa.int16())), ("values", pa.list_(pa.float32()))]),
    "sparse_large": pa.struct([("indices", pa.large_list(pa.uint32())), ("values", pa.list_(pa.float32()))]),
    "sparse_half": pa.struct([("indices", pa.list_(pa.uint32()))]),
}
SMALL = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
ELEMENTS = (*SMALL, "float16", "float32", "float64", "string", "large_string", "binary")
for name in ELEMENTS:
    ARROW_TYPES[f"list<{name}>"] = pa.list_(ARROW_TYPES[name])
    ARROW_TYPES[f"large_list<{name}>"] = pa.large_list(ARROW_TYPES[name])
    ARROW_TYPES[f"fixed<{name}>"] = pa.list_(ARROW_TYPES[name], 2)

WIDENS = {
    "bool": ["bool"],
    "int8": ["int8"],
    "int16": ["int8", "int16"],
    "int32": ["int8", "int16", "int32"],
    "int64": ["int8", "int16", "int32", "int64"],
    "float32": ["int8", "int16", "int32", "int64", "float32", "float64"],
    "float64": ["int8", "int16", "int32", "int64", "float32", "float64"],
    "string": ["string"],
}
OWN = {
    DataType.BOOL: "bool",
    DataType.INT8: "int8",
    DataType.INT16: "int16",
    DataType.INT32: "int32",
    DataType.INT64: "int64",
    DataType.FLOAT: "float32",
    DataType.DOUBLE: "float64",
    DataType.VARCHAR: "string",
    DataType.JSON: "string",
    DataType.GEOMETRY: "string",
    DataType.TIMESTAMPTZ: "string",
}
SCALARS = tuple(OWN)[:8]


def taken(kind, element, version):
    """The names of the Arrow types that a field takes."""
    if kind == DataType.SPARSE_FLOAT_VECTOR:
        return {"string", "sparse", "sparse64"}
    if kind not in (DataType.ARRAY, DataType.FLOAT_VECTOR):
        return set(WIDENS[OWN[kind]])
    lists = ("list", "fixed") if version == "2.6" else ("list",)
    inner = WIDENS["float32" if kind == DataType.FLOAT_VECTOR else OWN[element]]
    return {f"{one}<{name}>" for one in lists for name in inner}


FIELDS = [
    *[(kind, None) for kind in OWN],
    *[(DataType.ARRAY, element) for element in SCALARS],
    (DataType.FLOAT_VECTOR, None),
    (DataType.SPARSE_FLOAT_VECTOR, None),
]


def refused(kind, element, column, version, **options):
    field = FieldSchema("x", kind, element_type=element, dim=2, **options)
    used = Converter(CollectionSchema([ID, field]), rules=VERSIONS[version])
    try:
        used.check(pa.schema([("id", pa.int64()), ("x", column)]))
    except ImportDataError as error:
        return "type mis-match, expect arrow type" in error.message
    return False


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("kind", "element"), FIELDS, ids=lambda one: getattr(one, "name", ""))
def test_parquet_column_goes_into_the_fields_of_its_type_alone(kind, element, version):
    accepted = {name for name, column in ARROW_TYPES.items() if not refused(kind, element, column, version)}
    assert accepted == taken(kind, element, version)


@pytest.mark.parametrize(("kind", "element"), FIELDS, ids=lambda one: getattr(one, "name", ""))
def test_parquet_column_of_nulls_goes_into_a_field_that_may_be_null(kind, element):
    assert refused(kind, element, pa.null(), "2.6")
    assert not refused(kind, element, pa.null(), "2.6", nullable=True)


# internal/util/importutilv2/parquet/field_reader.go:1482
@pytest.mark.parametrize(("of", "fits"), [("float32", True), ("float64", False), ("int32", False)])
def test_nullable_vectors_of_parquet_are_of_float32(of, fits):
    field = FieldSchema("x", DataType.FLOAT_VECTOR, dim=2, nullable=True)
    used = Converter(CollectionSchema([ID, field]))
    schema = pa.schema([("id", pa.int64()), ("x", ARROW_TYPES[f"list<{of}>"])])
    if fits:
        used.check(schema)
    else:
        with pytest.raises(ImportDataError, match="FloatVector"):
            used.check(schema)


# parquet/pqarrow/schema.go of Arrow for Go applies no view that the file's Arrow schema has
@pytest.mark.parametrize(
    ("kind", "element", "column"),
    [
        (DataType.VARCHAR, None, pa.array(["a", None], pa.string_view())),
        (DataType.JSON, None, pa.array(["{}", None], pa.string_view())),
        (DataType.ARRAY, DataType.VARCHAR, pa.array([["a"], None], pa.list_(pa.string_view()))),
        (DataType.ARRAY, DataType.FLOAT, pa.array([[0.5], None], pa.list_view(pa.float32()))),
        (DataType.FLOAT_VECTOR, None, pa.array([[0.5, 1], None], pa.list_view(pa.float32()))),
    ],
)
def test_view_of_parquet_is_what_it_is_a_view_of(kind, element, column):
    field = FieldSchema("x", kind, element_type=element, dim=2, max_length=9, nullable=True)
    used = Converter(CollectionSchema([ID, field]))
    batch = pa.record_batch({"id": [1, 2], "x": column})
    used.check(batch.schema)
    expected = [column[0].as_py(), [0.0, 0.0] if kind == DataType.FLOAT_VECTOR else None]
    converted = used.convert(batch)["x"]
    converted.validate(full=True)
    assert converted.to_pylist() == expected


DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "U3", "S3", ">i8", ">f4", ">i4"]
NUMPY_OWN = {
    DataType.BOOL: ["?"],
    DataType.INT8: ["i1"],
    DataType.INT16: ["i2"],
    DataType.INT32: ["i4", ">i4"],
    DataType.INT64: ["i8", ">i8"],
    DataType.FLOAT: ["f4", ">f4"],
    DataType.DOUBLE: ["f8"],
    DataType.VARCHAR: ["U3", "S3"],
    DataType.JSON: ["U3", "S3"],
    DataType.GEOMETRY: ["U3", "S3"],
    DataType.TIMESTAMPTZ: [],
    DataType.ARRAY: [],
    DataType.SPARSE_FLOAT_VECTOR: [],
    DataType.FLOAT_VECTOR: [],
}


def check_arrays(folder, field, array, version="2.6"):
    np.save(folder / "id.npy", np.array([1, 2]))
    np.save(folder / "x.npy", array)
    schema = CollectionSchema([ID, field])
    reader = open_reader([folder / "id.npy", folder / "x.npy"], {})
    Converter(schema, rules=VERSIONS[version]).check(reader.columns())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", NUMPY_OWN)
def test_numpy_array_goes_into_the_fields_of_its_type_alone(tmp_path, kind, dtype):
    field = FieldSchema("x", kind, element_type=DataType.INT64, dim=2)
    for array, fits in (
        (np.zeros(2, dtype), dtype in NUMPY_OWN[kind]),
        (np.zeros((2, 2), dtype), kind == DataType.FLOAT_VECTOR and dtype in ("f4", "f8", ">f4")),
    ):
        if fits:
            check_arrays(tmp_path, field, array)
        else:
            with pytest.raises(ImportDataError):
                check_arrays(tmp_path, field, array)


@pytest.mark.parametrize("shape", [(2,), (2, 1), (2, 3)])
def test_numpy_vectors_have_the_dimension_of_the_field(tmp_path, shape):
    with pytest.raises(ImportDataError, match=r"expected (dim|shape)"):
        check_arrays(tmp_path, FieldSchema("x", DataType.FLOAT_VECTOR, dim=2), np.zeros(shape, np.float32))


# internal/util/importutilv2/numpy/reader.go:51 of 2.5
@pytest.mark.parametrize(("version", "fits"), [("2.5", False), ("2.6", True)])
def test_numpy_files_fill_nullable_fields_from_2_6_on(tmp_path, version, fits):
    field = FieldSchema("x", DataType.INT64, nullable=True)
    if fits:
        check_arrays(tmp_path, field, np.array([1, 2]), version)
    else:
        with pytest.raises(ImportDataError, match="nullable == true"):
            check_arrays(tmp_path, field, np.array([1, 2]), version)


# internal/util/importutilv2/numpy/util.go:96-130
@pytest.mark.parametrize("kind", [DataType.ARRAY, DataType.SPARSE_FLOAT_VECTOR])
def test_numpy_files_do_not_fill_collections_with_fields_they_cannot_hold(tmp_path, kind):
    np.save(tmp_path / "id.npy", np.array([1, 2]))
    columns = open_reader([tmp_path / "id.npy"], {}).columns()
    field = FieldSchema("x", kind, element_type=DataType.INT64)
    with pytest.raises(ImportDataError, match="unsupported importing numpy files"):
        Converter(CollectionSchema([ID, field])).check(columns)
    Converter(CollectionSchema([ID, FieldSchema("x", kind, element_type=DataType.INT64, nullable=True)])).check(columns)
