"""What two-factor and dose-response results say: names of effects, their order, and sentences made from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from study.report import extent, names, numbers
from study.report.terms import TERMS, Text, fill, join, same
from study.report.wording import adjustment, interval

Row = Mapping[str, Any]
Results = Mapping[str, Any]


def spoken(name: str) -> str:
    """A factor or level as people say it: `chest_then_shoulder` is `chest then shoulder`, `mae` is `MAE`."""
    words = [word for part in name.split("_") for word in part.split() if word]
    return " ".join(word.upper() if word in names.ACRONYMS else word for word in words) or name


def cells(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Rows by (attribution, metric), the primary ones first."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row["attribution"], row["metric"]), []).append(row)
    return found


def primary_rows(rows: Sequence[Row]) -> list[Row]:
    """The rows of the primary attribution and metric: the first ones, as the statistics order them."""
    return next(iter(cells(rows).values()), [])


def by_model(results: Results, rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by model, in the protocol's order."""
    found = {model: [row for row in rows if row["model"] == model] for model in results["models"]}
    return {model: own for model, own in found.items() if own}


def what(results: Results, rows: Sequence[Row]) -> Text:
    """`, EHR, Grad-CAM, 4 runs per arm, 200 images` of rows of one attribution and metric."""
    row = rows[0]
    parts = [same(results["metrics"][row["metric"]]["title"])]
    parts += [same(results["attributions"][row["attribution"]]["title"])] if row["attribution"] else []
    return same(", ") + join([*parts, size(rows)], ", ")


def size(rows: Sequence[Row]) -> Text:
    """`3 to 4 runs per arm, 200 images`."""
    counts = [{"n_runs": n} for row in rows for n in row["n_runs"]]
    return join([extent.runs(counts), extent.images(rows)], ", ")


def capital(text: Text) -> Text:
    """The text with a capital first letter."""
    return Text(text.en[:1].upper() + text.en[1:], text.ko[:1].upper() + text.ko[1:])


# ------------------------------------------------------------------------------- two factors


def in_order(effects: Sequence[Row]) -> list[Row]:
    """The interaction, what answers, then the rest."""
    return sorted(effects, key=lambda row: 0 if row["effect"] == "interaction" else 1 if row["headline"] else 2)


def effect_name(results: Results, row: Row, *, short: bool = False) -> Text:
    """`Masking: center − random, averaged over pretraining`."""
    design = results["factors"]
    first, second = (spoken(name) for name in design["factors"])
    key = f"effect.{row['effect']}{'.short' if short else ''}"
    if row["effect"] == "interaction":
        return fill(key, first=first, second=second)
    place = design["factors"].index(row["factor"])
    low, high = (spoken(level) for level in design["levels"][place])
    words = {"factor": (first, second)[place], "other": (second, first)[place], "at": spoken(row["at"])}
    name = fill(key, low=low, high=high, **words)
    return name if short else capital(name)


def limits(row: Row) -> tuple[float | None, float | None]:
    """The interval of the recipe, else of these models."""
    if row["ci_low"] is not None:
        return row["ci_low"], row["ci_high"]
    return row["ci_models_low"], row["ci_models_high"]


def value(results: Results, row: Row) -> Text:
    """`Δ = +0.041 (95% CI +0.008 to +0.074; Holm p = 0.021, m = 3)`."""
    if row["estimate"] is None or limits(row)[0] is None:
        return TERMS["factors.value.none"]
    unit = results["metrics"][row["metric"]]["unit"]
    key = "factors.value.interaction" if row["effect"] == "interaction" else "factors.value"
    return fill(
        key if row["ci_low"] is not None else "factors.value.models",
        estimate=numbers.difference(row["estimate"], unit),
        interval=interval(*limits(row), unit, row["margin"]),
        ninety=interval(row["ci90_low"], row["ci90_high"], unit, row["margin"]),
        p_name=adjustment(row["adjustment"]),
        p=numbers.p_relation(row["p_adjusted"], alpha=results["alpha"]),
        m=row["m"],
    )


def headlines(results: Results) -> list[Text]:
    """One sentence per model on the primary attribution and metric: the interaction, then what answers."""
    found = by_model(results, primary_rows(results["factorial"]))
    return [_headline(results, model, effects) for model, effects in found.items()]


def _headline(results: Results, model: str, effects: Sequence[Row]) -> Text:
    interaction = next(row for row in effects if row["effect"] == "interaction")
    answers = [row for row in effects if row["headline"]]
    first, second = (spoken(name) for name in results["factors"]["factors"])
    if interaction["estimate"] is None or limits(interaction)[0] is None:
        reason = Text(*(" ".join(interaction[f"sentences_{lang}"]) for lang in ("en", "ko")))
        return fill("factors.none", model=model, reason=reason)
    said = [fill("factors.one", name=effect_name(results, row), value=value(results, row)) for row in answers]
    return fill(
        f"factors.{_kind(interaction, answers)}",
        model=model,
        size=join([extent.question([interaction]), size([interaction])], "; "),
        interaction=value(results, interaction),
        margin=_margin(results, interaction),
        factor=first,
        other=second,
        effects=join(said, "; "),
    )


def _kind(interaction: Row, answers: Sequence[Row]) -> str:
    if any(row["effect"] == "main" for row in answers):
        return "inside"
    if interaction["status"] != "ok":
        return "models"
    return "no_margin" if interaction["margin"] is None else "open"


def _margin(results: Results, row: Row) -> str:
    return numbers.margin(row["margin"], results["metrics"][row["metric"]]["unit"])


def quotes(results: Results) -> Iterator[Text]:
    """Page 1: whether main effects may be quoted, per model."""
    for model, effects in by_model(results, primary_rows(results["factorial"])).items():
        interaction = next(row for row in effects if row["effect"] == "interaction")
        first, second = (spoken(name) for name in results["factors"]["factors"])
        if interaction["estimate"] is None:
            continue
        inside = any(row["headline"] and row["effect"] == "main" for row in effects)
        yield fill(f"quote.factors.{'inside' if inside else 'open'}", model=model, first=first, second=second)
    yield from kept(results)


# --------------------------------------------------------------------------------------- doses


def dose_text(row: Row, dose: float) -> str:
    """`75 %`."""
    return f"{numbers.plain(dose)} {row['unit']}".strip()


def dose_of(row: Row, arm: str) -> str:
    """The dose of an arm, with its unit."""
    return dose_text(row, dict(zip(row["arms"], row["doses"], strict=True))[arm])


def levels(results: Results, row: Row) -> list[Row]:
    """The doses of this model, attribution and metric, lowest first."""
    place = (row["model"], row["attribution"], row["metric"])
    return [
        level for level in results["dose_levels"] if (level["model"], level["attribution"], level["metric"]) == place
    ]


def kept(results: Results) -> Iterator[Text]:
    """Which doses are not told apart from the best, per model, on the primary attribution and metric."""
    for row in primary_rows(results["doses"]):
        if row["best"] is not None:
            yield _kept(results, row)


def _kept(results: Results, row: Row) -> Text:
    apart = [arm for arm in row["arms"] if arm not in row["not_told_apart"]]
    key = "dose.alone" if len(row["not_told_apart"]) == 1 else "dose.kept.apart" if apart else "dose.kept"
    return fill(
        key,
        model=row["model"],
        metric=results["metrics"][row["metric"]]["title"],
        m=row["m_best"],
        size=join([TERMS["extent.models" if row["best_models_only"] else "extent.recipe"], size([row])], "; "),
        kept=", ".join(dose_of(row, arm) for arm in row["not_told_apart"]),
        apart=", ".join(dose_of(row, arm) for arm in apart),
    )


def readings(results: Results) -> list[Text]:
    """What is said above the dose table: the doses that could be best, and whether a line fits."""
    found = []
    for row, text in zip([row for row in primary_rows(results["doses"]) if row["best"]], kept(results), strict=True):
        parts = [text]
        if row["lack_of_fit_p"] is not None and row["lack_of_fit_p"] < results["alpha"]:
            fit = f" (F({row['lack_of_fit_df1']}, {row['lack_of_fit_df2']}) = {numbers.fixed(row['lack_of_fit_f'], 2)}, p "
            fit += f"{numbers.p_relation(row['lack_of_fit_p'], alpha=results['alpha'])})"
            parts.append(fill("dose.bent", p=fit))
        found.append(join(parts))
    return found


def methods(results: Results) -> Iterator[Text]:
    """Sentences of the methods paragraph."""
    if results["factorial"]:
        design = results["factors"]
        first, second = (spoken(name) for name in design["factors"])
        levels = {
            f"{place}_{end}": spoken(level)
            for place, own in zip(("first", "second"), design["levels"], strict=True)
            for end, level in zip(("low", "high"), own, strict=True)
        }
        yield fill("m.factors", first=first, second=second, **levels)
    if results["doses"]:
        row = results["doses"][0]
        yield fill("m.dose", name=row["name"], doses=", ".join(dose_text(row, dose) for dose in row["doses"]))


def remarks(rows: Sequence[Row]) -> list[Text]:
    """Sentences that must be read with these rows, each once."""
    pairs = [
        Text(english, korean)
        for row in rows
        for english, korean in zip(row["sentences_en"], row["sentences_ko"], strict=True)
    ]
    return list(dict.fromkeys(pairs))
