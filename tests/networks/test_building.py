import pytest

from deepfill_tf.compat import keras, named_variables
from deepfill_tf.networks import GeneratorV1, GeneratorV2, PatchDiscriminator, RefinementNetwork
from deepfill_tf.networks.architecture import build_model
from deepfill_tf.networks.generator import Generator
from deepfill_tf.networks.stage import Stage

NETWORKS = [
    lambda: GeneratorV2(width=4),
    lambda: GeneratorV1(width=4, guided=True, skips=True, attention="appearance_flow"),
    lambda: GeneratorV2(width=4, convolution="partial", attention="spatial_transformer"),
    lambda: GeneratorV2(width=4, channels=1, padding="reflect", refinement=False),
    lambda: RefinementNetwork(width=4, sees_mask=True, name="refinement"),
    lambda: PatchDiscriminator(width=4, guided=True),
]


@pytest.mark.parametrize("make", NETWORKS)
def test_built_from_shapes_it_has_the_variables_of_a_network_that_was_called(make, monkeypatch):
    keras.utils.set_random_seed(0)
    built = named_variables(build_model(make()).weights)
    # Without a method of its own Keras builds the layers one by one, when they are called.
    for network in (Generator, Stage, PatchDiscriminator):
        monkeypatch.delattr(network, "build")
    keras.utils.set_random_seed(0)
    called = make()
    called(*called.example_inputs())
    called = named_variables(called.weights)
    assert list(built) == list(called)
    for name, variable in called.items():
        assert built[name].shape == variable.shape, name
        assert built[name].dtype == variable.dtype, name
        assert (built[name].numpy() == variable.numpy()).all(), name
