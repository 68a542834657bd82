"""GPU nodes, and the pods that run on them."""
