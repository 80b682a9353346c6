"""The methods paragraph, ready to paste, and the glossary of what occurs in this report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from study.report import designs, numbers, ranks
from study.report.cells import alone, controls, real
from study.report.contrast_tables import of_family
from study.report.effect_tables import settings as effect_settings
from study.report.effect_tables import undefined_sentence
from study.report.effect_tables import words as effect_words
from study.report.names import base
from study.report.outside import outside, planned, sources, spoken
from study.report.simultaneous import at_once
from study.report.terms import TERMS, Text, fill, join, same
from study.report.wording import adjustment

Results = Mapping[str, Any]
_ALWAYS_FIRST = ("arm", "run", "attribution")


class Entry(NamedTuple):
    """A word and what it means here."""

    name: Text
    definition: Text
    written: str = ""
    """What tables call a metric or a map, in every language."""

    @property
    def alone(self) -> Text:
        """The name for a page in one language: with what its tables write, where that is another word."""
        there = not self.written or self.written in self.name.ko
        return self.name if there else Text(self.name.en, f"{self.name.ko} ({self.written})")


def methods(results: Results) -> Text:
    """One paragraph from the protocol and the findings: nothing in it is typed by hand."""
    return join(list(_sentences(results)))


def _sentences(results: Results) -> Iterator[Text]:
    counts = results["counts"]
    arms = ", ".join(arm["name"] for arm in results["arms"])
    models = ", ".join(results["models"])
    if alone(results):
        yield spoken(results, "m.one_arm", arm=arms, models=models)
    else:
        yield fill("m.arms", n=counts["arms"], arms=arms, models=models)
    runs = {"seeds": counts["seeds"], "done": counts["runs_finished"], "planned": counts["runs_planned"]}
    yield spoken(results, "m.runs.planned" if outside(results) and planned(results) else "m.runs", **runs)
    if counts["runs_per_arm_highest"] == 1:
        yield spoken(results, "m.one_run.alone" if alone(results) else "m.one_run")
    titles = [results["attributions"][label]["title"] for label in real(results)]
    settings = results["settings"]
    target = spoken(results, "m.target.predicted" if settings.get("target_class") == "predicted" else "m.target.label")
    yield spoken(
        results,
        "m.images",
        files=sources(results),
        images=numbers.count(counts["images_used"]),
        name=settings.get("target") or results["study"],
        attributions=", ".join(titles) or numbers.MISSING,
        target=target,
    )
    yield from _primary(results)
    if results["contrasts"]:
        yield from _tests(results)
    yield from designs.methods(results)
    yield from _together(results)
    if ranks.shown(results):
        n = len({row["metric"] for row in ranks.rankings(results)})
        yield fill("m.ranks", n=n, alpha=numbers.plain(results["alpha"]))
    yield undefined_sentence(results)
    if results["protocol"]["locked"]:
        n = len(results["protocol"]["deviations"])
        yield spoken(results, "m.locked", date=results["protocol"]["locked"][:10], n=n)


def _together(results: Results) -> Iterator[Text]:
    """All arms at once, and agreement between runs, where they were computed."""
    row = next((row for row in results.get("omnibus", ()) if row["means"]), None)
    if row is not None:
        reference = next(arm["name"] for arm in results["arms"] if arm["reference"])
        blocks = TERMS[f"m.blocks.{row['blocks']}"]
        yield fill("m.omnibus", n=len(results["arms"]), blocks=blocks, reference=reference)
    if any(row["estimate"] is not None for row in results.get("run_agreement", ())):
        yield TERMS["m.run_agreement"]


def _primary(results: Results) -> Iterator[Text]:
    rows = of_family(results, "primary")
    if not rows:
        return
    chosen = list(dict.fromkeys(row["metric"] for row in rows))
    maps = list(dict.fromkeys(row["attribution"] for row in rows if row["attribution"]))
    titles = [results["attributions"][label]["title"] for label in maps]
    tested = {row["metric"] for row in of_family(results, "secondary")}
    others = [facts["title"] for label, facts in results["metrics"].items() if label in tested - set(chosen)]
    values = {
        "metric": ", ".join(results["metrics"][label]["title"] for label in chosen),
        "attribution": fill("m.on", attribution=", ".join(titles)) if titles else same(""),
    }
    yield fill("m.primary", **values, others=", ".join(others)) if others else fill("m.primary_only", **values)


def _tests(results: Results) -> Iterator[Text]:
    rows = of_family(results, "primary")
    seeding = TERMS["m.paired" if results["seeding"] == "paired" else "m.nested"]
    yield fill("m.estimate", seeding=seeding, alpha=numbers.plain(results["alpha"]))
    if any(row["verdict"]["models_only"] for row in rows):
        yield TERMS["m.models_only"]
    if rows:
        adjusted = next((row["adjustment"] for row in rows if row["adjustment"]), None)
        m = rows[0]["m"]
        family = fill("m.family", m=m, adjustment=adjustment(adjusted, "adjusted"))
        yield family if m > 1 else TERMS["m.family_one"]
    yield from effect_settings(results)
    yield from _margins(results)
    if of_family(results, "secondary"):
        yield TERMS["m.secondary.simultaneous" if at_once(results["contrasts"]) else "m.secondary"]


def _margins(results: Results) -> Iterator[Text]:
    margins = {row["metric"]: row["margin"] for row in of_family(results, "primary") if row["margin"] is not None}
    if not margins:
        yield TERMS["m.no_margin"]
        return
    later = any(row["margin_set_later"] for row in of_family(results, "primary"))
    parts = []
    for label, margin in margins.items():
        facts = results["metrics"][label]
        parts.append(fill("m.margin.one", metric=facts["title"], margin=numbers.margin(margin, facts["unit"])))
    yield fill("m.margin", margins=join(parts, ", "), later=spoken(results, "m.margin.later") if later else same(""))


def glossary(results: Results, *, web: bool = True) -> list[Entry]:
    """The words that occur: nouns of the design, metrics and maps of the protocol, statistics; fewer in print."""
    metrics = [base(label) for label in results["metrics"]]
    maps = [base(label) for label in (*real(results), *controls(results))]
    verdicts = {row["verdict"]["kind"] for row in of_family(results, "primary")}
    margin = any(row["margin"] is not None for row in of_family(results, "primary"))
    words = [*_ALWAYS_FIRST, *metrics, *maps]
    words += ["delta", "p_adj"] if results["contrasts"] else []
    words += effect_words(results, web=web)
    words += ["rank", "critical_difference"] if ranks.shown(results) else []
    words += ["omnibus", "kendall_w"] if web and any(row["means"] for row in results.get("omnibus", ())) else []
    words += ["run_agreement"] if any(row["estimate"] is not None for row in results.get("run_agreement", ())) else []
    words += ["alpha", "dependability"] if results.get("reliability") else []
    words += ["interaction", "simple_effect"] if results["factorial"] else []
    words += ["lack_of_fit"] if results["doses"] else []
    words += ["sd"] if results["counts"]["runs_per_arm_highest"] > 1 else []
    words += ["equivalent"] if margin else []
    words += ["inconclusive"] if "inconclusive" in verdicts else []
    known = [word for word in dict.fromkeys(words) if f"def.{word}" in TERMS]
    written = _written(results)
    return [Entry(TERMS[f"name.{word}"], spoken(results, f"def.{word}"), written.get(word, "")) for word in known]


def _written(results: Results) -> dict[str, str]:
    """What tables call the metrics and maps that have one name in both languages."""
    maps = {base(label): facts["title"] for label, facts in results["attributions"].items() if not facts["control"]}
    metrics = {base(label): facts["title"] for label, facts in results["metrics"].items()}
    return {name: title.partition(" (")[0] for name, title in (maps | metrics).items()}
