"""DeepFill, the inpainting networks of two papers, in TensorFlow 2.

    from deepfill_tf import Inpainter, load_generator

TensorFlow is imported only when one of these names is first used.
"""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "Inpainter": "deepfill_tf.inference",
    "UserError": "deepfill_tf.errors",
    "load_generator": "deepfill_tf.inference",
}

__all__ = ["Inpainter", "UserError", "__version__", "load_generator"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
