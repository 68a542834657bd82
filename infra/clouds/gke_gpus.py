"""GPUs of Google's machine types, as far as they are known without Google's SDK."""

from collections.abc import Mapping

MACHINE_TYPE = "g2-standard-4"
"""The smallest machine with a current GPU for inference."""

ACCELERATORS: Mapping[str, str] = {
    **{f"g2-standard-{cpus}": "nvidia-l4" for cpus in (4, 8, 12, 16, 32)},
    "a2-highgpu-1g": "nvidia-tesla-a100",
    "a2-ultragpu-1g": "nvidia-a100-80gb",
    "a3-highgpu-1g": "nvidia-h100-80gb",
}
"""The GPU of each machine type that has exactly one by itself, as `gcloud compute accelerator-types list`
names it: https://cloud.google.com/compute/docs/gpus."""
