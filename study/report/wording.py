"""Sentences made from findings, and the words that no report may use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from study.report import extent, numbers
from study.report.terms import TERMS, Language, Text, fill, join, same

Row = Mapping[str, Any]
"""One contrast of `results`."""

_FORBIDDEN: Mapping[Language, tuple[str, ...]] = {
    "en": (
        *(r"\b(in)?significan\w*", r"\bn\.s\.", r"\btrend\w*", r"\bmarginally\b", r"\bapproach(es|ing) significance"),
        *(
            r"\bno effect\b",
            r"\bno difference\b",
            r"\boutperform\w*",
            r"\bstate[- ]of[- ]the[- ]art\b",
            r"\bprove[sdn]?\b",
        ),
        *(
            r"\bconfirms?\b",
            r"\bbecause\b",
            r"\bthanks to\b",
            r"\blooks? at\b",
            r"\battends? to\b",
            r"\bunderstands?\b",
        ),
        *(r"\btrust\w*", r"\bfaithful model", r"\balways\b", r"\brobust\w*", r"\berror bars?\b", r"p = 0\.000", r"!"),
        *(r"\bexcit\w*", r"\bimpressive\w*", r"\bremarkabl\w*", r"\bpromising\b", r"\bmae helps\b"),
        *(r"\bpretraining improves\b", r"\bmostly better\b"),
    ),
    "ko": (
        "유의미",
        "유의하",
        "유의한",
        "입증",
        "증명",
        "확실히",
        "압도적",
        "효과 없음",
        "경향",
        "우수",
        "항상",
        "놀라",
        "획기적",
        "!",
    ),
}
_QUOTED = re.compile(r"[“\"][^”\"]*[”\"]")


def forbidden(text: str, language: Language) -> list[str]:
    """Words of `text` that the report avoids (quoted words are mentioned, not used)."""
    bare = _QUOTED.sub("", text)
    return [hit[0] for pattern in _FORBIDDEN[language] for hit in re.finditer(pattern, bare, flags=re.IGNORECASE)]


class Voice(NamedTuple):
    """What sentences need besides the finding: names for people, and the level."""

    arms: Mapping[str, str]
    metrics: Mapping[str, Row]
    attributions: Mapping[str, Row]
    alpha: float
    runs_planned: Mapping[tuple[str, str], int]


def voice(results: Row) -> Voice:
    """The names and limits of these results."""
    planned = {(arm["arm"], model): n for arm in results["arms"] for model, n in arm["runs_planned"].items()}
    return Voice(
        {arm["arm"]: arm["name"] for arm in results["arms"]},
        results["metrics"],
        results["attributions"],
        results["alpha"],
        planned,
    )


def interval(low: float | None, high: float | None, unit: numbers.Unit, margin: float | None = None) -> Text:
    """`−0.013 to +0.005`; a bound near a threshold of the verdict has more digits."""
    if low is None or high is None:
        return same(numbers.MISSING)
    thresholds = numbers.limits(margin)
    bounds = (numbers.bound(value, unit, thresholds=thresholds) for value in (low, high))
    return fill("interval", **dict(zip(("low", "high"), bounds, strict=True)))


def main_interval(row: Row) -> tuple[float | None, float | None]:
    """The 95% interval that the verdict rests on: the simultaneous one, else the recipe's, else that of these models."""
    if row.get("ci_simultaneous_low") is not None:
        return row["ci_simultaneous_low"], row["ci_simultaneous_high"]
    if row["ci_low"] is None:
        return row["ci_models_low"], row["ci_models_high"]
    return row["ci_low"], row["ci_high"]


def adjustment(name: str | None, kind: str = "adjustment") -> Text:
    """`Holm p` (kind `adjustment`) or `Holm` (kind `adjusted`)."""
    if not name:
        return TERMS[f"{kind}.none"]
    known = {
        "by": "by",
        "max_t": "max_t",
        "holm": "holm",
        "bh": "bh",
        "fdr_bh": "bh",
        "benjamini_hochberg": "bh",
        "benjamini-hochberg": "bh",
    }
    return fill(f"{kind}.{known.get(name.lower(), 'other')}", name=name)


def pair(row: Row, names: Voice) -> Text:
    """`MAE random − Baseline`."""
    return fill("pair", treatment=names.arms[row["treatment"]], control=names.arms[row["control"]])


def result(row: Row, names: Voice) -> Text:
    """The line of one model on page 1: means, difference, interval, adjusted p, and what follows."""
    if row["verdict"]["kind"] == "not_tested":
        reasons = Text(" ".join(row["sentences_en"]), " ".join(row["sentences_ko"]))
        return fill("result.none", model=row["model"], reason=reasons or same(row["status"]))
    metric = names.metrics[row["metric"]]
    low, high = main_interval(row)
    sentence = fill(
        "result.models" if row["verdict"]["models_only"] else "result",
        model=row["model"],
        metric=metric["title"],
        control=numbers.level(row["mean_control"], metric["unit"]),
        treatment=numbers.level(row["mean_treatment"], metric["unit"]),
        estimate=numbers.difference(row["estimate"], metric["unit"]),
        interval=interval(low, high, metric["unit"], row["margin"])
        + (TERMS["interval.simultaneous"] if row.get("ci_simultaneous_low") is not None else same("")),
        p_name=adjustment(row["adjustment"]),
        p=numbers.p_relation(row["p_adjusted"], alpha=names.alpha),
        m=same(", ") + fill("m.tests", m=row["m"]) if row["m"] else same(""),
        extent=extent.of_contrast(row),
    )
    return join([sentence, *remarks(row, names)])


def remarks(row: Row, names: Voice) -> list[Text]:
    """What a reader of the line must know: what the interval contains, and which runs are missing."""
    kind, margin = row["verdict"]["kind"], row["margin"]
    unit: numbers.Unit = names.metrics[row["metric"]]["unit"]
    written = numbers.margin(margin, unit)
    ninety = interval(row["ci90_low"], row["ci90_high"], unit, margin)
    found: list[Text] = []
    if kind == "beyond":
        found.append(TERMS["remark.above" if row["estimate"] > 0 else "remark.below"])
    elif kind in ("within", "equivalent"):
        found.append(fill("remark.inside", margin=written, interval=ninety))
    elif kind == "inconclusive":
        found.append(_open(row))
    if row["verdict"]["models_only"]:
        found.append(TERMS["remark.models" if kind in ("differs", "beyond") else "remark.models_open"])
    for arm, done in ((row["treatment"], row["n_runs_treatment"]), (row["control"], row["n_runs_control"])):
        planned = names.runs_planned.get((arm, row["model"]), done)
        if done < planned:
            found.append(fill("remark.runs", arm=names.arms[arm], k=done, n=planned))
    return found


def _open(row: Row) -> Text:
    """Why a contrast is inconclusive, from its own interval."""
    low, high = main_interval(row)
    margin = row["margin"]
    if low is None or high is None:
        return same("")
    if low > 0 or high < 0:
        return fill("remark.adjusted", m=row["m"])
    if margin is not None and (high >= margin or low <= -margin):
        return TERMS["remark.both"]
    return TERMS["remark.zero"]


def headline(rows: Sequence[Row]) -> Text:
    """The verdicts of one contrast over its models, each named; never averaged into one."""
    parts = []
    ordered = sorted(rows, key=lambda row: [_words(other) for other in rows].index(_words(row)))
    for _, group in groupby(ordered, key=_words):
        members = list(group)
        verdict = members[0]["verdict"]
        words = {"head": Text(**verdict["head"]), "tail": Text(**verdict["tail"])}
        if len(rows) == len(members) == 2:
            parts.append(fill("headline.both", **words))
        elif len(rows) == len(members) > 2:
            parts.append(fill("headline.every", **words, k=len(members), n=len(rows)))
        else:
            models = join([same(row["model"]) for row in members], ", ")
            parts.append(fill("headline.for", **words, models=models))
    return join(parts)


def _words(row: Row) -> str:
    verdict = row["verdict"]
    return f"{verdict['head']['en']}|{verdict['tail']['en']}"
