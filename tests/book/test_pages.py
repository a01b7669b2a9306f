"""The built pages, read as files: complete, linked, self-contained, with every output in its place."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import execution
import notebooks
import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.book
PROFILE = os.environ.get("NFLIB_PROFILE", "cpu")


@cache
def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path: Path) -> set[str]:
    """What a link may point at."""
    named = soup(path).find_all("a", attrs={"name": True})
    return {e["id"] for e in soup(path).find_all(id=True)} | {e["name"] for e in named}


def pages(site: Path) -> list[Path]:
    return sorted(p for p in site.rglob("*.html") if "_static" not in p.parts)


def contents() -> list[str]:
    toc = yaml.safe_load((ROOT / "book/_toc.yml").read_text())
    return [toc["root"]] + [entry["file"] for part in toc["parts"] for entry in part["chapters"]]


def outside(url: str) -> bool:
    return bool(re.match(r"\s*(?:[a-z]+:)?//", url, re.IGNORECASE))


def test_every_page_of_the_contents_came_out(site) -> None:
    missing = [name for name in contents() if not (site / f"{name}.html").is_file()]
    assert not missing
    empty = [
        name
        for name in contents()
        if len(soup(site / f"{name}.html").find("article").get_text(strip=True)) < 20
    ]
    assert not empty


def test_every_notebook_and_page_is_in_the_contents() -> None:
    files = {
        p.relative_to(ROOT / "book").with_suffix("").as_posix() for p in notebooks.sources(ROOT / "book")
    }
    files |= {p.stem for p in (ROOT / "book").glob("*.md")}
    assert files == set(contents())


def test_nothing_is_loaded_from_outside(site) -> None:
    found = []
    for path in pages(site):
        for tag, attribute in (
            ("script", "src"),
            ("link", "href"),
            ("img", "src"),
            ("iframe", "src"),
            ("source", "src"),
            ("video", "src"),
        ):
            for element in soup(path).find_all(tag, attrs={attribute: True}):
                if outside(element[attribute]):
                    found.append(f"{path.name}: <{tag} {attribute}={element[attribute]}>")
        for element in soup(path).find_all("script"):
            if (
                re.search(r"https?://(?!www\.w3\.org)", element.string or "")
                and element.get("type") != "application/ld+json"
            ):
                found.append(f"{path.name}: inline script names {element.string[:120]!r}")
    for path in site.rglob("*.css"):
        css = path.read_text(encoding="utf-8")
        for url in re.findall(r"@import\s+(?:url\()?[\"']?([^\"')\s;]+)", css) + re.findall(
            r"url\(\s*[\"']?([^\"')]+)", css
        ):
            if outside(url):
                found.append(f"{path.relative_to(site)}: {url}")
    assert not found


def test_internal_links_and_anchors_resolve(site) -> None:
    broken = []
    for path in pages(site):
        for element in soup(path).find_all(["a", "link", "script", "img"]):
            url = element.get("href") or element.get("src")
            if not url or outside(url) or re.match(r"[a-z]+:", url, re.IGNORECASE):
                continue
            parts = urlsplit(url)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                broken.append(f"{path.name}: {url}")
            elif target.suffix == ".html" and unquote(parts.fragment) not in {"", *anchors(target)}:
                broken.append(f"{path.name}: {url} (no such anchor)")
    assert not broken


def test_every_image_says_what_it_shows(site) -> None:
    silent = []
    for path in pages(site):
        for image in soup(path).find_all("img"):
            alt = (image.get("alt") or "").strip()
            if not alt or alt.startswith(("_images/", "../_images")) or re.search(r"\.(png|svg|jpe?g)$", alt):
                silent.append(f"{path.name}: {image.get('src', '')[:60]} has alt {alt!r}")
    assert not silent


def test_tables_are_tables(site) -> None:
    """Lines of a table in a cell's Markdown are a paragraph full of bars unless the cell asks for MyST."""
    raw = [
        f"{path.name}: {text[:60]}"
        for path in pages(site)
        for text in (paragraph.get_text().strip() for paragraph in soup(path).find_all("p"))
        if text.startswith("| ")
    ]
    assert not raw


def test_no_page_shows_an_error(site) -> None:
    found = []
    for path in pages(site):
        article = soup(path).find("article")
        if article is None:
            continue
        found += [
            f"{path.name}: traceback" for _ in article.select(".output.traceback, .highlight-ipythontb")
        ]
        found += [
            f"{path.name}: {m.get_text()[:80]}" for m in article.select(".system-message, .problematic")
        ]
        prose = " ".join(
            p.get_text()
            for p in article.find_all(["p", "li", "td", "figcaption", "h1", "h2", "h3"])
            if not p.find_parent("pre")
        )
        found += [
            f"{path.name}: unresolved {m}"
            for m in re.findall(r"\{(?:glue|cite|eq|numref|ref)[:\w]*\}\S{0,30}|No key .{0,40}", prose)
        ]
    assert not found


@pytest.mark.parametrize("source", notebooks.sources(ROOT / "book"), ids=lambda p: p.stem)
def test_every_cell_ran_and_its_output_is_on_the_page(site, source) -> None:
    relative = source.relative_to(ROOT / "book")
    path = execution.executed_folder(ROOT, PROFILE) / relative
    if not path.is_file():
        pytest.skip(f"{relative} was not executed in the profile {PROFILE}")
    cells = execution.code_cells(json.loads(path.read_text(encoding="utf-8")))
    assert [notebooks.text(c) for c in cells] == [
        notebooks.text(c) for c in execution.code_cells(json.loads(source.read_text(encoding="utf-8")))
    ]
    assert [c.get("id") for c in cells if c["execution_count"] is None] == []
    hidden = {"remove-cell", "remove-output"}
    shown = [
        c for c in cells if not hidden & set(notebooks.tags(c)) and any(visible(o) for o in c["outputs"])
    ]
    article = soup(site / relative.with_suffix(".html")).find("article")
    assert len(article.select("div.cell_output")) == len(shown)
    assert "# Parameters" not in article.get_text()  # what papermill writes into the cell it adds


def visible(output: dict) -> bool:
    """Whether an output shows on a page: not stderr, not a value kept for {glue}."""
    if output["output_type"] == "stream":
        return output["name"] == "stdout"
    return not any(mime.startswith("application/papermill") for mime in output.get("data", {}))


def test_a_page_with_a_widget_has_its_script(site) -> None:
    for path in pages(site):
        has_widget = bool(soup(path).select(".nf-widget"))
        scripts = [s["src"] for s in soup(path).find_all("script", src=True) if "nf-widgets.js" in s["src"]]
        assert len(scripts) == has_widget, path.name


def test_pages_without_a_launch_target_have_no_launch_button(site) -> None:
    assert not [
        p.name for p in pages(site) if soup(p).select(".dropdown-launch-buttons, .dropdown-source-buttons")
    ]
