"""docs/metrics.md: what Prometheus can scrape from a server."""

from collections.abc import Iterable

from prometheus_client import Metric

from app.serving.metrics import Metrics, ModelMetrics
from app.signature import Signature
from docs.references.tables import code, table

INTRO = """\
# Metrics

Prometheus scrapes these metrics from port 8001, path `/metrics`. Times are in seconds. Only requests to
inference are counted, never a health check. In PromQL the name of a counter ends with `_total`, and that of a
histogram with `_bucket`, `_sum` or `_count`.

The series of a model exist from the start, with the value 0, because `rate()` does not see the first step of
a series that appears with it. A code that is not listed below gets its series with its first answer.
"""

PROCESS = """\
## The process

The [client library](https://prometheus.github.io/client_python/collector/) adds metrics of the process, such
as `process_cpu_seconds_total` and `process_resident_memory_bytes` (on Linux), and `python_info`.
"""

PREFIXES = ("request_", "model")
"""The prefixes of the metrics that Slipway defines itself."""

SIGNATURE = Signature.model_validate(
    {
        "name": "example",
        "version": "0",
        "formats": ["onnx"],
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 1]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}],
        "labels": None,
        "activation": None,
        "image": None,
    }
)
"""A model, because a metric has labels only in the series of a model."""


def metrics_page() -> str:
    """Return the page."""
    metrics = Metrics()
    ModelMetrics(metrics, SIGNATURE, lambda: True).set_device("cpu")
    families = [family for family in metrics.registry.collect() if family.name.startswith(PREFIXES)]
    return "\n".join(
        [
            INTRO,
            table(("metric", "type", "labels", "what it measures"), map(_row, families)),
            "## Label values\n",
            table(("metric", "label", "values"), _label_values(families)),
            "## Histogram buckets\n",
            table(("metric", "upper bounds"), _buckets(families)),
            PROCESS,
        ]
    )


def _row(family: Metric) -> list[str]:
    labels = dict.fromkeys(label for sample in family.samples for label in sample.labels if label != "le")
    is_info = family.type == "info"
    return [
        code(f"{family.name}_info" if is_info else family.name),
        "gauge, always 1" if is_info else family.type,
        code(*labels),
        family.documentation,
    ]


def _label_values(families: Iterable[Metric]) -> list[list[str]]:
    rows: list[list[str]] = []
    for family in families:
        for label in ("code", "reason"):
            values = {sample.labels[label] for sample in family.samples if label in sample.labels}
            if values:
                rows.append([code(family.name), code(label), code(*sorted(values))])
    return rows


def _buckets(families: Iterable[Metric]) -> list[list[str]]:
    rows: list[list[str]] = []
    for family in families:
        labels = dict.fromkeys(sample.labels["le"] for sample in family.samples if "le" in sample.labels)
        bounds = [float(label) for label in labels if label != "+Inf"]
        if bounds:
            rows.append([code(family.name), ", ".join(f"{bound:g}" for bound in bounds)])
    return rows
