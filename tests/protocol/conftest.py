"""A small good protocol, and ways to change one line of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

GOOD = """\
study: mini
question: Does it help?
data:
  chest: {format: phantom, anatomy: chest, images: 50}
  shoulder: {format: phantom, anatomy: shoulder, train: 20, val: 10, test: 10}
target: shoulder
image_size: 64
models: [vit_phantom]
arms:
  baseline: [finetune]
  mae_random: [mae: {data: chest, masking: random, mask_ratio: 0.75}, finetune]
reference: baseline
seeds: 3
explain: [gradcam, control_random]
measure: [energy_pg, insertion]
analysis:
  primary: {attribution: gradcam, metric: energy_pg}
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(old, new, ...)`: the good protocol with pieces of text replaced, as a file."""

    def written(*pairs: str) -> Path:
        text = GOOD
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / "mini.yaml"
        path.write_text(text, encoding="utf8")
        return path

    return written
