"""Completion in regions around the holes against whole images."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf import Inpainter
from deepfill_tf.compat import KERAS_3
from deepfill_tf.inference.completion import (
    complete_float,
    complete_uint8,
    refined_in_holes,
    refined_in_one_box,
)
from tests.networks.goldens import generator as recorded_generator
from tests.networks.goldens import inputs, net_of
from tests.reference_cases import arrays
from tests.small_generators import random_images, random_masks, small_generator

# Rows and columns of holes.
HOLES = {
    "inside": [(60, 90, 40, 110)],
    "in a corner": [(0, 30, 0, 20)],
    "in the other corner": [(270, 300, 390, 410)],
    "all across": [(100, 120, 0, 410)],
    "far apart": [(5, 25, 10, 40), (250, 290, 350, 400)],
    "almost all": [(8, 300, 0, 400)],
    "none": [],
}
KINDS = [
    {"convolution": "plain", "sees_mask": True, "attention_options": {"softmax_scale": 1e-3}},
    {"attention": "none"},
    {"padding": "symmetric"},
    {"padding": "reflect"},
    {"guided": True},
    {"attention_options": {"fuse_size": 1}},
    {"border_correction": (4.0, 1.0)},
    {"border_correction": (2.0,), "detail_weight": 0.7},
    {"half_size_deviation": 4.0},
    {"half_size_deviation": 6.0, "guided": True, "border_correction": (2.0,)},
    {"half_size_deviation": 6.0, "padding": "reflect", "detail_weight": 0.7},
]


def both(generator, program, holes, batch=1):
    """Pixels in the holes of completed noise, computed in regions and whole, float32."""
    random = np.random.default_rng(0)
    shape = [batch, *holes.shape[1:3]]
    images = tf.constant(random.uniform(-1, 1, [*shape, 3]).astype("f"))
    edges = [tf.constant(random.random([*shape, 1]) > 0.9)] if generator.guided else []
    part = program(images, tf.constant(holes), *edges).numpy()
    whole = complete_float(generator, images, tf.constant(holes), *edges)["refined"].numpy()
    inside = np.broadcast_to(holes, whole.shape)
    return part[inside], whole[inside]


@functools.cache
def kind_and_program(kind):
    """The generator of a place in `[{}, *KINDS]`, and its program in regions."""
    generator = small_generator(**[{}, *KINDS][kind])
    return generator, tf.function(functools.partial(refined_in_holes, generator))


@pytest.mark.parametrize(
    "kind, where",
    [(0, where) for where in HOLES]
    + [
        (kind, where) for kind in range(1, len(KINDS) + 1) for where in ("in a corner", "far apart")
    ],
    ids=str,
)
def test_every_kind_of_generator_and_hole(kind, where):
    boxes = HOLES[where]
    holes = np.zeros([1, 300, 410, 1], bool)
    for top, bottom, left, right in boxes:
        holes[:, top:bottom, left:right] = True
    part, whole = both(*kind_and_program(kind), holes)
    # Random weights: where there are no gates signals grow, and their round-off with them.
    plain = [{}, *KINDS][kind].get("convolution") == "plain"
    tolerance = 5e-5 if plain else 1e-5
    np.testing.assert_allclose(part, whole, rtol=0, atol=tolerance)
    assert not boxes or whole.std() > 1e-2


@pytest.mark.parametrize("program", [refined_in_holes, refined_in_one_box])
@pytest.mark.parametrize(
    ("size", "padding"), [((264, 282), "same"), ((136, 140), "same"), ((128, 131), "reflect")]
)
def test_padding_repeats_holes_at_all_sizes(program, size, padding):
    generator = small_generator(half_size_deviation=4.0, padding=padding)
    holes = np.zeros([1, *size, 1], bool)
    holes[:, size[0] // 2 :, size[1] // 2 :] = holes[:, :30, -40:-4] = True
    part, whole = both(generator, functools.partial(program, generator), holes)
    np.testing.assert_allclose(part, whole, rtol=0, atol=1e-5)


def test_each_image_of_a_batch_has_its_own_regions(generator):
    holes = np.zeros([3, 64, 80, 1], bool)
    holes[0, :20, :30] = holes[1, 40:, 50:] = True
    eager = functools.partial(refined_in_holes, generator)
    part, whole = both(generator, eager, holes, batch=3)
    np.testing.assert_allclose(part, whole, rtol=0, atol=1e-5)
    part, whole = both(generator, eager, holes[:1], batch=3)
    np.testing.assert_allclose(part, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["v1/rect256", "v2/free256", "v2/rect128x192", "v2_guided/free256"]
)
def test_photographs_with_the_recorded_weights(name):
    """At full width. As good as equal: attention is steep, and multiplies round-off."""
    images, masks, *sketches = inputs(name)
    net = net_of(name)
    generator = recorded_generator(int(arrays(f"{net}/goldens.npz")["weights_seed"]), net)
    holes, edges = masks > 0.5, [sketch > 0.5 for sketch in sketches]
    part = refined_in_holes(generator, images, holes, *edges).numpy()
    whole = complete_float(generator, images, holes, *edges)["refined"].numpy()
    inside = np.broadcast_to(holes, whole.shape)
    # Convolutions of TensorFlow 2.15 round as their size makes them.
    tolerance = 1e-5 if KERAS_3 else 5e-5
    np.testing.assert_allclose(part[inside], whole[inside], rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    "arguments",
    [
        {"convolution": "partial"},
        {"skips": True},
        {"attention": "appearance_flow"},
        {"refinement": False},
    ],
    ids=str,
)
def test_generators_without_regions_compute_whole_images(arguments):
    generator = small_generator(**arguments)
    assert not generator.supports_regions
    inputs = random_images(1, 64, 64, 3), random_masks(1, 64, 64)
    completed = complete_uint8(generator, *inputs)
    expected = complete_uint8(generator, *inputs, whole_image=True)
    np.testing.assert_array_equal(completed, expected)


def test_whole_images_by_an_argument(generator, inpainter, model_directory):
    """Loading with regions is tested in `test_inpainter.py`."""
    images, masks = random_images(2, 90, 100, 3), random_masks(2, 90, 100)
    others = [
        Inpainter(generator, whole_image=True),
        Inpainter.load(model_directory, whole_image=True),
    ]
    results = [each(images, masks) for each in (inpainter, *others)]
    for result in results[1:]:
        assert np.abs(result.astype(int) - results[0]).max() <= 1
