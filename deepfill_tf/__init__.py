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

from deepfill_tf.lazy_names import lazy_names

__version__ = "0.1.0"

_HOMES = {
    "Inpainter": "deepfill_tf.inference.inpainter",
    "OnnxInpainter": "deepfill_tf.inference.onnx_inpainter",
    "UserError": "deepfill_tf.errors",
    "load_generator": "deepfill_tf.storage.loading",
    "read_image": "deepfill_tf.data.image_files",
    "read_mask": "deepfill_tf.data.image_files",
    "write_completed": "deepfill_tf.data.image_files",
}

__all__ = [
    "Inpainter",
    "OnnxInpainter",
    "UserError",
    "__version__",
    "load_generator",
    "read_image",
    "read_mask",
    "write_completed",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
