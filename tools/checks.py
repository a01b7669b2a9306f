"""What ``make test`` runs: six stages, each timed, none stopping the others, one summary at the end.

A stage takes all cores: tests are split among as many processes as ``tools/cores.py`` allows, and notebooks
are executed beside each other. What uses one core only, the pages and the types, runs side by side.
"""

from __future__ import annotations

import shutil
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import building
import cores
from building import ROOT
from execution import is_current
from notebooks import sources

OUTPUT = ROOT / "_build" / "test"
SITE = OUTPUT / "_build" / "html"  # its own place: the reader's _build/html stays as it is


@dataclass
class Stage:
    """The result of one stage."""

    name: str
    ok: bool
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: dict[str, int] = field(default_factory=dict)  # reason -> how many

    def __str__(self) -> str:
        word = "ok" if self.ok else "FAILED"
        counts = f"{self.passed} passed" + (f", {self.failed} failed" if self.failed else "")
        lines = [f"{self.name:<14}{word:<8}{self.seconds:5.0f} s  {counts}"]
        lines += [f"{'':14}skipped {count}: {reason}" for reason, count in sorted(self.skipped.items())]
        return "\n".join(lines)


def pytest(name: str, selection: str, profile: str) -> Stage:
    """One stage of pytest: the tests whose marks fit ``selection``."""
    print(f"\n== {name}", flush=True)
    report = OUTPUT / f"{name.replace(' ', '-')}.xml"
    report.unlink(missing_ok=True)
    started = time.monotonic()
    workers = cores.workers()
    command = ["python", "-m", "pytest", "-q", "-m", selection, f"--junitxml={report}"]
    # worksteal: neighbours, which share what they need, stay together; who is done early helps the others
    command += ["-n", str(workers), "--dist", "worksteal"]
    variables = cores.thread_variables(workers)
    status = building.in_environment(*command, NFLIB_SITE=str(SITE), NFLIB_PROFILE=profile, **variables)
    stage = Stage(name, status in (0, 5), time.monotonic() - started)  # 5: nothing selected
    cases = ElementTree.parse(report).getroot().iter("testcase") if report.is_file() else ()
    for case in cases:
        skip = case.find("skipped")
        if skip is not None:
            reason = skip.get("message") or "no reason given"
            stage.skipped[reason] = stage.skipped.get(reason, 0) + 1
        elif case.find("failure") is not None or case.find("error") is not None:
            stage.failed += 1
        else:
            stage.passed += 1
    return stage


def lint() -> Stage:
    """Format, lint and types."""
    print("\n== lint", flush=True)
    started = time.monotonic()
    complained = building.lint()
    passed = len(building.LINTERS) - len(complained)
    return Stage("lint", not complained, time.monotonic() - started, passed, len(complained))


def notebooks(profile: str) -> Stage:
    """Every notebook executed. Their committed form is a unit test:
    tests/book/test_notebooks.py.
    """
    print("\n== notebooks", flush=True)
    started = time.monotonic()
    ok = building.notebooks(profile, []) == 0
    current = sum(is_current(ROOT, path, profile) for path in sources(ROOT / "book"))
    return Stage("notebooks", ok, time.monotonic() - started, current, len(sources(ROOT / "book")) - current)


def book(profile: str) -> Stage:
    """The pages, built anew and strictly from the executed notebooks."""
    print("\n== book", flush=True)
    started = time.monotonic()
    shutil.rmtree(OUTPUT / "_build", ignore_errors=True)
    ok = building.build_site(profile, OUTPUT) == 0 and (SITE / "index.html").is_file()
    pages = len(list(SITE.glob("*.html")))
    print(f"  {pages} pages" if ok else "  the book was not built", flush=True)
    return Stage("book", ok, time.monotonic() - started, pages if ok else 0, 0 if ok else 1)


def run_all(profile: str) -> int:
    """Run the stages, with notebooks in a profile; 0 if all are well."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    stages = [notebooks(profile)]
    with ThreadPoolExecutor() as pool:
        stages += [stage.result() for stage in [pool.submit(lint), pool.submit(book, profile)]]
    pages = stages[-1].ok
    stages.append(pytest("unit tests", "not book and not browser", profile))
    if pages:
        stages += [
            pytest("built pages", "book and not browser", profile),
            pytest("browser", "browser", profile),
        ]
    print("\n" + "\n".join(map(str, stages)))
    bad = [stage.name for stage in stages if not stage.ok]
    if not pages:
        bad += ["built pages (not run)", "browser (not run)"]
    skipped = sum(sum(stage.skipped.values()) for stage in stages)
    total = time.monotonic() - started
    verdict = (
        f"FAILED: {', '.join(bad)}"
        if bad
        else "All passed" + (f", {skipped} skipped (reasons above)" if skipped else "")
    )
    print(f"\n{verdict}. {sum(stage.passed for stage in stages)} checks in {total:.0f} s.")
    return 1 if bad else 0
