"""Draw the plot of a run: `python plot.py results.json results.svg`. It has its own environment."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
# The same figures give the same file.
mpl.rcParams["svg.hashsalt"] = "bench"

from matplotlib import pyplot as plt  # noqa: E402 - after the choice of the backend
from matplotlib.axes import Axes  # noqa: E402

SLIPWAY, PEER, CEILING = "#2f6fde", "#9aa5b1", "#e3e7eb"
CEILINGS = ("bare",)


def draw(run: dict[str, Any], file: Path) -> None:
    """Draw the rates, the latencies, and the comparison of batching with no batching."""
    summary, titles = run["summary"], run["titles"]
    figure, axes = plt.subplots(2, 2, figsize=(13, 8.5), layout="constrained")
    rates(axes[0][0], summary["closed"].get("small-json", {}), titles, "small model, JSON, 32 connections")
    rates(axes[0][1], summary["closed"].get("efficientnet", {}), titles, "EfficientNet-Lite0, 16 connections")
    if limit := summary["limits"].get("efficientnet-lite0"):
        axes[0][1].axvline(limit["median"], color="black", linestyle="--", linewidth=1)
        axes[0][1].text(limit["median"], -0.5, "ONNX Runtime alone ", ha="right", va="center", fontsize=8)
    latencies(
        axes[1][0], summary["open"].get("small-json", {}), summary["sent"].get("small-json", {}), titles
    )
    batching(axes[1][1], summary["batching"])
    machine, plan = run["machine"], run["plan"]
    figure.suptitle(
        f"{machine['cores']} cores of {machine['processor']}, clients included; "
        f"median and spread of {plan['rounds']} rounds of {plan['seconds']} s",
        fontsize=10,
    )
    figure.savefig(file, metadata={"Date": None})


def rates(axis: Axes, loads: dict[str, Any], titles: dict[str, str], title: str) -> None:
    """Draw a bar of requests per second for each server, with the range of the rounds as whiskers."""
    axis.set_title(title)
    axis.set_xlabel("requests per second")
    names = list(loads)
    spreads = [loads[name]["per_second"] for name in names]
    medians = [spread["median"] for spread in spreads]
    around = [
        [spread["median"] - spread["least"] for spread in spreads],
        [spread["most"] - spread["median"] for spread in spreads],
    ]
    colours = [SLIPWAY if name == "slipway" else CEILING if name in CEILINGS else PEER for name in names]
    bars = axis.barh([titles[name] for name in names], medians, xerr=around, color=colours, capsize=3)
    axis.bar_label(bars, [f"{median:,.0f}" for median in medians], padding=6)
    axis.invert_yaxis()
    axis.margins(x=0.15)


def latencies(axis: Axes, servers: dict[str, Any], sent: dict[str, Any], titles: dict[str, str]) -> None:
    """Draw a line from p50 to p99 for each server and fixed rate."""
    axis.set_title("small model, JSON, at a fixed rate: p50 to p99")
    axis.set_xlabel("milliseconds")
    axis.set_xscale("log")
    labels: list[str] = []
    for name, loads in servers.items():
        for share, load in loads.items():
            row = len(labels)
            ends = [load["p50_ms"]["median"], load["p99_ms"]["median"]]
            axis.plot(ends, [row, row], marker="o", color=SLIPWAY if name == "slipway" else PEER)
            labels.append(f"{titles[name]}, {sent[name][share]['median']:,.0f}/s")
    axis.set_yticks(range(len(labels)), labels, fontsize=8)
    axis.invert_yaxis()
    axis.grid(axis="x", which="both", alpha=0.3)


def batching(axis: Axes, settings: dict[str, Any]) -> None:
    """Draw requests per second over connections, with and without batching."""
    axis.set_title("Slipway, small model, JSON")
    axis.set_xlabel("connections")
    axis.set_ylabel("requests per second")
    axis.set_xscale("log", base=2)
    for (name, loads), colour in zip(settings.items(), (SLIPWAY, PEER), strict=False):
        counts = [int(count) for count in loads]
        spreads = [load["per_second"] for load in loads.values()]
        axis.plot(counts, [spread["median"] for spread in spreads], marker="o", color=colour, label=name)
        axis.fill_between(
            counts,
            [spread["least"] for spread in spreads],
            [spread["most"] for spread in spreads],
            color=colour,
            alpha=0.25,
        )
        axis.set_xticks(counts, [str(count) for count in counts])
    if settings:
        axis.set_ylim(bottom=0)
        axis.legend()


if __name__ == "__main__":
    _, source, target = sys.argv
    draw(json.loads(Path(source).read_text()), Path(target))
