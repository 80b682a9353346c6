"""What must fit together in a protocol, once its parts can be read.

Each check reads what it needs from `parsed` and is silent where that part had a problem of
its own, so that one mistake gives one message.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from study.protocol.cluster import check_cluster
from study.protocol.data import DataSettings, FilmSettings, PhantomSettings
from study.protocol.designs import check_designs
from study.protocol.finetuning import check_finetuning
from study.protocol.inference import problems
from study.protocol.methods import check_methods
from study.protocol.models import check_models, grid
from study.protocol.pretraining import check_pretraining
from study.protocol.problems import Ledger
from study.protocol.schema import ChainStage, Chosen, Primary
from study.protocol.stages import MaeSettings
from study.protocol.yamltree import Location
from study.registry import ATTRIBUTIONS, MASKINGS, METRICS, TRAININGS, Registry, model_family, unknown

Parsed = Mapping[str, Any]


def check_everything(parsed: Parsed, ledger: Ledger, root: Path) -> None:
    """Note every pair of settings that cannot go together."""
    _lists(parsed, ledger)
    _chains(parsed, ledger)
    _stage_data(parsed, ledger)
    _target(parsed, ledger)
    _twins(parsed, ledger)
    check_models(parsed, ledger)
    _maskings(parsed, ledger)
    check_pretraining(parsed, ledger, tuple(_stages(parsed)), root)
    check_finetuning(parsed, ledger, tuple(_stages(parsed)))
    check_methods(parsed, ledger, _stages(parsed))
    _analysis(parsed, ledger)
    check_designs(parsed, ledger)
    check_cluster(parsed, ledger)
    _arm_names(parsed, ledger)
    _files(parsed, ledger, root)


def labels_of(name: str, chosen: Sequence[Chosen]) -> tuple[str, ...]:
    """The label `name` if there is one, else the labels of all entries called `name`."""
    exact = tuple(entry.label for entry in chosen if entry.label == name)
    return exact or tuple(entry.label for entry in chosen if entry.name == name)


def _lists(parsed: Parsed, ledger: Ledger) -> None:
    """No seed, model or language twice."""
    lists: dict[Location, tuple[Any, ...]] = {(key,): parsed.get(key, ()) for key in ("seeds", "models")}
    lists["report", "languages"] = parsed["report"].languages if "report" in parsed else ()
    for place, values in lists.items():
        for value in dict.fromkeys(values):
            if values.count(value) > 1:
                ledger.add(place, f"'{value}' is listed {values.count(value)} times")


def _stages(parsed: Parsed) -> Iterator[tuple[Location, ChainStage]]:
    """Every stage that could be read, with its place."""
    for arm, chain in parsed.get("arms", {}).items():
        for i, stage in enumerate(chain or ()):
            if stage is not None:
                yield ("arms", arm, i, stage.kind), stage


def _chains(parsed: Parsed, ledger: Ledger) -> None:
    """A supervised stage ends every chain, given weights begin it; both stand nowhere else."""
    supervised = [name for name, entry in TRAININGS.items() if entry.supervised]
    for arm, chain in parsed.get("arms", {}).items():
        for i, stage in enumerate(chain or ()):
            if stage is None:
                continue
            place = ("arms", arm, i, stage.kind)
            is_last = i == len(chain) - 1
            if is_last and not TRAININGS[stage.kind].supervised:
                ledger.add(place, f"the chain ends with '{stage.kind}'; it must end with {' or '.join(supervised)}")
            elif not is_last and TRAININGS[stage.kind].supervised:
                ledger.add(place, f"'{stage.kind}' makes the classifier and must be the last stage of the chain")
            if i > 0 and TRAININGS[stage.kind].given:
                before = ", ".join(repr(other.kind) for other in chain[:i] if other is not None)
                text = f"'{stage.kind}' would replace what {before or 'the stages before it'} trained"
                ledger.add(place, f"{text}; it can only be the first stage of a chain")


def _stage_data(parsed: Parsed, ledger: Ledger) -> None:
    """Stages name datasets that exist and have films for them."""
    data = parsed.get("data")
    if data is None:
        return
    target = data.get(parsed.get("target", ""))
    for place, stage in _stages(parsed):
        name = stage.settings.data
        if name is None:
            name = parsed.get("target", "")
        elif name not in data:
            ledger.add((*place, "data"), unknown("dataset", name, data))
        settings = data.get(name)
        if settings is not None:
            _stage_films(stage, settings, target=target, place=(*place, "data"), ledger=ledger)


def _stage_films(
    stage: ChainStage, settings: DataSettings, *, target: DataSettings | None, place: Location, ledger: Ledger
) -> None:
    supervised = TRAININGS[stage.kind].supervised
    if supervised and target is not None and type(settings) is not type(target):
        ledger.add(
            place,
            f"the classifier is trained on '{_format(settings)}' films and tested on '{_format(target)}' films of the "
            "target; both must have the same format",
        )
    if supervised and isinstance(settings, FilmSettings) and isinstance(target, FilmSettings):
        if (settings.classes, settings.several) != (target.classes, target.several):
            ledger.add(place, "the classifier is trained on other classes than the target's; give both the same")
        return
    if not isinstance(settings, PhantomSettings):
        return
    if supervised:
        if isinstance(target, PhantomSettings) and settings.anatomy != target.anatomy:
            ledger.add(place, f"trains on {settings.anatomy} labels, but the target is {target.anatomy}")
            return
        missing = [split for split in ("train", "val") if not getattr(settings, split)]
        if missing and settings is not target:
            ledger.add(place, f"this dataset has no {' and no '.join(missing)} films; give it {_counts(missing)}")
    elif TRAININGS[stage.kind].labelled:
        missing = [split for split in ("train", "val") if not getattr(settings, split)]
        if missing:
            ledger.add(place, f"this dataset has no {' and no '.join(missing)} films; give it {_counts(missing)}")
    elif not settings.images + settings.train and not TRAININGS[stage.kind].given:
        ledger.add(place, f"'{stage.kind}' needs unlabelled or training films; give the dataset images: 1000")


def _target(parsed: Parsed, ledger: Ledger) -> None:
    """The target is a dataset with labelled films for training, selection and testing."""
    data, target = parsed.get("data"), parsed.get("target")
    if data is None or target is None:
        return
    if target not in data:
        ledger.add(("target",), unknown("dataset", target, data))
        return
    settings = data[target]
    if isinstance(settings, PhantomSettings):
        missing = [split for split in ("train", "val", "test") if not getattr(settings, split)]
        if missing:
            ledger.add(("data", target), f"the target needs labelled films; give it {_counts(missing)}")
    if isinstance(settings, FilmSettings):
        if settings.several is not None and parsed.get("target_class") == "predicted":
            text = "'predicted' is for films with one label; with several findings maps explain the one that boxes show"
            ledger.add(("target_class",), f"{text}; leave it out")
        if settings.classes is not None and len(set(settings.classes)) < 2:
            ledger.add(("data", target, "classes"), "the target needs at least two different classes")
        for share in ("val", "test"):
            if not getattr(settings.split, share):
                ledger.add(
                    ("data", target, "split", share), f"the target needs {share} films; the share must be above 0"
                )


def _twins(parsed: Parsed, ledger: Ledger) -> None:
    """Two arms that are the same chain would share every result."""
    models = [name for name in parsed.get("models", ()) if model_family(name)]
    if not models or "target" not in parsed:
        return
    seen: dict[Any, str] = {}
    for arm, chain in parsed.get("arms", {}).items():
        if chain is None or None in chain:
            continue
        resolved = tuple(
            (s.kind, s.settings.resolved(model=models[0], family=model_family(models[0]), target=parsed["target"]))
            for s in chain
        )
        twin = seen.setdefault(resolved, arm)
        if twin != arm:
            ledger.add(("arms", arm), f"is the same chain as '{twin}'; every score would be equal")


def _maskings(parsed: Parsed, ledger: Ledger) -> None:
    """Maskings are known and leave something hidden and something visible."""
    for place, stage in _stages(parsed):
        if not isinstance(stage.settings, MaeSettings):
            continue
        if stage.settings.masking not in MASKINGS:
            ledger.add((*place, "masking"), MASKINGS.unknown(stage.settings.masking))
        for model in parsed.get("models", ()):
            if (side := grid(model, parsed.get("image_size"))) is None:
                continue
            if not side:
                ledger.add(
                    ("image_size",), f"{model}: cannot be cut into 6 to 16 equal cells for masking; use a multiple of 8"
                )
                continue
            settings = stage.settings.resolved(model=model, family=str(model_family(model)), target="")
            ratio = float(getattr(settings, "mask_ratio"))  # noqa: B009 - resolved() is typed as the base class
            hidden = side * side - round(side * side * (1 - ratio))
            if not 1 <= hidden < side * side:
                text = f"{model} has {side} x {side} patches; a ratio of {ratio:g} hides {hidden} of them"
                ledger.add((*place, "mask_ratio"), f"{text}, and at least one must be hidden and one visible")


def _analysis(parsed: Parsed, ledger: Ledger) -> None:
    """The primary cell is measured and can be interpreted; margins are for what is measured."""
    analysis = parsed.get("analysis")
    if analysis is None:
        return
    if analysis.primary is None:
        if len(parsed.get("arms", ())) > 1 and not ledger.has_below(("analysis", "primary")):
            ledger.add(("analysis", "primary"), "is required and not given; which attribution and metric decide?")
    else:
        _primary(analysis.primary, parsed, ledger)
    _inference(parsed, ledger)
    for name in analysis.margins:
        if name not in ("auc", *analysis.classification):
            _asked(name, "measure", METRICS, place=("analysis", "margins", name), parsed=parsed, ledger=ledger)


def _inference(parsed: Parsed, ledger: Ledger) -> None:
    """The choices of the analysis fit each other and what is measured."""
    analysis, chosen = parsed["analysis"], parsed.get("measure", ())
    if "measure" not in parsed or ledger.has_below(("measure",)):
        return
    named = {name: METRICS[entry.name].facts(name) for entry in chosen for name in (entry.name, entry.label)}
    margins = {label for name in analysis.margins for label in (name, *labels_of(name, chosen))}
    target = parsed.get("data", {}).get(parsed.get("target", ""))
    classes = ("", "") if isinstance(target, PhantomSettings) else getattr(target, "classes", None)
    several = getattr(target, "several", None)
    if several is not None and analysis.strata == "class":
        text = "'class' draws films within classes, but a film of the target may have several findings; set it to none"
        ledger.add(("analysis", "strata"), text)
    settings = {"seeding": parsed.get("seeding", "nested"), "n_arms": len(parsed.get("arms", ()))}
    for place, text in problems(
        analysis, margins, named, classes=several or classes, exclusive=not several, **settings
    ):
        ledger.add(("analysis", *place), text)


def _primary(primary: Primary, parsed: Parsed, ledger: Ledger) -> None:
    name, place = primary.attribution, ("analysis", "primary", "attribution")
    explained = _asked(name, "explain", ATTRIBUTIONS, place=place, parsed=parsed, ledger=ledger)
    if any(ATTRIBUTIONS[entry.name].control for entry in explained):
        ledger.add(place, f"'{name}' is a control and explains nothing; choose another attribution")
    name, place = primary.metric, ("analysis", "primary", "metric")
    measured = _asked(name, "measure", METRICS, place=place, parsed=parsed, ledger=ledger)
    if any(METRICS[entry.name].higher_is_better is None for entry in measured):
        ledger.add(place, f"'{name}' has no better direction and cannot be primary")


def _asked(
    name: str, key: str, table: Registry[Any], *, place: Location, parsed: Parsed, ledger: Ledger
) -> list[Chosen]:
    """The entries of `explain` or `measure` that `name` means: one, or a problem is noted."""
    chosen = parsed.get(key, ())
    labels = labels_of(name, chosen)
    is_all = key in parsed and not ledger.has_below((key,))
    if not labels and (is_all or name not in table):
        known = [entry.label for entry in chosen] if is_all else list(table)
        ledger.add(place, unknown(f"{table.noun} under `{key}`", name, known))
    if len(labels) > 1:
        ledger.add(place, f"'{name}' could be any of: {', '.join(labels)}; write one of these in quotes")
    return [entry for entry in chosen if entry.label in labels]


def _arm_names(parsed: Parsed, ledger: Ledger) -> None:
    """The reference and every contrast name arms."""
    arms, analysis = parsed.get("arms"), parsed.get("analysis")
    if arms is None:
        return
    reference = parsed.get("reference")
    if reference is not None and reference not in arms:
        ledger.add(("reference",), unknown("arm", reference, arms))
    contrasts = analysis.contrasts if analysis is not None else ()
    explained = [chosen for chosen in parsed.get("explain", ()) if not ATTRIBUTIONS[chosen.name].control]
    if len(arms) < 2 and (contrasts or len(explained) < 2):
        ledger.add(("arms",), "there is one arm only; a comparison needs a second one, or a second attribution")
    pairs: list[tuple[str, str]] = []
    for i, contrast in enumerate(contrasts):
        place = ("analysis", "contrasts", i)
        for side in ("treatment", "control"):
            if getattr(contrast, side) not in arms:
                ledger.add((*place, side), unknown("arm", getattr(contrast, side), arms))
        if contrast.treatment == contrast.control:
            ledger.add(place, f"compares '{contrast.control}' with itself")
        if (contrast.treatment, contrast.control) in pairs:
            ledger.add(place, f"'{contrast.treatment}' against '{contrast.control}' is declared twice")
        elif (contrast.control, contrast.treatment) in pairs:
            ledger.add(place, f"'{contrast.control}' against '{contrast.treatment}' is already declared, reversed")
        pairs.append((contrast.treatment, contrast.control))


def _files(parsed: Parsed, ledger: Ledger, root: Path) -> None:
    """Files and folders that the protocol names are there."""
    for name, settings in parsed.get("data", {}).items():
        for key in settings.paths if settings is not None else ():
            _file(getattr(settings, key), ("data", name, key), ledger=ledger, root=root)
    if "report" in parsed:
        _file(parsed["report"].notes, ("report", "notes"), ledger=ledger, root=root)


def _file(written: str | None, place: Location, *, ledger: Ledger, root: Path) -> None:
    if written is None or (root / written).exists():
        return
    hint = "relative paths start at the folder of the protocol" if not Path(written).is_absolute() else ""
    if Path(written).exists() and hint:
        hint += f"; did you mean '{os.path.relpath(written, root)}'?"
    ledger.add(place, f"'{written}' does not exist" + (f"\n{hint}" if hint else ""))


def _format(settings: DataSettings) -> str:
    return str(getattr(settings, "format", ""))


def _counts(splits: Sequence[str]) -> str:
    return ", ".join(f"{split}: 100" for split in splits)
