import io

import numpy as np
import pytest
from PIL import Image

from deepfill_tf.preparation.inspection import difference_hash, inspect_image
from deepfill_tf.preparation.near_duplicates import MAX_DISTANCE, distance
from tests.preparation.images import PHOTOGRAPHS, defective, encoded, photograph


@pytest.mark.parametrize(("name", "content"), defective().items(), ids=defective())
def test_each_defect_is_the_only_finding(name, content):
    finding = name.split(".")[0].removesuffix("_too")
    assert inspect_image(content, min_side=64).findings == (finding,)


def test_size_is_that_of_the_upright_image():
    inspection = inspect_image(defective()["exif_rotated.jpg"])
    assert (inspection.height, inspection.width, inspection.kind) == (100, 70, "JPEG")


@pytest.mark.parametrize("quality", [75, 85, 95])
def test_photographs_saved_again_look_alike_and_different_ones_do_not(quality):
    hashes = []
    for path in sorted(PHOTOGRAPHS.rglob("*.jpg")):
        image = Image.open(path)
        again = Image.open(io.BytesIO(encoded(image, "JPEG", quality=quality)))
        hashes.append(difference_hash(image))
        assert distance(hashes[-1], difference_hash(again)) <= MAX_DISTANCE, path
    for index, one in enumerate(hashes):
        for other in hashes[:index]:
            assert distance(one, other) > 4 * MAX_DISTANCE


def test_bits_of_the_difference_hash_are_set_where_brightness_falls():
    """Brightness falls from left to right in the upper half only."""
    values = np.tile(np.linspace(250, 5, 90).astype(np.uint8), [80, 1])
    values[40:] = values[40:, ::-1]
    assert difference_hash(Image.fromarray(values)) == 0xFFFFFFFF_00000000


def test_a_photograph_has_no_findings():
    assert inspect_image(photograph(0).read_bytes()).findings == ()
