"""Jobs for a scheduler: a training and the evaluation that only it leads to wait in its queue once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from study.records import Job, Plan, Requests


def fused(plan: Plan, requests: Requests) -> Plan:
    """The plan with every job joined to the one job that follows it, where nothing is lost by that.

    Two jobs are joined when they serve the same runs, the second waits for nothing else that the first does not wait
    for too, it is the only one that does, and one request for resources suits both. Every stage stays an object of its
    own, so a joined job that is started again goes on with the first stage that is not there.
    """
    while pairs := _pairs(plan, requests):
        plan = _joined(plan, pairs)
    return plan


def _joined(plan: Plan, pairs: list[tuple[Job, Job]]) -> Plan:
    names = {first.job_id: second.job_id for first, second in pairs}
    joined = {second.job_id: replace(second, stages=first.stages + second.stages) for first, second in pairs}
    before = {second.job_id: first.after for first, second in pairs}
    jobs = {}
    for job in plan.jobs:
        if job.job_id not in names:
            after = dict.fromkeys(names.get(name, name) for name in before.get(job.job_id, job.after))
            jobs[job.job_id] = replace(joined.get(job.job_id, job), after=tuple(after))
    return replace(plan, jobs=tuple(_ordered(jobs)))


def _pairs(plan: Plan, requests: Requests) -> list[tuple[Job, Job]]:
    children: dict[str, list[Job]] = {job.job_id: [] for job in plan.jobs}
    for job in plan.jobs:
        for name in job.after:
            children[name].append(job)
    pairs: list[tuple[Job, Job]] = []
    taken: set[str] = set()
    for first in plan.jobs:
        followers = [job for job in children[first.job_id] if {*job.after} <= {first.job_id, *first.after}]
        names = {first.job_id, *(job.job_id for job in followers)}
        if len(followers) == 1 and not taken & names and _fit(plan, first, followers[0], requests):
            pairs.append((first, followers[0]))
            taken |= names
    return pairs


def _fit(plan: Plan, first: Job, second: Job, requests: Requests) -> bool:
    kinds = [[plan.stages[key].kind for key in job.stages] for job in (first, second)]
    one, other = (requests.of(each) for each in kinds)
    return {*first.runs} == {*second.runs} and "data" not in kinds[0] and one.suits(other)


def _ordered(jobs: dict[str, Job]) -> Iterator[Job]:
    """Parents before children, else in the plan's order."""
    left = dict(jobs)
    while left:
        free = {job_id for job_id, job in left.items() if not any(name in left for name in job.after)}
        yield from (left[job_id] for job_id in left if job_id in free)
        left = {job_id: job for job_id, job in left.items() if job_id not in free}
