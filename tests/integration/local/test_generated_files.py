"""Of the same rows, an import and an insert over REST take the same and store the same, for each version."""

from itertools import count

import pytest
from generated_files import FORMATS, OPTIONS, samples, write
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

QUICK = 300
VERSIONS = {"2.5": ("json", "csv", "parquet"), "2.6": FORMATS, "3.0": FORMATS}
NUMBERS = count()


def bounded(examples):
    """So many examples, or as many times more as the profile has more than the quick one.

    The quick profile has the same ones in every run; the thorough one searches on.
    """
    return settings(
        max_examples=examples * settings().max_examples // QUICK,
        derandomize=settings().max_examples == QUICK,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def created(client, sample):
    """A loaded collection of the sample's fields."""
    name = f"generated_{next(NUMBERS)}"
    index = {"fieldName": "vector", "metricType": "L2"}
    client.post("/collections/create", collectionName=name, schema=sample.schema, indexParams=[index])
    return name


def inserted(client, sample):
    """The rows of a collection after an insert, or None if it was refused."""
    name = created(client, sample)
    return stored(client, name, client.call("/entities/insert", collectionName=name, data=sample.rows)["code"] == 0)


def imported(client, sample, suffix):
    """The rows of a collection after an import, or None if it failed."""
    name = created(client, sample)
    path = client.milvus.bucket / f"{name}.{suffix}"
    write(sample, path)
    job = client.load(path.name, collection=name, options=OPTIONS)
    return stored(client, name, job["state"] == "Completed")


def stored(client, name, taken):
    client.post("/collections/load", collectionName=name)
    client.refresh(name)
    rows = client.post("/entities/query", collectionName=name, filter="id <= 9223372036854775807", limit=10)
    client.post("/collections/drop", collectionName=name)
    assert taken or not rows
    return sorted(map(repr, (sorted(row.items()) for row in rows))) if taken else None


@pytest.mark.parametrize("version", VERSIONS)
@bounded(6)
@given(sample=samples(), data=st.data())
def test_import_and_insert_of_the_same_rows_agree(shared_versions, version, sample, data):
    suffix = data.draw(st.sampled_from(VERSIONS[version]))
    assume(sample.fits(suffix))
    # An insert over REST takes null for an empty text (`checkAndSetData`), which an import refuses.
    assume(sample.flaw != "null" or sample.kinds[sample.flawed] != "VarChar")
    client = shared_versions(version)
    expected = None if sample.flaw else inserted(client, sample)
    if sample.flaw:
        assert inserted(client, sample) is None
    assert imported(client, sample, suffix) == expected
