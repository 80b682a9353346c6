"""The shipped font: which characters it has, and subsets of it for embedding."""

from __future__ import annotations

import base64
import html
import io
import re
from functools import lru_cache
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FOLDER = Path(__file__).parent / "fonts"
FAMILY = "Study Sans"
WEIGHTS = {"Regular": 400, "SemiBold": 600, "Bold": 700}
WORD_JOINER = "\u2060"
REPLACEMENT = "□"

_FEATURES = ["kern", "tnum", "liga", "ccmp", "locl"]
LONGEST_WHOLE = 14
"""Syllables of a Hangul word that stays whole; a longer one may break, or it would push a table off the page."""
_KEPT = re.compile(rf"(?<![\uac00-\ud7a3])[\uac00-\ud7a3]{{2,{LONGEST_WHOLE}}}(?![\uac00-\ud7a3])|\+{{2,}}")
_TEXT_NODE = re.compile(r">[^<]+<")
_NOT_TEXT = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", flags=re.DOTALL)


@lru_cache(maxsize=1)
def characters() -> frozenset[str]:
    """Every character that the shipped font can draw, in all weights."""
    maps = [TTFont(FOLDER / f"StudySans-{weight}.ttf").getBestCmap() for weight in WEIGHTS]
    return frozenset(chr(code) for code in set.intersection(*(set(table) for table in maps)))


def text_of(page: str) -> str:
    """The words of a page, without tags, styles and scripts."""
    return html.unescape(_NOT_TEXT.sub(" ", page))


def faces(wanted: set[str]) -> str:
    """`@font-face` rules with the wanted characters of each weight as woff2 data.

    The family is the shipped one; other characters fall back to the reader's fonts.
    """
    codes = sorted(ord(character) for character in wanted & characters())
    rules = []
    for name, weight in WEIGHTS.items():
        data = base64.b64encode(_subset(FOLDER / f"StudySans-{name}.ttf", codes)).decode("ascii")
        source = f"url(data:font/woff2;base64,{data}) format('woff2')"
        rules.append(f"@font-face{{font-family:'{FAMILY}';font-weight:{weight};src:{source}}}")
    return "\n".join(rules)


def _subset(path: Path, codes: list[int]) -> bytes:
    font = TTFont(path, recalcTimestamp=False)
    options = subset.Options()
    options.layout_features = _FEATURES
    options.hinting = False
    maker = subset.Subsetter(options)
    maker.populate(unicodes=codes)
    maker.subset(font)
    font.flavor = "woff2"
    sink = io.BytesIO()
    font.save(sink)
    return sink.getvalue()


def keep_words_whole(page: str) -> str:
    """A word joiner between adjacent Hangul, and in `Grad-CAM++`.

    WeasyPrint ignores `word-break: keep-all` (Kozea/WeasyPrint#1153).
    """
    head, body, rest = page.partition("<body")
    joined = _TEXT_NODE.sub(lambda node: _KEPT.sub(lambda word: WORD_JOINER.join(word[0]), node[0]), rest)
    return head + body + joined


def drawable(page: str) -> tuple[str, set[str]]:
    """The page with characters outside the shipped font replaced in its text, and which they were."""
    unknown: set[str] = set()

    def replaced(node: re.Match[str]) -> str:
        missing = {character for character in node[0] if character not in characters() and not character.isspace()}
        unknown.update(missing)
        return "".join(REPLACEMENT if character in missing else character for character in node[0])

    head, body, rest = page.partition("<body")
    return head + body + _TEXT_NODE.sub(replaced, rest), unknown
