"""What the commands of ``cli.py`` do. Results go to standard output, all else to standard error.

====  ===========================================================================================
exit  meaning
====  ===========================================================================================
0     done; ``watch``: all jobs are ``Completed``
1     the connection or the request is wrong, or Milvus refuses it
2     the command line is wrong
3     ``watch``: a job failed; ``check-files``: Milvus would refuse a file
4     ``watch``: the timeout passed; the jobs go on
5     Milvus has no record of the job (any more)
6     Milvus cannot be reached, or is overloaded
130   Ctrl-C; the jobs go on
====  ===========================================================================================
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import airflow_compat, waiting
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.rest.errors import MilvusError, MilvusImportJobNotFound
from airflow_provider_milvus.waiting.event import failed_file_lines

if TYPE_CHECKING:
    from argparse import Namespace

    from airflow_provider_milvus.rest.import_jobs import ImportProgress
    from airflow_provider_milvus.waiting.event import Event

WRONG, USAGE, FAILED, TIMEOUT, NO_RECORD, UNREACHABLE, INTERRUPTED = 1, 2, 3, 4, 5, 6, 130
EXIT_CODES = {"success": 0, "failed": FAILED, "timeout": TIMEOUT, "unknown": NO_RECORD, "unreachable": UNREACHABLE}
MAX_BARS = 20


class CommandError(Exception):
    """What ends a command.

    :param code: its exit code.
    """

    def __init__(self, message: str, code: int = WRONG) -> None:
        super().__init__(message)
        self.code = code


def _command(run: Callable[[Namespace, MilvusHook], int | None]) -> Callable[[Namespace], None]:
    """Give a command its hook, and turn what it raises into a line and an exit code."""

    @wraps(run)
    def command(options: Namespace) -> None:
        try:
            with _quiet(options.verbose):
                code = run(options, _hook(options))
        except CommandError as error:
            code = _report(str(error), error.code)
        except KeyboardInterrupt:
            code = _report("interrupted; import jobs go on", INTERRUPTED)
        except MilvusImportJobNotFound as error:
            code = _report(str(error), NO_RECORD)
        except MilvusError as error:
            code = _report(str(error), UNREACHABLE if error.retryable else WRONG)
        except ValueError as error:
            code = _report(str(error), WRONG)
        if code:
            sys.exit(code)

    return command


def _report(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code


@contextmanager
def _quiet(verbose: bool) -> Iterator[None]:
    """Log nothing where only a result is wanted."""
    if verbose:
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def _hook(options: Namespace) -> MilvusHook:
    airflow_compat.read_connections_of_the_database()
    hook = MilvusHook(options.conn_id, options.database)
    try:
        hook.settings  # noqa: B018 - or the first request would find it out
    except ValueError:
        raise
    except Exception as error:
        raise CommandError(f"the connection {options.conn_id!r} cannot be read: {error}") from None
    return hook


# -- results -----------------------------------------------------------------------------------------------------------


def _print(rows: Sequence[Mapping[str, Any]], output: str) -> None:
    """Print results as Airflow's own commands do, but with numbers as numbers."""
    if output == "json":
        print(json.dumps(rows))
    elif output == "yaml":
        import yaml

        print(yaml.safe_dump(list(rows), sort_keys=False, allow_unicode=True), end="")
    else:
        airflow_compat.print_table(rows, output)


@_command
def list_imports(options: Namespace, hook: MilvusHook) -> None:
    """Print import jobs, the newest first."""
    if options.limit < 0:
        raise CommandError(f"--limit must be a whole number from 0 up, got {options.limit}", USAGE)
    jobs = [
        {
            "job_id": job.job_id,
            "collection": job.collection_name,
            "state": job.state.value,
            "progress": job.progress,
            "reason": job.reason,
        }
        for job in reversed(hook.list_import_jobs(options.collection))
        if options.state is None or job.state.value.lower() == options.state.lower()
    ]
    _print(jobs[: options.limit or None], options.output)


@_command
def show_import(options: Namespace, hook: MilvusHook) -> None:
    """Print an import job and its files."""
    job = hook.get_import_progress(options.job_id)
    files = [
        {
            "file": file.name,
            "state": file.state,
            "progress": file.progress,
            "rows": file.imported_rows,
            "total_rows": file.total_rows,
            "bytes": file.file_size,
            "reason": file.reason,
        }
        for file in job.files
    ]
    if options.output in ("json", "yaml"):
        _print([{**job.as_dict(), "files": files}], options.output)
        return
    _print([{"field": key, "value": value} for key, value in job.as_dict().items() if value != ""], options.output)
    if files:
        print()
        _print(files, options.output)


@_command
def check_connection(options: Namespace, hook: MilvusHook) -> int | None:
    """Print whether the connection works."""
    works, message = hook.test_connection()
    if not works:
        raise CommandError(message)
    print(message)
    return None


@_command
def check_files(options: Namespace, hook: MilvusHook) -> int:
    """Print why Milvus would refuse files, and what it would read as something else."""
    from airflow_provider_milvus import staging
    from airflow_provider_milvus.client.storage import BucketFiles
    from airflow_provider_milvus.operators.staging import target_of

    bucket = BucketFiles(options.url, options.root)
    report = staging.preflight.check_files(
        staging.folder.Folder(*bucket.folder),
        bucket.sets(),
        target_of(hook, options.collection),
        staging.reader_rules.rules_of(options.milvus_version),
        full=options.full,
    ).as_dict()
    findings = report["findings"]
    refused = [finding for finding in findings if not finding["is_warning"]]
    if options.output in ("json", "yaml"):
        _print([report], options.output)
        return FAILED if refused else 0
    if findings:
        shown = ("file", "column", "row", "found", "needed")
        _print([{key: finding.get(key, "") for key in shown} for finding in findings], options.output)
    print(f"{report['files']:,} file sets, {report['rows']:,} rows: {len(refused):,} findings that Milvus refuses")
    return FAILED if refused else 0


# -- two-phase jobs ----------------------------------------------------------------------------------------------------


@_command
def commit_imports(options: Namespace, hook: MilvusHook) -> None:
    """Commit jobs, one after the other; the first that cannot be committed ends the command."""
    for job_id in options.job_id:
        hook.commit_import(job_id)
        print(f"Import job {job_id}: committed")


@_command
def abort_imports(options: Namespace, hook: MilvusHook) -> None:
    """Abort jobs after a confirmation; the first that cannot be aborted ends the command."""
    if not options.yes:
        if not sys.stdin.isatty():
            raise CommandError("abort discards rows for good; without a terminal, confirm with --yes", USAGE)
        answer = input(f"Discard the rows of {len(options.job_id)} import job(s)? (y/n) ")
        if answer.strip().lower() not in ("y", "yes"):
            raise CommandError("nothing was aborted")
    for job_id in options.job_id:
        hook.abort_import(job_id)
        print(f"Import job {job_id}: aborted; nothing of it was visible")


# -- watch -------------------------------------------------------------------------------------------------------------


class Lines:
    """What is logged of a wait, as lines; failed polls go to standard error."""

    def info(self, event: Any, /, *args: Any) -> None:
        print(event % args if args else event, flush=True)

    def warning(self, event: Any, /, *args: Any) -> None:
        print(event % args if args else event, file=sys.stderr, flush=True)


class Warnings(Lines):
    """Failed polls alone, beside progress bars."""

    def info(self, event: Any, /, *args: Any) -> None:
        return


@_command
def watch_imports(options: Namespace, hook: MilvusHook) -> int:
    """Wait for jobs: bars in a terminal, lines in a pipe."""
    waiting.backoff.check_wait(poll_interval=options.poll_interval, timeout=options.timeout)
    interactive = sys.stdout.isatty()
    wait = waiting.import_wait.ImportWait(
        options.job_id,
        poll_interval=options.poll_interval,
        deadline=None if options.timeout is None else time.time() + options.timeout,
        fail_fast=False,
        log=Warnings() if interactive else Lines(),
    )
    event = _with_bars(hook, wait) if interactive else hook.run_wait(wait)
    return _end(event)


def _end(event: Event | None) -> int:
    if event is None:
        return 0
    for line in failed_file_lines(event):
        print(line)
    print(event["message"], flush=True)
    return EXIT_CODES[event["status"]]


def _with_bars(hook: MilvusHook, wait: waiting.import_wait.ImportWait) -> Event | None:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as bars:
        tasks = {job_id: bars.add_task(f"{job_id}", total=100, rows="") for job_id in wait.pending[:MAX_BARS]}

        def show(progress: ImportProgress) -> None:
            task = tasks.get(progress.job_id)
            if task is not None:
                total = f" of {progress.total_rows:,}" if progress.total_rows else ""
                bars.update(
                    task,
                    completed=progress.progress,
                    description=f"{progress.job_id} {progress.state_text}",
                    rows=f"{progress.imported_rows:,}{total} rows",
                )

        return hook.run_wait(wait, on_progress=show)
