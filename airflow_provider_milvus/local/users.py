"""Users with the privilege Import on some collections, beside the bearer of the token, who may do all."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from airflow_provider_milvus.local.lite.engine import DEFAULT_DATABASE

FORM = "NAME:PASSWORD or NAME:PASSWORD=COLLECTION,COLLECTION"


@dataclass(frozen=True)
class User:
    """One user. `collections` are those that the user may import into, each with its database."""

    name: str
    token: str = field(repr=False)
    collections: frozenset[tuple[str, str]]

    def may_import(self, db_name: str, collection_name: str) -> bool:
        """Whether the user has the privilege Import on this collection."""
        return (db_name, collection_name) in self.collections


def parse_all(texts: Iterable[str], token: str | None) -> tuple[User, ...]:
    """The users that these texts name. Raises ValueError for a text that names none, a name twice, or no `token`."""
    users = tuple(_parse(text) for text in texts)
    if users and token is None:
        raise ValueError(
            "users need a token, the credentials of the one who may do all: without it everyone may come in"
        )
    names = [user.name for user in users] + ([] if token is None else [token.partition(":")[0]])
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"users must have a name each, and another one than token has; {name!r} is there twice")
    return users


def _parse(text: str) -> User:
    # A password may hold "=", the name of a collection may not.
    credentials, equals, collections = text.rpartition("=")
    token = credentials if equals else text
    name, _, password = token.partition(":")
    wanted = [one for one in collections.split(",") if one] if equals else []
    if not name or not password or any("." in one and not all(one.split(".", 1)) for one in wanted):
        # Not shown as it is: what is wrong with it may be in the password.
        raise ValueError(f"users must be {FORM}, with DATABASE.COLLECTION for another database; one, {name!r}, is not")
    check_token(f"the password of the user {name!r}", token)
    return User(name, token, frozenset(_with_database(one) for one in wanted))


def _with_database(collection: str) -> tuple[str, str]:
    database, dot, name = collection.partition(".")
    return (database, name) if dot else (DEFAULT_DATABASE, collection)


def check_token(name: str, token: str) -> None:
    """Raises ValueError for a token that no client could send in a header. `name` is the parameter's."""
    if not token.isprintable() or token != token.strip():
        raise ValueError(
            f"{name} has a control character, a byte that is no UTF-8, or white space at an end, "
            "which clients cannot send in an HTTP header; choose another"
        )
