"""Explain: a classifier, images and the classes to explain in; signed attribution maps out.

Every method returns what the model gave, before anything is cut or scaled: class activation
maps at the resolution of their layer, gradients at the resolution of the image with channels
summed. Such raw maps are small, lose nothing and serve metrics that are yet to be written;
`to_input_size` makes of them what a metric ranks and a figure shows. Logits are explained,
never probabilities, and methods that draw random numbers read one seed per image, so that a
map does not depend on the company its image was explained in. Several methods share one pass
over the films (`attribute_many`), because most of them ask the model the same questions.
"""

from study.explain.activations import activations
from study.explain.attribute import Request, attribute, attribute_many
from study.explain.integrated_gradients import completeness_gap
from study.explain.maps import pack, to_input_size, unpack
from study.explain.randomised import cascade

__all__ = [
    "Request",
    "activations",
    "attribute",
    "attribute_many",
    "cascade",
    "completeness_gap",
    "pack",
    "to_input_size",
    "unpack",
]
