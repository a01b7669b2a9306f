"""Texts that are printed, whatever names of files are in them."""

from __future__ import annotations

import unicodedata

# Characters that are not there to be seen: control and format characters, halves of pairs, other line ends.
UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def shown(text: object) -> str:
    """A text in one line, with what is not there to be seen escaped: a newline in a name as \\n.

    >>> shown("two  spaces, a\\ttab and \\x1b[31m")
    'two  spaces, a\\\\ttab and \\\\x1b[31m'
    """
    return "".join(c if unicodedata.category(c) not in UNSEEN else escaped(c) for c in str(text))


def escaped(character: str) -> str:
    """What is written in place of a character that cannot be: its number, or the byte of a name that is no
    text.
    """
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
