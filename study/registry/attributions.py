"""Attribution methods and the controls that stand beside them."""

from __future__ import annotations

from typing import Any

from study.registry.entries import Attribution, Registry

_CAM: dict[str, Any] = {"rectified": True, "shares": "features", "parameters": {"layer": None}}
_LAYERED: dict[str, Any] = {"layer": None}
_LRP = ("resnet", "resnext", "densenet", "vgg")

ATTRIBUTIONS: Registry[Attribution] = Registry(
    "attribution",
    {
        "gradcam": Attribution("study.explain.gradcam:gradcam", "Grad-CAM", **_CAM),
        "gradcampp": Attribution("study.explain.gradcampp:gradcampp", "Grad-CAM++", **_CAM),
        "xgradcam": Attribution("study.explain.gradcam:xgradcam", "XGrad-CAM", **_CAM),
        "layercam": Attribution("study.explain.gradcam:layercam", "LayerCAM", **_CAM),
        "hirescam": Attribution("study.explain.gradcam:hirescam", "HiResCAM", **_CAM),
        "eigencam": Attribution("study.explain.eigencam:eigencam", "EigenCAM", class_free=True, **_CAM),
        "scorecam": Attribution("study.explain.scorecam:scorecam", "Score-CAM", **_CAM),
        "smooth_gradcampp": Attribution(
            "study.explain.gradcampp:smooth_gradcampp",
            "Smooth Grad-CAM++",
            rectified=True,
            random=True,
            parameters={**_LAYERED, "samples": 25, "noise": 0.15},
        ),
        "saliency": Attribution("study.explain.saliency:saliency", "Saliency", shares="gradients"),
        "input_x_gradient": Attribution(
            "study.explain.saliency:input_x_gradient", "Input × gradient", shares="gradients"
        ),
        "integrated_gradients": Attribution(
            "study.explain.integrated_gradients:integrated_gradients",
            "Integrated gradients",
            parameters={"steps": 25, "rule": "gausslegendre"},
            choices={"rule": ("gausslegendre", "midpoint", "trapezoid", "right")},
        ),
        "smoothgrad": Attribution(
            "study.explain.smoothgrad:smoothgrad",
            "SmoothGrad",
            random=True,
            parameters={"samples": 25, "noise": 0.15},
        ),
        "lrp_zplus": Attribution(
            "study.explain.lrp:lrp_zplus",
            "LRP z⁺",
            families=("cnn",),
            architectures=_LRP,
            parameters={"layer": "input"},
        ),
        "clrp": Attribution(
            "study.explain.lrp:clrp",
            "CLRP",
            families=("cnn",),
            architectures=_LRP,
            parameters={"layer": "input", "balanced": False},
        ),
        "relevance_cam": Attribution(
            "study.explain.relevance_cam:relevance_cam",
            "Relevance-CAM",
            families=("cnn",),
            architectures=_LRP,
            parameters={**_LAYERED, "balanced": False},
        ),
        "iba": Attribution(
            "study.explain.iba:iba",
            "IBA",
            random=True,
            references=True,
            parameters={**_LAYERED, "beta": 10.0, "steps": 10, "samples": 10},
        ),
        "attention_rollout": Attribution(
            "study.explain.attention:attention_rollout",
            "Attention rollout",
            families=("vit",),
            class_free=True,
            rectified=True,
        ),
        "attention_gradient": Attribution(
            "study.explain.attention:attention_gradient",
            "Gradient-weighted attention",
            families=("vit",),
            rectified=True,
        ),
        "control_random": Attribution(
            "study.explain.controls:random_map",
            "Random map",
            rectified=True,
            control=True,
            class_free=True,
            random=True,
        ),
        "control_center": Attribution(
            "study.explain.controls:center_prior",
            "Centre prior",
            rectified=True,
            control=True,
            class_free=True,
            parameters={"sigma": 0.5},
        ),
        "control_fakecam": Attribution(
            "study.explain.controls:fake_cam", "Fake-CAM", rectified=True, control=True, class_free=True
        ),
        "control_edges": Attribution(
            "study.explain.controls:edges", "Edges of the film", rectified=True, control=True, class_free=True
        ),
        "control_randomised": Attribution(
            "study.explain.randomised:randomised_weights",
            "Random weights",
            control=True,
            parameters={"method": "saliency", "draw": 0},
        ),
    },
)
