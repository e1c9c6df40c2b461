"""Rows of a query are read in batches, whatever the driver would do by itself."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_milvus.operators.import_rows import SQLToMilvusOperator


class Cursor:
    """A cursor of three rows."""

    def __init__(self, kind):
        self.kind, self._left = kind, [(1, "a"), (2, "b"), (3, "c")]
        self.description = [("id",), ("text",)]

    def execute(self, sql, parameters=None):
        self.sql, self.parameters = sql, parameters

    def fetchmany(self, size):
        found, self._left = self._left[:size], self._left[size:]
        return found

    def close(self):
        pass


def connection_of(driver):
    """A connection as a driver's module defines it, which keeps its cursors."""

    class Connection:
        def __init__(self):
            self.cursors = []

        def cursor(self, kind=None):
            self.cursors.append(Cursor(kind))
            return self.cursors[-1]

        def close(self):
            pass

    Connection.__module__ = f"{driver}.connections"
    return Connection()


@pytest.fixture
def read(monkeypatch):
    """The batches of a query over a connection."""

    def run(connection, **options):
        hook = SimpleNamespace(get_conn=lambda: connection, run=None)
        database = SimpleNamespace(get_hook=lambda hook_params: hook)
        monkeypatch.setattr(BaseHook, "get_connection", staticmethod(lambda conn_id: database))
        operator = SQLToMilvusOperator(
            task_id="t", collection_name="c", sql="SELECT", conn_id="db", stage_to="s3://b/s", batch_rows=2, **options
        )
        return list(operator.rows({}))

    return run


def test_rows_come_in_batches_with_the_names_of_their_columns(read):
    assert read(connection_of("sqlite3")) == [
        [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}],
        [{"id": 3, "text": "c"}],
    ]


def test_parameters_go_to_the_driver(read):
    connection = connection_of("sqlite3")
    read(connection, parameters={"day": "2026-01-01"})
    assert connection.cursors[0].parameters == {"day": "2026-01-01"}


# https://mysqlclient.readthedocs.io/user_guide.html#using-and-extending
@pytest.mark.parametrize("driver", ["MySQLdb", "pymysql"])
def test_result_of_mysql_stays_on_the_server(driver, read, monkeypatch):
    cursors = ModuleType(f"{driver}.cursors")
    cursors.SSCursor = object()
    monkeypatch.setitem(sys.modules, driver, ModuleType(driver))
    monkeypatch.setitem(sys.modules, f"{driver}.cursors", cursors)
    connection = connection_of(driver)
    read(connection)
    assert connection.cursors[0].kind is cursors.SSCursor


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_result_of_postgres_stays_on_the_server(driver, read):
    connection = connection_of(driver)
    read(connection)
    assert (connection.cursors[0].kind, connection.cursors[0].itersize) == ("airflow_provider_milvus", 2)
