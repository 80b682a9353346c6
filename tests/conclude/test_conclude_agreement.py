"""Rank correlations of stored maps: what they are, on which films, and that nothing is computed twice."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

from study.conclude import agreement as module
from study.conclude.agreement import MOST_FILMS, agreement, correlations, spread, standardised

Maps = NDArray[Any]


def test_ranks_are_those_of_scipy_ties_signs_and_zeros_included() -> None:
    rng = np.random.default_rng(0)
    values = np.round(rng.normal(0, 2, (6, 50))).astype(np.float16)
    values[0, :10] = -0.0
    wanted = stats.rankdata(values.astype(np.float64), axis=1)
    wanted -= wanted.mean(axis=1, keepdims=True)
    assert standardised(values) == pytest.approx(wanted / np.linalg.norm(wanted, axis=1, keepdims=True))


def test_correlations_are_spearmans_whatever_the_scale_and_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    maps = [(rng.normal(0, 1, (7, 4, 5)) * 10.0**r).astype(np.float32) for r in range(3)]
    found = correlations(maps)
    for i in range(7):
        wanted = stats.spearmanr(np.stack([own[i].ravel() for own in maps], axis=1)).statistic
        assert found[:, :, i] == pytest.approx(wanted)
    monkeypatch.setattr(module, "CHUNK_VALUES", 2 * 3 * 20)
    assert correlations(maps) == pytest.approx(found)


def test_identical_runs_give_one_and_independent_maps_about_nothing() -> None:
    rng = np.random.default_rng(2)
    one, other = (rng.normal(0, 1, (50, 16, 16)).astype(np.float16) for _ in range(2))
    found = correlations([one, one, other])
    assert found[0, 1] == pytest.approx(np.ones(50), abs=1e-12)
    assert abs(found[0, 2].mean()) < 4 / np.sqrt(50 * 256)
    assert correlations([one, -one])[0, 1] == pytest.approx(-np.ones(50))


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_flat_map_and_one_that_is_not_finite_have_none(value: float) -> None:
    maps = np.random.default_rng(3).normal(0, 1, (2, 3, 4, 4)).astype(np.float32)
    maps[0, 0], maps[0, 1, 2, 2] = value, np.nan
    maps[1, 2, 0, 0] = np.inf
    assert np.isnan(correlations(list(maps))[0, 1]).all()


def test_at_most_two_hundred_films_spread_over_the_list() -> None:
    assert spread(7).tolist() == list(range(7))
    assert spread(MOST_FILMS).tolist() == list(range(MOST_FILMS))
    many = spread(1001)
    assert (len(many), len(set(many.tolist())), many[0], many[-1]) == (MOST_FILMS, MOST_FILMS, 0, 1000)
    assert np.ptp(np.diff(many)) <= 1


# ------------------------------------------------------------------- a store on the disc


@dataclass(frozen=True)
class Made:
    """As much of a run, a plan and a store as is looked at."""

    run_id: str
    arm: str
    explain: dict[str, str]
    predict: str
    model: str = "vit"


@dataclass
class Plan:
    runs: tuple[Made, ...]
    stages: dict[str, Any]


@dataclass
class Disc:
    root: Path
    there: set[str] = field(default_factory=set)

    def has(self, key: str) -> bool:
        return key in self.there

    def folder(self, key: str) -> Path:
        return self.root / key


@dataclass(frozen=True)
class Stage:
    recipe: dict[str, str]


def study(root: Path, seeds: int = 2, films: int = 5) -> tuple[Any, Any]:
    """Two arms by seeds, Grad-CAM and a control; the last test film stands after one of another split."""
    disc, runs, stages = Disc(root), [], {}
    rng = np.random.default_rng(4)
    for arm in ("baseline", "mae"):
        for seed in range(seeds):
            run_id = f"{arm}-{seed}"
            keys = {name: f"{run_id}-{name}" for name in ("gradcam", "control_random")}
            for name, key in keys.items():
                (root / key).mkdir()
                np.save(root / key / "maps.npy", rng.normal(0, 1, (films, 4, 4)).astype(np.float16))
                stages[key] = Stage({"attribution": name})
            (root / f"{run_id}-predict").mkdir()
            ids = [*(f"film{i}" for i in range(films - 1)), "other", f"film{films - 1}"]
            splits = [*["test"] * (films - 1), "val", "test"]
            table = pd.DataFrame({"image_id": ids, "cluster": ["p", *ids[1:]], "split": splits})
            table.to_parquet(root / f"{run_id}-predict" / "predictions.parquet")
            disc.there |= {*keys.values(), f"{run_id}-predict"}
            runs.append(Made(run_id, arm, keys, f"{run_id}-predict"))
    return Plan(tuple(runs), stages), disc


def test_every_two_runs_of_a_model_are_compared_on_the_test_films(tmp_path: Path) -> None:
    plan, store = study(tmp_path)
    table = agreement(plan, store)
    assert set(table["attribution"]) == {"gradcam"}
    assert table["image_id"].tolist()[:5] == [f"film{i}" for i in range(5)]
    assert table["cluster"].iloc[0] == "p"
    pairs = table[["run_a", "run_b"]].drop_duplicates()
    assert len(pairs) == 6
    assert len(table) == 30
    one, other = (np.load(tmp_path / f"{arm}-0-gradcam" / "maps.npy") for arm in ("baseline", "mae"))
    row = table[(table["run_a"] == "baseline-0") & (table["run_b"] == "mae-0") & (table["image_id"] == "film3")]
    wanted = stats.spearmanr(one[3].ravel().astype(float), other[3].ravel().astype(float)).statistic
    assert row["value"].tolist() == [pytest.approx(wanted)]
    assert row[["arm_a", "arm_b"]].to_numpy().tolist() == [["baseline", "mae"]]


def test_runs_without_maps_are_left_out_and_one_run_has_no_pair(tmp_path: Path) -> None:
    plan, store = study(tmp_path)
    store.there -= {"mae-0-gradcam", "mae-1-predict"}
    assert {*agreement(plan, store)["run_a"], *agreement(plan, store)["run_b"]} == {"baseline-0", "baseline-1"}
    store.there -= {"baseline-1-gradcam"}
    assert not len(agreement(plan, store))


def test_what_is_known_of_the_same_maps_is_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "store").mkdir()
    plan, store = study(tmp_path / "store")
    before = agreement(plan, store)
    before.to_parquet(tmp_path / "pairs.parquet")
    calls = []
    monkeypatch.setattr(module, "correlations", lambda maps: calls.append(len(maps)) or correlations(maps))
    again = agreement(plan, store, tmp_path / "pairs.parquet")
    assert calls == []
    pd.testing.assert_frame_equal(again, before, check_dtype=False)
    store.there -= {"mae-1-gradcam"}  # other runs: other pairs
    assert len(agreement(plan, store, tmp_path / "pairs.parquet")) == 15
    assert calls == [3]


@pytest.mark.slow
def test_four_arms_of_five_runs_are_ranked_in_seconds() -> None:
    maps = np.random.default_rng(5).normal(0, 1, (20, MOST_FILMS, 64, 64)).astype(np.float16)
    began = time.process_time()
    correlations(list(maps))
    assert 3 * (time.process_time() - began) < 20  # three attributions
