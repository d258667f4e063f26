from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.layers import GatedUpConv2D, PlainConv2D, PlainUpConv2D
from deepfill_tf.networks import GeneratorV1, GeneratorV2
from deepfill_tf.networks.architecture import build_model
from deepfill_tf.networks.operation_counts import count_operations
from deepfill_tf.ops.patch_scores import PatchScores

SIZE = (288, 384)
BOXES = [[40, 40, 90, 120], [224, 334, 288, 384]]


CORRECTED = partial(GeneratorV2, border_correction=(3.0,))
AT_HALF_SIZE = partial(GeneratorV2, half_size_deviation=8.0)


@pytest.mark.parametrize("generator_class", [GeneratorV1, GeneratorV2, CORRECTED, AT_HALF_SIZE])
@pytest.mark.parametrize("boxes", [None, BOXES])
def test_counts_are_those_of_a_completion(monkeypatch, generator_class, boxes):
    """Numbers that the convolutions write, and scores, against those that a completion makes."""
    generator = build_model(generator_class(width=4))
    written, scores = [], []
    scored = PatchScores._scores

    def recorded(method):
        def call(layer, *arguments, **keywords):
            result = method(layer, *arguments, **keywords)
            # A gate is as large as the output.
            written.append(tf.size(result).numpy() * layer.convolution_filters // layer.filters)
            return result

        return call

    def of_block(patch_scores, *block):
        result = scored(patch_scores, *block)
        scores.append(tf.size(result).numpy())
        return result

    for layer in (PlainConv2D, PlainUpConv2D, GatedUpConv2D):
        for name in ("call_on_region", "call_with_kernel"):
            monkeypatch.setattr(layer, name, recorded(getattr(layer, name)))
    monkeypatch.setattr(PatchScores, "_scores", of_block)
    images, masks = tf.zeros([1, *SIZE, 3]), np.zeros([1, *SIZE, 1], np.float32)
    for top, left, bottom, right in BOXES:
        masks[:, top:bottom, left:right] = 1
    if boxes is None:
        generator(images, tf.constant(masks))
    else:
        generator.refined_in_regions(images, tf.constant(masks), None, tf.constant(boxes))
    counts = count_operations(generator, SIZE, boxes)
    assert counts.convolution_outputs == sum(written)
    # What is counted includes the rows of neighbours, which grow a block.
    assert 1 <= counts.scores / sum(scores) < 1.8


def test_products_of_a_coarse_network():
    """Taps, inputs and outputs of each kernel for each pixel of its output."""
    generator = build_model(GeneratorV2(width=4, refinement=False))
    counts = count_operations(generator, SIZE, None)
    products = 0
    size = 1.0
    for weight in generator.weights:
        shape = tuple(weight.shape)
        if len(shape) != 4:
            continue
        name = getattr(weight, "path", weight.name)
        size = size / 4 if "downsample" in name else size * 4 if "upsample" in name else size
        taps = 4 if "upsample" in name else shape[0] * shape[1]
        products += size * SIZE[0] * SIZE[1] * taps * shape[2] * shape[3]
    assert counts.convolution_products == pytest.approx(products, rel=1e-6)


def test_blocks_of_a_larger_background_hold_more_scores():
    generator = build_model(GeneratorV2(width=4))
    box = [[400, 400, 600, 600]]
    small, large = (count_operations(generator, size, box) for size in ((1000, 1000), (4000, 6000)))
    assert large.background_numbers == 24 * small.background_numbers
    assert large.block_scores > small.block_scores
    assert large.scores > 20 * small.scores


def test_boxes_too_narrow_for_the_half_size_are_not_counted_there():
    generators = [build_model(GeneratorV2(width=4, half_size_deviation=d)) for d in (None, 8.0)]
    assert generators[1].least_side_at_half_size == 8
    added = {}
    for height in (7, 8, 14, 16):
        boxes = [[40, 40, 40 + height, 200]]
        full, all_sizes = (
            count_operations(g, SIZE, boxes).convolution_products for g in generators
        )
        added[height] = all_sizes / full - 1
    # Boxes of 16 are wide enough at half the size too.
    assert added[7] == 0 < added[8]
    assert added[16] > 1.1 * added[14], added


def test_an_image_without_holes_takes_less_than_one_with_a_small_one():
    generator = build_model(GeneratorV2(width=4, half_size_deviation=8.0, detail_weight=0.5))
    none, small = (count_operations(generator, (256, 256), b) for b in ([], [[8, 8, 10, 10]]))
    assert none.convolution_products < small.convolution_products
    assert none.attention_products == none.detail_numbers == 0


def test_the_search_for_details_grows_with_the_hole():
    with_details = build_model(GeneratorV2(width=4, detail_weight=0.5))
    without = build_model(GeneratorV2(width=4))
    counted = [
        [count_operations(g, (1000, 1000), [[400, 400, end, end]]) for g in (with_details, without)]
        for end in (420, 430, 700)
    ]
    added = [one.convolution_products - two.convolution_products for one, two in counted]
    assert added[0] == added[1] > 0
    assert added[2] > 5 * added[0]
