"""The wait for import jobs: what is seen, what is done next, how it ends."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from airflow_provider_milvus.rest import errors
from airflow_provider_milvus.rest.import_jobs import ImportState, parse_job
from airflow_provider_milvus.waiting import event as events
from airflow_provider_milvus.waiting import import_wait, job_ids, poller
from airflow_provider_milvus.waiting.import_wait import ImportWait

GONE = errors.MilvusImportJobNotFound("import job does not exist")
DOWN = errors.MilvusConnectionError("refused", sent=False)


class Log(list):
    def info(self, message, *values):
        self.append(message % values)

    warning = info


@pytest.fixture
def log():
    return Log()


@pytest.fixture(params=["synchronous", "asynchronous"])
def drive(request, clock, clock_loop):
    """Run a wait to its end on scripted responses; the last one is repeated."""

    def run(wait, *responses):
        script = {job_id: list(responses) for job_id in job_ids.as_list(wait.job_ids)}

        def describe(job_id):
            found = script[job_id].pop(0) if len(script[job_id]) > 1 else script[job_id][0]
            if isinstance(found, Exception):
                raise found
            return found

        if request.param == "synchronous":
            return import_wait.wait_for(wait, describe, sleep=clock.sleep)

        async def describe_later(job_id):
            return describe(job_id)

        @asynccontextmanager
        async def open_client():
            yield SimpleNamespace(get_import_progress=describe_later)

        with asyncio.Runner(loop_factory=clock_loop) as runner:
            return runner.run(poller.watch("server", open_client, wait))

    return run


@pytest.fixture
def wait(clock, log):
    def make(job_ids="1", **options):
        return ImportWait(job_ids, clock=clock, log=log, jitter=lambda low, high: high, **options)

    return make


def test_completed_job_is_a_success(wait, drive, progress):
    event = drive(wait(), progress("Importing"), progress("Completed", importedRows=5))
    assert (event["status"], event["job_id"], event["imports"][0]["imported_rows"]) == ("success", "1", 5)


def test_failed_job_is_a_failure_with_its_reason_and_files(wait, drive, progress):
    details = [{"fileName": "[a.parquet]", "state": "Failed", "reason": "bad row"}]
    event = drive(wait(), progress("Failed", reason="bad row", details=details))
    assert event["status"] == "failed"
    assert event["message"] == "import job 1 into c failed: bad row"
    assert event["failed_files"] == [{"job_id": "1", "name": "a.parquet", "reason": "bad row"}]


def test_column_of_another_type_is_reported_with_what_shows_the_cast(wait, drive, progress):
    reason = "field 'name': type mis-match, expect arrow type 'utf8', get arrow data type 'large_utf8'"
    assert "check_files=True" in drive(wait(), progress("Failed", reason=reason))["message"]


@pytest.mark.parametrize(
    ("reason", "transient"), [("import timeout", True), ("disk quota exceeded", True), ("bad row", False), ("", False)]
)
def test_only_some_reasons_are_transient(wait, drive, progress, reason, transient):
    assert drive(wait(), progress("Failed", reason=reason))["transient"] is transient


def test_list_with_one_permanent_failure_is_not_transient(wait, progress):
    found = wait(["1", "2"])
    found.record_status("1", progress("Failed", reason="import timeout"))
    found.record_status("2", progress("Failed", "2", reason="bad row"))
    assert found.event()["transient"] is False


def test_failure_without_a_reason_says_so(wait, drive, progress):
    assert "Milvus gave no reason" in drive(wait(), progress("Failed"))["message"]


def test_list_of_jobs_succeeds_when_all_have(wait, clock, progress):
    found = wait(["1", "2"])
    found.record_status("1", progress("Completed"))
    assert (found.event(), found.pending) == (None, ["2"])
    found.record_status("2", progress("Completed", "2"))
    assert found.event()["job_id"] == ["1", "2"]


def test_failed_job_of_a_list_is_logged_when_it_fails(wait, progress, log):
    wait(["1", "2"], fail_fast=False).record_status("2", progress("Failed", "2", reason="bad row"))
    assert "Import job 2 failed: bad row" in log


def test_deadline_of_a_list_with_a_failed_job_is_a_failure(wait, progress, clock):
    found = wait(["1", "2"], fail_fast=False, deadline=clock() + 5)
    found.record_status("1", progress("Importing"))
    found.record_status("2", progress("Failed", "2"))
    clock.now += 5
    assert found.event()["status"] == "failed"


def test_lists_in_a_list_count_as_their_ids(wait):
    assert wait([["1", "2"], "3"]).job_ids == ["1", "2", "3"]


def test_failed_job_of_a_list_can_wait_for_the_others(wait, progress):
    found = wait(["1", "2", "3"], fail_fast=False)
    found.record_status("2", progress("Failed", "2"))
    assert (found.event(), found.pending) == (None, ["1", "3"])
    found.record_status("1", progress("Completed"))
    found.record_status("3", progress("Failed", "3"))
    event = found.event()
    assert (event["status"], [job["state"] for job in event["imports"]]) == (
        "failed",
        ["Completed", "Failed", "Failed"],
    )


def test_one_failed_job_of_a_list_fails_it_at_once(wait, progress):
    found = wait(["1", "2"])
    found.record_status("1", progress("Importing"))
    found.record_status("2", progress("Failed", "2"))
    assert found.event()["status"] == "failed"


def test_deadline_ends_the_wait_with_a_timeout(wait, drive, clock, progress):
    event = drive(wait(deadline=clock.now + 30), progress("Importing", progress=40))
    assert event["status"] == "timeout"
    assert 1_030 <= clock.now <= 1_030 + poller.MIN_GAP_SECONDS
    assert "1 (Importing, 40 %)" in event["message"]


def test_job_that_was_seen_and_is_gone_is_unknown(wait, drive, progress):
    event = drive(wait(), progress("Importing", progress=40), GONE)
    assert event["status"] == "unknown"
    assert "the record of import job 1 (last seen Importing, 40 %) is gone" in event["message"]


def test_job_that_was_never_seen_is_unknown(wait, drive):
    event = drive(wait(), GONE)
    assert event["status"] == "unknown"
    assert "wrong id, another server, or expired" in event["message"]


def test_job_that_is_listed_late_is_waited_for(wait, drive, progress):
    assert drive(wait(), GONE, GONE, progress("Completed"))["status"] == "success"


def test_server_that_comes_back_costs_nothing(wait, drive, progress):
    assert drive(wait(max_poll_failures=4), DOWN, DOWN, DOWN, progress("Completed"))["status"] == "success"


def test_server_that_stays_away_ends_the_wait(wait, drive, clock):
    event = drive(wait(max_poll_failures=4), DOWN)
    assert event["status"] == "unreachable"
    assert "after 4 failed polls; it may still be running" in event["message"]
    assert 3.5 <= clock.now - 1_000 <= 7


def test_response_resets_the_count_of_failures(wait, drive, progress):
    responses = [DOWN, DOWN, progress("Importing"), DOWN, DOWN, progress("Completed")]
    assert drive(wait(max_poll_failures=3), *responses)["status"] == "success"


def test_not_found_counts_as_a_response(wait, drive, progress):
    responses = [DOWN, DOWN, GONE, DOWN, DOWN, progress("Completed")]
    assert drive(wait(max_poll_failures=3), *responses)["status"] == "success"


def test_permanent_refusal_ends_the_wait_at_once(wait, drive, clock):
    event = drive(wait(), errors.MilvusAuthError("no", code=1800))
    assert (event["status"], clock.sleeps) == ("unreachable", [])


def test_retry_after_is_honoured(wait, drive, clock, progress):
    drive(wait(), errors.MilvusBusyError("slow down", http_status=429, retry_after=33.0), progress("Completed"))
    assert clock.sleeps == [33.0]


def test_state_nobody_knows_is_running_and_warned_of_once(wait, drive, log, progress):
    event = drive(wait(), progress("Resharding"), progress("Resharding", progress=20), progress("Completed"))
    assert event["status"] == "success"
    assert len([line for line in log if "does not know" in line]) == 1


def test_uncommitted_job_is_running_and_warned_of_once(wait, drive, log, progress):
    event = drive(wait(), progress("Uncommitted"), progress("Uncommitted"), progress("Completed"))
    assert event["status"] == "success"
    assert len([line for line in log if "until somebody commits it" in line]) == 1


@pytest.mark.parametrize("state", ["Uncommitted", "Completed"])
def test_target_state_uncommitted_is_reached_with_or_beyond_it(wait, drive, progress, state):
    event = drive(wait(target_state=ImportState.UNCOMMITTED), progress("Importing"), progress(state))
    assert (event["status"], event["target_state"]) == ("success", "Uncommitted")


def test_change_of_state_is_logged_at_once(wait, drive, log, progress):
    drive(wait(), progress("Pending"), progress("Importing", importedRows=20, totalRows=50), progress("Completed"))
    assert log == [
        "Import job 1: Pending, 0 %, 0 rows",
        "Import job 1: Importing, 0 %, 20 of 50 rows, 20 rows/s",
    ]


def test_ten_percent_are_logged_and_less_is_not(wait, drive, log, progress):
    drive(wait(), *[progress("Importing", progress=percent) for percent in (40, 41, 49, 50, 59)], progress("Completed"))
    assert log == ["Import job 1: Importing, 40 %, 0 rows", "Import job 1: Importing, 50 %, 0 rows"]


def test_small_changes_are_logged_once_a_minute(wait, clock, log, progress):
    found = wait()
    for rows in range(130):
        found.record_status("1", progress("Importing", importedRows=rows))
        clock.sleep(1)
    assert [line.partition(" %, ")[2] for line in log] == ["0 rows", "60 rows, 1 rows/s", "120 rows, 1 rows/s"]


def test_nothing_is_logged_where_nothing_changed(wait, clock, log, progress):
    found = wait()
    for _ in range(130):
        found.record_status("1", progress("Importing"))
        clock.sleep(1)
    assert len(log) == 1


def test_summary_in_a_list_is_logged_like_a_description(wait, log):
    found = wait()
    for percent in (40, 41, 50):
        found.record_summary("1", parse_job({"jobId": "1", "state": "Importing", "progress": percent}))
    assert log == ["Import job 1: Importing, 40 %", "Import job 1: Importing, 50 %"]


def test_summary_ends_no_wait(wait):
    found = wait()
    found.record_summary("1", parse_job({"jobId": "1", "state": "Completed", "progress": 100}))
    assert (found.event(), found.pending) == (None, ["1"])


def test_failed_polls_are_logged_once_a_minute(wait, clock, log):
    found = wait()
    for _ in range(130):
        found.record_error("1", DOWN)
        clock.sleep(1)
    assert [line.partition(")")[0] for line in log] == [
        f"Poll of import job 1 failed ({count} in a row" for count in (1, 61, 121)
    ]


def test_back_off_of_a_short_outage_is_no_longer_than_the_interval(wait, clock):
    found = wait(poll_interval=5)
    for _ in range(20):
        found.record_error("1", DOWN)
    assert found.delay() == 5


def test_log_says_when_the_server_responds_again(wait, drive, log, progress):
    drive(wait(), DOWN, DOWN, progress("Completed"))
    assert log[-1] == "Milvus responds again after 2 failed polls"


def test_end_of_each_job_of_a_list_is_logged(wait, log, progress):
    found = wait(["1", "2"])
    found.record_status("2", progress("Completed", "2"))
    assert log == ["Import job 2: Completed, 100 %, 0 rows"]


def test_summary_reports_rows_bytes_files_and_seconds(wait, drive, progress):
    times = {"createTime": "2026-11-24T12:00:00Z", "completeTime": "2026-11-24T12:01:30Z"}
    event = drive(wait(), progress("Completed", importedRows=20, fileSize=1000, details=[{}], **times))
    assert event["message"] == "Import job 1 Completed: 20 rows, 1,000 bytes, 1 file(s) into c in 90 s"


def test_young_jobs_are_polled_every_second_and_old_ones_every_interval(wait, clock, progress):
    found = wait(poll_interval=10)
    found.record_status("1", progress("Importing"))
    delays = []
    for age in (0, 60, 10_000):
        clock.now = 1_000.0 + age
        delays.append(found.delay())
    assert delays == pytest.approx([1.0, 3.0, 10.0])


def test_wait_returns_none_at_until(wait, clock, progress):
    assert import_wait.wait_for(wait(), lambda job_id: progress("Importing"), until=0, sleep=clock.sleep) is None


def test_missing_job_does_not_delay_the_end_of_a_wait_during_an_outage(wait, clock, progress):
    script = {"1": [progress("Importing"), DOWN], "2": [GONE]}

    def describe(job_id):
        response = script[job_id].pop(0)
        if isinstance(response, Exception):
            raise response
        return response

    assert import_wait.wait_for(wait(["1", "2"]), describe, until=0, sleep=clock.sleep) is None
    assert script == {"1": [], "2": []}


def test_server_error_ends_the_round(wait, clock):
    described = []

    def describe(job_id):
        described.append(job_id)
        raise DOWN

    import_wait.wait_for(wait(["1", "2", "3"]), describe, until=0, sleep=clock.sleep)
    assert described == ["1"]


def test_every_event_is_plain_json(wait, drive, progress):
    event = drive(wait(), progress("Failed", details=[{"fileName": "a", "state": "Failed"}]))
    assert json.loads(json.dumps(event)) == event


def test_event_holds_a_bounded_number_of_failed_files(wait, drive, progress):
    details = [{"fileName": f"f{n}", "reason": "r" * 5000} for n in range(300)]
    event = drive(wait(), progress("Failed", details=details))
    assert (len(event["failed_files"]), event["failed_file_count"]) == (50, 300)
    assert events.failed_file_lines(event)[-1] == "… and 250 more failed files"
    assert len(json.dumps(event)) < 64_000


@pytest.mark.parametrize("job_id", ["", " ", None, 7.5, True, [], ["1", ""], ["1", True], {"a": 1}])
def test_bad_job_id_is_one_clear_error(job_id):
    with pytest.raises(ValueError, match="job_id must be the id of an import job"):
        ImportWait(job_id)


@pytest.mark.parametrize(("job_id", "kept"), [(7, "7"), ([7, "8"], ["7", "8"])])
def test_id_that_a_native_template_made_a_number_is_an_id(job_id, kept):
    assert ImportWait(job_id).job_ids == kept


class NoSlices(Sequence):
    """What Airflow's ``concat`` makes of the outputs of two mapped operators."""

    def __init__(self, *values):
        self._values = values

    def __len__(self):
        return len(self._values)

    def __getitem__(self, index):
        if isinstance(index, slice):
            raise TypeError("'>=' not supported between instances of 'slice' and 'int'")
        return self._values[index]


@pytest.mark.parametrize("job_ids", [NoSlices("1", "2"), NoSlices(["1"], ["2"])], ids=["one job", "several jobs each"])
def test_sequences_that_take_no_slices_are_ids(job_ids):
    assert ImportWait(job_ids).pending == ["1", "2"]
