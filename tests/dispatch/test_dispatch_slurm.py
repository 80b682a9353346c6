"""What SLURM says and what is asked of it, without a SLURM: words, lanes, options of sbatch."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from toy_study import toy_plan

from study.dispatch import squeue
from study.dispatch.lanes import fused
from study.dispatch.place import JobResult, Work
from study.dispatch.sbatch import advice, check_programs, parameters
from study.dispatch.slurm import SlurmPlace
from study.dispatch.squeue import Entry, SlurmError, call, parsed, refusal
from study.dispatch.submissions import Submission, living, submissions
from study.errors import DependencyError
from study.records import Allowance, Requests, Resources
from study.store import Store

LISTING = """\
12_3|RUNNING|None|n1|study:20260101-000000-000000-abc
12_4|PENDING|Resources||study:20260101-000000-000000-abc
7|CANCELLED|None|n2|a | b
8|NODE_FAIL|None|n2|
9|COMPL"""


def submission(store: Store, jobs: int) -> Submission:
    plan = toy_plan(arms=("baseline",), seeds=tuple(range(jobs)))
    works = [Work.of(plan, job, Allowance()) for job in plan.jobs if job.job_id.startswith("evaluate")]
    return Submission.begin(store, "toy", works, {"timeout_min": 10})


def test_every_line_of_squeue_is_a_job_and_a_line_that_is_cut_short_is_none() -> None:
    found = parsed(LISTING)
    assert list(found) == ["12_3", "12_4", "7", "8"]
    assert found["7"].comment == "a | b"
    assert [entry.answer for entry in found.values()] == ["works", "waits", "over", "lingers"]
    assert str(found["12_3"]) == "running as SLURM job 12_3 (n1)"
    assert str(found["12_4"]) == "pending as SLURM job 12_4 (Resources)"


@pytest.mark.parametrize(
    ("state", "answer", "again"),
    [
        ("COMPLETING", "works", False),
        ("COMPLETED", "over", False),
        ("REQUEUED", "lingers", True),
        ("PREEMPTED", "lingers", True),
        ("TIMEOUT", "over", True),
        ("BOOT_FAIL", "over", True),
        ("OUT_OF_MEMORY", "over", False),
        ("CANCELLED", "over", False),
    ],
)
def test_a_state_is_read_in_full(state: str, answer: str, again: bool) -> None:
    entry = Entry("1", state)
    assert (entry.answer, entry.goes_again) == (answer, again)


@pytest.mark.parametrize(
    ("text", "line", "full", "away"),
    [
        (
            "sbatch: error: invalid partition specified: nope\n"
            "sbatch: error: Batch job submission failed: Invalid partition name specified\n",
            "invalid partition specified: nope; Batch job submission failed: Invalid partition name specified",
            False,
            False,
        ),
        (
            "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates "
            "accounting/QOS policy (job submit limit, user's size and/or time limits)",
            "QOSMaxSubmitJobPerUserLimit; Batch job submission failed: Job violates accounting/QOS policy "
            "(job submit limit, user's size and/or time limits)",
            True,
            False,
        ),
        (
            "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
            "Unable to contact slurm controller (connect failure)",
            False,
            True,
        ),
    ],
)
def test_a_refusal_is_one_line_and_says_whether_waiting_helps(text: str, line: str, full: bool, away: bool) -> None:
    error = SlurmError(refusal(text))
    assert (str(error), error.is_full, error.is_away) == (line, full, away)


def test_a_command_that_hangs_or_is_not_there_is_an_error_and_not_a_wait() -> None:
    with pytest.raises(SlurmError, match=r"^sleep did not answer within 0.1 s$"):
        call("sleep", "5", limit_s=0.1)
    with pytest.raises(SlurmError, match="the command no-such-slurm was not found"):
        call("no-such-slurm")


def test_a_hanging_scheduler_counts_as_away() -> None:
    assert SlurmError("sbatch did not answer within 90 s").is_away


def test_the_longest_array_is_what_the_cluster_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(squeue, "call", lambda *command: "MaxArraySize            = 51\nMaxJobCount = 10\n")
    assert squeue.longest_array() == 51


def test_partitions_with_gpus_are_named_and_the_default_is_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(squeue, "call", lambda *command: "cpu|(null)\ngpu*|gpu:a100:4\nbig|gpu:2(S:0-1)\n")
    assert squeue.partitions_with_gpus() == {"gpu", "big", ""}


def test_without_slurm_the_command_to_look_for_and_the_way_out_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DependencyError, match=r"the commands sbatch, srun, .* cannot be found here\n.*--cluster local"):
        check_programs()


def test_a_training_and_what_only_it_leads_to_wait_in_the_queue_once() -> None:
    plan = toy_plan(arms=("baseline", "mae"), seeds=(0,))
    lanes = fused(plan, Requests())
    assert [job.job_id for job in lanes.jobs] == ["data", "evaluate-baseline-vit-seed0", "evaluate-mae-vit-seed0"]
    assert [plan.stages[key].kind for key in lanes.jobs[2].stages] == [
        "mae",
        "finetune",
        "predict",
        "explain",
        "measure",
    ]
    assert [job.after for job in lanes.jobs] == [(), ("data",), ("data",)]
    assert lanes.stages == plan.stages


def test_a_pretraining_that_two_arms_share_stays_a_job_of_its_own() -> None:
    lanes = fused(toy_plan(arms=("random", "center"), seeds=(0,)), Requests())
    assert [(job.job_id, job.after) for job in lanes.jobs] == [
        ("data", ()),
        ("mae-0", ("data",)),
        ("evaluate-random-vit-seed0", ("data", "mae-0")),
        ("evaluate-center-vit-seed0", ("data", "mae-0")),
    ]


def test_stages_that_want_different_partitions_are_different_jobs() -> None:
    here, there = Resources(partition="gpu"), Resources(partition="cpu")
    requests = Requests(here, {"finetune": here, "evaluate": there})
    lanes = fused(toy_plan(arms=("baseline",), seeds=(0,)), requests)
    assert [job.job_id for job in lanes.jobs] == ["data", "train-baseline-vit-seed0", "evaluate-baseline-vit-seed0"]


def test_a_job_of_several_kinds_asks_for_the_largest_of_each_amount() -> None:
    one = Resources(gpus=1, cpus=2, memory_gb=4.0, timeout_min=60, partition="a")
    other = Resources(gpus=None, cpus=4, memory_gb=2.0, timeout_min=30, partition="b")
    asked = Requests(Resources(), {"mae": one, "finetune": other}).of(["mae", "finetune"])
    assert asked == Resources(gpus=1, cpus=4, memory_gb=4.0, timeout_min=60, partition="a")
    assert Resources(gpus=0).with_largest(Resources()).gpus is None
    assert Requests(one, {}).of(["anything"]) == one


def test_what_is_asked_for_becomes_options_of_sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CONF", "/etc/a cluster/slurm.conf")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    asked = Resources(
        gpus=2, cpus=6, memory_gb=1.5, timeout_min=4, partition="gpu", setup=("module load x",), extra=(("nice", 5),)
    )
    made = Submission(tmp_path / "sub")
    assert parameters(made, asked, name="only-abc", after=["4_1", "4_2"], at_once=3) == {
        "job_name": "only-abc",
        "comment": "study:sub",
        "dependency": "afterany:4_1:4_2,singleton",
        "array_parallelism": 3,
        "time": 4,
        "signal_delay_s": 60,
        "nodes": 1,
        "ntasks_per_node": 1,
        "cpus_per_task": 6,
        "mem": "1536MB",
        "gpus_per_node": 2,
        "partition": "gpu",
        "srun_args": ["--cpus-per-task=6"],
        "setup": [
            "export SLURM_CONF='/etc/a cluster/slurm.conf'",
            "export PYTHONSAFEPATH=1",
            "export SLURM_EXPORT_ENV=ALL",
            "module load x",
        ],
        "additional_parameters": {"requeue": True, "nice": 5},
    }


def test_a_job_that_waits_for_very_many_waits_for_their_arrays(tmp_path: Path) -> None:
    many = [f"4_{number}" for number in range(101)]
    made = parameters(Submission(tmp_path), Resources(), name="study-x", after=[*many, "9"], at_once=1)
    assert made["dependency"] == "afterany:4:9"


def test_a_refusal_names_the_line_to_change_and_the_command_that_lists_what_is_allowed() -> None:
    assert advice(Resources(partition="nope"), "invalid partition specified: nope") == (
        "asked for partition: nope; change dispatch.slurm.partition (or of one kind in dispatch.slurm.stages); "
        "`sinfo -s` lists the partitions"
    )
    words = advice(Resources(gpus=9), "Requested node configuration is not available")
    assert words.startswith("asked for gpus: 9, cpus: 2, memory_gb: 8.0; change dispatch.slurm.gpus, cpus or memory_gb")


def test_a_submission_whose_submitter_died_after_sbatch_is_found_by_its_comment(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = submission(store, 2)
    entries = {name: Entry(name, "RUNNING", comment=made.comment) for name in ("30_0", "30_1")}
    assert [(number, entry.job) for _, number, entry in living(store, "toy", entries)] == [(0, "30_0"), (1, "30_1")]
    assert made.slurm_ids() == ("30_0", "30_1")


def test_a_submission_that_slurm_never_saw_or_whose_number_is_somebody_elses_is_not_alive(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = submission(store, 1)
    assert list(living(store, "toy", {"30": Entry("30", "RUNNING", comment="study:other")})) == []
    made.submitted("30", 1)
    assert list(living(store, "toy", {"30": Entry("30", "RUNNING", comment="study:other")})) == []
    assert [each.folder for each in submissions(store, "toy")] == [made.folder]


def test_the_first_word_of_how_a_task_ended_counts(tmp_path: Path) -> None:
    made = submission(Store(tmp_path), 2)
    assert made.ended() == set()
    made.end(1, JobResult("a", "done", made=("k",)))
    made.end(1, JobResult("a", "failed", "k", "late"))
    assert made.ended() == {1}
    assert made.result(1) == JobResult("a", "done", made=("k",))


def test_starts_of_a_task_are_in_order_of_their_number(tmp_path: Path) -> None:
    made = submission(Store(tmp_path), 1)
    for restart in (10, 9, 0):
        (made.folder / "tasks" / f"0-{restart}").mkdir()
    assert [path.name for path in made.task_folders(0)] == ["0-0", "0-9", "0-10"]


def test_a_copy_that_slurm_has_replaced_stops_and_its_lease_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = toy_plan(arms=("baseline",), seeds=(0,))
    store, stage = Store(tmp_path), next(iter(plan.stages.values()))
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setenv("SLURM_CLUSTER_NAME", "mini")
    monkeypatch.delenv("SLURM_ARRAY_JOB_ID", raising=False)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "0")
    orphan = store.lease(stage, study="toy")
    assert orphan is not None
    assert store.lease(stage, study="toy") is None
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    newer = store.lease(stage, study="toy")
    assert newer is not None
    assert (orphan.mine(), newer.mine()) == (False, True)
    monkeypatch.setenv("SLURM_JOB_ID", "13")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "5")
    assert store.lease(stage, study="toy") is None


def test_amounts_differ_and_the_rest_must_not_for_one_job_to_do_both() -> None:
    base = Resources()
    assert base.suits(replace(base, cpus=9, memory_gb=99.0, timeout_min=1, gpus=3))
    assert not base.suits(replace(base, account="x"))


def test_a_path_with_a_quote_reaches_the_job_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CONF", path := "/it's $HOME/slurm.conf")
    lines = parameters(Submission(tmp_path), Resources(), name="study-x", after=[], at_once=1)["setup"]
    script = "\n".join([*lines, 'printf %s "$SLURM_CONF"'])
    done = subprocess.run(
        ["bash", "-c", script], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert done.stdout == path


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("JobHeldUser", "JobHeldUser: held by its user, `scontrol release 12_3` lets it begin"),
        ("JobHeldAdmin", "JobHeldAdmin: held by an administrator, who alone can release it"),
        ("PartitionTimeLimit", "PartitionTimeLimit: asks for more time than there is; `study cancel`, lower "),
        ("PartitionDown", "PartitionDown: its partition takes no jobs now, `sinfo -s` lists the others"),
    ],
)
def test_what_does_not_pass_by_itself_says_what_helps(reason: str, words: str) -> None:
    entry = Entry("12_3", "PENDING", reason)
    assert entry.is_stuck
    assert str(entry).startswith(f"pending as SLURM job 12_3 ({words}")
    assert not Entry("12_3", "RUNNING", reason).is_stuck
    assert not Entry("12_3", "PENDING", "Priority").is_stuck


class Scheduler:
    """A SLURM of one job, 7, whose entry the test writes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[str] = []
        self.commands: list[tuple[str, ...]] = []
        self.comment = self.state = self.reason = ""

        def send(made: Submission, *_: object, **__: object) -> str:
            self.comment = made.comment
            return "7"

        def call(*command: str) -> str:
            self.commands.append(command)
            raise SlurmError("Access/permission denied")

        replaced = {
            "check_programs": lambda: None,
            "longest_array": lambda: 1001,
            "partitions_with_gpus": lambda: (),
            "queue": lambda: {"7": Entry("7", self.state, self.reason, comment=self.comment)},
            "send": send,
            "call": call,
            "scancel": lambda jobs: self.commands.append(("scancel", *jobs)),
            "LOOK_S": 0.0,
            "POLL_S": (0.0, 0.0),
            "SETTLE_S": 0.0,
            "RELEASE_S": 0.0,
        }
        for name, value in replaced.items():
            monkeypatch.setattr(f"study.dispatch.slurm.{name}", value)
        self.place = SlurmPlace(
            Store(folder), "toy", root=folder, executor="", requests=Requests(), workers=None, say=self.said.append
        )
        plan = toy_plan(arms=("baseline",), seeds=(0,))
        self.place.start(Work.of(plan, plan.jobs[0], Allowance()))

    def collect(self, state: str, reason: str = "") -> list[JobResult]:
        """What the place makes of the job's entry."""
        self.state, self.reason = state, reason
        return self.place.collect()


def test_a_number_that_slurm_gave_to_another_job_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = Scheduler(tmp_path, monkeypatch)
    assert scheduler.collect("PENDING") == []
    scheduler.comment = "study:other"
    (result,) = scheduler.collect("RUNNING")
    assert (result.state, result.reason) == (
        "interrupted",
        "SLURM job 7 is unknown to SLURM now, and had not begun",
    )


def test_a_job_that_no_node_can_start_and_nobody_may_release_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = Scheduler(tmp_path, monkeypatch)
    held = "launch failed requeued held"
    results = [scheduler.collect("PENDING", held) for _ in range(4)]
    assert scheduler.commands == [("scontrol", "release", "7"), ("scancel", "7")]
    assert (
        scheduler.said[-1] == f"data: pending as SLURM job 7 ({held}); could not be released: Access/permission denied"
    )
    (result,) = (each for some in results for each in some)
    assert (result.state, result.reason) == (
        "failed",
        f"SLURM could not start job 7 twice ({held}); `sinfo -R` lists broken nodes",
    )


def test_who_holds_a_job_is_told_once_and_a_job_that_goes_back_to_the_queue_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = Scheduler(tmp_path, monkeypatch)
    for _ in range(3):
        assert scheduler.collect("PENDING", "JobHeldAdmin") == []
    scheduler.collect("RUNNING")
    scheduler.collect("PENDING", "BeginTime")
    assert scheduler.commands == []
    assert scheduler.said[2:] == [
        "data: pending as SLURM job 7 (JobHeldAdmin: held by an administrator, who alone can release it)",
        "data: back in the queue, to go on from its checkpoint: pending as SLURM job 7 (BeginTime)",
    ]
