import pytest
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also the tests that take minutes")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: --slow"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Before its fixtures, so that weights drawn in them are the same in every run."""
    tf.keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def two_replicas() -> tf.distribute.Strategy:
    """Two replicas on the two logical CPUs; the only such strategy of a process.

    A second one on the same devices would number its collective operations from the
    same start, and TensorFlow takes them for those of the first.
    """
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
