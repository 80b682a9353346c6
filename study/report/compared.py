"""Two reports side by side: what changed between versions of one study, or what two studies say of equal questions.

Estimates of two studies are compared by their difference with its own interval, as of independent studies:
SE^2 = SE_a^2 + SE_b^2, and degrees of freedom after Satterthwaite. That holds only where metric, attribution, version
and direction agree and nothing is shared; rows are never pooled, and there is no p-value.

Reference: Satterthwaite, Biometrics Bulletin 1946.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from scipy import stats

from study.report import numbers
from study.report.changes import changed
from study.report.contrast_tables import name, of_family
from study.report.terms import TERMS, Text, fill, join
from study.report.wording import voice

Results = Mapping[str, Any]
Row = Mapping[str, Any]
SCHEMA = "compare/1"
NOTHING = "–"


@dataclass(frozen=True)
class Side:
    """One contrast in one of the two reports; numbers are None where they were not computed."""

    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    se: float | None
    df: float | None
    n_runs_treatment: int
    n_runs_control: int
    n_images: int
    verdict: Text | None


@dataclass(frozen=True)
class InCommon:
    """A contrast that both reports have.

    Attributes:
        a, b: as each report says.
        difference: estimate of b minus that of a.
        se, df, ci_low, ci_high: of the difference of independent studies; None where they are not, or one is unknown.
        why_not: why there is no interval of the difference; None where there is one.
    """

    family: str
    treatment: str
    control: str
    attribution: str
    metric: str
    unit: numbers.Unit
    model_a: str
    model_b: str
    a: Side
    b: Side
    difference: float | None
    se: float | None
    df: float | None
    ci_low: float | None
    ci_high: float | None
    why_not: Text | None


@dataclass(frozen=True)
class Differing:
    """Something in which the two protocols differ."""

    what: Text
    a: str
    b: str


@dataclass(frozen=True)
class Compared:
    """Two reports beside each other.

    Attributes:
        same_study: whether they are versions of one study; then `changes` tells what is new in b.
        changes: verdicts first, then estimates, counts, versions, exclusions and deviations.
        alpha: level of the interval of a difference.
        contrasts: those in common, primary ones first.
        only_a, only_b: how many contrasts the other one lacks.
        differing: in the order of importance.
        notes: how to read the differences.
    """

    a: str
    b: str
    same_study: bool
    changes: tuple[Text, ...]
    alpha: float
    contrasts: tuple[InCommon, ...]
    only_a: int
    only_b: int
    differing: tuple[Differing, ...]
    notes: tuple[Text, ...]


def compare(a: Results, b: Results) -> Compared:
    """The two `results.json` beside each other; b is the newer one where that matters."""
    same_study = a["study"] == b["study"]
    pairs = list(_pairs(a, b))
    differing = tuple(_differing(a, b))
    alpha = min(float(a["alpha"]), float(b["alpha"]))
    shared = _shared(a, b, same_study)
    common = tuple(_in_common(a, b, pair, alpha, shared) for pair in pairs)
    notes = [fill("compare.alpha", a=a["alpha"], b=b["alpha"], alpha=alpha)] if a["alpha"] != b["alpha"] else []
    return Compared(
        a=_label(a),
        b=_label(b),
        same_study=same_study,
        changes=tuple(_changes(a, b)) if same_study else (),
        alpha=alpha,
        contrasts=common,
        only_a=len(a["contrasts"]) - len(pairs),
        only_b=len(b["contrasts"]) - len(pairs),
        differing=differing,
        notes=(*notes, TERMS["compare.rule"]) if common and not same_study else tuple(notes),
    )


def as_data(found: Compared, a: Results, b: Results) -> dict[str, Any]:
    """The same as plain data, unrounded, null where undefined."""
    names = ("study", "report", "date", "title")
    heads = {side: {name: results[name] for name in names} for side, results in (("a", a), ("b", b))}
    for side, results in (("a", a), ("b", b)):
        heads[side]["protocol_hash"] = results["protocol"]["hash"]
    return {"schema": SCHEMA, "question": "if we trained again and took new images", **asdict(found), **heads}


def _label(results: Results) -> str:
    return f"{results['study']}@{results['report']}"


# -------------------------------------------------------------------- versions of one study


def _changes(a: Results, b: Results) -> Iterator[Text]:
    """What is new in b: as its own report would say it, then exclusions and deviations."""
    said = changed(b, a)
    more = [*_exclusions(a, b), *_deviations(a, b)]
    nothing = fill("changed.nothing", number=a["report"])
    yield from (text for text in said if not (more and text == nothing))
    yield from more


def _exclusions(a: Results, b: Results) -> Iterator[Text]:
    before = {row["contrast_id"]: row["n_images_listed"] - row["n_images"] for row in of_family(a, "primary")}
    for row in of_family(b, "primary"):
        now = row["n_images_listed"] - row["n_images"]
        old = before.get(row["contrast_id"], now)
        if old != now:
            spoken = name(b, row, voice(b), model=True)
            yield fill("compare.exclusions", name=spoken, before=numbers.count(old), after=numbers.count(now))


def _deviations(a: Results, b: Results) -> Iterator[Text]:
    known = a["protocol"]["deviations"]
    for each in b["protocol"]["deviations"]:
        if each not in known:
            yield fill(
                "compare.deviation", **{key: each[key] for key in ("where", "before", "after")}, n=each["runs_finished"]
            )


# ------------------------------------------------------------------------ contrasts in common


def _pairs(a: Results, b: Results) -> Iterator[tuple[Row, Row]]:
    """Contrasts of the same arms, attribution and metric; of the same model, unless each study has one only."""
    by_model = len(a["models"]) > 1 or len(b["models"]) > 1

    def key(row: Row) -> tuple[str, ...]:
        names = (row["treatment"], row["control"], row["attribution"], row["metric"])
        return (*names, row["model"]) if by_model else names

    there = {key(row): row for row in b["contrasts"]}
    order = ("primary", "secondary", "exploratory")
    for row in sorted(a["contrasts"], key=lambda row: order.index(row["family"])):
        if key(row) in there:
            yield row, there[key(row)]


def _shared(a: Results, b: Results, same_study: bool) -> Text | None:
    """Why the two are not independent, as far as it is known."""
    if same_study:
        return TERMS["compare.shared.study"]
    tables = {table["sha256"] for table in a.get("tables", ())} & {table["sha256"] for table in b.get("tables", ())}
    if tables:
        return TERMS["compare.shared.table"]
    digest = _target_digest(a)
    return TERMS["compare.shared.films"] if digest and digest == _target_digest(b) else None


def _target_digest(results: Results) -> str | None:
    """Hash of the films that the study was tested on."""
    return _digest(results["datasets"].get(str(results["settings"].get("target")), {}))


def _digest(facts: Row) -> str | None:
    found = facts.get("digest") or facts.get("fingerprint") or facts.get("sha256")
    return None if found is None else str(found)


def _in_common(a: Results, b: Results, pair: tuple[Row, Row], alpha: float, shared: Text | None) -> InCommon:
    one, two = pair
    why_not = _incomparable(one, two) or shared
    known = one["estimate"] is not None and two["estimate"] is not None
    difference = two["estimate"] - one["estimate"] if known and not _incomparable(one, two) else None
    interval: dict[str, float | None] = dict.fromkeys(("se", "df", "ci_low", "ci_high"))
    if why_not is None:
        if None in (difference, one["se"], two["se"], one["df"], two["df"]):
            why_not = TERMS["compare.no_se"]
        else:
            interval = difference_interval(one, two, alpha)
    return InCommon(
        family="primary" if "primary" in (one["family"], two["family"]) else one["family"],
        treatment=one["treatment"],
        control=one["control"],
        attribution=one["attribution"],
        metric=one["metric"],
        unit=b["metrics"][two["metric"]]["unit"],
        model_a=one["model"],
        model_b=two["model"],
        a=_side(one),
        b=_side(two),
        difference=difference,
        why_not=why_not,
        **interval,
    )


def difference_interval(a: Row, b: Row, alpha: float) -> dict[str, float | None]:
    """Interval of b minus a, two estimates of independent studies, each with `estimate`, `se` and `df`.

    SE^2 = SE_a^2 + SE_b^2, df = SE^4 / (SE_a^4 / df_a + SE_b^4 / df_b).
    """
    squares = a["se"] ** 2, b["se"] ** 2
    total = sum(squares)
    df = total**2 / (squares[0] ** 2 / a["df"] + squares[1] ** 2 / b["df"])
    se = total**0.5
    half = float(stats.t.ppf(1 - alpha / 2, df)) * se
    difference = b["estimate"] - a["estimate"]
    return {"se": se, "df": df, "ci_low": difference - half, "ci_high": difference + half}


def _incomparable(one: Row, two: Row) -> Text | None:
    """Why the two numbers do not measure the same thing."""
    if one["metric_version"] != two["metric_version"]:
        return fill("compare.version", a=one["metric_version"], b=two["metric_version"])
    return TERMS["compare.direction"] if one["higher_is_better"] != two["higher_is_better"] else None


def _side(row: Row) -> Side:
    verdict = row["verdict"]
    numbers_of = ("estimate", "ci_low", "ci_high", "se", "df", "n_runs_treatment", "n_runs_control", "n_images")
    return Side(**{key: row[key] for key in numbers_of}, verdict=Text(**verdict["short"]) if verdict else None)


# ------------------------------------------------------------------------- the protocols


def _differing(a: Results, b: Results) -> Iterator[Differing]:
    facts_a, facts_b = dict(_facts(a)), dict(_facts(b))
    for what in dict.fromkeys((*facts_a, *facts_b)):
        one, two = facts_a.get(what, NOTHING), facts_b.get(what, NOTHING)
        if one != two:
            yield Differing(what, one, two)


def _facts(results: Results) -> Iterator[tuple[Text, str]]:
    """What a protocol says that can matter for a comparison, as text."""
    yield TERMS["compare.arms"], ", ".join(arm["arm"] for arm in results["arms"])
    for arm in results["arms"]:
        chain = " > ".join(f"{kind} ({text})" if text else kind for kind, text in arm["stages"])
        if chain:
            yield fill("compare.arm", arm=arm["arm"]), chain
    yield TERMS["compare.reference"], ", ".join(arm["arm"] for arm in results["arms"] if arm["reference"])
    yield TERMS["compare.models"], ", ".join(results["models"])
    for label, data in results["datasets"].items():
        yield fill("row.digest", name=label), str(_digest(data) or NOTHING)[:16]
    for table in results.get("tables", ()):
        what = TERMS["row.scores" if table["scores"] else "compare.predictions"]
        yield what, f"{table['name']} {table['sha256'][:16]}"
    yield TERMS["row.seeds"], ", ".join(map(str, results["seeds"])) + f" ({results['seeding']})"
    yield TERMS["compare.runs"], f"{results['counts']['runs_finished']} / {results['counts']['runs_planned']}"
    yield TERMS["compare.images"], numbers.count(results["counts"]["images_used"])
    for label, facts in results["metrics"].items():
        yield fill("compare.metric", metric=label), str(facts["version"])
    yield TERMS["compare.level"], numbers.plain(results["alpha"])
    analysis = results["settings"].get("analysis") or {}
    for key, value in analysis.items():
        if key != "alpha" and value not in (None, {}, []):
            yield fill("compare.setting", setting=key), _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "; ".join(_plain(item) for item in value)
    return str(value)


def pair_name(row: InCommon) -> Text:
    """`mae − baseline, ehr, gradcam (vit_s)`."""
    model = row.model_a if row.model_a == row.model_b else f"{row.model_a} / {row.model_b}"
    cell = ", ".join(word for word in (row.metric, row.attribution) if word)
    return Text(*(f"{row.treatment} − {row.control}, {cell} ({model})",) * 2)


def interval_text(low: float | None, high: float | None, unit: numbers.Unit) -> Text:
    """`−0.013 to +0.005`, or a dash."""
    if low is None or high is None:
        return Text(NOTHING, NOTHING)
    return fill("interval", low=numbers.bound(low, unit), high=numbers.bound(high, unit))


def side_text(side: Side, unit: numbers.Unit) -> Text:
    """`+0.046 (95% CI +0.005 to +0.087)`, its n and its verdict."""
    words = {"delta": numbers.difference(side.estimate, unit), "ci": interval_text(side.ci_low, side.ci_high, unit)}
    n = {"a": side.n_runs_treatment, "b": side.n_runs_control, "images": numbers.count(side.n_images)}
    line = fill("compare.side", **words, **n)
    return join([line, side.verdict], "; ") if side.verdict else line
