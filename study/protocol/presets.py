"""Published training recipes by name: what a stage's settings become where the protocol does not say otherwise.

Where a published value has no counterpart here, that is said beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from study.protocol.randaug import TIMM, RandAugment

Values = dict[str, Any]
FinetunePreset = Literal["medical_mae", "mae_imagenet_base", "mae_imagenet_large"]
MaePreset = Literal["medical_mae", "mae_imagenet"]

_CROP: Values = {"crop": (0.08, 1.0), "flip": True, "jitter": 0.0}
"""timm's defaults for training, which neither program changes for fine-tuning."""


_IMAGENET: Values = {
    **_CROP,
    "batch_size": 1024,
    "min_lr": 1e-6,
    "weight_decay": 0.05,
    "pool": "mean",
    "mixup": 0.8,
    "cutmix": 1.0,
    "mix_per": "batch",
    "erase": 0.25,
    "label_smoothing": 0.1,
    "randaug": RandAugment(magnitude=9, ops=TIMM),
}

FINETUNE: Mapping[str, Mapping[str, Values]] = {
    # lambert-x/medical_mae@953a460, ViT-S/16 and DenseNet-121 on NIH ChestX-ray14 (Xiao et al., WACV 2023,
    # arXiv:2210.12843). Theirs has 14 labels with a sigmoid each, as films with `findings: all` have.
    "medical_mae": {
        "all": {
            **_CROP,
            "epochs": 75,
            "warmup": 5 / 75,
            "batch_size": 1024,
            "blr": 2.5e-4,
            "min_lr": 1e-5,
            "weight_decay": 0.05,
            "randaug": RandAugment(magnitude=6, ops=TIMM),
        },
        "vit": {"layer_decay": 0.55, "drop_path": 0.2, "pool": "mean"},
        "cnn": {"layer_decay": 1.0, "drop_path": 0.0},
    },
    # facebookresearch/mae@efb2a80, FINETUNE.md and main_finetune.py (He et al., CVPR 2022, arXiv:2111.06377); the
    # paper's own table lists other rates, for checkpoints trained on plain pixels.
    "mae_imagenet_base": {
        "vit": {**_IMAGENET, "epochs": 100, "warmup": 0.05, "blr": 5e-4, "layer_decay": 0.65, "drop_path": 0.1},
    },
    "mae_imagenet_large": {
        "vit": {**_IMAGENET, "epochs": 50, "warmup": 0.1, "blr": 1e-3, "layer_decay": 0.75, "drop_path": 0.2},
    },
}

_MAE: Values = {"epochs": 800, "warmup": 0.05, "blr": 1.5e-4, "weight_decay": 0.05, "flip": True}

MAE: Mapping[str, Mapping[str, Values]] = {
    # lambert-x/medical_mae@953a460: ViT with 90 % hidden; DenseNet-121 as a U-Net with 75 % hidden, loss on all pixels.
    "medical_mae": {
        "all": {**_MAE, "batch_size": 2048, "crop": (0.5, 1.0), "masking": "random", "target": "pixel"},
        "vit": {"mask_ratio": 0.9, "decoder_width": 512, "decoder_depth": 2},
        "cnn": {"mask_ratio": 0.75, "loss": "all", "bn_recalibrate": False},
    },
    # facebookresearch/mae@efb2a80, PRETRAIN.md.
    "mae_imagenet": {
        "vit": {
            **_MAE,
            "batch_size": 4096,
            "crop": (0.2, 1.0),
            "masking": "random",
            "mask_ratio": 0.75,
            "target": "norm_pixel",
            "decoder_width": 512,
            "decoder_depth": 8,
        },
    },
}
