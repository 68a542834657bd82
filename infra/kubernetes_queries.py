"""PromQL about a Deployment: series of the kubelet, kube-state-metrics and the DCGM exporter.

Their labels are those of kube-prometheus-stack, and of every scrape with `honorLabels: true`.

- cAdvisor: https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md
- kube-state-metrics: https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics
- DCGM exporter: https://github.com/NVIDIA/dcgm-exporter/blob/main/etc/default-counters.csv

"""

from dataclasses import dataclass
from typing import Literal

from infra.queries import exactly

CONTAINER = "server"


@dataclass(frozen=True, kw_only=True)
class KubernetesQueries:
    """PromQL about one Deployment, its pods and their GPUs."""

    namespace: str
    deployment: str

    @property
    def _pods(self) -> str:
        """The pattern of the pods' names."""
        return f"{self.deployment}-[a-z0-9]+-[a-z0-9]+"

    def cpu(self, window: str) -> str:
        """Return the CPU cores in use, by pod."""
        return f"sum by (pod) (rate({self._container('container_cpu_usage_seconds_total')}[{window}]))"

    def throttled(self, window: str) -> str:
        """Return the share of scheduler periods in which a pod was at its CPU limit, 0 to 1, by pod."""
        throttled, total = (
            f"sum by (pod) (rate({self._container(f'container_cpu_cfs_{name}periods_total')}[{window}]))"
            for name in ("throttled_", "")
        )
        return f"{throttled} / {total}"

    def memory(self) -> str:
        """Return the bytes that the kernel cannot reclaim, by pod. The memory limit applies to these."""
        return f"sum by (pod) ({self._container('container_memory_working_set_bytes')})"

    def limit(self, resource: Literal["cpu", "memory"]) -> str:
        """Return the limit of a pod, in cores or bytes."""
        return f"max({self._container('kube_pod_container_resource_limits', resource=resource)})"

    def desired(self) -> str:
        """Return the number of pods that the autoscaler wants."""
        return f"max({self._of_deployment('kube_deployment_spec_replicas')})"

    def ready(self) -> str:
        """Return the number of ready pods."""
        return f"max({self._of_deployment('kube_deployment_status_replicas_ready')})"

    def bound(self, which: Literal["min", "max"]) -> str:
        """Return the minimum or maximum number of pods."""
        return f"max({self._of_autoscaler(f'kube_horizontalpodautoscaler_spec_{which}_replicas')})"

    def cannot_scale(self) -> str:
        """Return 1 if the autoscaler cannot tell how many pods are needed, otherwise 0 or nothing.

        https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale-walkthrough/#appendix-horizontal-pod-autoscaler-status-conditions
        """
        inactive = ('condition="ScalingActive"', 'status!="true"')
        return f"max({self._of_autoscaler('kube_horizontalpodautoscaler_status_condition', *inactive)})"

    def unread_metrics(self) -> str:
        """Return the number of metrics that the autoscaler follows and cannot read; nothing if it reads all.

        With one of several unread it may go on with the others, and still be active.
        """
        followed, read = (
            self._of_autoscaler(f"kube_horizontalpodautoscaler_{part}_target_metric")
            for part in ("spec", "status")
        )
        return f"count(count by (metric_name) ({followed}) unless on (metric_name) {read})"

    def restarts(self) -> str:
        """Return the restarts of a container within the last ten minutes, by pod."""
        series = self._container("kube_pod_container_status_restarts_total")
        return f"sum by (pod) (increase({series}[10m]))"

    def rollouts(self) -> str:
        """Return when each ReplicaSet was created, in Unix milliseconds: a rollout starts with a new one.

        The Deployment's generation is no substitute: it also changes with the number of replicas.

        """
        replica_set = f'replicaset=~"{self.deployment}-[a-z0-9]+"'
        return f'kube_replicaset_created{{namespace="{self.namespace}",{replica_set}}} * 1000'

    def gpu(self, field: str) -> str:
        """Return a field of DCGM, by GPU.

        Without `honorLabels` the pod's namespace and name are in `exported_namespace` and `exported_pod`.

        """
        honored, renamed = (
            f'{field}{{{prefix}namespace="{self.namespace}",{prefix}pod=~"{self._pods}"}}'
            for prefix in ("", "exported_")
        )
        return f"max by (Hostname, gpu) ({honored} or {renamed})"

    def _container(self, metric: str, **matchers: str) -> str:
        labels = {"namespace": self.namespace, "container": CONTAINER, **matchers}
        return f'{metric}{{{exactly(labels)},pod=~"{self._pods}"}}'

    def _of_deployment(self, metric: str) -> str:
        return f'{metric}{{namespace="{self.namespace}",deployment="{self.deployment}"}}'

    def _of_autoscaler(self, metric: str, *matchers: str) -> str:
        # KEDA's autoscaler has a prefix before its name.
        name = f'horizontalpodautoscaler=~"(keda-hpa-)?{self.deployment}"'
        labels = (f'namespace="{self.namespace}"', name, *matchers)
        return f"{metric}{{{','.join(labels)}}}"
