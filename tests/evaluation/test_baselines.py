import numpy as np
import pytest

from deepfill_tf.evaluation.baselines import baselines, missing_baselines
from tests.small_generators import random_images

NAMES = ["mean_fill", "telea", "navier_stokes", "patchmatch"]


def holes():
    masks = np.zeros([2, 40, 48, 1], bool)
    masks[0, 10:25, 12:30] = True
    masks[1, :8] = True
    return masks


@pytest.fixture(params=NAMES)
def baseline(request):
    return {baseline.name: baseline for baseline in baselines()}[request.param]


def test_all_are_installed():
    assert [baseline.name for baseline in baselines()] == NAMES
    assert missing_baselines() == {}


def test_one_colour_is_continued(baseline):
    """OpenCV rounds each pixel that it continues from."""
    images = np.full([2, 40, 48, 3], [10, 100, 200], np.uint8)
    completed = baseline.complete(images, holes())
    np.testing.assert_allclose(completed, images, atol=4, rtol=0)


def test_known_pixels_stay_and_the_hole_never_matters(baseline):
    images, masks = random_images(2, 40, 48, 3), holes()
    completed = baseline.complete(images, masks)
    np.testing.assert_array_equal(np.where(masks, 0, completed), np.where(masks, 0, images))
    others = np.where(masks, 255 - images, images)
    np.testing.assert_array_equal(baseline.complete(others, masks), completed)


def test_each_image_is_completed_for_itself(baseline):
    images, masks = random_images(2, 40, 48, 3), holes()
    alone = np.concatenate([baseline.complete(images[i : i + 1], masks[i : i + 1]) for i in (0, 1)])
    np.testing.assert_array_equal(baseline.complete(images, masks), alone)


def test_grey_is_completed_as_grey_of_three_channels(baseline):
    images, masks = random_images(2, 40, 48, 1), holes()
    completed = baseline.complete(images, masks)
    assert completed.shape == images.shape
    three = baseline.complete(np.repeat(images, 3, axis=-1), masks)
    np.testing.assert_array_equal(completed, three[..., :1])


def test_patchmatch_continues_stripes():
    """A periodic texture, which diffusion blurs."""
    stripes = np.where(np.arange(48) // 4 % 2, 230, 20).astype(np.uint8)
    images = np.broadcast_to(stripes[None, None, :, None], [1, 40, 48, 3])
    masks = holes()[:1]
    errors = {}
    for baseline in baselines():
        completed = baseline.complete(images, masks)
        errors[baseline.name] = np.abs(completed.astype(float) - images)[masks[..., 0]].mean()
    assert errors.pop("patchmatch") < min(errors.values()) / 2
