"""Score tables made elsewhere: from a csv to the findings and the report."""

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from outside_tables import analysis, predictions, score_table, write
from pypdf import PdfReader

from study.conclude.outside import analyse, conclude_scores, read_outside
from study.errors import StudyError
from study.protocol import Lock
from study.statistics import read_findings

pytestmark = pytest.mark.slow

UNLOCKED = Lock("", "", (), ())
NOW = datetime(2024, 4, 15, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the report of the small table, with predictions."""
    folder = tmp_path_factory.mktemp("outside")
    scores, protocol = write(folder, score_table(), planned={"seeds": 4}, report={"languages": ["en", "ko"]})
    predictions().to_csv(folder / "predictions.csv", index=False)
    found = conclude_scores(
        scores, protocol, predictions=folder / "predictions.csv", reports=folder / "reports", now=NOW
    )
    assert found.pdf_problem is None
    return found.folder


def results(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf8"))
    return content


def text_of(folder: Path) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(folder / "report.pdf").pages).split())


def test_the_estimate_is_that_of_the_table(tmp_path: Path) -> None:
    table = score_table()
    found = analyse(read_outside(*write(tmp_path, table)), UNLOCKED)
    means = table[table["metric"] == "energy_pg"].groupby("arm")["value"].mean()
    [primary] = [finding for finding in found.findings if finding.family == "primary"]
    assert primary.estimate == pytest.approx(means["mae"] - means["baseline"], abs=1e-12)
    assert (primary.n_images, primary.n_clusters, primary.n_runs_treatment) == (24, 12, 3)


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    table = score_table()
    straight = analyse(read_outside(*write(tmp_path, table)), UNLOCKED)
    shuffled = table.sample(frac=1, random_state=3)
    first = shuffled.drop_duplicates("image_id").index  # images in their order, all else mixed
    shuffled = pd.concat([table.loc[sorted(first)], shuffled.drop(index=first)])
    mixed = analyse(read_outside(*write(tmp_path, shuffled, arms=["baseline", "mae"])), UNLOCKED)
    for one, other in zip(straight.findings, mixed.findings, strict=True):
        assert (one.contrast_id, one.n_images) == (other.contrast_id, other.n_images)
        assert (one.estimate, one.se, one.p_value) == pytest.approx((other.estimate, other.se, other.p_value), rel=1e-9)


def test_every_file_of_a_report_comes_out(reported: Path) -> None:
    names = (
        "report.html",
        "report.pdf",
        "results.json",
        "contrasts.csv",
        "metrics.csv",
        "tables.tex",
        "findings/findings.json",
    )
    assert [name for name in names if not (reported / name).is_file()] == []
    assert (reported / "lock" / "protocol.lock.yaml").is_file()
    assert {finding.metric for finding in read_findings(reported / "findings").findings} == {"energy_pg", "dice", "auc"}


def test_the_report_says_where_the_scores_come_from(reported: Path) -> None:
    said, content = text_of(reported), results(reported)
    [scores, classes] = content["tables"]
    assert (scores["name"], scores["n_rows"], classes["name"]) == ("scores.csv", 288, "predictions.csv")
    assert f"scores from scores.csv, sha256 {scores['sha256'][:7]}" in said
    assert scores["sha256"] in said.replace(" ", "")
    assert "made elsewhere and read from scores.csv" in said
    assert "6 of 8" in said


def test_nothing_is_said_of_a_training_that_is_not_known(reported: Path) -> None:
    said = text_of(reported)
    for invented in (
        "Fine-tuning", "fine-tuned", "radiograph", "Unreadable films", "diverged 0", "We trained", "Learning",
        "swapping stages", "more films and train longer", "split by patient", "no human boxes", "for the true class",
    ):  # fmt: skip
        assert invented not in said, invented
    assert "it cannot say why they differ" in said
    assert not re.search(r"\b(nan|None|inf)\b", said)


def test_missing_runs_are_named_as_missing_from_the_table(reported: Path) -> None:
    said = text_of(reported)
    assert "Baseline, model, 3 not in the table" in said
    assert results(reported)["counts"]["runs_planned"] == 8


def test_every_sentence_on_outside_scores_is_there_in_korean(reported: Path) -> None:
    page = (reported / "report.html").read_text(encoding="utf8")
    for words in ("점수 파일: scores.csv", "표에 있는 실행", "이 패키지는 학습과 측정을 하지 않았다", "표에 없음"):
        assert words in page


def test_the_same_table_again_makes_no_new_report_and_a_later_margin_is_a_deviation(tmp_path: Path) -> None:
    scores, protocol = write(tmp_path, score_table())
    reports = tmp_path / "reports"
    first = conclude_scores(scores, protocol, reports=reports, now=NOW)
    assert not first.reused
    assert conclude_scores(scores, protocol, reports=reports, now=NOW).reused
    margins = {"energy_pg": 0.05}
    write(tmp_path, score_table(), analysis=analysis()["analysis"] | {"margins": margins})
    second = conclude_scores(scores, protocol, reports=reports, now=NOW)
    [deviation] = second.results["protocol"]["deviations"]
    assert (deviation["where"], deviation["before"], deviation["after"]) == (
        "analysis.margins.energy_pg",
        "0.03",
        "0.05",
    )
    assert deviation["runs_finished"] == 6
    assert [row["margin_set_later"] for row in second.results["contrasts"]] == [True, False]
    assert second.results["report"] == 2
    assert (reports / "team" / "earlier" / "001" / "results.json").is_file()


def test_a_table_without_a_plan_says_that_missing_runs_cannot_be_named(tmp_path: Path) -> None:
    scores, protocol = write(tmp_path, score_table().drop(columns="cluster").assign(note="x"))
    found = conclude_scores(scores, protocol, reports=tmp_path / "reports", now=NOW)
    said = text_of(found.folder)
    assert "No planned runs were declared, so runs that are missing from the table cannot be named." in said
    assert "every image counts as a patient of its own" in said
    assert "scores.csv: columns that were not read: note." in said


def test_a_study_of_this_package_is_not_overwritten(tmp_path: Path) -> None:
    scores, protocol = write(tmp_path, score_table())
    folder = tmp_path / "reports" / "team"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"key": "x", "number": 1, "files": []}), encoding="utf8")
    with pytest.raises(StudyError, match="give the analysis another name than 'team'"):
        conclude_scores(scores, protocol, reports=tmp_path / "reports")


def test_designs_and_rules_of_protocols_work_here(tmp_path: Path) -> None:
    four = []
    for place, (arm, better) in enumerate((("a", 0.0), ("b", 0.02), ("c", 0.04), ("d", 0.1))):
        table = score_table(metrics=("dice",))
        table = table[table["arm"] == "baseline"].assign(arm=arm)
        four.append(table.assign(value=(table["value"] + better + 0.001 * place * table["seed"]).round(6)))
    settings = {
        "primary": {"attribution": "gradcam", "metric": "dice"},
        "factors": {"mask": {"none": ["a", "b"], "random": ["c", "d"]}, "crop": {"no": ["a", "c"], "yes": ["b", "d"]}},
        "dose": {"name": "ratio", "arms": {"a": 0, "b": 0.25, "c": 0.5}},
        "simultaneous": True,
        "resamples": 200,
    }
    changes = {"reference": "a", "metrics": {"dice": {"higher_is_better": True}}, "analysis": settings}
    found = read_outside(*write(tmp_path, pd.concat(four), **changes))
    assert found.study.factorial is not None
    assert found.study.dose is not None
    made = analyse(found, UNLOCKED)
    assert made.design.rules.simultaneous
    assert len([finding for finding in made.findings if finding.family == "primary"]) == 2
    settings["factors"] = {"mask": {"none": ["a"], "random": ["c", "d"]}, "crop": {"no": ["a", "c"], "yes": ["x", "d"]}}
    with pytest.raises(StudyError, match="'x' is not a known arm"):
        read_outside(*write(tmp_path, pd.concat(four), **changes))


# ----------------------------------------------------- the same scores, here and elsewhere


@pytest.mark.slow
def test_the_score_table_of_a_study_gives_the_findings_of_the_study(tmp_path: Path) -> None:
    from study import statistics
    from study.cli.options import open_protocol
    from study.conclude.conclusion import design
    from study.conclude.gather import gather
    from study.dispatch import run
    from study.protocol import lock

    shipped = Path(__file__).resolve().parents[2] / "protocols" / "smoke.yaml"
    content = yaml.safe_load(shipped.read_text(encoding="utf8")) | {"dispatch": {"cluster": "inline"}}
    own = tmp_path / "smoke.yaml"
    own.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf8")
    opened = open_protocol(str(own), tmp_path / "runs")
    protocol, plan, store = opened.protocol, opened.plan, opened.store
    outcome = run(plan, store=store, root=protocol.root, cluster="inline", workers=1)
    assert outcome.complete

    tables = gather(plan, store)
    locked = lock(protocol, tmp_path / "lock", runs_finished=4, now=NOW)
    ours = statistics.analyse(design(protocol, outcome.runs, locked, ("", "")), tables.scores, tables.predictions)

    tables.scores.to_csv(tmp_path / "scores.csv", index=False)
    tables.predictions.to_csv(tmp_path / "predictions.csv", index=False)
    content = {key: content[key] for key in ("study", "question", "reference", "seeding", "analysis") if key in content}
    (tmp_path / "analysis.yaml").write_text(yaml.safe_dump(content | {"arms": list(protocol.arms)}), encoding="utf8")
    found = read_outside(tmp_path / "scores.csv", tmp_path / "analysis.yaml", tmp_path / "predictions.csv")
    theirs = analyse(found, UNLOCKED)

    by_id = {finding.contrast_id: finding for finding in theirs.findings}
    assert by_id.keys() == {finding.contrast_id for finding in ours.findings}
    for finding in ours.findings:
        mine, other = asdict(finding), asdict(by_id[finding.contrast_id])
        assert {key: value for key, value in other.items() if not isinstance(value, float)} == {
            key: value for key, value in mine.items() if not isinstance(value, float)
        }
        for key, value in mine.items():
            if isinstance(value, float):
                assert other[key] == pytest.approx(value, rel=1e-9, abs=1e-12), key
    assert [(m.arm, m.attribution, m.metric, m.mean) for m in theirs.means if m.mean is not None] == [
        (m.arm, m.attribution, m.metric, pytest.approx(m.mean, abs=1e-12)) for m in ours.means if m.mean is not None
    ]
