import pytest
import tensorflow as tf


@pytest.fixture(scope="session")
def two_replicas() -> tf.distribute.Strategy:
    """Two replicas on the two logical CPUs that `tests/conftest.py` makes."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
