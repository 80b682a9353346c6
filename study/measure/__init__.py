"""Measure: explained images in, one value per image and metric out.

A metric sees functions and tensors, never a model, and returns NaN where it is not defined;
`score` says why. What several metrics need and what costs forward passes is computed once per
batch and shared: the curves of the perturbation engine (`perturb`) and the model's answer to
image * map (`mask`). A metric computes them itself when a batch does not bring them.
"""

from study.measure.cascade import cascade
from study.measure.dissection import dissect
from study.measure.engine import perturb
from study.measure.masked import mask
from study.measure.scale import scaled
from study.measure.score import Scores, score

__all__ = ["Scores", "cascade", "dissect", "mask", "perturb", "scaled", "score"]
