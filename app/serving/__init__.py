"""The models as they are served: loading, queues, batches, memory, metrics. Knows nothing of HTTP."""
