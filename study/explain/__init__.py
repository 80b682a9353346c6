"""Explain: a classifier, images and the classes to explain in; signed attribution maps out.

Every method returns what the model gave, before anything is cut or scaled: class activation
maps at the resolution of their layer, gradients at the resolution of the image with channels
summed. Such raw maps are small, lose nothing and serve metrics that are yet to be written;
`to_input_size` makes of them what a metric ranks and a figure shows. Logits are explained,
never probabilities, and methods that draw random numbers read one seed per image, so that a
map does not depend on the company its image was explained in.
"""

from study.explain.attribute import attribute
from study.explain.maps import pack, to_input_size, unpack

__all__ = ["attribute", "pack", "to_input_size", "unpack"]
