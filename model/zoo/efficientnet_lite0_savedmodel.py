"""EfficientNet-Lite0 in TensorFlow, with the weights of the PyTorch module. TensorFlow is an optional extra.

On a CPU, TensorFlow computes convolutions with channels last only, so the photograph is transposed once.
Batch normalisation, a multiplication and an addition for each channel, is folded into the convolution before
it.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from model.formats import savedmodel


def write(folder: Path, *, module: Any, image: str, side: int, logits: str) -> None:  # noqa: ANN401 - untyped
    """Write the module as a SavedModel with the same input and output.

    Args:
        folder: an existing, empty folder.
        module: the `EfficientNet` of efficientnet-lite-pytorch, in evaluation mode.
        image: name of the input, float32 of shape [-1, 3, side, side].
        side: height and width of the photograph, in pixels.
        logits: name of the output, float32 of shape [-1, classes].

    Raises:
        ExportError: TensorFlow is not installed.

    """
    tf = savedmodel.tensorflow()
    holder = tf.Module()
    holder.weights = []

    def variable(array: NDArray[np.float32]) -> Any:  # noqa: ANN401 - TensorFlow has no types
        made = tf.Variable(array, trainable=False)
        holder.weights.append(made)
        return made

    def convolution(conv: nn.Conv2d, norm: nn.BatchNorm2d, *, active: bool = True) -> Any:  # noqa: ANN401 - as above
        kernel, bias = _folded(conv, norm)
        depthwise = conv.groups > 1
        # PyTorch's shape is [out, in per group, height, width]; a depthwise one has a group per channel.
        weights = variable(kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(2, 3, 1, 0))
        biases, stride = variable(bias), conv.stride[0]

        def apply(x: Any) -> Any:  # noqa: ANN401 - as above
            if depthwise:
                x = tf.nn.depthwise_conv2d(x, weights, [1, stride, stride, 1], "SAME")
            else:
                x = tf.nn.conv2d(x, weights, stride, "SAME")
            x = tf.nn.bias_add(x, biases)
            return tf.nn.relu6(x) if active else x

        return apply

    def block(layer: Any) -> Any:  # noqa: ANN401 - as above
        expands = layer._block_args.expand_ratio != 1
        expand = convolution(layer._expand_conv, layer._bn0) if expands else tf.identity
        depthwise = convolution(layer._depthwise_conv, layer._bn1)
        project = convolution(layer._project_conv, layer._bn2, active=False)
        same = layer._block_args.input_filters == layer._block_args.output_filters
        skips = layer.id_skip and same and layer._block_args.stride == 1

        def apply(x: Any) -> Any:  # noqa: ANN401 - as above
            y = project(depthwise(expand(x)))
            return x + y if skips else y

        return apply

    layers = [
        convolution(module._conv_stem, module._bn0),
        *(block(layer) for layer in module._blocks),
        convolution(module._conv_head, module._bn1),
    ]
    weights = variable(module._fc.weight.numpy().T)
    bias = variable(module._fc.bias.numpy())

    @tf.function(input_signature=[tf.TensorSpec([None, 3, side, side], tf.float32, name=image)])
    def serve(x: Any) -> Any:  # noqa: ANN401 - as above
        x = tf.transpose(x, [0, 2, 3, 1])
        for layer in layers:
            x = layer(x)
        return {logits: tf.matmul(tf.reduce_mean(x, [1, 2]), weights) + bias}

    tf.saved_model.save(holder, str(folder), signatures={savedmodel.SIGNATURE: serve})


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the kernel and the bias of a convolution with its batch normalisation."""
    assert norm.running_mean is not None  # noqa: S101 - a network with weights has them
    assert norm.running_var is not None  # noqa: S101 - as above
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    kernel = conv.weight * factor[:, None, None, None]
    return kernel.numpy(), (norm.bias - norm.running_mean * factor).numpy()
