"""The memory that a response takes."""

import gzip
import tracemalloc

import pytest

from airflow_provider_milvus.client.response import Body
from airflow_provider_milvus.rest.decoding import LISTS
from airflow_provider_milvus.rest.errors import MilvusResponseTooLarge


def test_compressed_response_takes_little_more_memory_than_its_limit():
    body = Body(200, {"Content-Encoding": "gzip"}, LISTS)
    body.add(gzip.compress(b" " * 100_000_000, 1))
    tracemalloc.start()
    try:
        with pytest.raises(MilvusResponseTooLarge):
            body.decoded()
        assert tracemalloc.get_traced_memory()[1] < 1.5 * LISTS.size
    finally:
        tracemalloc.stop()


def test_compressed_response_of_many_chunks_is_read_whole():
    text = bytes(range(256)) * 10_000
    body, compressed = Body(200, {"Content-Encoding": "gzip"}, LISTS), gzip.compress(text)
    for start in range(0, len(compressed), 100):
        body.add(compressed[start : start + 100])
    assert body.decoded() == text
