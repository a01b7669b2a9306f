"""Sphinx extension: an entry of the bibliography has the label by which the text cites it, "Kuhn and Tucker,
1951", and not an abbreviation of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from pybtex.database import Entry
from pybtex.plugin import register_plugin
from pybtex.richtext import Text
from pybtex.style.formatting.alpha import Style as AlphaStyle
from pybtex.style.labels import BaseLabelStyle
from sphinx.application import Sphinx

NAME = "as_cited"


def label(entry: Entry) -> str:
    """Last names and year: one author, two, or the first of more."""
    persons = entry.persons.get("author") or entry.persons["editor"]
    names = (" ".join([*one.prelast_names, *one.last_names]) for one in persons)
    first, *others = (str(Text.from_latex(name)) for name in names)
    who = first if not others else f"{first} and {others[0]}" if len(others) == 1 else f"{first} et al."
    return f"{who}, {entry.fields.get('year', 'n.d.')}"


class AsCitedLabels(BaseLabelStyle):
    """Labels of sorted entries; what would be cited alike gets a letter more."""

    def format_labels(self, sorted_entries: Iterable[Entry]) -> Iterator[str]:
        labels = [label(entry) for entry in sorted_entries]
        count, seen = Counter(labels), Counter()
        for one in labels:
            seen[one] += 1
            yield one + (chr(ord("a") + seen[one] - 1) if count[one] > 1 else "")


class AsCited(AlphaStyle):
    """Sorted by author, year and title, as "alpha" is."""

    default_label_style = AsCitedLabels


def setup(app: Sphinx) -> dict:
    register_plugin("pybtex.style.formatting", NAME, AsCited)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
