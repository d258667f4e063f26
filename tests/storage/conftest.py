import pytest

from deepfill_tf.storage.model_files import Provenance, write_model_files
from tests.small_generators import small_generator


@pytest.fixture(scope="session")
def generator():
    return small_generator()


@pytest.fixture(scope="session")
def another_generator():
    """Other weights."""
    return small_generator(seed=1)


@pytest.fixture(scope="session")
def model_directory(generator, tmp_path_factory):
    """Description and weights of `generator`; tests that change them work on a copy."""
    path = tmp_path_factory.mktemp("models")
    write_model_files(generator, path, Provenance("a test's random numbers", 7))
    return path
