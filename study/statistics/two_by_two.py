"""Two factors of two levels: interaction first, then main and simple effects, each with every question it can answer.

The primary attribution and metric have a family of their own (interaction and main effects of every model, Holm);
the same effect on all other attributions and metrics is one family (Benjamini-Hochberg). A simple effect that the
protocol declared as a contrast keeps the adjusted p of that contrast's family, so that one number has one p.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from study.errors import StudyError
from study.records import Contrast, Design, Factorial, FactorialEffect, Finding, MetricFacts, Weighted
from study.records.designs import EffectKind
from study.statistics.cells import Block, Cells
from study.statistics.companions import TTest, runs_test, t_test
from study.statistics.design_notes import interaction_notes, notes_of
from study.statistics.factorial import TWO_BY_TWO, run_contrast, two_by_two_within
from study.statistics.floats import magnitude, number, rounded
from study.statistics.means import RunFigures
from study.statistics.multiplicity import adjust
from study.statistics.notes import sentences
from study.statistics.sentences import Note
from study.statistics.several import Source, Together, source_of, together
from study.statistics.weighted import Answered, contrast_sides, fill_images, weigh


@dataclass(frozen=True)
class Asked:
    """One of the seven effects, before anything is computed."""

    effect: EffectKind
    factor: str
    at: str
    arms: tuple[str, ...]
    weights: tuple[float, ...]


def asked(factorial: Factorial) -> tuple[Asked, ...]:
    """Interaction, both main effects, then the simple effects of the first factor and of the second."""
    (first, second), arms = factorial.factors, factorial.arms
    (first_low, first_high), (second_low, second_high) = factorial.levels
    pairs = (
        (first, second_low, (arms[2], arms[0])),
        (first, second_high, (arms[3], arms[1])),
        (second, first_low, (arms[1], arms[0])),
        (second, first_high, (arms[3], arms[2])),
    )
    return (
        Asked("interaction", "", "", arms, TWO_BY_TWO["interaction"]),
        Asked("main", first, "", arms, TWO_BY_TWO["first"]),
        Asked("main", second, "", arms, TWO_BY_TWO["second"]),
        *(Asked("simple", factor, at, pair, (1.0, -1.0)) for factor, at, pair in pairs),
    )


def declared_cells(design: Design) -> list[Contrast]:
    """One contrast of each (model, attribution, metric) that the protocol tests, primary ones first."""
    found: dict[tuple[str, str, str], Contrast] = {}
    for contrast in sorted(design.contrasts, key=lambda each: each.family != "primary"):
        found.setdefault((contrast.model, contrast.attribution, contrast.metric), contrast)
    return list(found.values())


def known_arms(design: Design, arms: Sequence[str], where: str) -> None:
    """Refuse arms that the design does not have.

    Raises:
        StudyError: with their names.
    """
    strangers = [arm for arm in arms if arm not in design.arms]
    if strangers:
        raise StudyError(
            f"{where}: {', '.join(strangers)} not among the arms of the design; known: {', '.join(design.arms)}"
        )


def factorial_effects(
    design: Design, cells: Cells, figures: Sequence[RunFigures] = (), findings: Sequence[Finding] = ()
) -> tuple[FactorialEffect, ...]:
    """Every effect on every model, attribution and metric that the protocol tests, AUC included.

    Args:
        design: its `factorial`; without one there are no effects.
        cells: of the study.
        figures: per-run figures of the study.
        findings: of the contrasts, whose adjusted p a simple effect takes over where it is one of them.

    Returns:
        Primary attribution and metric first; for each cell the interaction, main effects, simple effects.

    Raises:
        StudyError: the design has no arm of this name.
    """
    if design.factorial is None:
        return ()
    known_arms(design, design.factorial.arms, "factors")
    made = [
        effect
        for contrast in declared_cells(design)
        for effect in _cell(design, contrast, cells, source_of(cells, contrast, figures))
    ]
    return tuple(_with_contrasts(_adjusted(made), findings))


def _cell(design: Design, contrast: Contrast, cells: Cells, source: Source) -> Iterator[FactorialEffect]:
    factorial = design.factorial
    assert factorial is not None
    four = together(source, factorial.arms, design, cells)
    etas = _etas(four)
    found: list[tuple[Asked, Answered, list[Note]]] = []
    for ask, eta in zip(asked(factorial), ("interaction", "first", "second", *[""] * 4), strict=True):
        cut = four if ask.arms == factorial.arms else together(source, ask.arms, design, cells)
        made = weigh(cut, ask.weights, design, contrast.margin)
        if made.status == "ok":
            fill_images(made, _runs(made, design))
        made.fields |= etas.get(eta, {})
        found.append((ask, made, notes_of(made, design, contrast, source)))
    inside = _inside(found[0][1], design.alpha)
    found[0][2].extend(interaction_notes(found[0][1], factorial, inside=inside))
    facts = design.metrics[contrast.metric]
    for ask, made, notes in found:
        yield FactorialEffect(
            effect=ask.effect,
            factor=ask.factor,
            at=ask.at,
            headline=ask.effect == "main" if inside else (ask.effect, ask.factor) == ("simple", factorial.factors[0]),
            **identity(contrast, facts, source),
            arms=ask.arms,
            weights=ask.weights,
            status=made.status,
            **made.fields,
            **sentences(notes),
        )


def identity(contrast: Contrast, facts: MetricFacts, source: Source) -> dict[str, Any]:
    """What a result is about; m and the adjusted p are filled in with its family."""
    return {
        "model": contrast.model,
        "attribution": contrast.attribution,
        "metric": contrast.metric,
        "metric_version": source.version if isinstance(source, Block) else facts.version,
        "higher_is_better": facts.higher_is_better,
        "family": contrast.family,
        "m": 0,
        "margin_set_later": contrast.margin_set_later,
    }


def _inside(interaction: Answered, alpha: float) -> bool:
    """Whether the interaction is shown to be smaller than the margin: its 90 % interval lies inside."""
    p = interaction.fields.get("p_tost")
    return p is not None and p < alpha


def _runs(made: Answered, design: Design) -> TTest:
    """The answer for these images: Welch's t of a pair, the ANOVA's contrast of four, a t over seeds where paired."""
    sides, _ = contrast_sides(made.together, made.weights)
    figures = [side.figures for side in sides]
    if made.together.paired:
        d = figures[0]
        return t_test(float(d.mean()), float(d.std(ddof=1) / np.sqrt(len(d))), len(d) - 1, alpha=design.alpha)
    if len(figures) == 2:
        return runs_test(*figures, alpha=design.alpha)
    return run_contrast(figures, made.weights, design.alpha)


def _etas(four: Together) -> dict[str, dict[str, float | None]]:
    """Partial and generalised eta squared, where images are the blocks and each effect varies between them."""
    if four.by_image is None or four.patients or four.n_images < 2:
        return {}
    contrasts = np.stack(list(TWO_BY_TWO.values())) @ four.by_image
    if (np.ptp(rounded(contrasts, magnitude(*four.values)), axis=1) == 0).any():
        return {}
    found = two_by_two_within(four.by_image)
    return {
        name: {
            "partial_eta_squared": number(one.partial_eta_squared),
            "generalised_eta_squared": number(one.generalised_eta_squared),
        }
        for name, one in found.items()
    }


def _adjusted(made: Sequence[FactorialEffect]) -> Iterator[FactorialEffect]:
    """Every effect with its p adjusted in its family: Holm for the primary one, Benjamini-Hochberg for one effect elsewhere."""
    families: dict[str, list[FactorialEffect]] = {}
    for effect in made:
        families.setdefault(_family(effect), []).append(effect)
    adjusted: dict[int, FactorialEffect] = {}
    for members in families.values():
        method = "holm" if _is_primary(members[0]) else "bh"
        if members[0].family == "exploratory":
            adjusted |= {id(effect): effect for effect in members}
            continue
        ps = adjust([tested(effect) for effect in members], method)
        for effect, p in zip(members, ps, strict=True):
            adjusted[id(effect)] = replace(effect, m=len(members), p_adjusted=p, adjustment=method)
    yield from (adjusted[id(effect)] for effect in made)


def _is_primary(effect: FactorialEffect) -> bool:
    return effect.family == "primary" and effect.effect != "simple"


def _family(effect: FactorialEffect) -> str:
    """The interaction and main effects of the primary cell together; everything else effect by effect."""
    if effect.family == "exploratory" or _is_primary(effect):
        return effect.family
    return f"{effect.effect} {effect.factor} {effect.at}"


def tested(effect: Weighted) -> float | None:
    """The p that a family adjusts: of the recipe, or of these models where an arm has one run."""
    return effect.p_models if effect.status == "insufficient_runs" else effect.p_value


def _with_contrasts(made: Iterator[FactorialEffect], findings: Sequence[Finding]) -> Iterator[FactorialEffect]:
    """Simple effects that are declared contrasts, with the adjusted p of these."""
    declared = {((f.model, f.attribution, f.metric), (f.treatment, f.control)): f for f in findings}
    for effect in made:
        place = (effect.model, effect.attribution, effect.metric)
        found = declared.get((place, (effect.arms[0], effect.arms[1]))) if effect.effect == "simple" else None
        if found is None:
            yield effect
        else:
            yield replace(
                effect, family=found.family, m=found.m, p_adjusted=found.p_adjusted, adjustment=found.adjustment
            )
