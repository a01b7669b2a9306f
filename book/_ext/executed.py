"""Sphinx extension: pages show what papermill executed; nothing is executed twice and no stale result is
shown.

Before the build every notebook that is not up to date is executed (``tools/execution.py``; profile by
NFLIB_PROFILE, default "cpu"), whoever started the build. A page then takes its prose and code from the
committed notebook and its outputs from the executed one. A widget shows its ``text/html`` form, which needs
no kernel and no library.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util import logging

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))
execution = import_module("execution")

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
logger = logging.getLogger(__name__)


def _execute(app: Sphinx, config: Config) -> None:
    logger.info("executing what is missing or has changed, profile %s:", config.nf_profile)
    try:
        execution.execute_missing(ROOT, config.nf_profile, python=sys.executable, say=logger.info)
    except (execution.ExecutionError, ValueError) as error:
        raise ExtensionError(str(error)) from error


def _static_outputs(outputs: list[dict], docname: str) -> list[dict]:
    """Outputs without the live view of a widget, which would pull a widget runtime from the network."""
    for output in outputs:
        data = output.get("data", {})
        if data.pop(WIDGET_VIEW, None) and "text/html" not in data:
            logger.warning(
                "%s shows a widget that has no text/html form for readers without a kernel", docname
            )
    return outputs


def _merge(app: Sphinx, docname: str, source: list[str]) -> None:
    path = Path(app.env.doc2path(docname))
    if path.suffix != ".ipynb":
        return
    executed = execution.executed_folder(ROOT, app.config.nf_profile) / path.relative_to(app.srcdir)
    app.env.dependencies[docname].add(str(executed))
    page, results = json.loads(source[0]), json.loads(executed.read_text(encoding="utf-8"))
    for cell, result in zip(execution.code_cells(page), execution.code_cells(results), strict=True):
        cell["outputs"] = _static_outputs(result["outputs"], docname)
        cell["execution_count"] = result["execution_count"]
    source[0] = json.dumps(page)


def setup(app: Sphinx) -> dict:
    app.add_config_value("nf_profile", os.environ.get("NFLIB_PROFILE", "cpu"), "env")
    app.connect("config-inited", _execute)
    app.connect("source-read", _merge)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
