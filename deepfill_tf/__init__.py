"""Image inpainting in TensorFlow 2 / Keras: DeepFill v1 and v2.

    from deepfill_tf import Inpainter, load_generator

    inpainter = Inpainter.load("runs/celeba")
    completed = inpainter(image, mask)  # uint8 [H, W, 3] and [H, W], the hole above 127
    generator = load_generator("runs/celeba")  # the Keras model

| subpackage | contents |
|---|---|
| `layers` | Keras layers: gated and partial convolution, contextual attention, spectral norm |
| `networks` | generators and discriminators of both papers |
| `ops` | functions of tensors under the layers |
| `objectives` | losses, GANs, the objectives of both papers |
| `training`, `data`, `inference` | training loop, input pipeline, completion of images and export |

TensorFlow is imported when one of the names of this module is first used.
"""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "Inpainter": "deepfill_tf.inference",
    "UserError": "deepfill_tf.errors",
    "load_generator": "deepfill_tf.storage.loading",
    "read_image": "deepfill_tf.data.image_files",
    "read_mask": "deepfill_tf.data.image_files",
    "write_completed": "deepfill_tf.data.image_files",
}

__all__ = [
    "Inpainter",
    "UserError",
    "__version__",
    "load_generator",
    "read_image",
    "read_mask",
    "write_completed",
]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
