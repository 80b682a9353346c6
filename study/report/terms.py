"""Every word of the report in both languages: `TERMS[key]` is a `Text(en, ko)`.

The rows stand in `words` (headings, heads of tables, verdicts), `captions`, `sentences` (what may be said),
`caution_words` (warnings), `method_words` (methods compared), `reliability_words` and the three of `glossary`
(definitions). Templates and code hold keys only. Korean particles depend on the last sound before them, so none
follows a `{variable}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from study.report.captions import CAPTIONS
from study.report.caution_words import CAUTION_WORDS
from study.report.compare_words import COMPARE_WORDS
from study.report.design_words import DESIGN_WORDS
from study.report.effect_words import EFFECT_WORDS
from study.report.glossary import DEFINITIONS
from study.report.glossary_attributions import ATTRIBUTION_DEFINITIONS
from study.report.glossary_metrics import METRIC_DEFINITIONS
from study.report.method_words import METHOD_WORDS
from study.report.outside_words import OUTSIDE_WORDS
from study.report.reliability_words import RELIABILITY_WORDS
from study.report.sentences import SENTENCES
from study.report.words import WORDS

Language = Literal["en", "ko"]


@dataclass(frozen=True)
class Text:
    """The same words in English and Korean."""

    en: str
    ko: str

    def __add__(self, other: Text) -> Text:
        return Text(self.en + other.en, self.ko + other.ko)

    def __bool__(self) -> bool:
        return bool(self.en or self.ko)

    def lang(self, language: Language) -> str:
        """The words in one language."""
        return self.en if language == "en" else self.ko


def _merged(*tables: Mapping[str, tuple[str, str]]) -> dict[str, Text]:
    merged: dict[str, Text] = {}
    for table in tables:
        assert not merged.keys() & table.keys(), f"said twice: {merged.keys() & table.keys()}"
        merged.update({key: Text(*pair) for key, pair in table.items()})
    return merged


TERMS: Mapping[str, Text] = _merged(
    WORDS,
    SENTENCES,
    CAPTIONS,
    METHOD_WORDS,
    EFFECT_WORDS,
    DESIGN_WORDS,
    RELIABILITY_WORDS,
    OUTSIDE_WORDS,
    COMPARE_WORDS,
    CAUTION_WORDS,
    DEFINITIONS,
    METRIC_DEFINITIONS,
    ATTRIBUTION_DEFINITIONS,
)


def fill(key: str, **values: object) -> Text:
    """The words of `key` with its variables filled in; a `Text` value is used per language."""
    text = TERMS[key]
    english = {name: value.en if isinstance(value, Text) else value for name, value in values.items()}
    korean = {name: value.ko if isinstance(value, Text) else value for name, value in values.items()}
    return Text(text.en.format_map(english), text.ko.format_map(korean))


def same(text: str) -> Text:
    """A name, number or hand-written word that stays as it is in both languages."""
    return Text(text, text)


def join(texts: Iterable[Text], separator: str = " ") -> Text:
    """The texts one after the other."""
    parts = [text for text in texts if text]
    return Text(separator.join(part.en for part in parts), separator.join(part.ko for part in parts))
