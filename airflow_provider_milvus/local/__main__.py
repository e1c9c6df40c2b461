"""Command line of the local Milvus: `python -m airflow_provider_milvus.local serve --data-dir DIR`."""

import argparse
import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_milvus.local.errors import LocalMilvusError
from airflow_provider_milvus.local.lossy import lossy
from airflow_provider_milvus.local.milvus_versions import NEWEST, VERSIONS

if TYPE_CHECKING:
    from airflow_provider_milvus.local.server import LocalMilvus

STOP_SECONDS = 10
EXAMPLES = Path(__file__).parent.parent / "example_dags"
TOKEN_VARIABLE = "MILVUS_TOKEN"


def main(arguments: list[str] | None = None) -> int:
    """Run a sub-command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (LocalMilvusError, ImportError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def serve(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    token, users = _token(options), _users(options)
    # gRPC would write to a full stderr itself, and wait. It reads this when it is imported.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from airflow_provider_milvus.local import LocalMilvus

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    milvus = LocalMilvus(
        options.data_dir,
        host=options.host,
        port=options.port,
        grpc_port=options.grpc_port,
        bucket=options.bucket,
        token=token,
        allowed_hosts=options.allowed_host,
        users=users,
        zilliz_cluster=options.zilliz,
        milvus_version=options.milvus_version,
        retention_seconds=options.retention_seconds,
        faults=options.fault,
        min_job_seconds=options.min_job_seconds,
        speed=options.speed,
        max_jobs=options.max_jobs,
        parallel_jobs=options.parallel_jobs,
    )
    with milvus, contextlib.redirect_stderr(lossy(sys.stderr)):
        print(f"Milvus is ready: REST {milvus.uri}, gRPC {milvus.grpc_uri}, bucket {milvus.bucket}", flush=True)
        stop.wait()
        _stop_in_time(milvus)
    return 0


def _token(options: argparse.Namespace) -> str | None:
    """The token: as given, from a file, or from the environment, where an empty one is none."""
    if options.token is not None:
        return str(options.token)
    if options.token_file is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    lines = _lines("token-file", options.token_file)
    if len(lines) != 1:
        raise ValueError(f"--token-file {options.token_file} must hold the token in one line, it has {len(lines)}")
    return lines[0]


def _users(options: argparse.Namespace) -> list[str]:
    return list(options.user) + ([] if options.users_file is None else _lines("users-file", options.users_file))


def _lines(name: str, path: Path) -> list[str]:
    """The lines of a file of secrets, without empty ones."""
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    except OSError as error:
        raise ValueError(f"--{name} {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"--{name} {path} is not in UTF-8") from None


def _stop_in_time(milvus: "LocalMilvus") -> None:
    """Stop, but wait for no index that Milvus Lite still builds: that can take minutes, and the next start does it."""
    stopping = threading.Thread(target=milvus.stop, daemon=True)
    stopping.start()
    stopping.join(STOP_SECONDS)
    if stopping.is_alive():
        # Every change that a response confirmed is on disk, as it must be for a server that is killed.
        os._exit(0)


def demo(options: argparse.Namespace) -> int:
    """Load real vectors through Airflow and search them."""
    from airflow_provider_milvus.local.demo import run

    return run(options.dags)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_milvus.local", description="Milvus on this machine."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands.add_parser("serve", help="serve REST and gRPC until stopped"))
    show = commands.add_parser("demo", help="load real vectors through Airflow and search them")
    show.set_defaults(run=demo)
    show.add_argument(
        "--dags", type=Path, default=EXAMPLES, help="the folder of the example DAGs (those of this package)"
    )
    return parser


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=serve)
    parser.add_argument("--data-dir", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=19530, help="port of REST and gRPC (%(default)s)")
    parser.add_argument("--grpc-port", type=int, help="a second port, of gRPC alone (none)")
    parser.add_argument(
        "--bucket",
        metavar="DIR|s3://BUCKET",
        help="what import paths are keys of, a folder or s3://BUCKET/PREFIX?endpoint=URL (DATA_DIR/bucket)",
    )
    _add_credentials(parser)
    parser.add_argument(
        "--zilliz",
        metavar="CLUSTER_ID",
        nargs="?",
        const="in03-local",
        help="behave as Zilliz Cloud with this cluster (%(const)s); the token is an API key",
    )
    parser.add_argument(
        "--milvus-version",
        choices=VERSIONS,
        default=NEWEST,
        help="behave as this version (%(default)s); 2.4.0 is a first build of 2.4",
    )
    parser.add_argument(
        "--retention-seconds",
        type=float,
        help="how long the record of an ended import is kept (as the version does: 3 or 48 hours)",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND:ROUTE[:SETTING=VALUE,…]",
        help="let something go wrong on purpose, such as reset:create:count=1; see docs/faults.md",
    )
    parser.add_argument(
        "--min-job-seconds",
        type=float,
        default=0.0,
        help="lower bound of the duration of an import job, in seconds (%(default)s)",
    )
    parser.add_argument(
        "--max-jobs", type=int, default=1024, help="upper bound of the import jobs that have not ended (%(default)s)"
    )
    parser.add_argument("--parallel-jobs", type=int, default=2, help="how many import jobs run at a time (%(default)s)")
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="how much faster the time of import jobs passes: 60 makes a second of a minute (%(default)s)",
    )


def _add_credentials(parser: argparse.ArgumentParser) -> None:
    token = parser.add_mutually_exclusive_group()
    token.add_argument(
        "--token",
        metavar="USER:PASSWORD",
        help="demand these credentials (none); everybody on this machine can read a command line, so rather use "
        f"--token-file or the environment variable {TOKEN_VARIABLE}",
    )
    token.add_argument("--token-file", type=Path, metavar="FILE", help="demand the credentials in this file")
    parser.add_argument(
        "--user",
        action="append",
        default=[],
        metavar="NAME:PASSWORD[=COLLECTION,…]",
        help="let in a REST user too, who may import into these collections alone (nobody; needs a token)",
    )
    parser.add_argument("--users-file", type=Path, metavar="FILE", help="a file of such users, one a line")
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which clients may call it without a token, beside localhost and IP addresses (none)",
    )


if __name__ == "__main__":
    sys.exit(main())
