import json
import random

import pytest

from airflow_provider_milvus.submission.known_jobs import MAX_KNOWN_JOB_IDS, MAX_LISTED, KnownJobs, newest, read, stored

# Milvus allocates ids from its timestamps: 18 bits below a millisecond. It keeps jobs for three hours.
FIRST = 450_000_000_000_000_000
THREE_HOURS = 3 * 3600 * 1000 << 18


def ids(count):
    numbers = random.Random(count)
    return [str(FIRST + numbers.randrange(THREE_HOURS)) for _ in range(count)]


@pytest.mark.parametrize("count", [0, 1, MAX_LISTED, MAX_LISTED + 1, MAX_KNOWN_JOB_IDS])
def test_stored_ids_are_read_as_they_were(count):
    known = newest(ids(count))
    assert read(json.loads(json.dumps(stored(known)))) == known


def test_as_many_ids_as_are_kept_fit_into_airflows_store():
    assert len(json.dumps(stored(newest(ids(2 * MAX_KNOWN_JOB_IDS))))) < 60_000


def test_older_job_is_not_known_while_all_ids_are_kept():
    known = newest(ids(MAX_LISTED + 1))
    assert "1" not in KnownJobs(known)
    assert set(known) == {job_id for job_id in known if job_id in KnownJobs(known)}


@pytest.mark.parametrize("count", [MAX_LISTED, MAX_KNOWN_JOB_IDS])
def test_older_job_is_known_where_only_the_newest_are_kept(count):
    known = newest(ids(count))
    assert "1" in KnownJobs(known)
    assert str(FIRST + THREE_HOURS) not in KnownJobs(known)


def test_newest_ids_are_kept_whatever_their_order():
    numbers = [str(FIRST + number) for number in range(MAX_KNOWN_JOB_IDS + 1)]
    assert newest(reversed(numbers)) == tuple(numbers[1:])


def test_ids_of_zilliz_cloud_keep_the_order_of_the_list():
    assert newest(["job-2", "job-1"]) == ("job-2", "job-1")
    many = [f"job-{number}" for number in range(MAX_LISTED + 1)]
    assert newest(many) == tuple(many[1:])
    assert "job-0" not in KnownJobs(newest(many))


@pytest.mark.parametrize(
    "value", [None, 7, {"1": "2"}, ["1", 2], "no base64", "aGVsbG8=", stored(newest(ids(3000)))[:-40]]
)
def test_what_holds_no_ids_is_refused(value):
    with pytest.raises(ValueError, match="job ids"):
        read(value)
