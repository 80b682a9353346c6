"""Real studies through the real command line, in processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Workplace:
    """A folder with its own runs/ and reports/, and the program to use there."""

    folder: Path

    def study(self, *words: str, code: int = 0) -> str:
        """Run `study ...`; everything it printed. Fails when the exit code is another one."""
        command = [sys.executable, "-m", "study", *words]
        env = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def protocol(self, name: str = "smoke", **changes: Any) -> Path:
        """A shipped protocol with some of its keys replaced, written here."""
        content: dict[str, Any] = yaml.safe_load((ROOT / "protocols" / f"{name}.yaml").read_text(encoding="utf8"))
        path = self.folder / f"{content['study']}.yaml"
        plain = json.loads(json.dumps({**content, **changes}))  # no object twice, hence no YAML aliases
        path.write_text(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), encoding="utf8")
        return path

    def results(self, study: str = "smoke") -> Mapping[str, Any]:
        """The results.json of a finished study."""
        results: dict[str, Any] = json.loads((self.folder / "reports" / study / "results.json").read_text("utf8"))
        return results

    def objects(self) -> dict[str, dict[str, Any]]:
        """Key -> manifest of everything that was published."""
        manifests = sorted((self.folder / "runs" / "objects").glob("*/*/manifest.json"))
        return {path.parent.name: json.loads(path.read_text("utf8")) for path in manifests}
