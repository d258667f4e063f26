import pytest

from deepfill_tf.inference import Inpainter, save_model_directory
from tests.small_generators import small_generator


@pytest.fixture(scope="session")
def generator():
    return small_generator()


@pytest.fixture(scope="session")
def another_generator():
    """Another, of one network, which is traced and saved faster."""
    return small_generator(refinement=False)


@pytest.fixture(scope="session")
def inpainter(generator):
    """Of `generator`; its program is traced once for all tests."""
    return Inpainter(generator)


@pytest.fixture(scope="session")
def model_directory(generator, tmp_path_factory):
    """A model directory of `generator`; tests that change it work on a copy."""
    path = tmp_path_factory.mktemp("models") / "small"
    save_model_directory(generator, path, origin="a test's random numbers", step=7)
    return path
