"""Images that can be told apart."""

import numpy as np
import pytest

from deepfill_tf.data import write_image


@pytest.fixture(scope="session")
def numbered_images(tmp_path_factory):
    """Paths of 23 images; image i is of the colour (i, 2 i, 3 i)."""
    folder = tmp_path_factory.mktemp("numbered")
    paths = [str(folder / f"{i:02}.png") for i in range(23)]
    for i, path in enumerate(paths):
        write_image(path, np.full([20, 24, 3], [i, 2 * i, 3 * i], np.uint8))
    return paths
