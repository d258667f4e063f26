import numpy as np
import pytest

from deepfill_tf.data.sketches.canny_sketches import CannySketches


def square(channels: int = 3) -> np.ndarray:
    """White on black, rows and columns 16 to 47 of 64."""
    image = np.zeros([64, 64, channels], np.uint8)
    image[16:48, 16:48] = 255
    return image


@pytest.mark.parametrize("channels", [1, 3])
def test_a_square_becomes_its_outline(channels):
    sketch = CannySketches()("a.png", square(channels), None)
    assert sketch.shape == (64, 64, 1)
    assert sketch.dtype == np.uint8
    assert set(np.unique(sketch)) == {0, 255}
    rows, columns, _ = np.nonzero(sketch)
    distance = np.maximum(np.abs(rows - 31.5), np.abs(columns - 31.5))
    assert (np.abs(distance - 16) <= 1).all()
    assert len(rows) > 4 * 28


def test_a_flat_image_has_no_edges():
    assert not CannySketches()("a.png", np.full([32, 32, 3], 99, np.uint8), None).any()


def test_higher_thresholds_leave_fewer_edges():
    image = np.random.default_rng(0).integers(0, 256, [64, 64, 3], np.uint8)
    thresholds = [(0, 10), (80, 180), (200, 400)]
    counts = [
        np.count_nonzero(CannySketches(low_threshold=a, high_threshold=b)("", image, None))
        for a, b in thresholds
    ]
    assert counts[0] > counts[1] > counts[2]


@pytest.mark.parametrize(
    "arguments", [{"blur": -1}, {"low_threshold": 200}, {"low_threshold": -1, "high_threshold": 3}]
)
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match="CannySketches"):
        CannySketches(**arguments)
