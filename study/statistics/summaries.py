"""What tables and pictures show beside the contrasts and means: components, single images and seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from study.records import Components, Design, ImageDifference, SeedDifference
from study.statistics.cells import Block, Cells, Key
from study.statistics.comparison import Draft
from study.statistics.components import VarianceComponents, agreement_on_order, mean_squares, variance_components
from study.statistics.floats import Floats, number
from study.statistics.means import blocks_of
from study.statistics.missing import arm_values


def components(design: Design, cells: Cells) -> tuple[Components, ...]:
    """Variance components of every metric, from images with all cells of all arms of the design."""
    return tuple(_components(design, key, block) for key, block in blocks_of(design, cells).items())


def _components(design: Design, key: Key, block: Block) -> Components:
    arms = [values for _, values in (arm_values(block, arm) for arm in design.arms) if len(values)]
    if not arms:
        return Components(*key, None, None, None, None)
    full = np.isfinite(np.concatenate(arms)).all(axis=0)
    arms = [values[:, full] for values in arms]
    if full.sum() < 2:
        return Components(*key, None, None, None, None)
    raw = variance_components(arms)
    n_runs, n_images = len(arms) / sum(1 / len(arm) for arm in arms), int(full.sum())
    return Components(
        *key,
        run=_floored(raw.run),
        arm_by_image=_floored(raw.arm_by_image),
        residual=_floored(raw.residual),
        image=_floored(raw.image),
        raw_run=number(raw.run),
        raw_arm_by_image=number(raw.arm_by_image),
        raw_image=number(raw.image),
        order_of_arms=agreement_on_order(np.round(np.stack([arm.mean(axis=0) for arm in arms]), 12)),
        dependability=_dependability(arms, raw),
        n_runs=n_runs,
        n_images=n_images,
        share_runs=_share_runs(raw, n_runs, n_images),
    )


def _floored(value: float) -> float | None:
    plain = number(value)
    return None if plain is None else max(plain, 0.0)


def _share_runs(raw: VarianceComponents, n_runs: float, n_images: int) -> float | None:
    """Luck of runs in v_R / S + v_AI / n; None where the design cannot tell, or neither varies."""
    runs, images = max(raw.run, 0.0) / n_runs, max(raw.arm_by_image, 0.0) / n_images
    return number(runs / (runs + images)) if runs + images > 0 else None


def _dependability(arms: Sequence[Floats], raw: VarianceComponents) -> float | None:
    """var_arm / (var_arm + var_R/S + var_AI/n + var_e/(S n)): how much of an arm mean is the arm."""
    squares = mean_squares(arms)
    n_images = arms[0].shape[1]
    n_runs = len(arms) / sum(1 / len(arm) for arm in arms)
    parts = [max(raw.run, 0) / n_runs, max(raw.arm_by_image, 0) / n_images, raw.residual / (n_runs * n_images)]
    noise = float(sum(parts))
    arm = squares.arm / (n_runs * n_images) - noise
    if not np.isfinite(arm):
        return None
    return number(max(arm, 0.0) / (max(arm, 0.0) + noise)) if noise > 0 else None


def image_differences(drafts: Sequence[Draft], cells: Cells) -> tuple[ImageDifference, ...]:
    """Each image of the primary contrasts, averaged over runs."""
    found: list[ImageDifference] = []
    for made in drafts:
        compared = made.compared
        if made.contrast.family != "primary" or compared is None or made.status == "no_data":
            continue
        sides = zip(
            compared.images.tolist(),
            compared.treatment.mean(axis=0).tolist(),
            compared.control.mean(axis=0).tolist(),
            strict=True,
        )
        identity = made.contrast.contrast_id
        found.extend(ImageDifference(identity, cells.images.ids[i], t, c, t - c) for i, t, c in sides)
    return tuple(found)


def seed_differences(drafts: Sequence[Draft], cells: Cells) -> tuple[SeedDifference, ...]:
    """Each run of the treatment of the primary contrasts, minus the control's run or mean."""
    found: list[SeedDifference] = []
    for made in drafts:
        if made.contrast.family != "primary" or made.sides is None or made.status == "undefined_metric":
            continue
        treatment, control = (side.figures for side in made.sides)
        differences = treatment - (control if made.paired else control.mean())
        for seed, difference in zip(_seeds(made, cells), differences.tolist(), strict=True):
            found.append(SeedDifference(made.contrast.contrast_id, seed, difference))
    return tuple(found)


def _seeds(made: Draft, cells: Cells) -> list[int]:
    if made.compared is not None:
        return [run.seed for run in made.compared.treatment_runs]
    assert made.rows is not None
    runs = cells.predictions[made.contrast.model].runs
    return [runs[group[0]].seed for group in made.rows[0]]
