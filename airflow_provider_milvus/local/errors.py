"""The errors of the local Milvus."""

import errno
import sqlite3


class MilvusError(Exception):
    """A response with a non-zero `code`, as Milvus numbers them (`merr`)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class PermissionDenied(MilvusError):
    """The refusal of what a user has no privilege for, in HTTP too."""


def not_supported(what: str) -> MilvusError:
    """The refusal of what a cluster can do and Milvus Lite cannot."""
    return MilvusError(3000, f"{what} is not supported by the local Milvus: operation not supported")


class ImportDataError(Exception):
    """Data that cannot be imported: what is wrong, and in which row (counted from 0) and field if known."""

    def __init__(self, message: str, *, row: int | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.row = row
        self.field = field

    def after(self, rows: int) -> "ImportDataError":
        """The same error, its row counted from the start of the file instead of the batch."""
        row = None if self.row is None else self.row + rows
        return ImportDataError(self.message, row=row, field=self.field)

    def __str__(self) -> str:
        where = []
        if self.row is not None:
            where.append(f"row {self.row} (counted from 0)")
        if self.field is not None:
            where.append(f"field '{self.field}'")
        return ": ".join([", ".join(where), self.message] if where else [self.message])


def is_disk_full(error: BaseException) -> bool:
    """Whether an error reports that the disk, or what one may use of it, is full."""
    if isinstance(error, sqlite3.Error):
        return error.sqlite_errorcode == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


class LocalMilvusError(Exception):
    """The server cannot start; the message is one line: port taken, data directory locked or unreadable."""
