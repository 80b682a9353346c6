"""The graph of a study: what is shared, what hangs on what, and in which order it is done."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from study.plan import expand
from study.protocol import Protocol, read
from study.records import Plan
from study.registry import METRICS, TRAININGS

ROOT = Path(__file__).resolve().parents[2]
DIGESTS = {name: f"sha256:{name}" for name in ("chest", "shoulder", "films", "shoulder_marked")}


def mae_effect(**overrides: Any) -> Protocol:
    return read(ROOT / "protocols" / "mae_effect.yaml", overrides)


def edited(tmp_path: Path, *pairs: str, name: str = "mae_effect") -> Protocol:
    text = (ROOT / "protocols" / f"{name}.yaml").read_text(encoding="utf8")
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new)
    path = tmp_path / f"{name}.yaml"
    path.write_text(text, encoding="utf8")
    return read(path)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return expand(mae_effect(), DIGESTS)


def test_the_chest_mae_is_trained_once_per_seed_for_three_arms(plan: Plan) -> None:
    kinds = Counter(stage.kind for stage in plan.stages.values() if stage.kind in TRAININGS)
    assert kinds == {"mae": 3 + 3, "rotation": 3, "finetune": 4 * 3}
    first = {run.training[0] for run in plan.runs if run.arm != "baseline" and run.seed == 1}
    assert len(first) == 1


def test_every_stage_stands_after_its_parents(plan: Plan) -> None:
    seen: set[str] = set()
    for key, stage in plan.stages.items():
        assert stage.key == key
        assert set(stage.parents.values()) <= seen
        assert stage.recipe.get("parents", {}) == stage.parents
        seen.add(key)


def test_recipes_have_exactly_the_members_of_the_contract(plan: Plan) -> None:
    maps = {"attribution", "attribution_settings", "attribution_version", "seed", "target_class"}
    expected = {
        "data": {"settings", "image_size", "data"},
        "mae": {"settings", "model", "seed", "parents"},
        "rotation": {"settings", "model", "seed", "parents"},
        "finetune": {"settings", "model", "seed", "classes", "parents"},
        "predict": {"parents"},
        "explain": {"attribution", "settings", "seed", "target_class", "parents"},
        "perturb": {"settings", "parents", *maps},
        "mask": {"parents", *maps},
        "measure": {"metric", "settings", "parents", *maps},
    }
    for stage in plan.stages.values():
        assert set(stage.recipe) - {"schema", "kind", "version"} == expected[stage.kind], stage.kind
        assert "data" not in stage.recipe.get("settings", {})
        assert None not in stage.recipe.get("settings", {}).values() or stage.kind in ("explain", "data")


def test_metrics_get_the_parents_they_need(plan: Plan) -> None:
    for run in plan.runs:
        for (attribution, metric), key in run.measure.items():
            parents = plan.stages[key].parents
            needs = METRICS[metric].needs
            assert parents["explain"] == run.explain[attribution]
            assert parents["classifier"] == run.training[-1]
            assert ("perturb" in parents) == ("curves" in needs)
            assert ("mask" in parents) == ("masked" in needs)
            if "curves" in needs:
                assert parents["perturb"] == run.perturb[attribution]
                assert plan.stages[parents["perturb"]].recipe["settings"] == {"baseline": "zero", "steps": 16}


def test_all_curve_metrics_of_a_map_share_one_set_of_curves(plan: Plan) -> None:
    counts = Counter(stage.kind for stage in plan.stages.values())
    assert counts["explain"] == counts["perturb"] == counts["mask"] == 12 * 5
    assert counts["measure"] == 12 * 5 * 10
    assert counts["predict"] == 12


def test_runs_name_their_stages(plan: Plan) -> None:
    run = next(run for run in plan.runs if run.run_id == "mae_center-vit_phantom-seed2")
    assert [plan.stages[key].kind for key in run.training] == ["mae", "mae", "finetune"]
    assert run.pretrain_key == run.training[1]
    assert next(run for run in plan.runs if run.arm == "baseline").pretrain_key is None
    assert plan.stages[run.predict].parents["classifier"] == run.training[-1]


def test_adding_a_seed_an_arm_or_a_metric_keeps_every_key_that_was_there(plan: Plan, tmp_path: Path) -> None:
    more_seeds = expand(mae_effect(seeds=4), DIGESTS)
    more_arms = expand(edited(tmp_path, "reference:", "  rotation: [rotation, finetune]\nreference:"), DIGESTS)
    more_metrics = expand(edited(tmp_path, "  - adcc", "  - adcc\n  - deletion_lerf"), DIGESTS)
    for larger in (more_seeds, more_arms, more_metrics):
        assert plan.stages.keys() < larger.stages.keys()
    new = set(more_metrics.stages) - set(plan.stages)
    assert {more_metrics.stages[key].kind for key in new} == {"measure"}


def test_names_places_and_dispatch_are_in_no_key(plan: Plan, tmp_path: Path) -> None:
    renamed = edited(
        tmp_path,
        *("study: mae_effect", "study: other", "baseline", "plain", "chest:", "thorax:", "data: chest", "data: thorax"),
        *("cluster: local", "cluster: inline, workers: 7"),
    )
    assert expand(renamed, DIGESTS | {"thorax": "sha256:chest"}).stages.keys() == plan.stages.keys()


def test_moved_films_keep_their_key_and_changed_ones_do_not(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).touch()

    def classifiers(manifest: str, digest: str) -> set[str]:
        protocol = mae_effect(models=["vit_phantom"], seeds=1, data={"": str(tmp_path / manifest)})
        plan = expand(protocol, DIGESTS | {"shoulder": digest})
        [data] = [s for s in plan.stages.values() if s.kind == "data" and s.places["name"] == "shoulder"]
        assert data.places["manifest"] == str(tmp_path / manifest)
        assert str(tmp_path) not in str(data.recipe)
        return {run.training[-1] for run in plan.runs}

    assert classifiers("a.csv", "sha256:1") == classifiers("b.csv", "sha256:1")
    assert not classifiers("a.csv", "sha256:1") & classifiers("a.csv", "sha256:2")


def test_a_default_written_out_gives_the_key_of_the_default(plan: Plan, tmp_path: Path) -> None:
    written = edited(tmp_path, "baseline: [finetune]", "baseline: [finetune: {epochs: 40, lr: 2e-3, data: shoulder}]")
    assert expand(written, DIGESTS).stages.keys() == plan.stages.keys()


def test_shared_pretraining_uses_the_first_seed_for_stages_without_labels(tmp_path: Path) -> None:
    shared = expand(edited(tmp_path, "seeds: 3", "seeds: [4, 5, 6]\nshare_pretraining: true"), DIGESTS)
    seeds = {(stage.kind, stage.recipe["seed"]) for stage in shared.stages.values() if stage.kind in TRAININGS}
    assert seeds == {("mae", 4), ("rotation", 4), ("finetune", 4), ("finetune", 5), ("finetune", 6)}
    centre = {run.pretrain_key for run in shared.runs if run.arm == "mae_center"}
    assert len(centre) == 1


def test_fine_tuning_on_other_films_is_tested_on_the_targets() -> None:
    plan = expand(read(ROOT / "protocols" / "shortcut.yaml"), DIGESTS)
    run = next(run for run in plan.runs if run.arm == "marked")
    trained_on = plan.stages[plan.stages[run.training[-1]].parents["data"]]
    tested_on = plan.stages[plan.stages[run.predict].parents["data"]]
    assert (trained_on.places["name"], tested_on.places["name"]) == ("shoulder_marked", "shoulder")


def test_a_second_baseline_of_curves_is_computed_beside_the_first(tmp_path: Path) -> None:
    plan = expand(edited(tmp_path, "  - deletion\n", "  - deletion\n  - deletion: {baseline: blur}\n"), DIGESTS)
    run = plan.runs[0]
    blurred = plan.stages[run.measure["gradcam", "deletion[baseline=blur]"]]
    assert plan.stages[blurred.parents["perturb"]].recipe["settings"]["baseline"] == "blur"
    assert plan.stages[run.perturb["gradcam"]].recipe["settings"]["baseline"] == "zero"


def test_jobs_hold_every_stage_once_and_wait_for_their_parents(plan: Plan) -> None:
    done = [key for job in plan.jobs for key in job.stages]
    assert sorted(done) == sorted(plan.stages)
    owner = {key: job.job_id for job in plan.jobs for key in job.stages}
    finished: set[str] = set()
    for job in plan.jobs:
        parents = {owner[parent] for key in job.stages for parent in plan.stages[key].parents.values()}
        assert set(job.after) == parents - {job.job_id}
        assert set(job.after) <= finished, "a job stands after those it waits for"
        finished.add(job.job_id)
    assert len(finished) == len(plan.jobs)


def test_an_unshared_tail_is_one_job_and_a_shared_stage_has_its_own(plan: Plan) -> None:
    owner = {key: job for job in plan.jobs for key in job.stages}
    centre = next(run for run in plan.runs if run.arm == "mae_center")
    shared, own, classifier = (owner[key] for key in centre.training)
    assert len(shared.stages) == 1
    assert {run.rpartition("-")[0] for run in shared.runs} == {
        f"{arm}-vit_phantom" for arm in ("mae_random", "mae_center", "proxy")
    }
    assert own is classifier
    assert own.stages == centre.training[1:]
    assert owner[centre.predict].job_id == "evaluate-mae_center-vit_phantom-seed0"
    assert shared.job_id in own.after
    assert own.job_id in owner[centre.predict].after


def test_the_longest_chains_start_first(plan: Plan) -> None:
    trainings = [job for job in plan.jobs if job.job_id.startswith("train-")]
    first = [plan.stages[job.stages[0]].kind for job in trainings]
    assert first[:3] == ["mae"] * 3, "three arms wait for these"
    assert all(job.runs[0].startswith("baseline") or job.runs[0].startswith("mae_random") for job in trainings[-6:])


def test_a_dataset_without_a_digest_is_a_bug_of_the_caller() -> None:
    with pytest.raises(KeyError, match="chest"):
        expand(mae_effect(), {"shoulder": "sha256:1"})
