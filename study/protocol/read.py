"""A file and the command line's wishes -> a checked `Protocol`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, cast

from study.protocol import data as formats
from study.protocol import stages
from study.protocol.checks import check_everything, labels_of
from study.protocol.inference import labelled
from study.protocol.overrides import apply
from study.protocol.problems import Ledger, not_allowed, shown
from study.protocol.schema import AnalysisSettings, ChainStage, Chosen, Fields, Name, Primary, Protocol
from study.protocol.yamltree import Location, parse
from study.registry import (
    ATTRIBUTIONS,
    FORMATS,
    METRICS,
    TRAININGS,
    Attribution,
    Metric,
    Registry,
    architecture,
    model_family,
    unknown,
)

Parsed = dict[str, Any]
"""Fields of a protocol that could be read; what had a problem is absent."""


def read(path: Path, overrides: Mapping[str, Any] | None = None) -> Protocol:
    """The protocol in the file, checked.

    Args:
        path: the YAML file; relative paths in it start at its folder.
        overrides: what the command line sets: `seeds` (count or list), `models`, `data`
            (dataset name, or "" for the target -> path), `image_size`, `cluster`, `workers`,
            `languages`; each goes through the checks of the file and is named `--seeds` etc.

    Raises:
        ProtocolError: with every problem found, in the order of lines.
    """
    tree = parse(path)
    origins = apply(tree, overrides or {})
    ledger = Ledger(str(path), tree, origins)
    root = path.absolute().parent
    parsed = _fields(tree.data, ledger)
    check_everything(parsed, ledger, root)
    ledger.raise_if_any()
    parsed["analysis"] = _labelled(parsed)
    parsed |= _companions(parsed["explain"], parsed["measure"])
    parsed["title"] = parsed["title"] or parsed["study"].replace("_", " ")
    return Protocol(**parsed, source=path, root=root)


def _fields(written: Mapping[str, Any], ledger: Ledger) -> Parsed:
    """Every top-level field by itself, so that one mistake does not hide another."""
    named: Mapping[str, Callable[[Any, Ledger], Any]] = {
        "data": _data,
        "arms": _arms,
        "explain": lambda value, ledger: _chosen(value, "explain", ATTRIBUTIONS, _explainable(written), ledger),
        "measure": lambda value, ledger: _chosen(value, "measure", METRICS, _measurable(written), ledger),
    }
    known = [*Fields.model_fields, *named]
    parsed: Parsed = {}
    for key in written:
        if key not in known:
            ledger.add((key,), unknown("key", key, known))
    for key in known:
        if key in written:
            value = named[key](written[key], ledger) if key in named else _plain(key, written[key], ledger)
            if value is not None:
                parsed[key] = value
        elif key in named or Fields.model_fields[key].is_required():
            ledger.add((key,), "is required and not given")
        else:
            parsed[key] = Fields.model_fields[key].get_default()
    return parsed


def _plain(key: str, value: Any, ledger: Ledger) -> Any:
    if key == "seeds" and not isinstance(value, list):
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1000:
            ledger.add(
                (key,), f"found {shown(value)}; must be a number of seeds, 1 to 1000, or a list such as [0, 1, 2]"
            )
            return None
        value = list(range(value))
    return ledger.check(_kind(key), value, (key,), salvage=True)


@cache
def _kind(key: str) -> Any:
    """Type of a top-level field with its limits."""
    field = Fields.model_fields[key]
    return operator.getitem(cast(Any, Annotated), (field.annotation, field))


def _data(value: Any, ledger: Ledger) -> dict[str, Any] | None:
    """Every dataset that could be read; one with problems is None, so that its name stays known."""
    if not isinstance(value, dict) or not value:
        ledger.add(("data",), f"found {shown(value)}; must be a mapping of dataset names to their settings")
        return None
    found: dict[str, Any] = {}
    for name, settings in value.items():
        place = ("data", name)
        ledger.check(Name, name, place)
        found[name] = None
        if not isinstance(settings, dict):
            ledger.add(
                place, f"found {shown(settings)}; must be a mapping such as {{format: csv, manifest: films.csv}}"
            )
        elif "format" not in settings:
            ledger.add((*place, "format"), f"is required and not given\nknown: {', '.join(FORMATS)}")
        elif settings["format"] not in FORMATS:
            ledger.add((*place, "format"), FORMATS.unknown(settings["format"]))
        else:
            found[name] = ledger.check(getattr(formats, FORMATS[settings["format"]].settings), settings, place)
    return found


def _arms(value: Any, ledger: Ledger) -> dict[str, Any] | None:
    """Every arm's chain; a stage with problems is None, so that its place stays known."""
    if not isinstance(value, dict) or not value:
        ledger.add(("arms",), f"found {shown(value)}; must be a mapping of arm names to chains of stages")
        return None
    found: dict[str, Any] = {}
    for arm, chain in value.items():
        ledger.check(Name, arm, ("arms", arm))
        found[arm] = None
        if isinstance(chain, list) and chain:
            found[arm] = tuple(_stage(entry, ("arms", arm, i), ledger) for i, entry in enumerate(chain))
        else:
            ledger.add(
                ("arms", arm), f"found {shown(chain)}; must be a list of stages such as [mae: {{...}}, finetune]"
            )
    return found


def _stage(entry: Any, place: Location, ledger: Ledger) -> ChainStage | None:
    name, settings = _named(entry, place, ledger)
    if name is None:
        return None
    if name not in TRAININGS:
        ledger.add((*place, name), TRAININGS.unknown(name))
        return None
    checked = ledger.check(getattr(stages, TRAININGS[name].settings), settings, (*place, name), salvage=True)
    return ChainStage(kind=name, settings=checked) if checked is not None else None


def _explainable(written: Mapping[str, Any]) -> list[str]:
    """What `all` means under `explain`: the methods, controls included, that are defined for every model."""
    models = [name for name in written.get("models") or () if isinstance(name, str) and model_family(name)]
    return [
        name
        for name, entry in ATTRIBUTIONS.items()
        if all(model_family(model) in entry.families for model in models)
        and all(not entry.architectures or architecture(model) in entry.architectures for model in models)
    ]


def _measurable(written: Mapping[str, Any]) -> list[str]:
    """What `all` means under `measure`: every metric, those across arms where there are several."""
    arms = written.get("arms")
    alone = isinstance(arms, dict) and len(arms) < 2
    return [name for name, entry in METRICS.items() if not (alone and "cross" in entry.needs)]


def _chosen(
    value: Any, key: str, table: Registry[Any], everything: list[str], ledger: Ledger
) -> tuple[Chosen, ...] | None:
    """The entries of `explain` or `measure` that could be read; `all` stands for `everything`."""
    if not isinstance(value, list) or not value:
        ledger.add((key,), f"found {shown(value)}; must be a list of at least one {table.noun}")
        return None
    found: dict[str, Chosen] = {}
    listed = [(i, one) for i, given in enumerate(value) for one in (everything if given == "all" else [given])]
    for i, entry in listed:
        name, settings = _named(entry, (key, i), ledger)
        if name is None:
            continue
        if name not in table:
            ledger.add((key, i), table.unknown(name))
            continue
        chosen = _parameters(name, settings, table[name], place=(key, i, name), ledger=ledger)
        if chosen and chosen.label in found:
            ledger.add((key, i), f"'{chosen.label}' is listed twice")
        elif chosen:
            found[chosen.label] = chosen
            ledger.entries[key, chosen.label] = i
    return tuple(found.values())


def _named(entry: Any, place: Location, ledger: Ledger) -> tuple[str | None, dict[str, Any]]:
    """`name` or `{name: {settings}}` as a pair; (None, {}) with a problem noted otherwise."""
    if isinstance(entry, str):
        return entry, {}
    if isinstance(entry, dict) and len(entry) == 1:
        [(name, settings)] = entry.items()
        if settings is None or isinstance(settings, dict):
            return name, settings or {}
        ledger.add((*place, name), f"found {shown(settings)}; must be a mapping of settings {{key: value}}")
    elif isinstance(entry, dict):
        keys = ", ".join(entry)
        ledger.add(place, f"found the keys {keys}; one name per entry, its settings indented below it or in {{ }}")
    else:
        ledger.add(place, f"found {shown(entry)}; must be a name or {{name: {{settings}}}}")
    return None, {}


def _parameters(
    name: str, given: Mapping[str, Any], entry: Attribution | Metric, *, place: Location, ledger: Ledger
) -> Chosen | None:
    """The registered parameters with these values, each of the type and range of its default."""
    good = True
    settings = dict(entry.parameters)
    for key, value in given.items():
        if key not in settings:
            text = unknown("key", key, list(settings)) if settings else f"'{name}' has no settings; found '{key}'"
            ledger.add((*place, key), text)
            good = False
        elif key == "evaluators" and isinstance(value, list) and value:
            settings[key] = [str(arm) for arm in value]  # arms are checked with the others
        elif wrong := _wrong(value, entry.parameters[key], entry.choices.get(key)):
            ledger.add((*place, key), wrong)
            good = False
        else:
            settings[key] = float(value) if isinstance(entry.parameters[key], float) else value
    if not good:
        return None
    changed = [f"{key}={_spoken(settings[key])}" for key in settings if settings[key] != entry.parameters[key]]
    return Chosen(name=name, label=f"{name}[{','.join(changed)}]" if changed else name, settings=settings)


def _spoken(value: Any) -> str:
    return "+".join(value) if isinstance(value, list) else str(value)


def _wrong(value: Any, default: Any, choices: tuple[Any, ...] | None) -> str | None:
    """What is wrong with a parameter's value, or None."""
    if choices is not None:
        return None if value in choices else not_allowed(value, map(str, choices))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, bool):
        return None if isinstance(value, bool) else f"found {shown(value)}; must be true or false"
    if isinstance(default, int):
        fine = is_number and isinstance(value, int) and value >= 1
        return None if fine else f"found {shown(value)}; must be a whole number of at least 1"
    if isinstance(default, float):
        return None if is_number and value > 0 else f"found {shown(value)}; must be a number above 0"
    fine = isinstance(value, int | str) and not isinstance(value, bool)
    return None if fine else f"found {shown(value)}; must be a whole number or a name"


def _labelled(parsed: Parsed) -> AnalysisSettings:
    """The analysis with its attribution and metrics under the labels of the tables."""
    analysis: AnalysisSettings = parsed["analysis"]
    primary = analysis.primary and Primary(
        attribution=labels_of(analysis.primary.attribution, parsed["explain"])[0],
        metric=labels_of(analysis.primary.metric, parsed["measure"])[0],
    )
    margins = {
        label: margin
        for name, margin in analysis.margins.items()
        for label in labels_of(name, parsed["measure"]) or (name,)
    }
    choices = labelled(analysis, lambda name: labels_of(name, parsed["measure"]))
    return analysis.model_copy(update={"primary": primary, "margins": margins, **choices})


def _companions(explain: tuple[Chosen, ...], measure: tuple[Chosen, ...]) -> dict[str, tuple[Chosen, ...]]:
    """Both lists with what raw curves cannot be read without: a random order, and the normalised gap.

    A model that tolerates occlusion has a high curve whatever the map; only beside these two, of the same
    model, does a curve say something of the map.
    """
    if not any("curves" in METRICS[chosen.name].needs for chosen in measure):
        return {}
    if all(chosen.name != "control_random" for chosen in explain):
        explain = (*explain, _default("control_random", ATTRIBUTIONS))
    if all(chosen.name != "faithfulness_gap" for chosen in measure):
        measure = (*measure, _gap_beside(measure))
    return {"explain": explain, "measure": measure}


def _gap_beside(measure: tuple[Chosen, ...]) -> Chosen:
    """The normalised gap of the curves that are there anyway: those of the first metric of single pixels."""
    gap = METRICS["faithfulness_gap"].parameters
    settings = next((chosen.settings for chosen in measure if set(chosen.settings) == set(gap)), dict(gap))
    changed = [f"{key}={value}" for key, value in settings.items() if value != gap[key]]
    label = f"faithfulness_gap[{','.join(changed)}]" if changed else "faithfulness_gap"
    return Chosen(name="faithfulness_gap", label=label, settings=dict(settings))


def _default(name: str, table: Registry[Any]) -> Chosen:
    return Chosen(name=name, label=name, settings=dict(table[name].parameters))
