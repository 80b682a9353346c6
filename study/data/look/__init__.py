"""What a folder of films holds, for someone who is about to write a protocol.

In: a folder, or the file that describes one (a manifest, data.yaml, a COCO file). Out: the format and how it was
known, and facts: sizes, depths, labels, boxes, patients, what cannot be read, what is there twice. Headers and hashes
are read of all films, pixels of some hundred spread over the folder unless all are asked for, one film after the other.
"""

from study.data.look.facts import Boxes, Look, look_at
from study.data.look.guess import guesses, settings_line
from study.data.look.sheet import contact_sheet
from study.data.look.words import plain, told

__all__ = ["Boxes", "Look", "contact_sheet", "guesses", "look_at", "plain", "settings_line", "told"]
