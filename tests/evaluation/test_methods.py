import numpy as np
import pytest
from PIL import Image

from deepfill_tf.evaluation.manifest import Entry, Manifest
from deepfill_tf.evaluation.methods import hole_names
from deepfill_tf.evaluation.samples import Samples


def manifest(*holes, size=(16, 16)):
    entries = tuple(Entry(image, index, "", *size, 0, "", 0.25) for image, index in holes)
    return Manifest("center", 0, size, entries)


@pytest.mark.parametrize(
    ("holes", "names"),
    [
        ([("a.jpg", 0), ("b/c.png", 0)], ["a", "b/c"]),
        ([("a.jpg", 0), ("a.jpg", 1)], ["a_0", "a_1"]),
        ([("a.jpg", 0), ("a.png", 0)], ["a.jpg", "a.png"]),
    ],
)
def test_every_hole_has_a_name_of_its_own(holes, names):
    assert hole_names(manifest(*holes)) == names


def test_an_image_is_brought_to_a_size_by_its_middle(tmp_path):
    """Of a wide image, its left and right parts are cut off; what remains keeps its shape."""
    image = np.zeros([32, 96, 3], np.uint8)
    image[:, 32:64] = [10, 200, 90]
    Image.fromarray(image).save(tmp_path / "a.png")
    samples = Samples(manifest(("a.png", 0)), {"a.png": str(tmp_path / "a.png")})
    read = samples._image(samples.manifest.entries[0])
    assert read.shape == (16, 16, 3)
    np.testing.assert_array_equal(read[:, 2:-2], np.full([16, 12, 3], [10, 200, 90]))


def test_batches_have_one_size_and_hold_every_hole_once():
    sizes = [(16, 16), (512, 512), (16, 16), (300, 400), (16, 16)] * 5
    entries = tuple(Entry(f"{i}.png", 0, "", *size, 0, "", 0.25) for i, size in enumerate(sizes))
    batches = list(Samples(Manifest("center", 0, None, entries), {}).batches())
    assert sorted(i for batch in batches for i in batch) == list(range(25))
    for batch in batches:
        assert len({sizes[i] for i in batch}) == 1
        height, width = sizes[batch[0]]
        assert len(batch) * height * width <= 8 * 256 * 256 or len(batch) == 1
