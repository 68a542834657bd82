"""Make a source of a PyTorch module: the user's function returns it, and a checkpoint holds its weights."""

from model import checkpoint, factory
from model.errors import UsageError
from model.source import Source
from model.sources.kind import Given
from model.sources.pytorch import check_second, torch_source


def load(given: Given) -> Source:
    """Make a source of a factory's module with the weights of a checkpoint.

    Raises:
        UsageError: neither an example nor a shape of the input is given.
        ExportError: the module cannot be made, the weights do not fit it, or it cannot be followed.

    """
    if given.samples is None:
        raise UsageError("--input-shape 3,224,224 or --example FILE is missing: what the model takes")
    weights = given.options["checkpoint"]
    given.report(f"loading {weights} into {given.model}")
    module = factory.make(given.model)
    checkpoint.load(module, weights)
    made = torch_source(module, given.samples, given.description, given.outputs)
    second = factory.make(given.model)
    checkpoint.load(second, weights)
    check_second(made, second, given.outputs)
    if len(made.samples) > 1:
        given.report(f"inputs in the order of forward()'s parameters: {', '.join(made.samples)}")
    return made
