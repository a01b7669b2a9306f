"""Fixtures for tests of the built book, where it is and a browser to look at it, and for quick trainings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built pages: NFLIB_SITE, else what ``make book`` built."""
    folder = Path(os.environ.get("NFLIB_SITE") or ROOT / "_build" / "html")
    if not (folder / "index.html").is_file():
        pytest.skip(f"the book is not built ({folder.name}/index.html is missing): make book")
    return folder


def find_browser() -> str | None:
    """CHROME if set, else a Chromium or Chrome that is installed."""
    named = os.environ.get("CHROME")
    for name in (named,) if named else BROWSERS:
        if path := shutil.which(name):
            return path
    return None


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium or Chrome; without one the test is skipped, or fails where
    NFLIB_REQUIRE_BROWSER=1."""
    program = find_browser()
    if program is None:
        reason = "no Chromium or Chrome found (CHROME may name one)"
        if os.environ.get("NFLIB_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, headless=True, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def problems() -> list[str]:
    """What went wrong in ``page`` so far: console errors, script errors, failed requests, requests that leave
    the disk.
    """
    return []


@pytest.fixture
def page(browser, problems) -> Iterator[Any]:
    """A fresh page at 1200 px; the test fails at its end if ``problems`` is not empty."""

    def requested(request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:", "about:")):
            problems.append(f"asked the network for {request.url}")

    context = browser.new_context(viewport={"width": 1200, "height": 900})
    opened = context.new_page()
    opened.on("console", lambda m: problems.append(f"console: {m.text}") if m.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(f"script: {error}"))
    opened.on(
        "requestfailed", lambda request: problems.append(f"could not load {request.url}: {request.failure}")
    )
    opened.on("request", requested)
    yield opened
    context.close()
    assert not problems, "\n".join(problems)


@pytest.fixture
def few_crops(monkeypatch) -> None:
    """Trainings look for their start, for the limits of the noise and for the best step in a few dozen crops:
    for tests to which it is all the same how good they are.
    """
    monkeypatch.setattr("nflib.training.deflow.START_CROPS", 128)
    monkeypatch.setattr("nflib.training.affine_deflow.START_CROPS", 64)
    monkeypatch.setattr("nflib.training.ludvae.NOISE_CROPS", 32)
    monkeypatch.setattr("nflib.training.unpaired.VALIDATION_CROPS", 4)
    monkeypatch.setattr("nflib.training.unpaired.LIMIT_CROPS", 16)
