"""The distribution deepfill-onnx: the package for those who only complete images.

It is deepfill_tf without TensorFlow, of the same source: `pip install ./packaging/onnx`. It and
deepfill-tf own the same files, so that only one of them is installed.
"""

import os
import re
from pathlib import Path

from setuptools import find_namespace_packages, setup

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VERSION = re.search(
    r'^__version__ = "(.+)"$', (ROOT / "deepfill_tf" / "__init__.py").read_text(), re.MULTILINE
)[1]
# Data files that completing images with an ONNX file does not need.
LEFT_OUT = ("deepfill_tf.demo_page*", "deepfill_tf.models*", "deepfill_tf.photographs*")

setup(
    name="deepfill-onnx",
    version=VERSION,
    description="Image inpainting with ONNX files of DeepFill v1 and v2, without TensorFlow",
    long_description=__doc__,
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    python_requires=">=3.10",
    packages=find_namespace_packages(
        str(ROOT), include=["deepfill_tf", "deepfill_tf.*"], exclude=LEFT_OUT
    ),
    package_dir={"": os.path.relpath(ROOT, HERE)},
    install_requires=[
        "absl-py",
        "numpy",
        "onnxruntime>=1.20,<2",
        "opencv-python-headless",
        # With AVIF.
        "pillow>=11.3",
        "rich",
    ],
    extras_require={
        # HEIC files.
        "heic": ["pillow-heif>=1"],
    },
    entry_points={"console_scripts": ["deepfill-inpaint = deepfill_tf.inpaint:main"]},
)
