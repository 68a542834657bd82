"""The local cluster: a real Kubernetes of one node on this machine, with a registry and BuildKit."""
