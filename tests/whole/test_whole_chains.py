"""The team's chains, from first weights to a finished classifier, on films too few to mean anything."""

import json
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from timm.models.densenet import DenseNet
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from workplace import Workplace

from study import data
from study.conclude.facts import chains
from study.conclude.gather import read_facts
from study.dispatch.lane import Lane
from study.dispatch.place import Work
from study.errors import StudyError
from study.plan import expand
from study.protocol import Protocol, read
from study.records import Plan
from study.store import Store
from study.train import load_classifier, probabilities

DATA = {
    "chest": {"format": "phantom", "anatomy": "chest", "images": 24},
    "elsewhere": {"format": "phantom", "anatomy": "chest", "train": 16, "val": 8, "seed": 7},
    "shoulder": {"format": "phantom", "anatomy": "shoulder", "train": 24, "val": 12, "test": 12, "images": 16, "effect": 3.0},
}  # fmt: skip
FINETUNE = {"finetune": {"epochs": 2}}
CHEST_MAE = {"mae": {"data": "chest", "epochs": 2, "decoder_width": 16}}
ARMS: Mapping[str, list[Any]] = {
    "scratch": [FINETUNE],
    "imagenet": [{"weights": {"file": "IMAGENET"}}, FINETUNE],
    "imagenet_labels": [{"supervised": {"data": "elsewhere", "epochs": 1}}, FINETUNE],
    "chest_mae": [CHEST_MAE, FINETUNE],
    "chest_mae_probe": [CHEST_MAE, "linear_probe"],
    "imagenet_mae": [{"weights": {"file": "MAE"}}, FINETUNE],
    "chest_mae_proxy": [CHEST_MAE, {"rotation": {"data": "shoulder", "epochs": 1}}, FINETUNE],
    "chest_mae_chest_proxy": [CHEST_MAE, {"jigsaw": {"data": "chest", "epochs": 1}}, FINETUNE],
    "imagenet_mae_chest_proxy": [{"weights": {"file": "MAE"}}, {"exemplar": {"data": "chest", "epochs": 1}}, FINETUNE],
    "chest_mae_center": [
        CHEST_MAE,
        {"mae": {"data": "shoulder", "masking": "center", "epochs": 1, "decoder_width": 16, "carry_decoder": True}},
        FINETUNE,
    ],
    "chest_mae_random": [CHEST_MAE, {"mae": {"data": "shoulder", "masking": "block", "epochs": 1}}, FINETUNE],
}


def stand_in(model: str, seed: int = 3) -> nn.Module:
    """A network of the model's architecture for RGB images with a thousand classes, as ImageNet's are."""
    torch.manual_seed(seed)
    if model == "densenet_phantom":
        return DenseNet(growth_rate=16, block_config=(3, 6), num_classes=1000, in_chans=3)
    form = {"img_size": 64, "patch_size": 8, "embed_dim": 64, "depth": 4, "num_heads": 4, "num_classes": 1000}
    return VisionTransformer(**form, global_pool="avg", norm_layer=partial(nn.LayerNorm, eps=1e-6))


def write_checkpoints(folder: Path, model: str) -> dict[str, str]:
    """ImageNet's classifier and its masked autoencoder, in published layouts."""
    state = stand_in(model).state_dict()
    save_file(state, folder / "imagenet.safetensors")
    state = stand_in(model, seed=4).state_dict()
    if model == "densenet_phantom":
        inside = {f"model.encoder.{name}": value for name, value in state.items() if not name.startswith("classifier")}
        state = inside | {"model.segmentation_head.0.weight": torch.zeros(3, 16, 3, 3)}
    else:
        state = {name: value for name, value in state.items() if not name.startswith(("head", "fc_norm"))}
        state |= {"norm.weight": torch.ones(64), "norm.bias": torch.zeros(64), "mask_token": torch.zeros(1, 1, 16)}
    torch.save({"model": state, "epoch": 800}, folder / "imagenet_mae.pth")
    return {"IMAGENET": "imagenet.safetensors", "MAE": "imagenet_mae.pth"}


def trainings(protocol: Protocol, store: Store) -> Plan:
    """Train every arm of the protocol, and nothing else; the whole plan."""
    digests = {
        name: data.digest(protocol.data[name].model_dump(), root=protocol.root) for name in protocol.datasets_used
    }
    files = {file: data.file_digest(protocol.root / file) for file in protocol.weight_files}
    plan = expand(protocol, digests, files)
    jobs = tuple(job for job in plan.jobs if job.job_id.startswith(("data-", "train-")))
    lane = Lane(store=store, root=protocol.root, executor="study.pipeline:execute", stop=lambda: False)
    store.prepare()
    for job in jobs:
        result = lane.do(Work.of(plan, job))
        if result.state != "done":
            raise StudyError(result.reason)
    return plan


@pytest.mark.slow
@pytest.mark.parametrize("model", ["vit_phantom", "densenet_phantom"])
def test_every_chain_runs_through_to_a_classifier(workplace: Workplace, model: str) -> None:
    text = json.dumps(ARMS)
    for word, file in write_checkpoints(workplace.folder, model).items():
        text = text.replace(word, file)
    chosen = {"data": DATA, "models": [model], "arms": json.loads(text), "reference": "scratch", "seeds": 1}
    protocol = read(workplace.protocol(**chosen))
    store = Store(workplace.folder / "runs")
    plan = trainings(protocol, store)

    facts = {key: read_facts(store, key) for run in plan.runs for key in run.training}
    kinds = Counter(row["kind"] for row in facts.values())
    # weights once per file and the chest MAE once for all its arms
    finetune = len(ARMS) - 1
    assert kinds == {
        "weights": 2, "supervised": 1, "mae": 3, "rotation": 1, "jigsaw": 1, "exemplar": 1, "finetune": finetune,
        "linear_probe": 1,
    }  # fmt: skip
    films = torch.randn(2, 1, 32, 32)
    answers = {run.arm: probabilities(load_classifier(store.folder(run.training[-1])), films) for run in plan.runs}
    assert all(answer.shape == (2, 2) and bool(answer.isfinite().all()) for answer in answers.values())
    assert len({tuple(answer.flatten().tolist()) for answer in answers.values()}) == len(ARMS)

    told = {chain.arm: chain.stages for chain in chains(plan, store)}
    [[kind, text], _] = told["imagenet"]
    assert kind == "weights"
    assert text.startswith("imagenet.safetensors: ")
    assert "3 to 1 channels (sum)" in text
    assert text.endswith("left out: 4 head" if model == "vit_phantom" else "left out: 2 head")
    assert ("positions 8 x 8 to 4 x 4" in text) == (model == "vit_phantom")
    [[_, text], _] = told["imagenet_mae"]
    assert "decoder" in text


@pytest.mark.slow
def test_a_file_of_another_network_ends_its_arm_with_names_and_shapes(workplace: Workplace) -> None:
    state = stand_in("vit_phantom").state_dict()
    state["blocks.1.mlp.fc1.weight"] = torch.zeros(192, 64)
    save_file(state, workplace.folder / "wrong.safetensors")
    arms = {"baseline": [FINETUNE], "imagenet": [{"weights": {"file": "wrong.safetensors"}}, FINETUNE]}
    protocol = read(workplace.protocol(arms=arms, data=DATA, seeds=1))
    with pytest.raises(StudyError, match=r"blocks\.1\.mlp\.fc1\.weight \[192, 64\] for \[256, 64\]"):
        trainings(protocol, Store(workplace.folder / "runs"))
