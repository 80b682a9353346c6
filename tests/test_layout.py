"""The architecture's rules: who may import whom, and what imports without torch."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "study"
STATIONS = ("protocol", "plan", "data", "train", "explain", "measure", "statistics", "report", "dispatch")
SHARED = {"records", "registry", "store", "errors", "rng", "batching"}
ALSO = {"plan": {"protocol"}, "dispatch": {"pipeline"}}
TORCH_FREE = ("records", "registry", "errors", "rng", "batching", "store", "protocol", "plan", "data", "statistics")
TORCH_FREE += ("report", "dispatch", "conclude", "cli")


def imported(path: Path) -> Iterator[str]:
    """Second words of every `study.…` import of a file: `study.rng` and `from study import rng` give `rng`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("study."))
        if isinstance(node, ast.ImportFrom) and node.module == "study":
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("study."):
            yield str(node.module).split(".")[1]


@pytest.mark.parametrize("station", STATIONS)
def test_a_station_imports_no_other_station(station: str) -> None:
    allowed = SHARED | ALSO.get(station, set()) | {station, "__version__"}
    strangers = {
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in (PACKAGE / station).rglob("*.py")
        for name in imported(path)
        if name not in allowed
    }
    assert not strangers


def test_everything_but_the_workers_imports_without_torch() -> None:
    program = "import sys\n" + "".join(f"import study.{name}\n" for name in TORCH_FREE)
    program += "loaded = sorted({'torch', 'timm'} & set(sys.modules))\nassert not loaded, loaded"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    lengths = {path.name: path.read_text(encoding="utf8").count("\n") for path in PACKAGE.rglob("*.py")}
    assert {name: n for name, n in lengths.items() if n > 400} == {}
