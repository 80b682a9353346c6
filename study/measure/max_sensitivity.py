"""Max-sensitivity: how far a map moves when the film hardly does.

Reference: Yeh et al., On the (In)fidelity and Sensitivity of Explanations, NeurIPS 2019, arXiv:1901.09392,
Definition 3.1, relative to the norm of the map.
"""

import torch
from torch import Tensor

from study.measure.draws import generators
from study.measure.signed import signed
from study.records import ExplainedBatch


def max_sensitivity(batch: ExplainedBatch, *, samples: int = 10, radius: float = 0.02) -> Tensor:
    """Largest ||map(x + d) - map(x)|| / ||map(x)|| over random d with no value beyond the radius.

    The maps are raw: signed and at the size at which the method makes them. d is uniform, pixel by pixel,
    and the same in all channels (a grey film stays grey). The largest of `samples` draws is a lower
    bound of the supremum: compare values of equal `samples` only.

    Args:
        batch: reads `images`, `targets`, `seeds`, the raw maps (`signed`, else `attributions`) and what
            makes them (`explain_signed`, else `explain`).
        samples: number of d tried.
        radius: largest absolute value of d, in units of the normalised image.

    Returns:
        [B] float64, not negative; NaN where the map is zero everywhere, and where it or one of those
        compared with it is not finite.

    Raises:
        UnsupportedError: the batch does not bring one seed per image.
    """
    streams = generators(batch, "max_sensitivity")
    maps, explain = signed(batch)
    worst = torch.zeros(len(maps), dtype=torch.float64, device=maps.device)
    for _ in range(samples if streams else 0):
        drawn = torch.stack([torch.rand(batch.images.shape[-2:], generator=stream) for stream in streams])
        films = batch.images + radius * (2 * drawn[:, None].to(batch.images) - 1)
        # `maximum` keeps NaN, which a map that is not finite gives as well.
        worst = torch.maximum(worst, relative_change(maps, explain(films, batch.targets)))
    return worst


def relative_change(maps: Tensor, others: Tensor) -> Tensor:
    """||others - maps|| / ||maps|| (Euclidean), both [B, ...] -> [B] float64; NaN for zero maps."""
    before, after = (values.double().flatten(1) for values in (maps, others))
    size: Tensor = before.norm(dim=1)
    moved: Tensor = (after - before).norm(dim=1)
    return moved / size.masked_fill(size == 0, float("nan"))
