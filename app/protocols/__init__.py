"""How a request carries tensors: /predict, and the Open Inference Protocol."""
