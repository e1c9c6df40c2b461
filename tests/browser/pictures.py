"""Takes the pictures of README and documentation: ``make pictures``."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

FOLDER = Path(__file__).parents[2] / "docs" / "images"


@pytest.mark.parametrize("width", [1300, 400])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_picture(open_view, job_ids, theme, width):
    for task_id in ("load_authors", "load_reviews", "stage_books", "stage_maps"):
        job_ids(task_id)
    (running,), (failed,) = job_ids("load_articles"), job_ids("load_reviews")
    view = open_view(viewport={"width": width, "height": 800 if width > 400 else 900}, color_scheme=theme)
    expect(view.job(running).state).to_have_text("Importing")
    expect(view.job(failed).state).to_have_text("Failed")
    view.job(failed).toggle.click()
    expect(view.job(failed).files.first).to_be_visible()
    view.page.mouse.move(0, 0)
    view.page.screenshot(path=FOLDER / f"import-view-{theme}-{width}.png")


def test_picture_of_the_connection_form(open_view):
    page = open_view("/connections", viewport={"width": 1300, "height": 1000}).page
    page.get_by_role("button", name="Add Connection").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Connection ID").fill("milvus_default")
    dialog.get_by_role("combobox").click()
    page.get_by_role("option", name="Milvus", exact=True).click()
    expect(dialog.get_by_text("Password or API key")).to_be_visible()
    dialog.get_by_role("heading").click()
    dialog.screenshot(path=FOLDER / "connection-form.png", animations="disabled")
