"""Laws of dividing films: whole patients, every class everywhere, no matter the order."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.data.splits import EXCLUDED, LABELLED, Shares, assign, check_classes, check_leaks, divide, groups
from study.errors import DataError

USUAL = Shares(val=0.2, test=0.3, seed=0)

films = st.lists(
    st.tuples(st.integers(-1, 2), st.integers(0, 12).map(lambda k: f"p{k}")),  # label, patient
    min_size=1,
    max_size=60,
)


def divided(pairs: list[tuple[int, str]], *, shares: Shares = USUAL, split: str = "") -> list[str]:
    return assign([label for label, _ in pairs], [who for _, who in pairs], [split] * len(pairs), shares=shares)


@settings(max_examples=150, deadline=None)
@given(films, st.integers(0, 3))
def test_no_patient_is_in_two_splits_not_even_unlabelled(pairs: list[tuple[int, str]], seed: int) -> None:
    splits = divided(pairs, shares=Shares(0.2, 0.3, seed))
    places: dict[str, set[str]] = {}
    for (_, who), split in zip(pairs, splits, strict=True):
        if split != EXCLUDED:
            places.setdefault(who, set()).add("train" if split == "unlabelled" else split)
    assert all(len(where) == 1 for where in places.values())


@settings(max_examples=100, deadline=None)
@given(films, st.randoms())
def test_the_order_of_the_films_does_not_matter(pairs: list[tuple[int, str]], random: object) -> None:
    order = list(range(len(pairs)))
    random.shuffle(order)  # type: ignore[attr-defined]
    straight = divided(pairs)
    assert divided([pairs[k] for k in order]) == [straight[k] for k in order]


@settings(max_examples=100, deadline=None)
@given(films)
def test_labelled_films_are_all_used_and_unlabelled_ones_never_evaluated(pairs: list[tuple[int, str]]) -> None:
    for (label, _), split in zip(pairs, divided(pairs), strict=True):
        assert split in (LABELLED if label >= 0 else ("unlabelled", EXCLUDED))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 8)), min_size=1, max_size=30), st.integers(0, 5))
def test_a_class_with_three_patients_is_in_every_split(patients: list[tuple[int, int]], seed: int) -> None:
    counts = {f"p{k}": Counter({label: n}) for k, (label, n) in enumerate(patients)}
    place = divide(counts, Shares(0.2, 0.3, seed))
    for label in range(3):
        own = [name for name, classes in counts.items() if label in classes]
        if len(own) >= 3:
            assert {place[name] for name in own} == set(LABELLED)


def test_the_last_patients_of_a_class_go_where_it_is_missing() -> None:
    counts = {"large": Counter({0: 10}), "small1": Counter({0: 1}), "small2": Counter({0: 1})}
    place = divide(counts, USUAL)  # val lacks 2.4 films and test 2.6, but val would stay empty
    assert place["large"] == "train"
    assert {place["small1"], place["small2"]} == {"val", "test"}


@settings(max_examples=60, deadline=None)
@given(st.integers(10, 120), st.integers(10, 120), st.integers(0, 5))
def test_single_films_are_divided_within_one_film_of_their_shares(first: int, second: int, seed: int) -> None:
    splits = divided(
        [(0, f"a{k}") for k in range(first)] + [(1, f"b{k}") for k in range(second)], shares=Shares(0.2, 0.3, seed)
    )
    for label, start, count in ((0, 0, first), (1, first, second)):
        found = Counter(splits[start : start + count])
        assert sum(found.values()) == count
        for split, share in (("train", 0.5), ("val", 0.2), ("test", 0.3)):
            assert abs(found[split] - share * count) <= 1, label


def test_the_seed_changes_who_goes_where() -> None:
    pairs = [(k % 2, f"p{k}") for k in range(40)]
    assert divided(pairs, shares=Shares(0.2, 0.3, 0)) != divided(pairs, shares=Shares(0.2, 0.3, 1))


def test_a_share_of_zero_gets_no_films() -> None:
    splits = divided([(k % 2, f"p{k}") for k in range(20)], shares=Shares(0.0, 0.5, 0))
    assert Counter(splits) == {"train": 10, "test": 10}


def test_given_splits_stay_and_their_patients_follow() -> None:
    labels, group = [0, 0, 1, -1, -1], ["p", "p", "q", "p", "q"]
    splits = assign(labels, group, ["test", "", "train", "", ""], shares=USUAL)
    assert splits == ["test", "test", "train", EXCLUDED, "unlabelled"]


def test_unlabelled_films_never_come_from_given_val_or_test() -> None:
    splits = assign([-1, -1, -1, 1], ["a", "b", "c", "d"], ["val", "train", "test", "unlabelled"], shares=USUAL)
    assert splits == [EXCLUDED, "unlabelled", EXCLUDED, "unlabelled"]


def test_films_with_identical_content_belong_together() -> None:
    found = groups(["p1", "p2", "", "", "p9"], ["x", "x", "x", "y", "z"], ["a", "b", "c", "d", "e"])
    assert found == ["c", "c", "c", "d", "p9"]
    assert groups(["p1", "p2"], ["x", "y"], ["a", "b"]) == ["p1", "p2"]


def test_a_patient_in_two_given_splits_is_named() -> None:
    with pytest.raises(DataError) as error:
        check_leaks(
            [0, 1, 0], ["p7", "p7", "p8"], ["train", "test", "val"], contents=["x", "y", "z"], names=["a", "b", "c"]
        )
    text = str(error.value)
    assert text.startswith("the manifest's splits leak, 1 time:\n  patient p7: train and test\n")
    assert "or leave it blank (or set split: {given: ignore})" in text


def test_identical_files_in_two_given_splits_are_named() -> None:
    with pytest.raises(DataError, match=r"identical files: a\.png \(train\), b\.png \(val\)"):
        check_leaks([0, 1], ["", ""], ["train", "val"], contents=["x", "x"], names=["a.png", "b.png"])


def test_what_cannot_leak_is_accepted() -> None:
    labels, patients = [0, 0, -1, 0], ["p", "p", "p", ""]
    check_leaks(
        labels, patients, ["test", "", "train", "unlabelled"], contents=["x", "y", "x", "x"], names=["a", "b", "c", "d"]
    )


def test_a_class_that_is_missing_in_a_split_is_named_with_its_counts() -> None:
    with pytest.raises(DataError) as error:
        check_classes(["train", "train", "val", "test"], [0, 1, 0, 0], ["a", "b", "c", "c"], ("normal", "fracture"))
    text = str(error.value)
    assert "there is no 'fracture' in val, no 'fracture' in test:" in text
    assert "\n  normal: train 1, val 1, test 1 films, 2 patients or single films" in text
    assert "\n  fracture: train 1, val 0, test 0 films, 1 patients or single films" in text


def test_films_that_are_all_for_training_need_no_other_split() -> None:
    check_classes(["train", "unlabelled"], [0, -1], ["a", "b"], ("normal", "fracture"))
