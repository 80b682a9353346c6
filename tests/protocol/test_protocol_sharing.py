"""What a protocol says of GPUs and processes that share a training: nothing that a key knows."""

from pathlib import Path

import pytest

from study.errors import ProtocolError
from study.protocol import read
from study.records import Allowance

SMOKE = (Path(__file__).parents[2] / "protocols" / "smoke.yaml").read_text()


def allowance(tmp_path: Path, dispatch: str) -> Allowance:
    path = tmp_path / "p.yaml"
    path.write_text(f"{SMOKE}dispatch: {dispatch}\n")
    return read(path).dispatch.allowance


def test_what_is_asked_for_reaches_the_dispatcher(tmp_path: Path) -> None:
    assert allowance(tmp_path, "{workers: 2}") == Allowance(gpus=1, cpus=1, tensorboard=False)
    asked = "{gpus_per_run: 4, cpus_per_run: 2, tensorboard: true}"
    assert allowance(tmp_path, asked) == Allowance(gpus=4, cpus=2, tensorboard=True)
    assert allowance(tmp_path, "{cluster: slurm, gpus_per_run: 4, slurm: {gpus: 4}}").gpus == 4


@pytest.mark.parametrize(
    ("dispatch", "message"),
    [
        ("{gpus_per_run: 0}", r"dispatch\.gpus_per_run\n +found 0; must be at least 1"),
        ("{tensorboard: maybe}", r"dispatch\.tensorboard\n +found 'maybe'; must be true or false"),
        (
            "{cluster: slurm, gpus_per_run: 4}",
            r"dispatch\.gpus_per_run\n +is 4, but jobs ask for fewer GPUs: finetune 1, mae 1\n +write slurm: {stages: ",
        ),
        ("{cluster: slurm, gpus_per_run: 4, slurm: {stages: {mae: {gpus: 4}}}}", r"fewer GPUs: finetune 1\n"),
    ],
)
def test_what_cannot_be_shared_is_refused_with_its_line(tmp_path: Path, dispatch: str, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        allowance(tmp_path, dispatch)
