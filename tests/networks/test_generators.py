import functools
import inspect

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter, zoom

from deepfill_tf import ops
from deepfill_tf.compat import named_variables
from deepfill_tf.layers import GatedConv2D, PlainConv2D
from deepfill_tf.networks import CoarseNetwork, GeneratorV1, GeneratorV2, RefinementNetwork
from deepfill_tf.networks.architecture import build_model
from deepfill_tf.ops import convolution
from tests.small_generators import small_generator


def example(*shape, channels=3, seed=0):
    images = np.random.default_rng(seed).uniform(-1, 1, [*shape, channels]).astype("f")
    masks = np.zeros([1, *shape[1:], 1], "f")
    masks[:, shape[1] // 4 : shape[1] // 2, shape[2] // 4 : shape[2] // 2] = 1
    return tf.constant(images), tf.constant(masks)


@functools.cache
def built(network, **arguments):
    """A network that tests share, and none changes."""
    return build_model(network(width=4, **arguments))


@pytest.fixture(scope="module")
def small():
    return built(GeneratorV2)


def test_names_are_the_same_on_both_platforms(small):
    """Two networks, layers named by number and purpose, two variables each."""
    endings = {2: "_downsample", 4: "_downsample", 13: "_upsample", 15: "_upsample"}
    endings |= dict.fromkeys(range(7, 11), "_atrous")
    layers = [f"coarse/conv{i}{endings.get(i, '')}" for i in range(1, 18)]
    layers += [f"refinement/xconv{i}{endings.get(i, '')}" for i in range(1, 11)]
    layers += [f"refinement/pmconv{i}{endings.get(i, '')}" for i in range(1, 7)]
    layers += ["refinement/pmconv9", "refinement/pmconv10"]
    layers += [f"refinement/allconv{i}{endings.get(i, '')}" for i in range(11, 18)]
    expected = [f"{layer}/{variable}" for layer in layers for variable in ("kernel", "bias")]
    assert list(named_variables(small.weights)) == sorted(expected)


@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 24, 40), (1, 8, 72)])
def test_any_multiple_of_8(small, shape):
    images, masks = example(*shape)
    coarse, refined, offsets = small(images, masks)
    assert coarse.shape == refined.shape == images.shape
    assert offsets.shape == [shape[0], shape[1] // 8, shape[2] // 8, 2]
    assert (coarse.dtype, refined.dtype, offsets.dtype) == (tf.float32, tf.float32, tf.int32)
    for predicted in (coarse, refined):
        assert np.abs(predicted).max() <= 1


def test_a_size_that_is_no_multiple_of_8_is_refused(small):
    with pytest.raises(ValueError, match="multiples of rate=2"):
        small(*example(1, 20, 16))


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("convolution", ["gated", "plain"])
def test_channels_of_the_image(channels, convolution):
    generator = GeneratorV2(width=2, channels=channels, convolution=convolution)
    images, masks = example(1, 16, 16, channels=channels)
    coarse, refined, _ = generator(images, masks)
    assert coarse.shape == refined.shape == images.shape
    named = named_variables(generator.weights)
    assert named["coarse/conv1/kernel"].shape[2] == channels + 2
    assert named["refinement/xconv1/kernel"].shape[2] == channels


@pytest.mark.parametrize("width", [2, 6])
def test_width_scales_every_layer_but_the_last(small, width):
    """The released program's shapes at its width are in `test_parameters.py`."""
    generator = build_model(GeneratorV2(width=width))
    named = named_variables(small.weights)
    for name, variable in named_variables(generator.weights).items():
        if name.endswith("/bias"):
            factor = 4 if "conv17" in name else width
            assert variable.shape[0] * 4 == named[name].shape[0] * factor, name


def test_convolution_is_a_choice():
    generator = GeneratorV2(width=4, convolution="plain")
    assert type(generator.coarse.conv1) is PlainConv2D
    assert type(GeneratorV2(width=4).coarse.conv1) is GatedConv2D


def test_what_lies_under_the_hole_does_not_matter(small):
    images, masks = example(2, 16, 24)
    other = ops.composite(tf.random.stateless_uniform(images.shape, [1, 2]), images, masks)
    for one, two in zip(small(images, masks), small(other, masks), strict=True):
        np.testing.assert_array_equal(one, two)


def test_one_mask_for_the_batch_equals_the_mask_repeated(small):
    images, masks = example(3, 16, 24)
    repeated = small(images, tf.repeat(masks, 3, axis=0))
    for one, two in zip(small(images, masks), repeated, strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-6)


def test_the_coarse_network_learns_through_the_refinement(small):
    """Nothing is stopped: the refined image alone moves the coarse network."""
    images, masks = example(1, 16, 24)
    with tf.GradientTape() as tape:
        _, refined, _ = small(images, masks)
        total = tf.reduce_sum(refined)
    for gradient in tape.gradient(total, small.coarse.trainable_variables):
        assert np.abs(gradient).max() > 0


def test_attention_options_reach_the_layer():
    options = {"patch_size": 5, "softmax_scale": 3.0}
    generator = GeneratorV2(width=4, attention_options=options)
    assert generator.refinement.attention.options.patch_size == 5
    assert generator.refinement.attention.options.softmax_scale == 3.0


@pytest.mark.parametrize("network", [GeneratorV2, CoarseNetwork, RefinementNetwork])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 3}, "width must be a multiple of 2 that is >= 2, got 3"),
        ({"width": 0}, "width must be a multiple of 2 that is >= 2, got 0"),
        ({"width": 24.0}, "width must be a multiple of 2 that is >= 2, got 24.0"),
        ({"convolution": "dense"}, "convolution must be one of .* got 'dense'"),
        ({"padding": "mirror"}, "padding must be one of .* got 'mirror'"),
    ],
)
def test_bad_arguments(network, arguments, message):
    with pytest.raises(ValueError, match=message):
        network(**arguments)


@pytest.mark.parametrize("stage", [CoarseNetwork, RefinementNetwork])
def test_a_stage_alone_has_the_defaults_of_the_second_paper(stage):
    arguments = inspect.signature(stage).parameters
    whole = inspect.signature(GeneratorV2).parameters
    for name in arguments.keys() - {"name"}:
        assert arguments[name].default == whole[name].default, name


@pytest.mark.parametrize(("padding", "size"), [("same", 8), ("symmetric", 64), ("reflect", 72)])
def test_the_smallest_size_is_that_which_the_padding_allows(padding, size):
    generator = build_model(GeneratorV2(width=2, padding=padding, guided=True))
    assert generator.min_size == size
    shapes = [tuple(x.shape) for x in generator.example_inputs()]
    assert shapes == [(1, size, size, channels) for channels in (3, 1, 1)]
    if size > 8:
        too_small = [x[:, 8:] for x in generator.example_inputs()]
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
            generator(*too_small)


@pytest.mark.parametrize("network", [GeneratorV2, RefinementNetwork])
def test_bad_attention(network):
    with pytest.raises(ValueError, match=r"attention must be one of .* got 'dense'"):
        network(attention="dense")
    with pytest.raises(ValueError, match="rate must be a positive integer, got 0"):
        network(attention_options={"rate": 0})
    with pytest.raises(ValueError, match=r"attention_options {'filters': 3} do not fit"):
        network(attention_options={"filters": 3})


def test_bad_attention_without_refinement():
    with pytest.raises(ValueError, match=r"attention must be one of .* got 'dense'"):
        GeneratorV2(refinement=False, attention="dense")
    with pytest.raises(ValueError, match=r"attention_options {'filters': 3} do not fit"):
        GeneratorV2(refinement=False, attention_options={"filters": 3})


@pytest.mark.parametrize("refinement", [True, False])
def test_sizes_are_multiples_of_four_times_the_rate(refinement):
    options = {"rate": 4}
    model = GeneratorV2(
        width=2, padding="reflect", attention_options=options, refinement=refinement
    )
    generator = build_model(model)
    assert (generator.size_multiple, generator.min_size) == (16, 80)
    _, _, offsets = generator(*example(1, 80, 96))
    assert offsets.shape == [1, 5, 6, 2]


def test_bad_output_activation():
    with pytest.raises(ValueError, match=r"activation must be .* got 'sigmoid'"):
        CoarseNetwork(output_activation="sigmoid")


def test_guided_sees_the_sketch_in_the_hole_only():
    generator = built(GeneratorV2, guided=True)
    images, masks = example(2, 16, 24)
    edges = tf.cast(tf.random.stateless_uniform([2, 16, 24, 1], [1, 2]) > 0.5, tf.float32)
    coarse = [generator(images, masks, s)[0] for s in (edges, edges * masks, edges * (1 - masks))]
    np.testing.assert_array_equal(coarse[0], coarse[1])
    assert np.abs(coarse[0] - coarse[2]).max() > 0
    assert named_variables(generator.weights)["coarse/conv1/kernel"].shape[2] == 3 + 1 + 2
    assert named_variables(generator.weights)["refinement/xconv1/kernel"].shape[2] == 3


def test_one_mask_and_one_sketch_may_serve_all_images():
    generator = built(GeneratorV2, guided=True)
    images, masks = example(3, 16, 24)
    edges = tf.cast(tf.random.stateless_uniform([1, 16, 24, 1], [1, 2]) > 0.5, tf.float32)
    repeated = [tf.repeat(x, 3, axis=0) for x in (masks, edges)]
    for one, two in zip(generator(images, masks, edges), generator(images, *repeated), strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3.0, r"standard deviations such as \(8.0, 3.0, 1.0\), got 3.0"),
        ("8, 2", "standard deviations such as .* got '8, 2'"),
        ((8.0, -1), r"border_correction must be in \(0, 100\), got -1"),
        ((8.0, "2"), "border_correction must be a number in .* got '2'"),
    ],
)
def test_what_is_no_border_correction(value, message):
    with pytest.raises(ValueError, match=message):
        GeneratorV2(border_correction=value)


def test_the_border_correction_is_part_of_the_architecture():
    arguments = GeneratorV2(width=2, border_correction=(8, 2.5)).get_config()
    assert arguments["border_correction"] == [8.0, 2.5]
    assert GeneratorV2.from_config(arguments).correction_radius == 24 + 8
    assert GeneratorV2(width=2, border_correction=()).get_config()["border_correction"] is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-0.5, r"detail_weight must be in \[0, 1\], got -0.5"),
        (True, "detail_weight must be a number in .* got True"),
    ],
)
def test_what_is_no_weight_of_details(value, message):
    with pytest.raises(ValueError, match=message):
        GeneratorV2(detail_weight=value)


def test_the_weight_of_details_is_part_of_the_architecture():
    arguments = GeneratorV1(width=2, detail_weight=1).get_config()
    assert arguments["detail_weight"] == 1.0
    assert GeneratorV1.from_config(arguments).get_config() == arguments


def test_details_are_copied_into_the_hole_but_not_in_training():
    images, masks = example(1, 64, 96)
    with_details = build_model(GeneratorV2(width=4, detail_weight=1.0))
    without = build_model(GeneratorV2(width=4))
    without.set_weights(with_details.get_weights())
    expected = without(images, masks)[1]
    trained = with_details(images, masks, training=True)[1]
    np.testing.assert_allclose(trained, expected, rtol=0, atol=1e-6)
    difference = (with_details(images, masks)[1] - expected)[0].numpy()
    hole = masks[0, :, :, 0].numpy() == 1
    assert np.abs(difference[~hole]).max() < 1e-6
    # Of uniform noise in [-1, 1], whose standard deviation is 0.58, less where patches overlap.
    assert difference[hole].std() > 0.2


@pytest.mark.parametrize("value", [0, -8.0, True, "8"])
def test_what_is_no_deviation_of_the_half_size(value):
    with pytest.raises(ValueError, match="half_size_deviation must be .* got"):
        GeneratorV2(half_size_deviation=value)


def test_the_half_size_is_part_of_the_architecture():
    arguments = GeneratorV1(width=2, half_size_deviation=8).get_config()
    assert arguments["half_size_deviation"] == 8.0
    assert GeneratorV1.from_config(arguments).get_config() == arguments
    assert GeneratorV1(width=2).get_config()["half_size_deviation"] is None


def test_large_holes_are_completed_at_smaller_sizes_but_not_in_training():
    """Against the formula of docs/architecture.md."""
    images, _ = example(1, 128, 96)
    rows, columns = np.ogrid[:128, :96]
    box = (abs(rows - 40) < 30) & (abs(columns - 40) < 30) | (abs(rows - 110) < 4)
    masks = box[None, ..., None].astype("f")
    with_inside = small_generator(half_size_deviation=6.0, border_correction=(2.0,))
    full = small_generator(border_correction=(2.0,))
    refined = full(images, masks)[1].numpy()
    trained = with_inside(images, masks, training=True)[1]
    np.testing.assert_allclose(trained, refined, rtol=0, atol=1e-6)

    options = {"sigma": 3.0, "axes": (1, 2), "mode": "constant", "truncate": 3.0}
    blends = []

    def completed(images, masks, halvings):
        made = ops.composite(full(images, masks)[1], images, masks).numpy()
        if not halvings:
            return made
        small, small_masks = ops.half_size(images, masks)
        half = completed(small, small_masks, halvings - 1)
        share = gaussian_filter(np.float64(small_masks), **options)
        share /= gaussian_filter(np.ones(small_masks.shape), **options)
        weights = np.clip((share - 0.65) / 0.33, 0, 1) * small_masks
        half, weights = (
            zoom(x, (1, 2, 2, 1), order=1, mode="nearest", grid_mode=True) for x in (half, weights)
        )
        change = np.abs(weights * masks * (half - made)).max()
        blends.append((change, ((weights > 0.2) & (weights < 0.8)).sum()))
        return made + weights * masks * (half - made)

    expected = completed(tf.constant(images), tf.constant(masks), 2)
    expected = np.where(masks, expected, refined)
    np.testing.assert_allclose(with_inside(images, masks)[1], expected, rtol=0, atol=1e-5)
    assert len(blends) == 2 and all(change > 0.05 and n > 200 for change, n in blends), blends


def test_odd_multiples_of_8_are_padded_at_half_the_size():
    images, _ = example(1, 56, 40)
    masks = tf.pad(tf.ones([1, 32, 24, 1]), [[0, 0], [12, 12], [8, 8], [0, 0]])
    generator = small_generator(half_size_deviation=4.0, border_correction=(2.0,))
    refined = generator(images, masks)[1]
    small, small_masks = (ops.mirror_pad(x, 32, 32) for x in ops.half_size(images, masks))
    # The hole has no inside at an eighth of the size.
    half = ops.composite(generator(small, small_masks)[1], small, small_masks)
    middle = ops.upsample_bilinear_2x(half)[:, 26:30, 18:22]
    np.testing.assert_allclose(refined[:, 26:30, 18:22], middle, rtol=0, atol=1e-5)
    assert [generator.padded_size(size) for size in (56, 64, 3)] == [64, 64, 32]


def test_the_half_size_of_one_mask_for_a_batch_and_of_sketches():
    images, masks = example(3, 64, 48)
    masks = tf.pad(tf.ones([1, 32, 24, 1]), [[0, 0], [16, 16], [12, 12], [0, 0]])
    sketches = tf.cast(tf.random.stateless_uniform([1, 64, 48, 1], [0, 1]) > 0.9, tf.float32)
    # Small networks damp a sketch, and two of them damp it twice.
    generator = small_generator(guided=True, refinement=False, half_size_deviation=4.0)
    for size in (3, 1):
        several = generator(images, masks, tf.repeat(sketches, size, axis=0))[1]
        one = generator(images[1:2], masks, sketches)[1]
        np.testing.assert_allclose(several[1:2], one, rtol=0, atol=1e-6)
    only_in_holes = generator(images, masks, sketches * masks)[1]
    np.testing.assert_array_equal(only_in_holes, several)
    without = generator(images, masks, tf.zeros_like(sketches))[1]
    assert np.abs(without - several)[:, 28:36, 20:28].max() > 1e-5


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ValueError, match="guided=True does not go with convolution='partial'"):
        GeneratorV2(guided=True, convolution="partial")
    with pytest.raises(ValueError, match="skips must be True or False, got 'yes'"):
        GeneratorV2(skips="yes")


@pytest.mark.parametrize("guided", [False, True])
def test_sketches_come_with_guided_generators_and_no_others(guided):
    images, masks = example(1, 16, 16)
    inputs = [images, masks] if guided else [images, masks, masks]
    with pytest.raises(ValueError, match=f"guided={guided} takes images"):
        GeneratorV2(width=4, guided=guided)(*inputs)


def test_without_refinement_the_coarse_prediction_is_both():
    generator = built(GeneratorV1, refinement=False)
    coarse, refined, offsets = generator(*example(2, 16, 24))
    np.testing.assert_array_equal(coarse, refined)
    assert offsets.shape == (2, 2, 3, 2) and not np.any(offsets)
    assert all(name.startswith("coarse/") for name in named_variables(generator.weights))


@pytest.mark.parametrize("network", [GeneratorV1, GeneratorV2])
def test_skip_connections_widen_what_comes_behind_a_doubling(network):
    plain, skipping = built(network), built(network, skips=True)
    shapes = [
        {n: v.shape for n, v in named_variables(m.weights).items()} for m in (plain, skipping)
    ]
    wider = {
        name: shapes[1][name][2] - shape[2]
        for name, shape in shapes[0].items()
        if shape != shapes[1][name]
    }
    assert wider == {
        "coarse/conv14/kernel": 8,
        "coarse/conv16/kernel": 4,
        "refinement/allconv14/kernel": 8,
        "refinement/allconv16/kernel": 4,
    }


def test_partial_convolutions_see_nothing_in_the_hole():
    """Not even that it is zero: the coarse network's first layer is told by the mask alone."""
    generator = build_model(GeneratorV2(width=4, convolution="partial"))
    images, _ = example(1, 16, 16)
    everything = tf.ones([1, 16, 16, 1])
    features, masks = generator.coarse.conv1(tf.repeat(images, 2, axis=-1)[..., :5], everything)
    assert not np.any(features) and np.all(masks == 1)


@pytest.mark.parametrize("attention", ["appearance_flow", "none", "spatial_transformer"])
def test_attention_is_a_choice(attention):
    generator, contextual = built(GeneratorV1, attention=attention), built(GeneratorV1)
    others = {n for n in named_variables(contextual.weights)}
    added = {n for n in named_variables(generator.weights)} - others
    assert all(name.startswith("refinement/attention/") for name in added)
    assert bool(added) == (attention != "none")


@pytest.mark.parametrize("avx512", [True, False])
@pytest.mark.parametrize("kind", [GeneratorV1, GeneratorV2])
def test_training_skips_the_padding_of_dilated_convolutions(kind, avx512, monkeypatch):
    """Completions do not: their rounding would depend on the image's size."""
    monkeypatch.setattr(convolution, "has_avx512", lambda: avx512)
    generator = build_model(kind(width=4))

    def paddings(training):
        inputs = generator.example_inputs()
        graph = tf.function(lambda: generator(*inputs, training=training)).get_concrete_function()
        convolutions = [each for each in graph.graph.get_operations() if each.type == "Conv2D"]
        dilated = [each for each in convolutions if max(each.get_attr("dilations")) > 1]
        return {each.get_attr("padding") for each in dilated}

    assert paddings(training=True) == {b"SAME"}
    # Else TensorFlow rearranges the images.
    assert paddings(training=False) == ({b"VALID"} if avx512 else set())
