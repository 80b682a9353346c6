"""A plan as a tree for the terminal: what is done, what is shared, and how long the rest may take."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Group
from rich.text import Text
from rich.tree import Tree

from study.plan.cost import Expected, expected
from study.protocol.schema import ChainStage, Protocol
from study.protocol.stages import StageSettings, TrainingSettings
from study.records import Plan, Run, Stage

IsDone = Callable[[str], bool]


def render_plan(
    plan: Plan,
    protocol: Protocol,
    is_done: IsDone,
    seconds: Callable[[Stage], float | None],
    *,
    workers: int | None,
) -> Group:
    """The plan as a rich renderable.

    Args:
        plan: of the protocol.
        protocol: names the arms and what is asked of them.
        is_done: whether the stage with this key is in the store.
        seconds: what a finished stage took, None where it is not known.
        workers: how many stages can be in work at once; None where a scheduler decides.
    """
    done = {key for key in plan.stages if is_done(key)}
    tree = Tree(Text(plan.study, style="bold"))
    _datasets(tree.add("data"), plan, done)
    for arm in protocol.arms:
        name = f"{arm}  (reference)" if arm == protocol.reference else arm
        _arm(tree.add(Text(name, style="bold")), arm, plan, protocol, done)
    return Group(tree, Text(), *_summary(plan, protocol, done, seconds, workers))


def _datasets(branch: Tree, plan: Plan, done: set[str]) -> None:
    for stage in plan.stages.values():
        if stage.kind == "data":
            branch.add(_row(str(stage.places["name"]), [stage.key], done))


def _arm(branch: Tree, arm: str, plan: Plan, protocol: Protocol, done: set[str]) -> None:
    runs = [run for run in plan.runs if run.arm == arm]
    for place, stage in enumerate(protocol.arms[arm]):
        keys = [run.training[place] for run in runs]
        resolved = [protocol.chain(arm, model)[place].settings for model in protocol.models]
        row = _row("  ".join((*_words(stage, protocol.target), *_rates(resolved))), keys, done)
        row.append(_sharing(arm, keys, plan.runs), style="cyan")
        branch.add(row)
    maps, scores = (
        [key for run in runs for key in found(run)]
        for found in (lambda run: run.explain.values(), lambda run: (run.predict, *_scores(run)))
    )
    branch.add(_row(f"{len(protocol.explain)} attributions", maps, done))
    branch.add(_row(f"{len(protocol.measure)} metrics on each, predictions", scores, done))


def _scores(run: Run) -> tuple[str, ...]:
    shared = (*run.perturb.values(), *run.mask.values(), *run.cascade.values(), *run.cross.values())
    return (*shared, *((run.dissect,) if run.dissect else ()), *run.measure.values())


def _words(stage: ChainStage, target: str) -> list[str]:
    settings = stage.settings
    words = [stage.kind, settings.data or target]
    for name in ("masking", "mask_ratio"):
        if (value := getattr(settings, name, None)) is not None:
            words.append(f"{value}")
    if (epochs := getattr(settings, "epochs", None)) is not None:
        words.append(f"{epochs} epochs")
    words += [str(value) for name in ("timm", "file") if (value := getattr(settings, name, None)) is not None]
    return words


def _rates(resolved: Sequence[StageSettings]) -> list[str]:
    """`lr 0.002 (blr 0.008)`, the rate and its base rate per 256 films of a step, for each model that has its own."""
    settings = [each for each in resolved if isinstance(each, TrainingSettings) and each.lr and each.batch_size]
    rates = [f"{each.lr:g} (blr {(each.lr or 0) * 256 / (each.batch_size or 1):g})" for each in settings]
    return [f"lr {' or '.join(dict.fromkeys(rates))}"] if rates else []


def _row(words: str, keys: Sequence[str], done: set[str]) -> Text:
    unique = dict.fromkeys(keys)
    finished = sum(key in done for key in unique)
    state, style = f"{finished} of {len(unique)} done", "yellow"
    if finished == len(unique):
        state, style = "done" if finished == 1 else f"all {finished} done", "green"
    elif not finished:
        state, style = "to do" if len(unique) == 1 else f"{len(unique)} to do", "default"
    return Text.assemble(f"{words}   ", (state, style))


def _sharing(arm: str, keys: Sequence[str], runs: Sequence[Run]) -> str:
    others = dict.fromkeys(run.arm for run in runs if run.arm != arm and set(keys) & set(run.training))
    arms = f"   shared with {', '.join(others)}" if others else ""
    seeds = f"   one for {len(keys)} runs" if len(set(keys)) < len(keys) else ""
    return arms + seeds


def _summary(
    plan: Plan, protocol: Protocol, done: set[str], seconds: Callable[[Stage], float | None], workers: int | None
) -> list[Text]:
    todo = [key for key in plan.stages if key not in done]
    finished = sum(done.issuperset(run.stages) for run in plan.runs)
    counts = (
        f"{len(protocol.arms)} arms x {len(protocol.models)} model{'s' * (len(protocol.models) > 1)} x "
        f"{len(protocol.seeds)} seeds = {len(plan.runs)} runs, {finished} of them done"
    )
    rows = [Text(counts), Text(f"{len(plan.stages)} stages: {len(done)} done, {len(todo)} to do")]
    if todo:
        rows.append(Text(_time_left(plan, expected(plan, todo, seconds), protocol.dispatch.cluster, workers)))
    return rows


def _time_left(plan: Plan, left: Expected, cluster: str, workers: int | None) -> str:
    basis = (
        "from the times of finished stages"
        if left.is_timed
        else "a coarse guess, for one CPU core each; it gets better once stages are timed"
    )
    if workers is None:
        return f"about {spoken(left.work)} of work; SLURM decides how many jobs run at a time ({basis})"
    if cluster == "slurm":
        place = f"{workers} job{'s' * (workers > 1)} at a time, waits in the queue apart"
    else:
        place = f"{workers} worker{'s' * (workers > 1)}"
    return f"about {spoken(left.wall(plan, workers))} with {place} ({basis})"


def spoken(seconds: float) -> str:
    """A duration in one unit, such as `40 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
