"""The command line: what it prints, and how it ends."""

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from study import conclude, dispatch, report
from study.cli import main
from study.dispatch import Outcome
from study.protocol import read
from study.records import Plan, RunStatus
from study.registry import ATTRIBUTIONS, FORMATS, MASKINGS, METRICS, MODELS, TRAININGS

ROOT = Path(__file__).resolve().parents[2]


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Study = Callable[..., Ended]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Study:
    """`study("plan", "smoke")` in an empty working folder that has the shipped protocols."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    shutil.copytree(ROOT / "protocols", "protocols")

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        said = capsys.readouterr()
        return Ended(int(caught.value.code or 0), said.out, said.err)

    return run


def test_help_lists_the_commands(study: Study) -> None:
    text = study("--help").out
    for command in ("validate", "plan", "run", "status", "logs", "cancel", "report", "list", "new", "schema"):
        assert command in text
    assert study("--version").out == "study 0.1.0\n"


def test_a_protocol_is_found_by_its_bare_name_and_by_its_path(study: Study) -> None:
    expected = "protocols/smoke.yaml: fine; 4 runs, 1 primary contrast\n"
    assert study("validate", "smoke") == (0, expected, "")
    assert study("validate", "smoke.yaml") == (0, expected, "")
    assert study("validate", "protocols/smoke.yaml") == (0, expected, "")


def test_an_unknown_name_is_told_with_the_nearest_one(study: Study) -> None:
    ended = study("validate", "smoek")
    assert (ended.code, ended.out) == (2, "")
    known = ", ".join(sorted(path.stem for path in Path("protocols").glob("*.yaml")))
    assert "mae_effect, mask_ratio, masking" in known
    assert ended.err == (
        f"there is no protocol 'smoek', here or in protocols/; did you mean 'smoke'?\nknown: {known}\n"
    )
    assert "there is no such file" in study("validate", "elsewhere/x.yaml").err


def test_mistakes_end_with_code_2_and_no_traceback(study: Study) -> None:
    path = Path("protocols/smoke.yaml")
    path.write_text(path.read_text(encoding="utf8").replace("random, mask", "centre, mask"), encoding="utf8")
    ended = study("run", "smoke")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "protocols/smoke.yaml: 1 problem, nothing was run\n\n"
        "  line 16  arms.mae_random[0].mae.masking\n"
        "           'centre' is not a known masking; did you mean 'center'?\n"
        "           known: block, center, edge, grid, random\n"
    )
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "many"], "  --seeds\n           found 'many'; must be a number of seeds"),
        (["--seeds", "0,0"], "  --seeds\n           '0' is listed 2 times"),
        (["--models", "densenet_fantom"], "did you mean 'densenet_phantom'"),
        (["--data", "gone.csv"], "gone.csv' does not exist"),
        (["--data", "sholder=gone.csv"], "did you mean 'shoulder'?"),
        (["--image-size", "30"], "  --image-size\n           found 30; vit_phantom needs a multiple of 8, such as 32"),
    ],
)
def test_options_are_checked_like_the_file(study: Study, options: list[str], message: str) -> None:
    ended = study("validate", "smoke", *options)
    assert ended.code == 2
    assert message in ended.err


def test_options_reach_the_protocol(study: Study) -> None:
    ended = study("validate", "smoke", "--seeds", "3,5,7", "--models", "vit_phantom, densenet_phantom")
    assert ended.out == "protocols/smoke.yaml: fine; 12 runs, 2 primary contrasts\n"


def test_a_fresh_plan_and_status_read_and_write_nothing(study: Study) -> None:
    plan = study("plan", "smoke", "--workers", "1")
    assert (plan.code, plan.err) == (0, "")
    assert "2 arms x 1 model x 2 seeds = 4 runs, 0 of them done" in plan.out
    assert "with 1 worker (a coarse guess" in plan.out
    assert "smoke: 0 of 4 runs done, 4 missing" in study("status", "smoke").out
    assert "nothing has been tried yet" in study("logs", "baseline/0", "--protocol", "smoke").out
    assert study("cancel", "smoke").out == "smoke: nothing is running\n"
    assert not Path("runs").exists()


def test_a_report_without_a_finished_run_says_what_to_do_first(study: Study) -> None:
    ended = study("report", "smoke")
    assert ended == (2, "", "smoke: no run is finished, so there is nothing to report; first: study run smoke\n")
    assert not Path("runs").exists()


def test_everything_a_protocol_can_name_is_listed(study: Study) -> None:
    text = study("list").out
    for table in (ATTRIBUTIONS, FORMATS, MASKINGS, METRICS, MODELS, TRAININGS):
        assert all(f" {name} " in text for name in table)
    assert " lower " in text
    assert "boxes" in text


def test_the_schema_is_written_where_editors_look(study: Study) -> None:
    Path("protocols/schema.json").unlink()
    assert study("schema").out == "wrote protocols/schema.json\n"
    assert Path("protocols/schema.json").read_text() == (ROOT / "protocols" / "schema.json").read_text()


# ------------------------------------------------------------------------------ new


def films(folder: Path, *, boxes: bool = False, manifest: bool = True) -> None:
    for label in ("ill", "no"):
        (folder / label).mkdir(parents=True)
        for i in range(4):
            Image.new("L", (40, 30), 50 * i).save(folder / label / f"{i}.png")
    if manifest:
        box = '"[[1, 2, 10, 12]]"' if boxes else ""
        rows = [f"{label}/{i}.png,{label},,p{i},{box}" for label in ("ill", "no") for i in range(4)]
        (folder / "manifest.csv").write_text("\n".join(["image,label,split,patient_id,boxes", *rows]), encoding="utf8")


def test_a_new_protocol_for_a_manifest_is_valid_and_planned(study: Study) -> None:
    films(Path("films"), boxes=True)
    ended = study("new", "--data", "films", "--name", "mine")
    assert ended.out == "8 films found; wrote protocols/mine.yaml\nlook it through, then: study plan mine\n"
    protocol = read(Path("protocols/mine.yaml"))
    assert protocol.data["films"].model_dump()["manifest"] == "../films/manifest.csv"
    assert protocol.data["films"].model_dump()["classes"] == ("ill", "no")
    assert protocol.analysis.primary.metric == "energy_pg"
    text = Path("protocols/mine.yaml").read_text(encoding="utf8")
    assert "#   8 films; labels: ill 4, no 4; without a label: 0\n#   8 films with 8 boxes; patients known: 4\n" in text
    assert "9 runs, 0 of them done" in study("plan", "mine").out


def test_class_folders_need_no_manifest_and_no_box_metrics_are_asked_for(study: Study) -> None:
    films(Path("films"), manifest=False)
    assert study("new", "--data", "films", "--name", "mine", "--model", "densenet_phantom").code == 0
    assert not Path("protocols/mine.csv").exists()
    protocol = read(Path("protocols/mine.yaml"))
    assert protocol.data["films"].model_dump()["folder"] == "../films"
    assert protocol.models == ("densenet_phantom",)
    assert protocol.analysis.primary.metric == "faithfulness_gap"
    assert not {"ehr", "energy_pg"} & set(protocol.metric_labels)
    assert study("plan", "mine").code == 0


def test_loose_images_get_a_manifest_to_be_completed(study: Study) -> None:
    films(Path("films"), manifest=False)
    assert study("new", "--data", "films/ill", "--name", "mine").code == 0
    text = Path("protocols/mine.csv").read_text(encoding="utf8")
    assert text.startswith("image,label,split,patient_id,boxes\n0.png,,,,\n")
    protocol = read(Path("protocols/mine.yaml"))
    assert protocol.data["films"].model_dump()["manifest"] == "mine.csv"
    assert protocol.data["films"].model_dump()["images"] == "../films/ill"
    assert "BEFORE IT CAN RUN: it needs at least two classes" in Path("protocols/mine.yaml").read_text(encoding="utf8")


def test_a_new_protocol_never_replaces_one_and_leaves_nothing_when_it_fails(study: Study) -> None:
    films(Path("films"), manifest=False)
    before = sorted(Path("protocols").iterdir())
    assert "exists already and is not replaced" in study("new", "--data", "films", "--name", "smoke").err
    ended = study("new", "--data", "films", "--name", "my study")
    assert ended.code == 2
    assert "found 'my study'; use letters, digits, '_' and '-' only" in ended.err
    assert "nowhere does not exist; a folder of films" in study("new", "--data", "nowhere", "--name", "mine").err
    assert sorted(Path("protocols").iterdir()) == before


# ------------------------------------------------------------------------------ run


def pretend(monkeypatch: pytest.MonkeyPatch, states: Sequence[str], **facts: Any) -> list[dict[str, Any]]:
    """Replace the work by statuses, and the report by a record of what it was asked."""
    asked: list[dict[str, Any]] = []

    def run(plan: Plan, **options: Any) -> Outcome:
        asked.append(options)
        runs = tuple(
            RunStatus(run.run_id, run.arm, run.model, run.seed, state)  # type: ignore[arg-type]
            for run, state in zip(plan.runs, states, strict=True)
        )
        return Outcome(runs, len(plan.stages), 0, 0, 0, 1.0, **facts)

    def conclusion(*given: Any, reports: Path, **named: Any) -> conclude.Conclusion:
        asked.append(named)
        results = {"title": "T", "languages": list(given[0].report.languages)}
        return conclude.Conclusion(reports / "smoke", results, reused=False)

    monkeypatch.setattr(dispatch, "run", run)
    monkeypatch.setattr(conclude, "conclude", conclusion)
    monkeypatch.setattr(report, "summary", lambda found: f"page 1 of {found['title']} in {found['languages'][0]}\n")
    return asked


def test_a_finished_study_ends_with_its_verdicts_and_the_place_of_the_report(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = pretend(monkeypatch, ["done"] * 4)
    ended = study("run", "smoke", "--cluster", "inline", "--workers", "2", "--reports", "out")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "\npage 1 of T in en\n\nreport: out/smoke/report.pdf\n"
    assert (asked[0]["cluster"], asked[0]["workers"]) == ("inline", 2)
    assert asked[0]["root"] == Path("protocols").absolute()
    assert asked[1]["lock"].deviations == ()
    assert Path("runs/studies/smoke/protocol.lock.yaml").is_file()


def test_the_summary_speaks_the_reports_first_language(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, ["done"] * 4)
    assert "page 1 of T in ko" in study("run", "smoke", "--lang", "ko").out
    assert "page 1 of T in en" in study("run", "smoke", "--lang", "both").out


def test_missing_runs_are_named_reported_and_end_with_code_4(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = pretend(monkeypatch, ["done", "failed", "done", "done"])
    ended = study("run", "smoke")
    assert ended.code == 4
    assert "smoke: 0 of 4 runs done" in ended.err  # the store is empty; the pretended work left nothing
    assert "report: reports/smoke/report.pdf" in ended.out
    assert [status.state for status in asked[1]["statuses"]] == ["done", "failed", "done", "done"]


def test_no_finished_run_means_no_report(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = pretend(monkeypatch, ["failed"] * 4)
    ended = study("run", "smoke")
    assert (ended.code, ended.out, len(asked)) == (4, "", 1)


@pytest.mark.parametrize(("facts", "code"), [({"stopped": True}, 130), ({"problem": "the disk is full"}, 5)])
def test_a_stopped_study_says_so_by_its_exit_code(
    study: Study, monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any], code: int
) -> None:
    pretend(monkeypatch, ["missing"] * 4, **facts)
    ended = study("run", "smoke")
    assert ended.code == code
    assert facts.get("problem", "") in ended.err


def test_ctrl_c_ends_with_130_and_a_bug_with_its_traceback(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(dispatch, "run", interrupted)
    assert study("run", "smoke").code == 130
    monkeypatch.setattr(dispatch, "run", broken)
    with pytest.raises(ZeroDivisionError, match="ours"):
        main(["run", "smoke"])


def test_a_cluster_that_is_not_there_is_refused_before_anything_runs(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = study("run", "smoke", "--cluster", "slurm")
    assert (ended.code, ended.err) == (
        2,
        "cluster 'slurm': the commands sbatch, srun, squeue, scancel, scontrol cannot be found here\n"
        "run the same line on a login node of the cluster, or add --cluster local to work on this machine\n",
    )
    assert not Path("runs").exists()


def test_a_changed_protocol_is_a_deviation_with_what_was_known(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, ["done"] * 4)
    study("run", "smoke")
    asked = pretend(monkeypatch, ["done"] * 2)
    study("run", "smoke", "--seeds", "1")
    [deviation] = asked[1]["lock"].deviations
    assert (deviation.where, deviation.before, deviation.after) == ("seeds", "[0, 1]", "[0]")


def test_the_module_is_the_same_program() -> None:
    assert "study.__main__" not in sys.modules
    import study.__main__

    assert study.__main__.main is main
