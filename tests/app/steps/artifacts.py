"""Artifacts with steps, made of an artifact without them."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any


def with_steps(
    artifact: Path,
    folder: Path,
    *,
    request: Any,
    predictions: Any,
    before: dict[str, Any] | None = None,
    after: list[dict[str, Any]] | None = None,
    files: dict[str, str] | None = None,
    **signature: Any,
) -> Path:
    """Copy an artifact and add steps, the files that they need, and the example with its predictions."""
    path = folder / artifact.name
    shutil.copytree(artifact, path)
    (path / "steps").mkdir()
    digests: dict[str, str] = {}
    for name, text in (files or {}).items():
        (path / "steps" / name).write_text(text)
        digests[name] = hashlib.sha256(text.encode()).hexdigest()
    (path / "steps" / "example.json").write_text(json.dumps({"request": request, "predictions": predictions}))
    content = json.loads((path / "signature.json").read_text()) | signature
    content["steps"] = {"before": before, "after": after or [], "files": digests}
    (path / "signature.json").write_text(json.dumps(content))
    return path
