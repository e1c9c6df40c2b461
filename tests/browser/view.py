"""The import view in a browser, as a person finds things in it."""

from __future__ import annotations

from typing import Any

SECONDS_TO_SHOW = 120

OVERFLOW = """main => [...main.querySelectorAll("*")]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1 || e.scrollWidth > e.clientWidth + 1 && e.clientWidth)
    .map(e => `${e.tagName}.${e.className}: ${e.textContent.slice(0, 60)}`)"""

MAX_TABS = 300


class View:
    """A page with the import view in it.

    :param page: playwright's page.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        page.set_default_timeout(SECONDS_TO_SHOW * 1000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

        self.main = page.locator("main").filter(has=page.get_by_role("table", name="Import jobs"))

    def open(self, path: str) -> None:
        self.page.goto(path)

    @property
    def rows(self) -> Any:
        return self.page.locator("tr.job")

    @property
    def job_ids(self) -> list[str]:
        """The ids of the jobs that are shown, from top to bottom."""
        return [row.get_attribute("data-job") for row in self.rows.all()]

    def job(self, job_id: str) -> Row:
        return Row(self.page, self.page.locator(f'tr.job[data-job="{job_id}"]'))

    @property
    def only_job(self) -> Row:
        """The row of a view that shows one job."""
        return Row(self.page, self.rows)

    @property
    def dialog(self) -> Any:
        return self.page.get_by_role("dialog", name="Confirm")

    def tab_to(self, target: Any) -> None:
        """Press Tab until an element of the view has the focus, from the view's first one on."""
        self.page.get_by_label("Collection", exact=True).focus()
        for _ in range(MAX_TABS):
            self.page.keyboard.press("Tab")
            if target.evaluate("element => element.getRootNode().activeElement === element"):
                return
        raise AssertionError(f"{target} cannot be reached with the keyboard")

    @property
    def overflow(self) -> list[str]:
        """Elements of the view that reach out of the window, or hide a part of their text."""
        return self.main.evaluate(OVERFLOW)

    @property
    def empty(self) -> Any:
        """What is shown instead of jobs."""
        return self.page.locator("p.empty")


class Row:
    """The row of a job."""

    def __init__(self, page: Any, row: Any) -> None:
        self.row = row
        self.state = row.locator(".badge")
        self.cells = row.locator("td")
        self.bar = row.get_by_role("progressbar")
        self.imported = row.locator("td.rows")
        self.toggle = row.locator("button.toggle")
        self.details = row.locator("xpath=following-sibling::tr[1]").locator(".details")
        self.files = self.details.locator(".files li")

    @property
    def percent(self) -> int:
        return int(self.bar.get_attribute("aria-valuenow"))

    def button(self, name: str) -> Any:
        return self.row.get_by_role("button", name=name, exact=True)
