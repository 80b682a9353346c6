"""Make the three fonts in this folder from the npm package `pretendard` 1.3.9 (OFL 1.1).

    npm pack pretendard@1.3.9 && tar xzf pretendard-1.3.9.tgz
    python study/report/fonts/make_fonts.py package/dist

A subset is a modified version and "Pretendard" is a reserved font name, so the family is
renamed. Kept: the 2,350 syllables of KS X 1001, Latin, Greek, arrows, mathematics, the marks
of the report, and the word joiner U+2060 that keeps Korean words whole in the PDF.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FAMILY = "Study Sans"
WEIGHTS = ("Regular", "SemiBold", "Bold")
FEATURES = ["kern", "tnum", "liga", "ccmp", "locl", "case", "sups", "subs"]
RANGES = (
    (0x20, 0x7E),
    (0xA0, 0x17F),
    (0x370, 0x3FF),
    (0x2010, 0x2044),
    (0x2070, 0x209F),
    (0x2190, 0x21D4),
    (0x2200, 0x2265),
    (0x2460, 0x247F),
    (0x25A0, 0x25FF),
    (0x3000, 0x301F),
    (0x3130, 0x318F),
)
SINGLE = (0x200B, 0x2060, 0x20A9, 0x2713, 0x2717)


def syllables() -> set[int]:
    """The code points of the Hangul syllables of KS X 1001."""
    rows = (bytes([high, low]) for high in range(0xB0, 0xC9) for low in range(0xA1, 0xFF))
    return {ord(text) for text in (row.decode("euc-kr", errors="ignore") for row in rows) if text}


def rename(font: TTFont, weight: str) -> None:
    """Replace every name that a user sees; the copyright and licence records stay."""
    names = font["name"]
    kept = {number: names.getDebugName(number) for number in (0, 9, 13, 14)}
    names.names = []
    regular_or_bold = weight in ("Regular", "Bold")
    fresh = {
        1: FAMILY if regular_or_bold else f"{FAMILY} {weight}",
        2: weight if regular_or_bold else "Regular",
        3: f"1.3.9;study;{FAMILY.replace(' ', '')}-{weight}",
        4: f"{FAMILY} {weight}",
        5: "Version 1.3.9; subset",
        6: f"{FAMILY.replace(' ', '')}-{weight}",
        16: FAMILY,
        17: weight,
    }
    for number, text in {**kept, **fresh}.items():
        if text:
            names.setName(text, number, 3, 1, 0x409)


def make(source: Path, target: Path, weight: str) -> None:
    """Write one subset font, the same bytes every time."""
    font = TTFont(source, recalcTimestamp=False)
    options = subset.Options()
    options.layout_features = FEATURES
    options.hinting = False
    options.notdef_outline = True
    options.name_IDs = ["*"]
    maker = subset.Subsetter(options)
    wanted = {code for first, last in RANGES for code in range(first, last + 1)} | set(SINGLE) | syllables()
    maker.populate(unicodes=wanted)
    maker.subset(font)
    rename(font, weight)
    font.save(target)


def main(package: Path) -> None:
    """Make all three weights and copy the licence beside them."""
    here = Path(__file__).parent
    for weight in WEIGHTS:
        source = package / "public" / "static" / "alternative" / f"Pretendard-{weight}.ttf"
        make(source, here / f"StudySans-{weight}.ttf", weight)
    shutil.copyfile(package / "LICENSE.txt", here / "LICENSE.txt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
