"""What a training stage does, in the words of a box or a table: parameters keep their names, plain words are spoken."""

from __future__ import annotations

import re

from study.report.terms import Text

_KOREAN = (
    (re.compile(r"\b(\d[\d,.]*) epochs?\b"), r"\1 에폭"),
    (re.compile(r"\brandom(?= \d)"), "무작위"),
    (re.compile(r"\bcenter(?= \d)"), "중앙"),
    (re.compile(r"\bedge(?= \d)"), "가장자리"),
    (re.compile(r"(\d+) of (\d+) tensors"), r"텐서 \2개 중 \1개"),
    (re.compile(r"\bleft out:"), "제외:"),
)


def stage_words(text: str) -> Text:
    """`chest, random 75 %, 30 epochs` and the same in Korean: `chest, 무작위 75 %, 30 에폭`."""
    korean = text
    for pattern, words in _KOREAN:
        korean = pattern.sub(words, korean)
    return Text(text, korean)
