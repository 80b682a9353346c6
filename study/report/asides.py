"""Small texts beside the tables: date, readings of the controls, notes and warnings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date as Date
from typing import Any

from study.report import names, numbers, ranks
from study.report.cells import alone, primary_attribution
from study.report.contrast_tables import name, of_family
from study.report.notes import Notes
from study.report.outside import outside, spoken
from study.report.outside import warnings as of_tables
from study.report.rank_tables import reading
from study.report.terms import TERMS, Language, Text, fill, join, same
from study.report.wording import forbidden, voice

Row = Mapping[str, Any]
Results = Mapping[str, Any]
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
MOST_NOTES, MOST_IN_PRINT = 40, 8
MOST_NAMES = 2
_LANGUAGES: tuple[Language, ...] = ("en", "ko")


def date(iso: str) -> Text:
    """`15 April 2024` and its Korean form; the text itself where it is not an ISO date."""
    try:
        day = Date.fromisoformat(iso[:10])
    except ValueError:
        return same(iso)
    return fill("date", day=day.day, month=day.month, month_en=MONTHS[day.month - 1], year=day.year)


def left_out(sections: Iterable[int], results: Results) -> Text:
    """`Sections left out: 3 (no human boxes).`; empty where all are there."""
    words = join([spoken(results, f"left_out.{n}") for n in sections], ", ")
    return fill("scope.left_out", sections=words) if words else same("")


def scope(results: Results) -> list[Text]:
    """What the design can and cannot say."""
    if alone(results):
        return [TERMS["scope.one"], TERMS["scope.one.fixed"]]
    can = spoken(results, "scope.can.ranks" if ranks.shown(results) and not outside(results) else "scope.can")
    if not of_family(results, "primary"):
        return [can, spoken(results, "scope.fixed")]
    primary = spoken(results, "scope.primary", n=results["counts"]["primary_contrasts"])
    return [can, primary, spoken(results, "scope.fixed")]


def controls(results: Results) -> list[Text]:
    """What the controls say: of the primary metric, or of how many methods rank above them where one arm is all."""
    if alone(results) and (found := reading(results)):
        return found
    return [*_above_centre(results), *_above_random(results)]


def _above_centre(results: Results) -> Iterator[Text]:
    attribution = primary_attribution(results)
    arms = {arm["arm"]: arm["name"] for arm in results["arms"]}
    primary = {row["metric"] for row in of_family(results, "primary")}
    for row in results["above_centre"]:
        shown = row["metric"] in primary or names.group(row["metric"]) == "agreement"
        if row["attribution"] == attribution and shown:
            metric = results["metrics"][row["metric"]]
            yield fill(
                "controls.minus",
                model=row["model"],
                metric=metric["title"],
                arm=arms[row["arm"]],
                value=numbers.level(row["value"], metric["unit"]),
                centre=numbers.level(row["centre"], metric["unit"]),
                difference=numbers.difference(row["difference"], metric["unit"]),
            )


def _above_random(results: Results) -> Iterator[Text]:
    """Per primary metric and model: how many arms score better than the random map on their own models."""
    attribution = primary_attribution(results)
    randoms = [label for label in results["attributions"] if names.base(label) == "control_random"]
    for metric in dict.fromkeys(row["metric"] for row in of_family(results, "primary")):
        facts = results["metrics"][metric]
        for model in results["models"]:
            chance = _means(results["controls"], model, metric, randoms)
            real = _means(results["means"], model, metric, [attribution])
            both = [arm for arm in real if arm in chance]
            if both and facts["higher_is_better"] is not None:
                sign = 1 if facts["higher_is_better"] else -1
                better = sum(sign * (real[arm] - chance[arm]) > 0 for arm in both)
                low, high = min(chance.values()), max(chance.values())
                value = sorted({numbers.level(bound, facts["unit"]) for bound in (low, high)})
                text = same(value[0]) if len(value) == 1 else fill("interval", low=value[0], high=value[1])
                values = {"model": model, "metric": facts["title"], "value": text}
                yield fill("controls.above", **values, k=better, n=len(both))


def _means(rows: Sequence[Row], model: str, metric: str, labels: Sequence[str | None]) -> dict[str, float]:
    return {
        row["arm"]: row["mean"]
        for row in rows
        if row["model"] == model
        and row["metric"] == metric
        and row["attribution"] in labels
        and row["mean"] is not None
    }


def statistics_notes(results: Results, *, most: int = MOST_NOTES) -> list[tuple[Text, Text]]:
    """Sentences of the findings, each once, with the contrasts it is about; primary ones first, `most` at most."""
    about: dict[Text, list[Text]] = {}
    order = ("primary", "secondary", "exploratory")
    for row in sorted(results["contrasts"], key=lambda row: order.index(row["family"])):
        for english, korean in zip(row["sentences_en"], row["sentences_ko"], strict=True):
            about.setdefault(Text(english, korean), []).append(name(results, row, voice(results), model=True))
    listed = [(_names(list(dict.fromkeys(found))), sentence) for sentence, found in about.items()]
    listed += [(same(""), same(note)) for note in results["notes"]]
    if len(listed) > most:
        return [*listed[:most], (same(""), fill("notes.more", n=len(listed) - most))]
    return listed


def _names(found: Sequence[Text]) -> Text:
    shown = join(found[:MOST_NAMES], "; ")
    return shown if len(found) <= MOST_NAMES else fill("notes.names", names=shown, n=len(found) - MOST_NAMES)


def _caution(warning: Row, arms: Mapping[str, str]) -> Text:
    """A warning with the name of its arm instead of the label."""
    values = dict(warning["values"])
    if "arm" in values:
        values["arm"] = arms.get(values["arm"], values["arm"])
    return fill(f"caution.{warning['kind']}", **values)


def warnings(results: Results, notes: Notes) -> list[Text]:
    """Warnings of the study, and words in the hand-written notes that the report avoids."""
    hits = {
        hit for text in notes.texts() for language in _LANGUAGES for hit in forbidden(text.lang(language), language)
    }
    arms = voice(results).arms
    found = [*(_caution(warning, arms) for warning in results["warnings"]), *of_tables(results)]
    return [*found, fill("warning.notes_words", words=", ".join(sorted(hits)))] if hits else found
