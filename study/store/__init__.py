"""Everything below `runs/`: what is finished, who works on what, and what was tried.

    objects/<kk>/<key>/                 a finished stage: its outputs and manifest.json, never changed
    stages/<kk>/<key>/                  the stage's workshop
        recipe.json  lease.json         what it is, and who works on it now
        attempts/<gen>-<token>/         out/ ckpt/<step>/ log.txt progress.json outcome.json
        forgiven.json                   tries up to this one no longer count as failures
    studies/<study>/                    the locked protocol, and a folder per session of `study run` and per submission
        dags/<digest>.json              every plan that was run: which objects the study uses
    digests.json                        hashes of films by path, size, times and inode; may be deleted
    quarantine/                         what was found damaged; never deleted by us

A stage is done if and only if its object has an intact manifest. An attempt writes into its
own folder only; one rename publishes it, and the first rename wins. A lease saves work, it is
never needed for correct numbers: two workers on one stage make the same files, and one of
them is thrown away. A process that dies at any instant therefore leaves nothing that has to
be repaired by hand.
"""

from study.store.attempts import Attempt, Ending
from study.store.dags import record_dag
from study.store.lease import Holder, Lease
from study.store.objects import Store
from study.store.sweep import Heap, Sweep, delete, sweep
from study.store.verify import Broken, Verified, verify

__all__ = [
    "Attempt",
    "Broken",
    "Ending",
    "Heap",
    "Holder",
    "Lease",
    "Store",
    "Sweep",
    "Verified",
    "delete",
    "record_dag",
    "sweep",
    "verify",
]
