"""Pictures that say which they are."""

import numpy as np
import pytest

from deepfill_tf.data import write_picture


@pytest.fixture(scope="session")
def numbered_pictures(tmp_path_factory):
    """Paths of 23 pictures; picture i is of the one colour (i, 2 i, 3 i)."""
    folder = tmp_path_factory.mktemp("numbered")
    paths = [str(folder / f"{i:02}.png") for i in range(23)]
    for i, path in enumerate(paths):
        write_picture(path, np.full([20, 24, 3], [i, 2 * i, 3 * i], np.uint8))
    return paths
