"""What holds of the image's recipe without building it."""

import re
from pathlib import Path

import pytest

from app.runtimes import RUNTIMES

APP = Path(__file__).parents[2] / "app"
STAGES = re.split(r"^FROM ", (APP / "Dockerfile").read_text(), flags=re.MULTILINE)
SERVER, MODEL = STAGES[-2].splitlines(), STAGES[-1].splitlines()
FINAL = [*SERVER, *MODEL]


def test_nothing_runs_in_the_final_stage_because_it_may_have_no_shell():
    assert not [line for line in FINAL if line.startswith("RUN")]


def test_every_layer_is_linked_so_that_its_digest_depends_on_its_content_only():
    copies = [line for line in FINAL if line.startswith("COPY")]

    assert copies
    assert all(line.startswith("COPY --link ") for line in copies)


def test_the_model_is_copied_from_a_separate_context():
    sources = [re.search(r"--from=(\w+)", line).group(1) for line in FINAL if line.startswith("COPY")]  # type: ignore[union-attr]

    assert sources == ["dependencies", "steps", "code", "model", "model", "model"]


def test_the_server_without_a_model_is_a_stage_of_its_own():
    assert SERVER[0].endswith(" AS server")
    assert MODEL[0] == "server"
    assert not [line for line in SERVER if "--from=model" in line]
    assert 'ENTRYPOINT ["python3", "-m", "app"]' in SERVER


def test_the_server_is_not_root():
    assert "USER 65532:65532" in FINAL


@pytest.mark.parametrize("runtime", ["onnx", "onnx-gpu", "torchscript", "torchscript-gpu", "savedmodel"])
def test_dependencies_are_pinned_by_hash_without_a_machines_own_names(runtime: str):
    text = (APP / "requirements" / f"{runtime}.txt").read_text()
    lines = re.sub(r" \\\n +", " ", text).splitlines()
    wanted = [line for line in lines if not line.startswith("#")]

    assert len(wanted) > 20
    assert all(
        re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*( --hash=sha256:[0-9a-f]{64})+", line) for line in wanted
    )
    assert "://" not in text


def test_only_torch_for_the_cpu_is_pinned_by_version_because_its_hash_differs_by_index():
    text = (APP / "requirements" / "torch.txt").read_text()

    assert re.findall(r"^[^#].*", text, re.MULTILINE) == [f"torch=={packages('torchscript-gpu')['torch']}"]
    assert "torch" not in packages("torchscript")


def test_every_installed_file_except_torch_for_the_cpu_is_checked_by_its_hash():
    installs = re.findall(r"pip install ?(.*?) \\$", stage("dependencies"), re.MULTILINE)

    assert installs == [
        "--require-hashes --requirement requirements/hashed.txt",
        "--requirement requirements/torch.txt;",
    ]
    # Another index is asked only for what has no hash.
    assert stage("dependencies").index("--require-hashes") < stage("dependencies").index(
        "PIP_EXTRA_INDEX_URL"
    )


def test_the_library_of_a_step_is_installed_by_its_hash_and_the_users_packages_beside_the_servers_own():
    installs = re.findall(r"pip install ?(.*?)(?:;)? \\$", stage("steps"), re.MULTILINE)

    assert installs == [
        "--no-deps --require-hashes --requirement requirements/steps/tokenizer.txt",
        "--requirement needed/requirements.txt --constraint constraints.txt",
    ]
    text = (APP / "requirements" / "steps" / "tokenizer.txt").read_text()
    assert re.findall(r"^([a-z]+)==", text, re.MULTILINE) == ["tokenizers"]
    assert "--hash=sha256:" in text


@pytest.mark.parametrize(
    ("runtime", "foreign"),
    [
        ("onnx", "torch tensorflow"),
        ("torchscript", "onnxruntime tensorflow"),
        ("savedmodel", "onnxruntime torch"),
        ("onnx-gpu", "torch tensorflow"),
        ("torchscript-gpu", "onnxruntime tensorflow"),
    ],
)
def test_an_image_has_only_its_own_runtime(runtime: str, foreign: str):
    text = (APP / "requirements" / f"{runtime}.txt").read_text()

    assert not [name for name in foreign.split() if re.search(rf"^{name}\b", text, re.MULTILINE)]


def packages(runtime: str) -> dict[str, str]:
    text = (APP / "requirements" / f"{runtime}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_image_for_the_cpu_has_no_cuda_library(runtime: str):
    assert not [name for name in packages(runtime) if re.match("nvidia|cuda|triton|onnxruntime-gpu", name)]


@pytest.mark.parametrize("runtime", [name for name, row in RUNTIMES.items() if "gpu" in row.devices])
def test_the_image_for_a_gpu_differs_only_by_the_cuda_libraries(runtime: str):
    cpu, gpu = packages(runtime), packages(f"{runtime}-gpu")

    assert "nvidia-cudnn-cu13" in gpu
    same = cpu.keys() - {"onnxruntime"}
    assert {name: gpu[name] for name in same} == {name: cpu[name] for name in same}


def test_dependencies_are_installed_by_the_python_that_runs_them():
    images = re.findall(r"^ARG (?:BUILD|RUNTIME)_IMAGE=(.+)", STAGES[0], re.MULTILINE)

    assert len(images) == 2
    assert len(set(images)) == 1


def stage(name: str) -> str:
    return next(stage for stage in STAGES if stage.splitlines()[0].endswith(f" AS {name}"))


def test_only_the_image_for_a_gpu_asks_for_a_gpu():
    assert SERVER[0] == "base-${DEVICE} AS server"
    assert "NVIDIA_VISIBLE_DEVICES=all" in stage("base-gpu")
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility" in stage("base-gpu")
    assert "NVIDIA" not in stage("base-cpu").partition("#")[0] + "".join(FINAL)
    assert "${RUNTIME}-gpu.txt" in stage("requirements-gpu")
    assert "\nARG DEVICE=cpu\n" in STAGES[0]


def test_the_image_has_only_the_format_of_its_runtime():
    assert "ARG FORMAT=${RUNTIME}\n" in STAGES[0]
    assert "COPY --link --chmod=755 --from=model ${FORMAT} /model/${FORMAT}\n" in STAGES[-1]
