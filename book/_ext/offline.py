"""Sphinx extension: the built site asks the network for nothing and works opened from disk.

MathJax comes from the package ``sphinx-mathjax-offline``, the widgets' script from ``nflib.widgets``; both
are written into the site here and nothing third-party is committed. What the theme would fetch from
elsewhere, or cannot load from ``file://``, goes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.fileutil import copy_asset

from nflib.widgets import static_bundle

BOOK = Path(__file__).resolve().parents[1]
MATHJAX = (
    "tex-svg.js",
    "input/tex/extensions",
    "a11y",
    "sre",
)  # the SVG output needs no fonts, which file:// would refuse
WIDGETS_SCRIPT = "nf-widgets.js"
_FONT_PRELOAD = re.compile(r'<link rel="preload" as="font"[^>]*>\s*')


def _assets() -> str:
    """A hash of what surrounds the pages: Sphinx rewrites them when it changes, which it would not do by
    itself.
    """
    digest = hashlib.sha256(static_bundle().encode())
    around = sorted(p for folder in ("_static", "_ext") for p in (BOOK / folder).rglob("*.*"))
    for path in (p for p in around if p.is_file() and p.suffix != ".pyc" and ".ruff_cache" not in p.parts):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _write_scripts(app: Sphinx) -> None:
    """Put MathJax and the widgets' script under _static/ before the first page is written."""
    if app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    package = importlib.util.find_spec(
        "sphinx-mathjax-offline"
    )  # a name that an import statement could not say
    mathjax = Path(package.origin).with_name("static") / "mathjax"
    for name in MATHJAX:
        target = static / "mathjax" / name
        copy_asset(str(mathjax / name), str(target if (mathjax / name).is_dir() else target.parent))
    (static / WIDGETS_SCRIPT).write_text(static_bundle(), encoding="utf-8")


def _tidy_page(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Drop Thebe (it would load from a CDN; the widgets need no kernel); add the widgets' script where it is
    used.
    """
    context["script_files"][:] = [s for s in context.get("script_files", []) if not _is_thebe(s)]
    context["css_files"][:] = [s for s in context.get("css_files", []) if not _is_thebe(s)]
    if 'class="nf-widget' in context.get("body", ""):
        app.add_js_file(WIDGETS_SCRIPT, loading_method="defer")


def _is_thebe(asset) -> bool:
    name = str(getattr(asset, "filename", "") or "")
    body = getattr(asset, "attributes", {}).get("body") or ""
    return "thebe" in name or "THEBE_JS_URL" in body


def _drop_font_preloads(app: Sphinx, exception: Exception | None) -> None:
    """Browsers refuse preloaded fonts from file:// and say so in the console; the icons are drawn by script
    anyway.
    """
    if exception or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        if _FONT_PRELOAD.search(page):
            path.write_text(_FONT_PRELOAD.sub("", page), encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.add_config_value("nf_assets", _assets(), "html")
    app.connect("builder-inited", _write_scripts)
    app.connect("html-page-context", _tidy_page, priority=900)
    app.connect("build-finished", _drop_font_preloads)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
