"""The export uses the limits and tolerances of the server, so that no exported model is refused in a pod."""

from app.protocols import photograph
from app.serving import model as served_model
from app.settings import Settings
from model import image_file, parity, preprocessing

DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}


def test_both_sides_check_the_sample_with_the_same_tolerance():
    assert (parity.SERVER_RTOL, parity.SERVER_ATOL) == (served_model.RTOL, served_model.ATOL)


def test_the_export_checks_the_servers_largest_batch():
    assert DEFAULTS["batch_size"] == parity.SERVER_BATCH


def test_both_sides_accept_pictures_of_the_same_size():
    assert preprocessing.MAX_PIXELS == photograph.MAX_PIXELS


def test_the_photograph_that_an_artifact_keeps_can_be_sent_to_the_server():
    # A PNG of noise takes three bytes for each pixel, one for each row, and little more.
    assert DEFAULTS["max_body_bytes"] > 3.01 * image_file.MAX_SAMPLE_PIXELS
    assert image_file.MAX_SAMPLE_PIXELS < photograph.MAX_PIXELS
