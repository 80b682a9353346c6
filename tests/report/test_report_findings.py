"""Films with several findings: balance of the labels, AUC of each finding, and what is said in other words."""

from functools import cache
from typing import Any

from report_builder import Made, made_up

from study.report.class_tables import per_class
from study.report.data_words import data_text
from study.report.finding_tables import balance
from study.report.methods import methods
from study.report.notes import Notes
from study.report.outside import spoken
from study.report.results import results as make_results

FACTS = {
    "several_labels": True,
    "classes": ["Mass", "Edema", "Hernia"],
    "splits": {"train": 1300, "val": 20, "test": 30, "unlabelled": 0},
    "films_by_finding": {
        "train": {"Mass": 1200, "Edema": 15, "Hernia": 1},
        "val": {"Mass": 7, "Edema": 5, "Hernia": 0},
        "test": {"Mass": 11, "Edema": 9, "Hernia": 0},
    },
    "films_without_finding": {"train": 90, "val": 9, "test": 12},
    "findings_all_or_none_have": {"train": [], "val": ["Hernia"], "test": ["Hernia"]},
    "test_labels": {"Mass": 11, "Edema": 9, "Hernia": 0},
    "test_explained": 18,
    "test_with_boxes": 6,
    "quarantined": [],
}


@cache
def _report() -> Any:
    return make_results(
        made_up(Made(models=("vit_small",), failed=False, classes=("Mass", "Edema", "Hernia"))), Notes()
    )


def made(**facts: Any) -> Any:
    """Results of films with several findings, none of which is a Hernia."""
    results = _report()
    means = [row | ({"mean": None} if "Hernia" in row["metric"] else {}) for row in results["means"]]
    return {**results, "means": means, "datasets": {**results["datasets"], "shoulder": FACTS | facts}}


def test_the_balance_of_the_labels_is_a_table_of_its_own() -> None:
    results = made()
    (table,) = balance(results)
    assert [head.text.en for head in table.heads] == ["Finding", "train", "val", "test"]
    rows = {line.head.en: [cell.text.en for cell in line.cells] for line in table.groups[0].lines}
    assert rows == {
        "Mass": ["1,200", "7", "11"],
        "Edema": ["15", "5", "9"],
        "Hernia": ["1", "0", "0"],
        "none of these": ["90", "9", "12"],
        "all films": ["1,300", "20", "30"],
    }
    assert table.notes[1].en == "Maps explain the 18 of 30 test films that have a finding; 6 of these have boxes of it."
    text = data_text(results["datasets"]["shoulder"]).en
    assert "films by finding" not in text
    assert "several labels" not in text


def test_a_finding_without_an_auc_is_named_and_the_others_say_how_many_films_have_them() -> None:
    (table,) = per_class(made())
    assert [head.text.en for head in table.heads] == ["Arm", "Mass (n = 11)", "Edema (n = 9)"]
    assert table.caption.en.startswith("AUC × 100 of each finding: 60 images")
    assert table.notes[1].en == "No AUC, as all test images have the finding or none does: Hernia."


def test_words_follow_the_labels() -> None:
    several, one = made(), made(several_labels=False)
    assert balance(one) == []
    assert "answered right at p = 0.5" in spoken(several, "def.accuracy").en
    assert "classified right" in spoken(one, "def.accuracy").en
    assert "finding that the film’s boxes show" in methods(several).en
    assert "true class" in methods(one).en
