"""From a protocol to a graph of stages with content keys, and to the jobs that do them.

In: a checked `Protocol` and a digest per dataset. Out: a `Plan`. Every stage is named by the
hash of all that can change its numbers (its settings, its parents' keys, the version of its
code), before anything runs. Two arms, seeds or studies that need the same work therefore
arrive at the same key, and what is finished is never done again.
"""

from study.plan.expand import expand
from study.plan.identity import key
from study.plan.tree import render_plan

__all__ = ["expand", "key", "render_plan"]
