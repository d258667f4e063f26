"""Everything that must work for every public layer and network."""

import json

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.compat import VariableBundle, keras, named_variables
from tests.closeness import assert_close
from tests.conformance.registry import ENTRIES, built, copy_weights

EXACT = 1e-6
COMPILED = 1e-5
GRADIENT = 5e-4

pytestmark = pytest.mark.parametrize("name", sorted(ENTRIES))


def outputs(layer, inputs) -> list[tf.Tensor]:
    return tf.nest.flatten(layer(*inputs))


def loss(results) -> tf.Tensor:
    """A sum over examples, with other weights for every number of an example."""
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
    """Gradients by name of the variable; that of the first input under `input`."""
    variables = named_variables(layer.trainable_variables)
    with tf.GradientTape() as tape:
        tape.watch(inputs[0])
        results = outputs(layer, inputs)
        total = loss(results)
    gradients = tape.gradient(total, [inputs[0], *variables.values()])
    return results, dict(zip(["input", *variables], gradients, strict=True))


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
        assert np.abs(gradient).max() > 0, name
        assert_close(actual[name], gradient, tolerance=tolerance, what=name)


def dynamic(layer, inputs, *, fixed_size: bool = False) -> tf.function:
    """The layer as a function of inputs whose batch, height and width are free."""
    signature = [tf.TensorSpec([None, *sizes(x, fixed_size)], x.dtype) for x in inputs]
    return tf.function(lambda *inputs: outputs(layer, inputs), input_signature=signature)


def sizes(x: tf.Tensor, fixed_size: bool) -> list:
    """Height, width and channels, of which the first two are free or fixed."""
    return [*(x.shape[1:3] if fixed_size else [None, None]), x.shape[-1]]


def test_graph(name):
    layer, inputs = built(ENTRIES[name]), ENTRIES[name].inputs()
    traced = tf.function(lambda *inputs: outputs(layer, inputs))
    assert_same_outputs(traced(*inputs), outputs(layer, inputs), tolerance=COMPILED)


def test_xla(name):
    layer, inputs = built(ENTRIES[name]), ENTRIES[name].inputs()
    compiled = tf.function(lambda *inputs: outputs_and_gradients(layer, inputs), jit_compile=True)
    actual, gradients = compiled(*inputs)
    expected, expected_gradients = outputs_and_gradients(layer, inputs)
    assert_same_outputs(actual, expected, tolerance=COMPILED)
    assert_same_gradients(gradients, expected_gradients, tolerance=GRADIENT)


def test_bfloat16(name):
    """Finite, near float32, on variables and with gradients that are float32."""
    entry = ENTRIES[name]
    inputs = entry.inputs()
    mixed = built(entry, dtype="mixed_bfloat16")
    for variable in mixed.weights:
        assert tf.as_dtype(variable.dtype) == tf.float32, variable
    expected = outputs(built(entry), inputs)
    actual, gradients = outputs_and_gradients(mixed, inputs)
    for number, (one, two) in enumerate(zip(actual, expected, strict=True)):
        if number in entry.exact:
            np.testing.assert_array_equal(tf.cast(one, tf.float32), two)
        elif two.dtype.is_floating:
            one = tf.cast(one, tf.float32)
            assert_close(one, two, tolerance=entry.bfloat16, what="output")
            assert np.abs(one - two).max() > 0, "was not computed in bfloat16"
    for variable, gradient in gradients.items():
        assert np.isfinite(tf.cast(gradient, tf.float32)).all(), variable
        assert gradient.dtype == tf.float32, variable


def test_free_sizes(name):
    layer, inputs = built(ENTRIES[name]), ENTRIES[name].inputs()
    if ENTRIES[name].fixed_size:
        with pytest.raises(ValueError, match="made for one size"):
            dynamic(layer, inputs)(*inputs)
        return
    function = dynamic(layer, inputs)
    for size in ({"height": 16, "width": 24}, {"height": 32, "width": 8}):
        inputs = ENTRIES[name].inputs(**size)
        assert_same_outputs(function(*inputs), outputs(layer, inputs), tolerance=COMPILED)


def test_saved_model(name, tmp_path):
    layer, inputs = built(ENTRIES[name]), ENTRIES[name].inputs()
    module = tf.Module()
    module.weights = VariableBundle(named_variables(layer.weights))
    module.outputs = dynamic(layer, inputs, fixed_size=ENTRIES[name].fixed_size)
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    assert len(loaded.weights.named) == len(layer.weights)
    expected = module.outputs(*inputs)
    assert_same_outputs(loaded.outputs(*inputs), expected, tolerance=EXACT)


def test_checkpoint(name, tmp_path):
    layer, inputs = built(ENTRIES[name]), ENTRIES[name].inputs()
    bundle = VariableBundle(named_variables(layer.weights))
    assert len(bundle.named) == len(layer.weights)
    path = tf.train.Checkpoint(bundle).write(str(tmp_path / "checkpoint"))
    other = built(ENTRIES[name], filled=False)
    restored = VariableBundle(named_variables(other.weights))
    tf.train.Checkpoint(restored).read(path).assert_consumed()
    for variable, value in restored.named.items():
        np.testing.assert_array_equal(value, bundle.named[variable], err_msg=variable)
    assert_same_outputs(outputs(other, inputs), outputs(layer, inputs), tolerance=EXACT)


def test_two_replicas(name, two_replicas):
    """Each computes half of the batch; gradients are summed."""
    entry = ENTRIES[name]
    layer, inputs = built(entry), entry.inputs()
    expected, expected_gradients = outputs_and_gradients(layer, inputs)
    expected_gradients.pop("input")
    with two_replicas.scope():
        mirrored = built(entry, filled=False)
        copy_weights(layer, mirrored)

    def half(index):
        return two_replicas.experimental_distribute_values_from_function(
            lambda context: tf.split(inputs[index], 2)[context.replica_id_in_sync_group]
        )

    def replica(*inputs):
        results, gradients = outputs_and_gradients(mirrored, inputs)
        gradients.pop("input")
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
def test_serialisation(name, way):
    layer, inputs = built(ENTRIES[name]), ENTRIES[name].inputs()
    if way == "config":
        clone = type(layer).from_config(layer.get_config())
    else:
        text = json.dumps(keras.layers.serialize(layer))
        clone = keras.layers.deserialize(json.loads(text))
    assert type(clone) is type(layer)
    assert clone.get_config() == layer.get_config()
    clone(*inputs)
    copy_weights(layer, clone)
    assert_same_outputs(outputs(clone, inputs), outputs(layer, inputs), tolerance=EXACT)


def test_inside_anyones_keras_model(name, tmp_path):
    """A functional model around the layer, saved as `.keras` and loaded."""
    layer, inputs = built(ENTRIES[name]), ENTRIES[name].inputs()
    holders = [keras.Input(sizes(x, ENTRIES[name].fixed_size)) for x in inputs]
    model = keras.Model(holders, layer(*holders))
    path = str(tmp_path / "model.keras")
    model.save(path)
    loaded = keras.models.load_model(path)
    results = tf.nest.flatten(loaded(list(inputs)))
    assert_same_outputs(results, outputs(layer, inputs), tolerance=EXACT)
