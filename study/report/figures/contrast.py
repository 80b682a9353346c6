"""The two names of a contrast, written so that neither is lost."""

from __future__ import annotations

from study.report.figures import sheet


def fit_contrast(treatment: str, control: str, width: float, *, lines: int = 2) -> str:
    """`treatment − control` on one line where it fits, else one arm per line, in semibold.

    On a single line that is too short each name gets half of it.
    """
    words = sheet.drawable(f"{treatment} − {control}")
    if sheet.width_of(words, weight="semibold") <= width:
        return words
    if lines > 1:
        return "\n".join(sheet.fit(part, width, weight="semibold") for part in (treatment, f"− {control}"))
    half = width / 2 - 0.5
    first = sheet.fit(
        treatment, max(half, width - sheet.width_of(f" − {control}", weight="semibold")), weight="semibold"
    )
    rest = width - sheet.width_of(f"{first} ", weight="semibold")
    return f"{first} {sheet.fit(f'− {control}', rest, weight='semibold')}"
