"""Copied details, against a search of all patches one by one."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from deepfill_tf.ops import Region, copy_details, details_region, search_operations

# Blur; cell, patches of a block, window, step and blurred step, and window's pixels before a block.
SEARCHES = (
    (2.5, 4, 8, 128, 1, 2, 46),
    (4.0, 8, 8, 256, 2, 4, 92),
    (5.0, 16, 4, 320, 4, 8, 120),
)


def example(height, width, holes, count=1, seed=0):
    """Smooth noise, differently rough from left to right, and a prediction that is a blur."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=[count, height, width, 3])
    rough, smooth = (gaussian_filter(noise, (0, s, s, 0)) * s for s in (1.0, 4.0))
    share = np.linspace(0, 1, width)[None, None, :, None]
    images = np.clip(0.5 * (share * rough + (1 - share) * smooth), -1, 1)
    masks = np.zeros([count, height, width, 1])
    for top, bottom, left, right in holes:
        masks[:, top:bottom, left:right] = 1
    predictions = gaussian_filter(images, (0, 5, 5, 0))
    completed = np.where(masks == 1, predictions, images)
    return completed.astype("f"), masks.astype("f")


def blurred(image, deviation):
    return gaussian_filter(image, (deviation, deviation, 0), mode="constant", truncate=3.0)


def blending_weights(mask):
    nearby = blurred(1 - mask, 8.0) / blurred(np.ones_like(mask), 8.0)
    small, large = np.clip((nearby - 0.1) / 0.15, 0, 1), 1 - np.clip(nearby / 0.05, 0, 1)
    return small, 1 - small - large, large


def copied_one_by_one(completed, mask, weight):
    """What `copy_details` computes for one image."""
    completed, mask = np.float64(completed), np.float64(mask)
    known, ones = 1 - mask, np.ones_like(mask)
    result = completed
    for blend, (blur, *search) in zip(blending_weights(mask), SEARCHES, strict=True):
        share = blurred(ones, blur)
        known_means = blurred(completed * known, blur) / np.maximum(blurred(known, blur), 1e-6)
        means = blurred(completed, blur) / share
        copied = pasted_one_by_one([completed, known, known_means, means, mask], *search)
        difference = weight * copied - 0.75 * weight * (completed - means)
        result = result + blend * (1 - blurred(known, blur) / share) * mask * difference
    return np.clip(result, -1, 1)


def pasted_one_by_one(maps, cell, block, window, step, blurred_step, before):
    completed, known, known_means, _, _ = maps
    height, width, channels = completed.shape
    line = np.sin(np.pi * (np.arange(2 * cell) + 0.5) / (2 * cell)) ** 2
    weights = np.outer(line, line)[..., None]
    pad = [[256, 256], [256, 256], [0, 0]]
    padded = [np.pad(x, pad) for x in maps]
    details = np.pad((completed - known_means) * known, pad)
    pasted = np.zeros([height + 512, width + 512, channels])

    def patch(image, place):
        return image[place[0] :, place[1] :][: 2 * cell, : 2 * cell]

    def best(place, starts):
        """The known patch of the window with the least difference, or the same place."""
        pixels, known, known_means, means, hole = padded
        target, known_target, target_means, hole_target = (
            patch(x, place) for x in (pixels, known, means, hole)
        )
        least, found = 1e5, place
        last = window - 2 * cell
        for top in range(starts[0], starts[0] + last + 1, step):
            for left in range(starts[1], starts[1] + last + 1, step):
                if not patch(known, (top, left)).all():
                    continue
                one = known_target * (patch(pixels, (top, left)) - target) ** 2
                two = hole_target * (patch(known_means, (top, left)) - target_means) ** 2
                predicted = two[step::blurred_step, step::blurred_step].sum()
                difference = one[::step, ::step].sum() + 0.12 * predicted
                if difference < least:
                    least, found = difference, (top, left)
        return found

    for p in range(-(-height // cell) + 1):
        for q in range(-(-width // cell) + 1):
            place = tuple(256 + cell * (n - 1) for n in (p, q))
            if patch(padded[4], place).any():
                starts = [256 + block * cell * (n // block) - cell - before for n in (p, q)]
                patch(pasted, place)[:] += weights * patch(details, best(place, starts))
    return pasted[256:-256, 256:-256]


@pytest.mark.parametrize(
    "holes", [[(20, 60, 30, 78)], [(0, 12, 0, 20), (60, 70, 90, 101)]], ids=["inside", "corners"]
)
def test_details_are_those_of_the_patch_that_fits(holes):
    completed, masks = example(70, 101, holes, count=2)
    details = copy_details(tf.constant(completed), tf.constant(masks), 0.8).numpy()
    for each, image, mask in zip(details, completed, masks, strict=True):
        np.testing.assert_allclose(each, copied_one_by_one(image, mask, 0.8), atol=1e-4)
        np.testing.assert_array_equal(each[mask[..., 0] == 0], image[mask[..., 0] == 0])


def test_the_texture_at_that_place_is_copied():
    """The image is rougher at the right than at the left, and so are the details."""
    completed, masks = example(128, 256, [(32, 96, 8, 248)], count=4)
    details = copy_details(tf.constant(completed), tf.constant(masks), 1.0) - completed
    left, right = (tf.math.reduce_std(details[:, 48:80, x : x + 48]) for x in (24, 184))
    assert right > 1.25 * left


def test_without_a_known_patch_the_prediction_is_smoothed():
    completed, masks = example(64, 64, [(0, 64, 0, 64)])
    masks[:, :8, :8] = 0
    details = copy_details(tf.constant(completed), tf.constant(masks), 0.5).numpy()
    assert np.isfinite(details).all()
    assert details[0, 32:, 32:].std() < completed[0, 32:, 32:].std()


@pytest.mark.parametrize("corner", [(70, 130), (128, 0), (200, 330)])
def test_a_region_depends_on_its_details_region_only(corner):
    completed, masks = example(320, 400, [(60, 120, 100, 180), (130, 310, 10, 390)])
    completed, masks = tf.constant(completed), tf.constant(masks)
    region = Region(tf.constant(corner), tf.constant(np.add(corner, (48, 60)), tf.int32))
    seen = details_region(region).intersection(Region.whole((320, 400)))
    part = copy_details(seen.crop(completed), seen.crop(masks), 0.8)
    whole = copy_details(completed, masks, 0.8)
    np.testing.assert_allclose(
        region.crop(part, origin=seen), region.crop(whole), rtol=0, atol=1e-5
    )


def test_the_details_region_has_all_pixels_that_a_blur_sees():
    """The only known pixels begin where the last window of the region ends, but for the blur."""
    pixels = np.random.default_rng(0).uniform(-1, 1, [1, 48, 300, 3]).astype("f")
    masks = np.ones([1, 48, 300, 1], "f")
    masks[:, :, 216:] = 0
    completed, masks = tf.constant(pixels * (1 - masks)), tf.constant(masks)
    region = Region(tf.constant([0, 0]), tf.constant([48, 49]))
    seen = details_region(region).intersection(Region.whole((48, 300)))
    part = copy_details(seen.crop(completed), seen.crop(masks), 0.8)
    whole = copy_details(completed, masks, 0.8)
    np.testing.assert_allclose(
        region.crop(part, origin=seen), region.crop(whole), rtol=0, atol=1e-5
    )


def test_one_mask_serves_all_images_and_xla_compiles_it():
    completed, masks = example(64, 72, [(10, 30, 20, 60)], count=3)
    several = copy_details(tf.constant(completed), tf.constant(masks), 0.8)
    one = copy_details(tf.constant(completed), tf.constant(masks[:1]), 0.8)
    np.testing.assert_array_equal(several, one)
    compiled = tf.function(copy_details, jit_compile=True)
    np.testing.assert_allclose(
        compiled(tf.constant(completed), tf.constant(masks), 0.8), one, rtol=0, atol=1e-4
    )


@pytest.mark.parametrize(
    "box", [(0, 40, 10, 300), (31, 45, 60, 61), (20, 300, 13, 290), (100, 110, 0, 320)]
)
def test_operations_are_at_least_those_of_the_blocks_that_are_searched(box):
    top, bottom, left, right = box
    mask = np.zeros([320, 320, 1])
    mask[top:bottom, left:right] = 1
    compared = 0
    for blend, (_, cell, block, window, step, *_) in zip(
        blending_weights(mask), SEARCHES, strict=True
    ):
        # A pixel is in two patches of each axis.
        cells = np.argwhere((blend * mask)[..., 0] > 1e-6) // cell
        patches = [cells + shift for shift in itertools.product((0, 1), repeat=2)]
        blocks = np.unique(np.concatenate(patches) // block, axis=0)
        compared += len(blocks) * ((window - 2 * cell) // step + 1) ** 2 * block**2
    products, _ = search_operations(Region((top, left), (bottom, right)), 3)
    # Three channels and their squares, at 8 x 8 known and 4 x 4 predicted pixels.
    assert 0.5 * products < 4 * (64 + 16) * compared <= products
