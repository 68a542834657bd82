"""The protocols by which requests and responses carry tensors: /predict and the Open Inference Protocol."""
