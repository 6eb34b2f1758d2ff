"""The example model of the demo: its files, its data (out of the scikit-learn package), its documents."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from mlc_service.demo.client import StepFailed
from mlc_service.runtimes import Environments, EnvironmentUnavailable

SERVICE_TAG = "breast-cancer"
RUNTIME = "clinic-online"
_ROLES = {
    "requirements.txt": "REQUIRED_LIBRARIES",
    "input_schema.avsc": "MODEL_SCHEMA",
    "output_schema.avsc": "MODEL_SCHEMA",
    "thresholds_pass.dmn": "TEST_RESULT_COMPARATOR",
    "README.md": "README_FILE",
}


def shipped(*path: str) -> Path:
    """A file or folder that ships with the service: inside the package in a wheel, beside it in the repository."""
    package = Path(str(resources.files("mlc_service")))
    for base in (package / "shipped", package.parent):
        if (base.joinpath(*path)).exists():
            return base.joinpath(*path)
    raise StepFailed(f"{'/'.join(path)} is not in this installation")


@dataclass(frozen=True, slots=True)
class Example:
    """The model with its data in `folder`."""

    model: Path
    folder: Path

    @property
    def requirements(self) -> str:
        return (self.model / "requirements.txt").read_text(encoding="utf-8")

    def prepare(self, environments: Path) -> str:
        """The model's environment exists and the data lies in `folder`; answers how many records. Raises StepFailed."""
        try:
            environment = Environments(environments).prepare(self.requirements)
        except EnvironmentUnavailable as problem:
            raise StepFailed(f"the model's environment: {problem.reason}") from None
        script = self.model / "prepare.py"
        done = subprocess.run(
            [str(environment.python), "-B", str(script), str(self.folder)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise StepFailed(f"{script.name}: {done.stderr.strip()[-500:]}")
        return ", ".join(done.stdout.split("\n")).rstrip(", ")

    def records(self, name: str) -> list[dict[str, Any]]:
        """The records of a data file."""
        lines = (self.folder / name).read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line]

    def document(self) -> dict[str, Any]:
        """The stored model, as it is registered: source, data, schemas, DMN, requirements."""
        meta = json.loads((self.model / "metadata.json").read_text(encoding="utf-8"))
        assets: list[dict[str, Any]] = [
            {
                "assetType": "SOURCE_CODE",
                "assetRole": "MODEL_SOURCE",
                "filename": "model.py",
                "name": "model.py",
                "primaryModelSource": True,
                "sourceCode": (self.model / "model.py").read_text(encoding="utf-8"),
            }
        ]
        assets += [_file(self.model / name, role) for name, role in _ROLES.items()]
        assets.append(_file(self.folder / "training_data.json", "TRAINING_DATA"))
        assets.append(_file(self.folder / "test_data.json", "TEST_DATA"))
        return {"modelMetaData": meta, "modelAssets": assets}


def _file(path: Path, role: str) -> dict[str, Any]:
    return {
        "assetType": "FILE",
        "assetRole": role,
        "filename": path.name,
        "name": path.name,
        "fileFormat": "JSON" if path.suffix == ".json" else "TEXT",
        "fileContent": base64.b64encode(path.read_bytes()).decode("ascii"),
    }
