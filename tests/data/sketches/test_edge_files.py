import json

import numpy as np
import pytest

from deepfill_tf.data.crops import crop_image
from deepfill_tf.data.image_files import write_image
from deepfill_tf.data.sketches.edge_files import EdgeFiles
from deepfill_tf.errors import UserError
from tests.reference_cases import arrays


def test_an_image_and_its_edges_are_cropped_as_released(tmp_path):
    """The edges, in a format without loss here, are cropped where the image is."""
    recorded = arrays("data_pipeline.npz")
    write_image(str(tmp_path / "p.png"), recorded["pair/p_rgb"])
    write_image(str(tmp_path / "p_edge.png"), recorded["pair/q_rgb"])
    top, left = json.loads(str(recorded["info_json"]))["pair/offset"]
    fractions = (top + 0.5) / 9, (left + 0.5) / 29

    def fit(image):
        return crop_image(image, 32, 32, *fractions)

    source = EdgeFiles(ending="_edge.png")
    source.check([str(tmp_path / "p.png")])
    sketch = source(str(tmp_path / "p.png"), fit(recorded["pair/p_rgb"]), fit)
    np.testing.assert_array_equal(sketch, recorded["pair/q_crop_bgr"][..., :1])


def test_the_default_name_is_that_of_the_released_program():
    assert EdgeFiles().path_of("folder/some.name.png") == "folder/some.name_edge.jpg"


def test_edges_of_another_size_are_named_before_the_first_step(tmp_path):
    for name, height in (("a.png", 20), ("a_edge.jpg", 20), ("b.png", 20), ("b_edge.jpg", 10)):
        write_image(str(tmp_path / name), np.zeros([height, 16, 3], np.uint8))
    with pytest.raises(UserError, match=r"1 of 2 edge images .*size: .*b_edge.jpg"):
        EdgeFiles().check([str(tmp_path / f"{name}.png") for name in "ab"])


def test_missing_edges_are_named_before_the_first_step(tmp_path):
    paths = [str(tmp_path / f"{i}.png") for i in range(3)]
    write_image(str(tmp_path / "1_edge.jpg"), np.zeros([8, 8, 3], np.uint8))
    with pytest.raises(UserError, match=r"2 of 3 .*0_edge.jpg.*2_edge.jpg"):
        EdgeFiles().check(paths)
