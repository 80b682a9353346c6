"""What a protocol asks of SLURM: defaults, kinds of stages, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from study.errors import ProtocolError
from study.protocol import read
from study.records import Resources

SMOKE = (Path(__file__).parents[2] / "protocols" / "smoke.yaml").read_text()


def asked(tmp_path: Path, dispatch: str) -> Any:
    path = tmp_path / "p.yaml"
    path.write_text(f"{SMOKE}dispatch: {dispatch}\n")
    return read(path).dispatch.slurm.requests()


def test_nothing_given_asks_for_a_gpu_where_there_is_one_and_for_none_for_data(tmp_path: Path) -> None:
    requests = asked(tmp_path, "{cluster: slurm}")
    assert requests.of(["finetune"]) == Resources(gpus=None, cpus=2, memory_gb=8.0, timeout_min=240)
    assert requests.of(["data"]).gpus == 0
    assert requests.of(["explain", "measure"]) == requests.of(["finetune"])


def test_a_kind_of_stage_differs_only_in_what_it_says(tmp_path: Path) -> None:
    requests = asked(
        tmp_path,
        "{cluster: slurm, slurm: {partition: gpu, gpus: 1, extra: {mail_type: END, exclusive: true}, "
        "stages: {mae: {timeout_min: 1440, memory_gb: 32}, evaluate: {cpus: 8}, data: {partition: cpu}}}}",
    )
    extra = (("exclusive", True), ("mail-type", "END"))
    assert requests.of(["mae"]) == Resources(gpus=1, memory_gb=32.0, timeout_min=1440, partition="gpu", extra=extra)
    assert requests.of(["explain"]).cpus == 8
    assert requests.of(["finetune"]).cpus == 2
    assert requests.of(["data"]) == Resources(gpus=0, partition="cpu", extra=extra)


@pytest.mark.parametrize(
    ("dispatch", "message"),
    [
        ("{slurm: {partiton: gpu}}", r"'partiton' is not a known key; did you mean 'partition'\?"),
        ("{slurm: {stages: {mea: {cpus: 1}}}}", r"'mea' is not a known kind of stage; did you mean 'mae'\?"),
        ("{slurm: {timeout_min: 0}}", r"dispatch\.slurm\.timeout_min\n +found 0; must be at least 1"),
        ("{slurm: {stages: {mae: {gpus: -1}}}}", r"dispatch\.slurm\.stages\.mae\.gpus\n +found -1; must be at least 0"),
        ("{slurm: {extra: {array: 1-9}}}", r"extra\.array\n +cannot be set here; arrays are made by the study"),
        ("{slurm: {stages: {mae: {extra: {time: 9}}}}}", r"mae\.extra\.time\n +cannot be set here; write timeout_min"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_its_line(tmp_path: Path, dispatch: str, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        asked(tmp_path, dispatch)
