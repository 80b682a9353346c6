import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from study.errors import StudyError
from study.train.weights import take

STILL = {"lr": 1e-30, "weight_decay": 0.0, "epochs": 1}


@pytest.mark.parametrize("model", ["vit_phantom", "densenet_phantom"])
@pytest.mark.parametrize("before", ["mae", "rotation", "finetune"])
def test_the_next_stage_starts_from_the_trunk_and_a_fresh_head(model: str, before: str, films, trained) -> None:
    dataset = films(train=8, size=32)
    first = trained(before, model, dataset)
    second = trained("finetune", model, dataset, initial=first, **STILL)
    start, end = (load_file(folder / "weights.safetensors") for folder in (first, second))
    head = ("head", "fc_norm", "classifier", "decoder")
    trunk = {name for name in start if not name.startswith(head)}
    assert trunk == {name for name in end if not name.startswith(head)}
    kept = {name for name in trunk if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))}
    assert all(torch.equal(start[name], end[name]) for name in kept)
    if before == "finetune":
        name = "head.weight" if model == "vit_phantom" else "classifier.weight"
        assert not torch.equal(start[name], end[name])


def test_batchnorm_statistics_are_handed_on(films, trained) -> None:
    dataset = films(train=8, size=32)
    first = trained("mae", "densenet_phantom", dataset)
    second = trained("finetune", "densenet_phantom", dataset, initial=first, batch_size=8, **STILL)
    start, end = (load_file(folder / "weights.safetensors") for folder in (first, second))
    name = "features.norm0.num_batches_tracked"
    assert end[name] == start[name] + 1  # one batch was added to the statistics, which did not start anew


def test_arms_of_one_seed_start_from_the_same_trunk_whatever_their_stage(films, trained) -> None:
    dataset = films(train=8)
    starts = [
        load_file(trained(kind, "vit_phantom", dataset, seed=3, **STILL) / "weights.safetensors")
        for kind in ("mae", "rotation", "finetune")
    ]
    assert torch.equal(starts[0]["blocks.2.mlp.fc1.weight"], starts[1]["blocks.2.mlp.fc1.weight"])
    assert torch.equal(starts[0]["patch_embed.proj.weight"], starts[2]["patch_embed.proj.weight"])


def test_weights_that_do_not_fit_are_listed_by_name(films, trained) -> None:
    dataset = films(train=8)
    first = trained("finetune", "vit_phantom", dataset, epochs=1)
    weights = load_file(first / "weights.safetensors")
    weights["blocks.9.attn.qkv.weight"] = weights.pop("blocks.1.attn.qkv.weight")
    weights["cls_token"] = torch.zeros(1, 1, 3)
    save_file(weights, first / "weights.safetensors")
    with pytest.raises(StudyError, match="the weights do not fit the model") as caught:
        trained("finetune", "vit_phantom", dataset, initial=first)
    assert "missing: blocks.1.attn.qkv.weight\n" in str(caught.value)
    assert "not expected: blocks.9.attn.qkv.weight\n" in str(caught.value)
    assert "other shape: cls_token [1, 1, 3] for [1, 1, 64]" in str(caught.value)


def test_long_lists_are_cut() -> None:
    with pytest.raises(StudyError, match=r"missing: n0, n1, n2, n3, n4, n5 and 2 more"):
        take({}, {f"n{index}": torch.zeros(1) for index in range(8)}, source="here")


def test_another_size_of_films_does_not_fit_the_positions(films, trained) -> None:
    first = trained("mae", "vit_phantom", films(train=4, size=16))
    with pytest.raises(StudyError, match=r"other shape: pos_embed \[1, 5, 64\] for \[1, 17, 64\]"):
        trained("finetune", "vit_phantom", films(train=4, size=32), initial=first)


def test_another_model_cannot_be_started(films, trained) -> None:
    dataset = films(train=4, size=32)
    first = trained("mae", "vit_phantom", dataset)
    with pytest.raises(StudyError, match="weights of 'vit_phantom' cannot start 'densenet_phantom'"):
        trained("finetune", "densenet_phantom", dataset, initial=first)


def test_a_folder_that_is_no_stage_is_refused(films, trained, tmp_path) -> None:
    with pytest.raises(StudyError, match=r"no facts\.json; this is not the folder of a trained stage"):
        trained("finetune", "vit_phantom", films(train=4), initial=tmp_path)


def test_facts_are_scalars_and_short_lists_of_them(films, trained) -> None:
    facts = json.loads((trained("finetune", "vit_phantom", films(train=8, val=4)) / "facts.json").read_text())
    plain = (str, int, float, bool, type(None))
    assert all(isinstance(value, plain) or all(isinstance(v, plain) for v in value) for value in facts.values())
    expected = {"family": "vit", "model": "vit_phantom", "classes": ["left", "right"], "in_chans": 1, "image_size": 16}
    assert {name: facts[name] for name in expected} == expected
    assert facts["kind"] == "finetune"
    assert facts["supervised"] is True
