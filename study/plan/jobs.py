"""Stages grouped into the pieces that one worker does in one go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from study.plan.cost import guess_s
from study.records import Job, Run, Stage

_DIGITS = 8


@dataclass
class _Draft:
    job_id: str
    stages: list[str]
    runs: list[str]


def jobs_of(stages: Mapping[str, Stage], runs: Sequence[Run]) -> tuple[Job, ...]:
    """Jobs, those at the head of the longest remaining work first.

    A dataset is a job. A training stage is a job together with the stages that only it leads
    to, up to the next one whose result several chains need. The evaluation of a classifier is
    a job, and so is what its maps are worth on the models of other arms: were that part of the
    evaluations, they would wait for each other. Parents always stand before their children, because their remaining work is longer.
    """
    drafts = [*_data(stages, runs), *_trainings(stages, runs), *_evaluations(stages, runs), *_crossings(runs)]
    owner = {key: draft.job_id for draft in drafts for key in draft.stages}
    after = {draft.job_id: _after(draft, stages, owner) for draft in drafts}
    left = _work_left(drafts, after, stages)
    drafts.sort(key=lambda draft: -left[draft.job_id])  # stable: equal ones stay in the protocol's order
    return tuple(Job(d.job_id, tuple(d.stages), after[d.job_id], tuple(d.runs)) for d in drafts)


def _data(stages: Mapping[str, Stage], runs: Sequence[Run]) -> list[_Draft]:
    needed: dict[str, list[str]] = {key: [] for key, stage in stages.items() if stage.kind == "data"}
    for run in runs:
        for data in dict.fromkeys(stages[key].parents["data"] for key in (*run.training, run.predict)):
            needed[data].append(run.run_id)
    return [_Draft(f"data-{key[:_DIGITS]}", [key], ids) for key, ids in needed.items()]


def _trainings(stages: Mapping[str, Stage], runs: Sequence[Run]) -> list[_Draft]:
    children: dict[str, set[str]] = {}
    users: dict[str, list[str]] = {}
    for run in runs:
        for key in run.training:
            users.setdefault(key, []).append(run.run_id)
            children.setdefault(key, set())
            if initial := stages[key].parents.get("initial"):
                children[initial].add(key)
    drafts: list[_Draft] = []
    for key in users:
        initial = stages[key].parents.get("initial")
        if initial is not None and len(children[initial]) == 1:
            continue  # belongs to the job of its initial weights
        chain = [key]
        while len(children[chain[-1]]) == 1:
            chain += children[chain[-1]]
        drafts.append(_Draft(f"train-{chain[-1][:_DIGITS]}", chain, users[key]))
    return drafts


def _evaluations(stages: Mapping[str, Stage], runs: Sequence[Run]) -> list[_Draft]:
    """One per classifier; runs with equal recipes share it."""
    drafts: dict[str, _Draft] = {}
    elsewhere = {key for run in runs for key in run.crossing}
    for run in runs:
        if run.training[-1] in drafts:
            drafts[run.training[-1]].runs.append(run.run_id)
            continue
        mine = [key for key, stage in stages.items() if stage.parents.get("classifier") == run.training[-1]]
        kept = [key for key in mine if key not in elsewhere]
        drafts[run.training[-1]] = _Draft(f"evaluate-{run.run_id}", kept, [run.run_id])
    return list(drafts.values())


def _crossings(runs: Sequence[Run]) -> list[_Draft]:
    """One per run whose maps are scored on models of other arms."""
    drafts: dict[tuple[str, ...], _Draft] = {}
    for run in runs:
        if run.crossing in drafts:
            drafts[run.crossing].runs.append(run.run_id)
        elif run.crossing:
            drafts[run.crossing] = _Draft(f"cross-{run.run_id}", list(run.crossing), [run.run_id])
    return list(drafts.values())


def _after(draft: _Draft, stages: Mapping[str, Stage], owner: Mapping[str, str]) -> tuple[str, ...]:
    parents = (owner[parent] for key in draft.stages for parent in stages[key].parents.values())
    return tuple(dict.fromkeys(job_id for job_id in parents if job_id != draft.job_id))


def _work_left(
    drafts: Sequence[_Draft], after: Mapping[str, tuple[str, ...]], stages: Mapping[str, Stage]
) -> dict[str, float]:
    """Guessed seconds from the start of each job to the end of everything that waits for it."""
    left: dict[str, float] = {}
    for draft in reversed(drafts):  # data, trainings (parents first), evaluations, crossings: children come later
        own = sum(guess_s(stages[key], stages) for key in draft.stages)
        below = [left[child] for child in left if draft.job_id in after[child]]
        left[draft.job_id] = own + max(below, default=0.0)
    return left
