"""Grafana of an installed monitoring stack: its administrator, and what it may read."""

from collections.abc import Mapping

import pulumi
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import (
    ClusterRole,
    ClusterRoleBinding,
    PolicyRuleArgs,
    RoleRefArgs,
    SubjectArgs,
)

from infra.charts import KUBE_PROMETHEUS_STACK, GrafanaValues, Resources

ADMIN = "admin"
USER_KEY, PASSWORD_KEY = "admin-user", "admin-password"

DASHBOARD_LABEL = ("grafana_dashboard", "1")
"""Label of the ConfigMaps in which Grafana finds dashboards. It is the chart's default."""

SERVICE_ACCOUNT = f"{KUBE_PROMETHEUS_STACK.name}-grafana"

RESOURCES: Resources = {"requests": {"cpu": "50m", "memory": "192Mi"}, "limits": {"memory": "512Mi"}}


def grafana(
    name: str,
    namespace: pulumi.Input[str],
    labels: Mapping[str, str],
    admin_password: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> GrafanaValues:
    """Declare what Grafana needs beside its chart, and return the chart's values.

    The chart would let Grafana's sidecar read every Secret of the cluster. Here it reads only ConfigMaps, in
    which the dashboards are.

    Args:
        name: Prefix of the resources' names.
        namespace: Namespace of Grafana.
        labels: Labels of what is declared.
        admin_password: Password of the administrator.
        opts: Options of the resources.

    """
    metadata = ObjectMetaArgs(namespace=namespace, labels=labels)
    admin = Secret(
        f"{name}-grafana-admin",
        # The engine chooses the name: a new password gives a new Secret, which restarts Grafana.
        metadata=metadata,
        immutable=True,
        string_data={USER_KEY: ADMIN, PASSWORD_KEY: pulumi.Output.secret(admin_password)},
        opts=opts,
    )
    _let_read_dashboards(name, namespace, labels, opts)
    label, value = DASHBOARD_LABEL
    return {
        "admin": {
            "existingSecret": admin.metadata["name"].apply(str),
            "userKey": USER_KEY,
            "passwordKey": PASSWORD_KEY,
        },
        "rbac": {"create": False},
        "serviceAccount": {"name": SERVICE_ACCOUNT},
        "sidecar": {
            "dashboards": {
                "label": label,
                "labelValue": value,
                "searchNamespace": "ALL",
                "resource": "configmap",
            },
            "datasources": {"resource": "configmap"},
        },
        "resources": RESOURCES,
    }


def _let_read_dashboards(
    name: str, namespace: pulumi.Input[str], labels: Mapping[str, str], opts: pulumi.ResourceOptions
) -> None:
    role = ClusterRole(
        f"{name}-grafana",
        metadata=ObjectMetaArgs(labels=labels),
        rules=[PolicyRuleArgs(api_groups=[""], resources=["configmaps"], verbs=["get", "list", "watch"])],
        opts=opts,
    )
    ClusterRoleBinding(
        f"{name}-grafana",
        metadata=ObjectMetaArgs(labels=labels),
        role_ref=RoleRefArgs(
            api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=role.metadata["name"].apply(str)
        ),
        subjects=[SubjectArgs(kind="ServiceAccount", name=SERVICE_ACCOUNT, namespace=namespace)],
        opts=opts,
    )
