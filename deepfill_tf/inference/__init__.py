"""Completion of images with trained generators, and their export."""

from deepfill_tf.lazy_names import lazy_names

_HOMES = {
    "Inpainter": "deepfill_tf.inference.inpainter",
    "OnnxInpainter": "deepfill_tf.inference.onnx_inpainter",
    "save_model_directory": "deepfill_tf.inference.exporting",
}
__all__ = ["Inpainter", "OnnxInpainter", "save_model_directory"]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
