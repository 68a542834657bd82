#!/usr/bin/env bash
# Measure the TorchScript server on the CPU and on a GPU, on a machine that has no network.
#
#   bench/gpu.sh --prepare   on a machine with a network: collect in build/gpu what the other machine lacks
#   bench/gpu.sh [FOLDER]    on the machine with the GPU: write devices.md and devices.json (to bench/results)
#
# The machine with the GPU needs Linux on x86-64, and a Python 3.12 (PYTHON, else python3) that has pip, PyTorch
# for CUDA, NumPy and Pillow. Copy this checkout to it, with build/gpu and build/bench/runtimes/torchscript.
set -euo pipefail
cd "$(dirname "$0")/.."

GATHERED=build/gpu
MODEL=build/bench/runtimes/torchscript
MOST_MIB=60
# Eight minutes minus the time to install the wheels.
MOST_SECONDS=440
VERSION=3.12
# Packages that the machine has: PyTorch for CUDA with its dependencies, NumPy and Pillow.
THERE="torch filelock fsspec jinja2 markupsafe mpmath networkx setuptools sympy numpy pillow"

main() {
  case "${1:-}" in
    --prepare) prepare ;;
    -*) fail "usage: bench/gpu.sh --prepare, or bench/gpu.sh [FOLDER]" ;;
    *) measure "${1:-bench/results}" ;;
  esac
}

fail() {
  echo "error: $1" >&2
  exit 1
}

prepare() {
  rm -rf "$GATHERED"
  mkdir -p "$GATHERED"/{bin,lib,wheels}
  gather_wheels
  gather_wrk
  .venv/bin/python -m bench.runtimes --runtime torchscript --export-only
  local size
  size=$(du --summarize --block-size=1M --total "$GATHERED" "$MODEL" | tail -n 1 | cut -f 1)
  [ "$size" -lt $MOST_MIB ] || fail "$GATHERED and $MODEL hold $size MiB, of at most $MOST_MIB"
  echo "copy this checkout with $GATHERED and $MODEL ($size MiB), and run bench/gpu.sh there"
}

gather_wheels() {
  local tag platforms=()
  for tag in manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014 manylinux_2_5 manylinux1; do
    platforms+=(--platform "${tag}_x86_64")
  done
  # The packages of the server, and those that the benchmark imports.
  { grep --only-matching --extended-regexp '^[a-z0-9-]+==[^ ]+' app/requirements/torchscript.txt &&
    grep '^psutil==' requirements.txt; } |
    grep --invert-match --extended-regexp "^(${THERE// /|})==" >"$GATHERED/requirements.txt"
  .venv/bin/python -m pip download --quiet --no-deps --only-binary=:all: --implementation cp \
    --python-version $VERSION "${platforms[@]}" --dest "$GATHERED/wheels" --requirement "$GATHERED/requirements.txt"
}

# wrk with its libraries, except those of glibc, which the other machine has.
gather_wrk() {
  local wrk
  wrk=$(command -v wrk) || fail "wrk is not on PATH; on Debian and Ubuntu: sudo apt-get install wrk"
  ldd "$wrk" | awk '$3 ~ "^/" && $1 !~ /^lib(c|m|dl|rt|pthread)\.so/ { print $3 }' |
    xargs cp --dereference --target-directory "$GATHERED/lib" "$wrk"
  # Only for wrk: PyTorch must not load these libraries.
  cat >"$GATHERED/bin/wrk" <<'WRAPPER'
#!/bin/sh
lib=$(dirname "$0")/../lib
LD_LIBRARY_PATH=$lib exec "$lib/wrk" "$@"
WRAPPER
  chmod +x "$GATHERED/bin/wrk"
}

measure() {
  local folder=$1 python=${PYTHON:-python3}
  [ -d "$GATHERED/wheels" ] && [ -d "$MODEL" ] ||
    fail "$GATHERED or $MODEL is missing: run bench/gpu.sh --prepare, and copy both"
  "$python" -c "import sys; sys.exit(sys.version_info[:2] != tuple(map(int, '$VERSION'.split('.'))))" ||
    fail "the wheels are for Python $VERSION, and $python is another: name one in PYTHON"
  "$python" -c "import numpy, PIL, pip, torch" || fail "$python lacks what $0 says it needs"
  make_environment "$python"
  PATH=$PWD/$GATHERED/bin:$PATH timeout $MOST_SECONDS "$ENVIRONMENT/bin/python" -m bench.runtimes \
    --runtime torchscript --device cpu gpu --output "$folder"
}

# Make an environment that also has the packages of that Python. `--system-site-packages` does not work if that
# Python is in a virtual environment itself: it adds the packages of the base Python.
make_environment() {
  local site
  ENVIRONMENT=$(mktemp --directory)
  trap 'rm -rf "$ENVIRONMENT"' EXIT
  "$1" -m venv --without-pip "$ENVIRONMENT"
  site=$("$ENVIRONMENT/bin/python" -c "import sysconfig; print(sysconfig.get_path('purelib'))")
  "$1" -c "import site; print(*site.getsitepackages(), sep='\n')" >"$site/machine.pth"
  "$1" -m pip install --quiet --no-index --no-deps --target "$site" "$GATHERED"/wheels/*.whl
}

main "$@"
