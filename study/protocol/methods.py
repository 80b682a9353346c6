"""Which attributions, metrics and stages go with which models, arms and data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from study.protocol.data import FilmSettings
from study.protocol.problems import Ledger
from study.protocol.schema import ChainStage
from study.protocol.yamltree import Location
from study.registry import ATTRIBUTIONS, TRAININGS, architecture, model_family, unknown

Parsed = Mapping[str, Any]


def check_methods(parsed: Parsed, ledger: Ledger, stages: Iterable[tuple[Location, ChainStage]]) -> None:
    """Note what cannot be explained or measured as asked; `stages` are the arms' with their places."""
    _families(parsed, ledger, stages)
    _architectures(parsed, ledger)
    _randomised(parsed, ledger)
    _evaluators(parsed, ledger)
    _concepts(parsed, ledger)


def _families(parsed: Parsed, ledger: Ledger, stages: Iterable[tuple[Location, ChainStage]]) -> None:
    """Attributions and stages work on every model."""
    families = {model: model_family(model) for model in parsed.get("models", ())}
    entries: list[tuple[Location, str, tuple[str, ...]]] = [
        (("explain", ledger.entries["explain", chosen.label]), chosen.name, ATTRIBUTIONS[chosen.name].families)
        for chosen in parsed.get("explain", ())
    ]
    entries += [(place, stage.kind, TRAININGS[stage.kind].families) for place, stage in stages]
    for place, name, supported in entries:
        for model, family in families.items():
            if family is not None and family not in supported:
                ledger.add(place, f"'{name}' does not work on {model} ({family}); it supports: {', '.join(supported)}")
    _architectures(parsed, ledger)


def _architectures(parsed: Parsed, ledger: Ledger) -> None:
    """Attributions that know the inside of a network get one that they know."""
    for chosen in parsed.get("explain", ()):
        entry = ATTRIBUTIONS[chosen.name]
        i = ledger.entries["explain", chosen.label]
        for model in parsed.get("models", ()):
            known = architecture(model)
            if entry.architectures and model_family(model) in entry.families and known not in entry.architectures:
                supported = ", ".join(entry.architectures)
                ledger.add(
                    ("explain", i), f"'{chosen.name}' has no rules for {model} ({known}); it supports: {supported}"
                )


def _randomised(parsed: Parsed, ledger: Ledger) -> None:
    """The method that is shown on random weights needs nothing but the model."""
    for chosen in parsed.get("explain", ()):
        method = chosen.settings.get("method")
        entry = ATTRIBUTIONS.get(str(method))
        place = ("explain", ledger.entries["explain", chosen.label], chosen.name, "method")
        if method is not None and (entry is None or entry.control or entry.random or entry.references):
            able = [n for n, e in ATTRIBUTIONS.items() if not (e.control or e.random or e.references)]
            ledger.add(place, f"found '{method}'; must be one of: {', '.join(able)}")


def _evaluators(parsed: Parsed, ledger: Ledger) -> None:
    """Scores across models have models to be judged by."""
    arms = list(parsed.get("arms", ()))
    for chosen in parsed.get("measure", ()) if arms else ():
        i = ledger.entries["measure", chosen.label]
        asked = chosen.settings.get("evaluators")
        place = ("measure", i, chosen.name, "evaluators")
        if asked == "others" and len(arms) < 2:
            ledger.add(("measure", i), f"'{chosen.name}' needs the models of other arms, and there is one arm only")
        for arm in [asked] if isinstance(asked, str) else asked or ():
            if arm not in (*arms, "others", "all"):
                ledger.add(place, unknown("arm", arm, [*arms, "others", "all"]))


def _concepts(parsed: Parsed, ledger: Ledger) -> None:
    """Concepts can be looked for where somebody has drawn them."""
    target = parsed.get("data", {}).get(parsed.get("target", ""))
    if parsed.get("concepts") and isinstance(target, FilmSettings) and not target.has_parts:
        ledger.add(("concepts",), "the target has no part masks to look for; give it parts: a folder of masks")
