"""The yardstick of `tests/benchmarks/dispatch_overhead.py`: the ideal schedule, and what a call has left behind."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from toy_study import do, toy_plan

from study.errors import StudyError
from study.store import Store


@pytest.fixture(scope="module")
def schedule() -> ModuleType:
    path = Path(__file__).resolve().parents[1] / "benchmarks" / "schedule.py"
    spec = importlib.util.spec_from_file_location("schedule", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["schedule"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_ideal_takes_the_first_job_whose_parents_have_ended(schedule: ModuleType) -> None:
    jobs = [
        ("data", (), 2.0),
        ("mae", ("data",), 10.0),
        ("a", ("mae",), 3.0),
        ("b", ("data",), 4.0),
        ("c", ("data",), 5.0),
    ]
    # one slot: everything; two: data 0-2, mae 2-12, b 2-6, c 6-11, a 12-15
    assert [schedule.makespan(jobs, slots) for slots in (1, 2, 9)] == [24.0, 15.0, 15.0]
    assert schedule.makespan([("x", (), 1.0), ("y", (), 2.0), ("z", (), 4.0)], 2) == 5.0  # z begins after x
    assert schedule.makespan([("x", ("done before",), 1.0)], 2) == 1.0
    assert schedule.makespan([], 2) == 0.0
    with pytest.raises(ValueError, match="a waits for itself"):
        schedule.makespan([("a", ("a",), 1.0)], 2)


def test_overhead_is_what_the_wall_time_has_above_the_ideal(schedule: ModuleType) -> None:
    def job(name: str, after: tuple[str, ...], work: float, given: float, ended: float, worker: str) -> object:
        return schedule.Done(name, after, work, given, ended, worker, 2, given + 0.5)

    jobs = (
        job("a", (), 4.0, 101.0, 106.0, "w0"),
        job("b", ("a",), 3.0, 107.0, 111.0, "w0"),
        job("c", (), 2.0, 101.0, 104.0, "w1"),
    )
    found = schedule.Schedule(jobs, began=100.0, ready=100.5, ended=111.25, slots=2)
    assert (found.wall, found.work, found.ideal, found.least, found.overhead) == (11.25, 9.0, 7.0, 7.0, 4.25)
    # two slots for 10.5 s: 9 s of work, 3 s of jobs beside it (1 s before the first stages), 5 s free in the ideal, 4 s more
    assert list(found.parts().values()) == [0.5, 0.5, 1.0, 2.0, 0.25]
    assert "overhead                               4.25 s   37.78 % of the wall time, 708 ms a stage" in found.text()


@pytest.mark.slow
def test_a_call_is_read_from_its_files(schedule: ModuleType, tmp_path: Path) -> None:
    plan, store = toy_plan(sleep=0.1), Store(tmp_path / "runs")
    with pytest.raises(StudyError, match="no local `study run` of 'toy' has made a stage there; studies: none"):
        schedule.last_session(store, "toy")
    assert do(plan, tmp_path, "local", workers=2).complete
    found = schedule.read(store, schedule.last_session(store, "toy"))
    after = {job.name: set(job.after) for job in found.jobs}
    assert after == {job.job_id: {*job.after, *(["data"] if job.job_id != "data" else [])} for job in plan.jobs}
    assert sum(job.stages for job in found.jobs) == len(plan.stages)
    assert found.slots == 2
    assert 19 * 0.1 <= found.work < found.wall * 2
    assert found.began < found.ready <= min(job.given for job in found.jobs)
    assert 0.0 < found.overhead < found.wall
    assert sum(found.parts().values()) == pytest.approx(found.overhead)
