"""Small score tables as a team with its own code would write them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

IMAGES, SEEDS = 24, 3


def score_table(
    *, images: int = IMAGES, seeds: int = SEEDS, metrics: Sequence[str] = ("energy_pg", "dice")
) -> pd.DataFrame:
    """Two arms, three seeds, two metrics on Grad-CAM; the arm `mae` is better by .06."""
    rng = np.random.default_rng(0)
    film = rng.normal(0.5, 0.1, images)
    rows = []
    for arm, better in (("baseline", 0.0), ("mae", 0.06)):
        for seed in range(seeds):
            luck = rng.normal(0, 0.01)
            for metric in metrics:
                values = np.clip(film + better + luck + rng.normal(0, 0.03, images), 0.01, 0.99).round(6)
                rows += [
                    (arm, seed, f"film_{i:03d}", f"patient_{i // 2}", "gradcam", metric, value)
                    for i, value in enumerate(values)
                ]
    return pd.DataFrame(rows, columns=["arm", "seed", "image_id", "cluster", "attribution", "metric", "value"])


def predictions(*, images: int = IMAGES, seeds: int = SEEDS) -> pd.DataFrame:
    """Probabilities of two classes for the same runs and images."""
    rng = np.random.default_rng(1)
    labels = np.arange(images) % 2
    rows = []
    for arm, sharp in (("baseline", 1.0), ("mae", 2.0)):
        for seed in range(seeds):
            p = 1 / (1 + np.exp(-(2 * labels - 1) * sharp - rng.normal(0, 1, images)))
            rows += [(arm, seed, f"film_{i:03d}", labels[i], 1 - p[i], p[i]) for i in range(images)]
    return pd.DataFrame(rows, columns=["arm", "seed", "image_id", "label", "p_0", "p_1"])


def analysis(**changes: Any) -> dict[str, Any]:
    """An analysis file for `score_table`, with some of its keys replaced; None leaves a key out."""
    content = {
        "study": "team",
        "question": "Does MAE help?",
        "reference": "baseline",
        "metrics": ["energy_pg", {"dice": {"higher_is_better": True, "title": "Dice", "bounds": [0, 1]}}],
        "analysis": {
            "primary": {"attribution": "gradcam", "metric": "energy_pg"},
            "margins": {"energy_pg": 0.03},
            "resamples": 200,
        },
        **changes,
    }
    return {key: value for key, value in content.items() if value is not None}


def write(
    folder: Path, table: pd.DataFrame | str | bytes, *, name: str = "scores.csv", **changes: Any
) -> tuple[Path, Path]:
    """The table and its analysis file in a folder."""
    scores, protocol = folder / name, folder / "analysis.yaml"
    if isinstance(table, pd.DataFrame):
        table.to_csv(scores, index=False)
    else:
        scores.write_bytes(table if isinstance(table, bytes) else table.encode())
    protocol.write_text(yaml.safe_dump(analysis(**changes), sort_keys=False, allow_unicode=True), encoding="utf8")
    return scores, protocol
