import numpy as np
import pytest

from deepfill_tf.evaluation.bootstrap import Resamples, estimate


def means(table):
    return {name: values.mean(-1) for name, values in table.items()}


def of_mean(values, images=None):
    images = [str(i) for i in range(len(values))] if images is None else images
    return estimate(Resamples(images).pooled({"x": np.asarray(values)}, means)["x"])


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    """For many images: 1.96 standard errors on either side of the mean."""
    values = np.random.default_rng(1).normal(5, 2, 400)
    interval = of_mean(values)
    half = 1.96 * values.std() / np.sqrt(400)
    assert interval.value == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_several_holes_of_an_image_are_drawn_together():
    """Copies of the same numbers say nothing more."""
    values = np.random.default_rng(2).normal(size=50)
    images = [str(i) for i in range(50)]
    once, twice = of_mean(values, images), of_mean(np.tile(values, 2), images * 2)
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))


def test_images_with_different_numbers_of_holes():
    interval = of_mean([1.0, 2.0, 3.0], ["a", "a", "b"])
    assert interval.value == 2 and (interval.low, interval.high) == (1.5, 3.0)


def test_a_paired_difference_is_narrower_than_its_sides():
    random = np.random.default_rng(3)
    first = random.normal(0, 10, 100)
    second = first + 1 + random.normal(0, 0.1, 100)
    resamples = Resamples([str(i) for i in range(100)])
    a, b = (resamples.pooled({"x": values}, means)["x"] for values in (first, second))
    difference = estimate(b - a)
    assert difference.value == pytest.approx(1, abs=0.05)
    assert difference.high - difference.low < 0.06 < 2 < estimate(a).high - estimate(a).low


def test_one_image_has_no_interval():
    interval = of_mean([3.0])
    assert (interval.value, interval.low, interval.high) == (3.0, None, None)


def test_infinite_resamples_are_left_out():
    interval = estimate(np.array([2.0, np.inf, np.nan, 1.0, 3.0]))
    assert 1 <= interval.low < interval.high <= 3
