"""The scale on which maps are read, and the maps that cannot be read."""

from torch import Tensor


def scaled(attributions: Tensor) -> Tensor:
    """Maps with the negative part cut, stretched to [0, 1] image by image.

    Args:
        attributions: [B, H, W] signed, any scale.

    Returns:
        [B, H, W] float32 in [0, 1]; zero everywhere where the cut map is flat, NaN everywhere
        where the map is not finite.
    """
    positive = attributions.float().clamp(min=0)
    low, high = positive.amin(dim=(1, 2), keepdim=True), positive.amax(dim=(1, 2), keepdim=True)
    span = high - low
    flat = span == 0
    stretched = (positive - low) / span.masked_fill(flat, 1.0)
    return stretched.masked_fill(~finite(attributions)[:, None, None], float("nan"))


def finite(maps: Tensor) -> Tensor:
    """[B] True where every value of the map is a finite number."""
    return maps.isfinite().flatten(1).all(dim=1)


def constant(maps: Tensor) -> Tensor:
    """[B] True where all values of the map are equal."""
    flat = maps.flatten(1)
    return (flat == flat[:, :1]).all(dim=1)
