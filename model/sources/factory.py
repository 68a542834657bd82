"""Make a source of a PyTorch module: the user's function returns it, and a checkpoint holds its weights."""

from model import checkpoint, factory
from model.source import Source
from model.sources.kind import Given
from model.sources.pytorch import check_examples, check_second, with_examples


def load(given: Given) -> Source:
    """Make a source of a factory's module with the weights of a checkpoint.

    Raises:
        UsageError: neither an example nor a shape of the input is given.
        ExportError: the module cannot be made, the weights do not fit it, or it cannot be followed.

    """
    check_examples(given)
    weights = given.options["checkpoint"]
    given.report(f"loading {weights} into {given.model}")
    module = factory.make(given.model)
    checkpoint.load(module, weights, given.report)
    made = with_examples(module, given)
    second = factory.make(given.model)
    # Shares the weights of the first one, which may be large.
    second.load_state_dict(module.state_dict(), assign=True)
    check_second(made, second, given.outputs)
    return made
