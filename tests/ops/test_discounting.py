import numpy as np
import pytest

from deepfill_tf.ops import box_discount, hole_discount
from tests.reference_cases import arrays


@pytest.mark.parametrize("key", ["128x128_g0.9", "128x128_g0.99", "64x96_g0.9", "7x10_g0.9"])
def test_box_discount_as_released(key):
    expected = arrays("losses.npz")[f"discount_mask/{key}"]
    size, gamma = key.split("_g")
    height, width = map(int, size.split("x"))
    queries = box_discount(height, width, float(gamma))
    np.testing.assert_allclose(queries, expected.reshape(queries.shape), rtol=0, atol=1e-6)


def test_hole_discount_falls_off_with_the_distance_to_the_nearest_known_pixel():
    """A hole of 3 x 3 in the middle, and one corner of it known."""
    mask = np.zeros([1, 5, 5, 1], "f")
    mask[:, 1:4, 1:4] = 1
    mask[:, 1, 1] = 0
    expected = np.ones([5, 5])
    expected[1:4, 1:4] = 0.5
    expected[2, 2] = 0.5 ** np.sqrt(2)
    expected[1, 1] = 1
    np.testing.assert_allclose(hole_discount(mask, 0.5)[0, :, :, 0], expected, rtol=1e-5)
