"""Finds a browser of the Chromium family on this machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

VARIABLE = "CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
REQUIRED = "REQUIRE_BROWSER"
HOW = f"`apt-get install chromium` or `playwright install chromium` brings one; {VARIABLE} names one that is elsewhere"


def executable(playwright: Any) -> str | None:
    """The browser that ``CHROMIUM`` names, else one on the path, else playwright's own."""
    if given := os.environ.get(VARIABLE):
        return given
    found = next(filter(None, map(shutil.which, NAMES)), None)
    own = playwright.chromium.executable_path
    return found or (own if Path(own).exists() else None)
