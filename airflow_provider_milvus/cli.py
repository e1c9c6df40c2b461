"""``airflow milvus …``: what there is to type; ``commands.py`` does it.

Airflow 3.2 and later have the commands in ``airflow`` itself; elsewhere it is ``python -m airflow_provider_milvus …``.
Airflow imports this module whenever anybody types ``airflow``, so it imports nothing.

https://airflow.apache.org/docs/apache-airflow-providers/core-extensions/cli-commands.html
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

PACKAGE = "airflow_provider_milvus"
HELP = "Import jobs of Milvus and Zilliz Cloud"

Argument = tuple[tuple[str, ...], dict[str, Any]]


class Command(NamedTuple):
    """A command: the name of its function in ``commands.py``, what it is for, and its arguments."""

    function: str
    help: str
    arguments: Sequence[Argument]


def _argument(*flags: str, **options: Any) -> Argument:
    return flags, options


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return value


CONNECTION = (
    _argument("-c", "--conn-id", default="milvus_default", help="connection to Milvus (default: milvus_default)"),
    _argument("-d", "--database", help="instead of the connection's database"),
)
OUTPUT = _argument(
    "-o",
    "--output",
    choices=("table", "json", "yaml", "plain"),
    default="table",
    metavar="(table, json, yaml, plain)",
    help="output format (default: table)",
)
VERBOSE = _argument("-v", "--verbose", action="store_true", help="show what is logged, too")
JOB = _argument("job_id", help="id of the import job")
JOBS = _argument("job_id", nargs="+", help="ids of import jobs")

IMPORTS = {
    "list": Command(
        "list_imports",
        "List import jobs, the newest first",
        (
            *CONNECTION,
            _argument("-C", "--collection", help="only those of this collection"),
            _argument("-s", "--state", help="only those in this state, such as Failed"),
            _argument("-n", "--limit", type=int, default=100, help="maximum number of jobs; 0 for all (default: 100)"),
            OUTPUT,
            VERBOSE,
        ),
    ),
    "show": Command("show_import", "Show an import job and its files", (JOB, *CONNECTION, OUTPUT, VERBOSE)),
    "watch": Command(
        "watch_imports",
        "Wait for import jobs: a progress bar in a terminal, lines in a pipe",
        (
            JOBS,
            *CONNECTION,
            _argument(
                "--poll-interval", type=_seconds, default=5.0, help="seconds between two polls, at most (default: 5)"
            ),
            _argument("--timeout", type=_seconds, help="seconds until it gives up; the jobs go on (default: never)"),
            VERBOSE,
        ),
    ),
    "commit": Command(
        "commit_imports", "Make the rows of uncommitted two-phase jobs visible (Milvus 3)", (JOBS, *CONNECTION, VERBOSE)
    ),
    "abort": Command(
        "abort_imports",
        "Discard uncommitted two-phase jobs and their rows (Milvus 3)",
        (JOBS, *CONNECTION, _argument("-y", "--yes", action="store_true", help="do not ask for confirmation"), VERBOSE),
    ),
}
COMMANDS: Mapping[str, Command] = {
    "check-connection": Command(
        "check_connection", "Check that a connection works, and report what is wrong with it", (*CONNECTION, VERBOSE)
    ),
    "check-files": Command(
        "check_files",
        "Check that files fit a collection, before they are imported",
        (
            _argument("url", help="a URL with a pattern, such as 's3://aws_default@bucket/folder/*.parquet'"),
            _argument("-C", "--collection", required=True, help="the collection that they are meant for"),
            _argument("--root", help="URL of the root of Milvus's bucket, where that is not the bucket itself"),
            _argument("--full", action="store_true", help="read every row, and not the first 1,000 of each file"),
            _argument("--milvus-version", help="the server's, such as 2.5 (default: the newest)"),
            *CONNECTION,
            OUTPUT,
            VERBOSE,
        ),
    ),
}


def get_cli_commands() -> list[Any]:
    """The commands as Airflow takes them; the provider's description names this function."""
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand, lazy_load_command

    def made(commands: Mapping[str, Command]) -> list[Any]:
        return [
            ActionCommand(
                name=name,
                help=command.help,
                func=lazy_load_command(f"{PACKAGE}.commands.{command.function}"),
                args=[Arg(flags=flags, **options) for flags, options in command.arguments],  # type: ignore[no-untyped-call]
            )
            for name, command in commands.items()
        ]

    imports = GroupCommand(name="imports", help="Import jobs", subcommands=made(IMPORTS))
    return [GroupCommand(name="milvus", help=HELP, subcommands=[imports, *made(COMMANDS)])]


def parser() -> argparse.ArgumentParser:
    """The same commands for ``python -m airflow_provider_milvus``."""
    found = argparse.ArgumentParser(prog=f"python -m {PACKAGE}", description=HELP)
    groups = found.add_subparsers(required=True, metavar="COMMAND")
    imports = groups.add_parser("imports", help="Import jobs")
    _add(imports.add_subparsers(required=True, metavar="COMMAND"), IMPORTS)
    _add(groups, COMMANDS)
    return found


def _add(parsers: Any, commands: Mapping[str, Command]) -> None:
    for name, command in commands.items():
        one = parsers.add_parser(name, help=command.help, description=command.help)
        one.set_defaults(function=command.function)
        for flags, options in command.arguments:
            one.add_argument(*flags, **options)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command, and exit with its code."""
    options = parser().parse_args(arguments)
    from airflow_provider_milvus import commands

    getattr(commands, options.function)(options)
