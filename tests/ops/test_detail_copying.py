"""Copied details, against a search of all patches one by one."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from deepfill_tf.ops import Region, copy_details, details_region

CELL, SIDE = 8, 16


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


def blurred(image):
    return gaussian_filter(image, (4.0, 4.0, 0), mode="constant", truncate=3.0)


def copied_one_by_one(completed, mask, weight):
    """What `copy_details` computes for one image."""
    completed, mask = np.float64(completed), np.float64(mask)
    height, width, channels = completed.shape
    known, share = 1 - mask, blurred(np.ones_like(mask))
    known_means = blurred(completed * known) / np.maximum(blurred(known), 1e-6)
    means = blurred(completed) / share
    details = (completed - known_means) * known

    line = np.sin(np.pi * (np.arange(SIDE) + 0.5) / SIDE) ** 2
    window = np.outer(line, line)[..., None]
    pad = [[256, 256], [256, 256], [0, 0]]
    maps = [np.pad(x, pad) for x in (completed, known, known_means, means, mask)]
    pasted = np.zeros([height + 512, width + 512, channels])
    padded_details = np.pad(details, pad)
    for p in range(height // CELL + 1):
        for q in range(width // CELL + 1):
            places = [256 + CELL * (n - 1) for n in (p, q)]
            if not patch(maps[4], *places).any():
                continue
            found = best(maps, places, p, q)
            source = places if found is None else found
            pasted[places[0] :, places[1] :][:SIDE, :SIDE] += window * patch(
                padded_details, *source
            )
    copied = pasted[256:-256, 256:-256]
    inside = (1 - blurred(known) / share) * mask
    difference = weight * copied - 0.75 * weight * (completed - means)
    return np.clip(completed + difference * inside, -1, 1)


def patch(image, top, left):
    return image[top : top + SIDE, left : left + SIDE]


def best(maps, places, p, q):
    """The known patch of the window with the least difference, or None."""
    pixels, known, known_means, means, hole = maps
    least, found = 1e5, None
    target, known_target, target_means, hole_target = (
        patch(x, *places) for x in (pixels, known, means, hole)
    )
    starts = [256 + 64 * (n // 8) - 100 for n in (p, q)]
    for top in range(starts[0], starts[0] + 256 - SIDE + 1, 2):
        for left in range(starts[1], starts[1] + 256 - SIDE + 1, 2):
            if not patch(known, top, left)[::2, ::2].all():
                continue
            one = known_target * (patch(pixels, top, left) - target) ** 2
            two = hole_target * (patch(known_means, top, left) - target_means) ** 2
            difference = one[::2, ::2].sum() + 0.12 * two[2::4, 2::4].sum()
            if difference < least:
                least, found = difference, (top, left)
    return found


@pytest.mark.parametrize(
    "holes", [[(24, 45, 40, 50)], [(0, 12, 0, 20), (60, 72, 90, 104)]], ids=["inside", "corners"]
)
def test_details_are_those_of_the_patch_that_fits(holes):
    completed, masks = example(72, 104, holes, count=2)
    details = copy_details(tf.constant(completed), tf.constant(masks), 0.8).numpy()
    for each, image, mask in zip(details, completed, masks, strict=True):
        np.testing.assert_allclose(each, copied_one_by_one(image, mask, 0.8), atol=1e-4)
        np.testing.assert_array_equal(each[mask[..., 0] == 0], image[mask[..., 0] == 0])


def test_the_texture_at_that_place_is_copied():
    """The image is rougher at the right than at the left, and so are the details."""
    completed, masks = example(128, 256, [(32, 96, 8, 248)])
    details = copy_details(tf.constant(completed), tf.constant(masks), 1.0) - completed
    left, right = (tf.math.reduce_std(details[:, 48:80, x : x + 48]) for x in (24, 184))
    assert right > 1.4 * left


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


def test_one_mask_serves_all_images_and_xla_compiles_it():
    completed, masks = example(64, 72, [(10, 30, 20, 60)], count=3)
    several = copy_details(tf.constant(completed), tf.constant(masks), 0.8)
    one = copy_details(tf.constant(completed), tf.constant(masks[:1]), 0.8)
    np.testing.assert_array_equal(several, one)
    compiled = tf.function(copy_details, jit_compile=True)
    np.testing.assert_allclose(
        compiled(tf.constant(completed), tf.constant(masks), 0.8), one, rtol=0, atol=1e-4
    )
