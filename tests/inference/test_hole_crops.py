import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.inference.hole_boxes import hole_boxes
from deepfill_tf.inference.hole_crops import boxes_of_holes, complete_in_crops, crops_around
from tests.small_generators import random_images


def invert(image, mask):
    return 255 - image


@pytest.mark.parametrize("seed", range(12))
def test_boxes_are_those_of_the_graph(seed):
    """`hole_boxes` computes the same with TensorFlow's pooling."""
    random = np.random.default_rng(seed)
    height, width = random.integers(16, 1500, 2)
    holes = np.zeros([height, width], bool)
    for _ in range(seed % 5):
        top, left = random.integers(0, height), random.integers(0, width)
        holes[top : top + random.integers(1, 200), left : left + random.integers(1, 200)] = True
    expected = hole_boxes(tf.constant(holes)).numpy()
    assert sorted(boxes_of_holes(holes).tolist()) == sorted(expected.tolist())


def test_each_hole_is_completed_in_its_crop():
    image = random_images(900, 1200, 3)
    mask = np.zeros([900, 1200, 1], np.uint8)
    mask[100:140, 300:320] = 128
    mask[700:710, 900:960] = 255
    mask[0] = 127
    shapes = []

    def complete(image, mask):
        shapes.append(image.shape)
        return invert(image, mask)

    completed = complete_in_crops(complete, image, mask, margin=64)
    assert sorted(shapes) == [(138, 188, 3), (168, 148, 3)]
    np.testing.assert_array_equal(completed, np.where(mask > 127, 255 - image, image))
    assert completed.dtype == np.uint8


def test_a_mask_without_a_hole_needs_no_program():
    image, mask = random_images(40, 50, 3), np.zeros([40, 50, 1], np.uint8)
    np.testing.assert_array_equal(complete_in_crops(None, image, mask), image)


def test_crops_have_at_least_the_smallest_size():
    boxes = np.array([[0, 0, 1, 1], [38, 49, 40, 50], [20, 3, 21, 9]])
    crops = crops_around(boxes, (40, 50), margin=2)
    assert (crops[:, 2:] - crops[:, :2] >= 16).all()
    assert (crops[:, :2] >= 0).all() and (crops[:, 2:] <= [40, 50]).all()
    assert (crops[:, :2] <= boxes[:, :2]).all() and (crops[:, 2:] >= boxes[:, 2:]).all()
