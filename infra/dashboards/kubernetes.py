"""What is asked of Prometheus about a Deployment: series of the kubelet, kube-state-metrics and DCGM.

Their labels are those that kube-prometheus-stack gives them, and every scrape with `honorLabels: true`.

- cAdvisor: https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md
- kube-state-metrics: https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics
- DCGM exporter: https://github.com/NVIDIA/dcgm-exporter/blob/main/etc/default-counters.csv

"""

from dataclasses import dataclass
from typing import Literal

CONTAINER = "server"


@dataclass(frozen=True, kw_only=True)
class KubernetesQueries:
    """The PromQL of one Deployment, its pods, and their GPUs."""

    namespace: str
    deployment: str

    def cpu(self, window: str) -> str:
        """Cores in use, by pod."""
        return f"sum by (pod) (rate({self._container('container_cpu_usage_seconds_total')}[{window}]))"

    def throttled(self, window: str) -> str:
        """Share of the scheduler's periods in which a pod had used up its CPU limit, 0 to 1, by pod."""
        held, all_ = (
            f"sum by (pod) (rate({self._container(f'container_cpu_cfs_{name}periods_total')}[{window}]))"
            for name in ("throttled_", "")
        )
        return f"{held} / {all_}"

    def memory(self) -> str:
        """Bytes that the kernel could not take back, by pod: what the limit is held against."""
        return f"sum by (pod) ({self._container('container_memory_working_set_bytes')})"

    def limit(self, resource: Literal["cpu", "memory"]) -> str:
        """Cores or bytes that a pod may use."""
        return f"max({self._container('kube_pod_container_resource_limits', resource=resource)})"

    def wanted(self) -> str:
        """Pods that the autoscaler wants."""
        return f"max({self._of_deployment('kube_deployment_spec_replicas')})"

    def there(self) -> str:
        """Pods that are ready."""
        return f"max({self._of_deployment('kube_deployment_status_replicas_ready')})"

    def bound(self, which: Literal["min", "max"]) -> str:
        """Fewest or most pods that the autoscaler may want. KEDA puts a prefix before its name."""
        matchers = f'namespace="{self.namespace}",horizontalpodautoscaler=~"(keda-hpa-)?{self.deployment}"'
        return f"max(kube_horizontalpodautoscaler_spec_{which}_replicas{{{matchers}}})"

    def restarts(self) -> str:
        """How often a pod's container was started again within ten minutes, by pod."""
        series = self._container("kube_pod_container_status_restarts_total")
        return f"sum by (pod) (increase({series}[10m]))"

    def rollouts(self) -> str:
        """When each ReplicaSet was made, in Unix milliseconds: a rollout begins with one.

        The Deployment's generation would tell of every change of its replicas as well.

        """
        replica_set = f'replicaset=~"{self.deployment}-[a-z0-9]+"'
        return f'kube_replicaset_created{{namespace="{self.namespace}",{replica_set}}} * 1000'

    def gpu(self, field: str) -> str:
        """One of DCGM's fields, by GPU.

        A scrape that does not honour labels has the pod's namespace in `exported_namespace`.

        """
        honoured, renamed = (
            f'{field}{{{label}="{self.namespace}"}}' for label in ("namespace", "exported_namespace")
        )
        return f"max by (Hostname, gpu) ({honoured} or {renamed})"

    def _container(self, metric: str, **matchers: str) -> str:
        labels = {"namespace": self.namespace, "container": CONTAINER, **matchers}
        exact = ",".join(f'{name}="{value}"' for name, value in labels.items())
        return f'{metric}{{{exact},pod=~"{self.deployment}-[a-z0-9]+-[a-z0-9]+"}}'

    def _of_deployment(self, metric: str) -> str:
        return f'{metric}{{namespace="{self.namespace}",deployment="{self.deployment}"}}'
