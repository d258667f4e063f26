import json

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import ops
from deepfill_tf.compat import named_variables
from deepfill_tf.layers import GatedConv2D, PlainConv2D
from deepfill_tf.networks import CoarseNetwork, GeneratorV1, GeneratorV2, RefinementNetwork
from tests.reference import reference_path
from tests.reference_networks import released_generator_name


def example(*shape, channels=3, seed=0):
    pictures = np.random.default_rng(seed).uniform(-1, 1, [*shape, channels]).astype("f")
    masks = np.zeros([1, *shape[1:], 1], "f")
    masks[:, shape[1] // 4 : shape[1] // 2, shape[2] // 4 : shape[2] // 2] = 1
    return tf.constant(pictures), tf.constant(masks)


@pytest.fixture(scope="module")
def full():
    generator = GeneratorV2()
    generator(*example(1, 16, 16))
    return generator


@pytest.fixture(scope="module")
def small():
    generator = GeneratorV2(width=4)
    generator(*example(1, 16, 16))
    return generator


def test_number_of_parameters_of_the_first_paper():
    generator = GeneratorV1()
    generator(*example(1, 16, 16))
    assert generator.count_params() == 3_601_542


def test_number_of_parameters(full):
    assert sum(int(np.prod(v.shape)) for v in full.weights) == 4_052_478
    assert full.count_params() == 4_052_478
    assert len(full.trainable_variables) == len(full.weights)


def test_variables_are_those_of_the_released_program(full):
    recorded = json.loads(reference_path("variables_v2.json").read_text())
    expected = {v["name"]: tuple(v["shape"]) for v in recorded if v["role"] == "generator"}
    named = named_variables(full.weights)
    actual = {released_generator_name(name): tuple(v.shape) for name, v in named.items()}
    assert actual == expected


def test_names_are_the_same_on_both_platforms(full):
    """Two networks, layers named by number and purpose, two variables each."""
    endings = {2: "_downsample", 4: "_downsample", 13: "_upsample", 15: "_upsample"}
    endings |= dict.fromkeys(range(7, 11), "_atrous")
    layers = [f"coarse/conv{i}{endings.get(i, '')}" for i in range(1, 18)]
    layers += [f"refinement/xconv{i}{endings.get(i, '')}" for i in range(1, 11)]
    layers += [f"refinement/pmconv{i}{endings.get(i, '')}" for i in range(1, 7)]
    layers += ["refinement/pmconv9", "refinement/pmconv10"]
    layers += [f"refinement/allconv{i}{endings.get(i, '')}" for i in range(11, 18)]
    expected = [f"{layer}/{variable}" for layer in layers for variable in ("kernel", "bias")]
    assert list(named_variables(full.weights)) == sorted(expected)


@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 24, 40), (1, 8, 72)])
def test_any_multiple_of_8(small, shape):
    pictures, masks = example(*shape)
    coarse, refined, offsets = small(pictures, masks)
    assert coarse.shape == refined.shape == pictures.shape
    assert offsets.shape == [shape[0], shape[1] // 8, shape[2] // 8, 2]
    assert (coarse.dtype, refined.dtype, offsets.dtype) == (tf.float32, tf.float32, tf.int32)
    for predicted in (coarse, refined):
        assert np.abs(predicted).max() <= 1


def test_a_size_that_is_no_multiple_of_8_is_refused(small):
    with pytest.raises(ValueError, match="multiples of rate=2"):
        small(*example(1, 20, 16))


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("convolution", ["gated", "plain"])
def test_channels_of_the_picture(channels, convolution):
    generator = GeneratorV2(width=2, channels=channels, convolution=convolution)
    pictures, masks = example(1, 16, 16, channels=channels)
    coarse, refined, _ = generator(pictures, masks)
    assert coarse.shape == refined.shape == pictures.shape
    named = named_variables(generator.weights)
    assert named["coarse/conv1/kernel"].shape[2] == channels + 2
    assert named["refinement/xconv1/kernel"].shape[2] == channels


@pytest.mark.parametrize("width", [2, 6, 48])
def test_width_scales_every_layer_but_the_last(full, width):
    generator = GeneratorV2(width=width)
    generator(*example(1, 16, 16))
    released = named_variables(full.weights)
    for name, variable in named_variables(generator.weights).items():
        if name.endswith("/bias"):
            factor = 24 if "conv17" in name else width
            assert variable.shape[0] * 24 == released[name].shape[0] * factor, name


def test_convolution_is_a_choice():
    generator = GeneratorV2(width=4, convolution="plain")
    generator(*example(1, 16, 16))
    assert type(generator.coarse.conv1) is PlainConv2D
    assert type(GeneratorV2(width=4).coarse.conv1) is GatedConv2D


def test_what_lies_under_the_hole_does_not_matter(small):
    pictures, masks = example(2, 16, 24)
    other = ops.complete(tf.random.stateless_uniform(pictures.shape, [1, 2]), pictures, masks)
    for one, two in zip(small(pictures, masks), small(other, masks), strict=True):
        np.testing.assert_array_equal(one, two)


def test_one_mask_for_the_batch_equals_the_mask_repeated(small):
    pictures, masks = example(3, 16, 24)
    repeated = small(pictures, tf.repeat(masks, 3, axis=0))
    for one, two in zip(small(pictures, masks), repeated, strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-6)


def test_the_coarse_network_learns_through_the_refinement(small):
    """Nothing is stopped: the refined picture alone moves the coarse network."""
    pictures, masks = example(1, 16, 24)
    with tf.GradientTape() as tape:
        _, refined, _ = small(pictures, masks)
        total = tf.reduce_sum(refined)
    for gradient in tape.gradient(total, small.coarse.trainable_variables):
        assert np.abs(gradient).max() > 0


def test_attention_options_reach_the_layer():
    options = {"patch_size": 5, "softmax_scale": 3.0}
    generator = GeneratorV2(width=4, attention_options=options)
    assert generator.refinement.attention.patch_size == 5
    assert generator.refinement.attention.softmax_scale == 3.0


@pytest.mark.parametrize("network", [GeneratorV2, CoarseNetwork, RefinementNetwork])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 3}, "width must be an even number of at least 2, got 3"),
        ({"width": 0}, "width must be an even number of at least 2, got 0"),
        ({"width": 24.0}, "width must be an even number of at least 2, got 24.0"),
        ({"convolution": "partial"}, "convolution must be one of .* got 'partial'"),
        ({"padding": "mirror"}, "padding must be one of .* got 'mirror'"),
    ],
)
def test_bad_arguments(network, arguments, message):
    with pytest.raises(ValueError, match=message):
        network(**arguments)


@pytest.mark.parametrize("network", [GeneratorV2, RefinementNetwork])
def test_bad_attention(network):
    with pytest.raises(ValueError, match=r"attention must be one of .* got 'none'"):
        network(attention="none")
    with pytest.raises(ValueError, match="rate must be a positive integer, got 0"):
        network(attention_options={"rate": 0})


def test_bad_output_activation():
    with pytest.raises(ValueError, match=r"activation must be .* got 'sigmoid'"):
        CoarseNetwork(output_activation="sigmoid")
