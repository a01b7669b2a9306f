"""Every built page as a reader sees it: opened from disk, on a desk and on a phone."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.book, pytest.mark.browser]

OVERFLOW = """() => {
  const width = document.documentElement.clientWidth, wide = [];
  const clipped = (e) => { for (let p = e.parentElement; p && p !== document.body; p = p.parentElement)
    if (getComputedStyle(p).overflowX !== "visible") return true; return false; };
  for (const e of document.querySelectorAll(".bd-article *"))
    if (e.getBoundingClientRect().right > width + 1 && e.checkVisibility() && !clipped(e))
      wide.push(e.tagName + "." + e.className + " " + Math.round(e.getBoundingClientRect().right));
  return { page: document.documentElement.scrollWidth - width, wide: wide.slice(0, 5) };
}"""
MATHS = """() => [...document.querySelectorAll(".math")].filter((e) => !e.querySelector("mjx-container svg"))
  .map((e) => e.textContent.slice(0, 80))"""
MATH_ERRORS = """() => [...document.querySelectorAll("mjx-merror, [data-mml-node=merror]")]
    .map((e) => e.getAttribute("title") || e.textContent)"""


def open_page(page, path) -> None:
    page.goto(path.as_uri())
    if page.locator(".math").count():
        page.wait_for_function("() => window.MathJax?.startup?.promise")
        page.evaluate("() => MathJax.startup.promise.then(() => true)")


@pytest.mark.parametrize("width", [1200, 390])
def test_pages_open_from_disk(site, page, problems, width) -> None:
    page.set_viewport_size({"width": width, "height": 850})
    for path in sorted(site.glob("*.html")):
        problems_before = len(problems)
        open_page(page, path)
        overflow = page.evaluate(OVERFLOW)
        assert overflow["page"] <= 0, f"{path.name} at {width} px: {overflow}"
        assert not overflow["wide"], f"{path.name} at {width} px: {overflow}"
        assert page.evaluate(MATHS) == [], f"{path.name}: mathematics left unrendered"
        assert page.evaluate(MATH_ERRORS) == [], f"{path.name}: mathematics with errors"
        assert problems[problems_before:] == [], path.name


def test_pages_answer_the_search(site, page) -> None:
    page.goto((site / "search.html").as_uri() + "?q=nflib")
    page.wait_for_selector("#search-results li a", timeout=10_000)
