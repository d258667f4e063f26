"""Tests that every public layer and network must pass.

Computations of a network are tested on the whole network, not again on its parts
(`Entry.part_of`). Tests of one entry follow one another and share its layer, which none of
them changes.
"""

import functools
import json

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import networks
from deepfill_tf.compat import VariableBundle, keras, named_variables
from tests.closeness import assert_close
from tests.conformance.registry import ENTRIES, built, copy_weights

EXACT = 1e-6
COMPILED = 1e-5
GRADIENT = 5e-4

# Each of the last three lists begins with the one before it, because pytest groups tests by
# position.
PARTS = sorted(name for name, entry in ENTRIES.items() if entry.part_of)
COMPOSITIONS = sorted(name for name, entry in ENTRIES.items() if entry.composition)
LAYERS_AND_NETWORKS = sorted(set(ENTRIES) - {*PARTS, *COMPOSITIONS})
WITH_COMPOSITIONS = LAYERS_AND_NETWORKS + COMPOSITIONS
WITH_PARTS = WITH_COMPOSITIONS + PARTS
NETWORKS = [name for name in WITH_PARTS if hasattr(networks, name.split(" ")[0])]
LAYERS = [name for name in WITH_PARTS if name not in NETWORKS]

parametrize = functools.partial(pytest.mark.parametrize, "example", indirect=True, scope="module")
with_compositions = parametrize(argvalues=WITH_COMPOSITIONS)
layers_and_networks = parametrize(argvalues=LAYERS_AND_NETWORKS)
only_networks = parametrize(argvalues=NETWORKS)
only_layers = parametrize(argvalues=LAYERS)


class Example:
    """An entry's layer, inputs and outputs, made once for all tests."""

    def __init__(self, name: str):
        self.entry = ENTRIES[name]
        self.layer = built(self.entry)
        self.inputs = self.entry.inputs()

    @functools.cached_property
    def outputs(self) -> list[tf.Tensor]:
        return outputs(self.layer, self.inputs)

    @functools.cached_property
    def function(self) -> tf.function:
        return dynamic(self.layer, self.inputs, fixed_size=self.entry.fixed_size)


@pytest.fixture(scope="module", params=WITH_PARTS)
def example(request) -> Example:
    return Example(request.param)


def outputs(layer, inputs) -> list[tf.Tensor]:
    return tf.nest.flatten(layer(*inputs))


def loss(results) -> tf.Tensor:
    """A weighted sum of all outputs; every number of an example has a weight of its own."""
    total = 0.0
    for result in results:
        if result.dtype.is_floating:
            size = tf.reduce_prod(tf.shape(result)[1:])
            weights = tf.reshape(
                tf.sin(1 + tf.range(tf.cast(size, tf.float32))), tf.shape(result)[1:]
            )
            total += tf.reduce_sum(tf.cast(result, tf.float32) * weights)
    return total


def outputs_and_gradients(layer, inputs) -> tuple[list[tf.Tensor], dict[str, tf.Tensor]]:
    """Outputs, and gradients by name of the variable, those of inputs as `input 0`, ...

    Inputs that the outputs do not depend on differentiably, such as many masks, are left out.
    """
    variables = named_variables(layer.trainable_variables)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        results = outputs(layer, inputs)
        total = loss(results)
    sources = [list(inputs), list(variables.values())]
    input_gradients, variable_gradients = tape.gradient(total, sources)
    gradients = {
        f"input {index}": gradient
        for index, gradient in enumerate(input_gradients)
        if gradient is not None
    }
    assert gradients, "the outputs depend on no input"
    for name, gradient in zip(variables, variable_gradients, strict=True):
        assert gradient is not None, f"the outputs do not depend on the variable {name}"
        gradients[name] = gradient
    return results, gradients


def of_variables(gradients: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The gradients without those of inputs."""
    return {name: value for name, value in gradients.items() if not name.startswith("input ")}


def assert_same_outputs(actual, expected, *, tolerance) -> None:
    """Integers must be equal."""
    assert len(actual) == len(expected)
    for one, two in zip(actual, expected, strict=True):
        if two.dtype.is_floating:
            assert_close(one, two, tolerance=tolerance, what="output")
        else:
            np.testing.assert_array_equal(one, two)


def assert_same_gradients(actual, expected, *, tolerance) -> None:
    assert set(actual) == set(expected)
    for name, gradient in expected.items():
        assert np.abs(gradient).max() > 0, f"the gradient of {name} is zero"
        assert_close(actual[name], gradient, tolerance=tolerance, what=name)


def dynamic(layer, inputs, *, fixed_size: bool = False) -> tf.function:
    """The layer as a function of inputs whose batch, height and width are unknown when traced."""
    signature = [tf.TensorSpec([None, *sizes(x, fixed_size)], x.dtype) for x in inputs]
    return tf.function(lambda *inputs: outputs(layer, inputs), input_signature=signature)


def sizes(x: tf.Tensor, fixed_size: bool) -> list:
    """Height, width and channels; the first two are None unless the size is fixed."""
    return [*(x.shape[1:3] if fixed_size else [None, None]), x.shape[-1]]


@with_compositions
def test_outputs_in_a_graph_equal_eager_ones(example):
    actual = example.function(*example.inputs)
    assert_same_outputs(actual, example.outputs, tolerance=COMPILED)


@layers_and_networks
def test_outputs_and_gradients_under_xla(example):
    layer, inputs = example.layer, example.inputs
    compiled = tf.function(lambda *inputs: outputs_and_gradients(layer, inputs), jit_compile=True)
    actual, gradients = compiled(*inputs)
    expected, expected_gradients = outputs_and_gradients(layer, inputs)
    assert_same_outputs(actual, expected, tolerance=COMPILED)
    assert_same_gradients(gradients, expected_gradients, tolerance=GRADIENT)


def test_mixed_bfloat16_is_near_float32(example):
    """Variables and gradients stay float32, and gradients are finite."""
    entry = example.entry
    mixed = built(entry, dtype="mixed_bfloat16")
    for variable in mixed.weights:
        assert tf.as_dtype(variable.dtype) == tf.float32, variable
    actual, gradients = outputs_and_gradients(mixed, example.inputs)
    for number, (one, two) in enumerate(zip(actual, example.outputs, strict=True)):
        if number in entry.exact:
            np.testing.assert_array_equal(tf.cast(one, tf.float32), two)
        elif two.dtype.is_floating:
            one = tf.cast(one, tf.float32)
            assert_close(one, two, tolerance=entry.bfloat16, what="output")
            assert np.abs(one - two).max() > 0, "was not computed in bfloat16"
    for variable, gradient in gradients.items():
        assert np.isfinite(tf.cast(gradient, tf.float32)).all(), variable
        assert gradient.dtype == tf.float32, variable


@with_compositions
def test_one_graph_serves_all_sizes(example):
    layer, inputs = example.layer, example.inputs
    if example.entry.fixed_size:
        with pytest.raises(ValueError, match="takes images of one size"):
            dynamic(layer, inputs)(*inputs)
        return
    for size in ({"height": 16, "width": 24}, {"height": 32, "width": 8}):
        inputs = example.entry.inputs(**size)
        actual = example.function(*inputs)
        assert_same_outputs(actual, outputs(layer, inputs), tolerance=COMPILED)


@with_compositions
def test_saved_model_computes_the_same(example, tmp_path):
    module = tf.Module()
    module.weights = VariableBundle(named_variables(example.layer.weights))
    module.outputs = example.function
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    assert len(loaded.weights.named) == len(example.layer.weights)
    expected = example.function(*example.inputs)
    assert_same_outputs(loaded.outputs(*example.inputs), expected, tolerance=EXACT)


def test_checkpoint_restores_every_variable(example, tmp_path):
    bundle = VariableBundle(named_variables(example.layer.weights))
    assert len(bundle.named) == len(example.layer.weights)
    path = tf.train.Checkpoint(bundle).write(str(tmp_path / "checkpoint"))
    other = built(example.entry, filled=False)
    restored = VariableBundle(named_variables(other.weights))
    assert len(restored.named) == len(other.weights)
    tf.train.Checkpoint(restored).read(path).assert_consumed()
    assert set(restored.named) == set(bundle.named)
    for variable, value in restored.named.items():
        np.testing.assert_array_equal(value, bundle.named[variable], err_msg=variable)


@layers_and_networks
def test_two_replicas_equal_one(example, two_replicas):
    """Each replica computes half of the batch; gradients are summed."""
    inputs = example.inputs
    expected, expected_gradients = outputs_and_gradients(example.layer, inputs)
    expected_gradients = of_variables(expected_gradients)
    with two_replicas.scope():
        mirrored = built(example.entry, filled=False)
        copy_weights(example.layer, mirrored)

    def half(index):
        return two_replicas.experimental_distribute_values_from_function(
            lambda context: tf.split(inputs[index], 2)[context.replica_id_in_sync_group]
        )

    def replica(*inputs):
        results, gradients = outputs_and_gradients(mirrored, inputs)
        gradients = of_variables(gradients)
        if gradients:
            context = tf.distribute.get_replica_context()
            gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        return results, gradients

    halves = [half(i) for i in range(len(inputs))]
    results, gradients = tf.function(lambda *halves: two_replicas.run(replica, halves))(*halves)
    local = two_replicas.experimental_local_results
    actual = [tf.concat(local(result), axis=0) for result in results]
    assert_same_outputs(actual, expected, tolerance=COMPILED)
    for side in (0, 1):
        summed = {variable: local(g)[side] for variable, g in gradients.items()}
        assert_same_gradients(summed, expected_gradients, tolerance=GRADIENT)


@pytest.mark.parametrize("way", ["config", "layers.serialize"])
def test_config_of_a_serialised_layer(example, way):
    """`test_layer_inside_a_saved_keras_model` compares the outputs."""
    layer = example.layer
    if way == "config":
        clone = type(layer).from_config(layer.get_config())
    else:
        text = json.dumps(keras.layers.serialize(layer))
        clone = keras.layers.deserialize(json.loads(text))
    assert type(clone) is type(layer)
    assert clone.get_config() == layer.get_config()


def test_layer_inside_a_saved_keras_model(example, tmp_path):
    """A functional model around the layer, saved as `.keras` and loaded."""
    fixed_size = example.entry.fixed_size
    holders = [keras.Input(sizes(x, fixed_size)) for x in example.inputs]
    model = keras.Model(holders, example.layer(*holders))
    path = str(tmp_path / "model.keras")
    model.save(path)
    loaded = keras.models.load_model(path)
    results = tf.nest.flatten(loaded(list(example.inputs)))
    assert_same_outputs(results, example.outputs, tolerance=EXACT)


def assert_same_weights(actual, expected) -> None:
    """By name and bit for bit: a loaded model whose weights are others runs without a word."""
    actual, expected = named_variables(actual.weights), named_variables(expected.weights)
    assert list(actual) == list(expected)
    for name, variable in expected.items():
        np.testing.assert_array_equal(actual[name], variable, err_msg=name)


@only_networks
def test_network_saved_and_loaded_by_keras(example, tmp_path):
    path = str(tmp_path / "network.keras")
    example.layer.save(path)
    loaded = keras.models.load_model(path)
    assert type(loaded) is type(example.layer)
    assert loaded.get_config() == example.layer.get_config()
    assert_same_weights(loaded, example.layer)
    results = tf.nest.flatten(loaded(*example.inputs))
    assert_same_outputs(results, example.outputs, tolerance=EXACT)


@only_networks
def test_network_predicts_from_a_list_of_inputs(example):
    example.layer.compile(run_eagerly=True)
    inputs = [x.numpy() for x in example.inputs]
    results = example.layer.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    results = [tf.constant(x) for x in tf.nest.flatten(results)]
    assert_same_outputs(results, example.outputs, tolerance=EXACT)


@keras.utils.register_keras_serializable(package="tests")
class Stranger(keras.Model):
    """A model that somebody else subclasses, around a layer of this package."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def call(self, inputs):
        return self.layer(*inputs)

    def get_config(self):
        return super().get_config() | {"layer": keras.layers.serialize(self.layer)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config | {"layer": keras.layers.deserialize(config["layer"])})


@only_layers
def test_layer_inside_a_subclassed_model(example, tmp_path):
    path = str(tmp_path / "stranger.keras")
    stranger = Stranger(type(example.layer).from_config(example.layer.get_config()))
    stranger(list(example.inputs))
    stranger.layer.set_weights(example.layer.get_weights())
    stranger.save(path)
    loaded = keras.models.load_model(path)
    for actual, expected in zip(loaded.layer.weights, example.layer.weights, strict=True):
        np.testing.assert_array_equal(actual, expected)
    results = tf.nest.flatten(loaded(list(example.inputs)))
    assert_same_outputs(results, example.outputs, tolerance=EXACT)
