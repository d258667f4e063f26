"""Export of a generator as a model directory: a SavedModel with the model's files beside it.

saved_model.pb, variables/         a SavedModel that runs without this package
assets.extra/                      requests for TensorFlow Serving, see inference.warm_up
model.json, weights.safetensors    see storage.model_files
README.md                          the model card
"""

import os

import safetensors
import tensorflow as tf

from deepfill_tf import atomic
from deepfill_tf.compat import keras
from deepfill_tf.errors import UserError, reason
from deepfill_tf.inference.model_card import model_card
from deepfill_tf.inference.signatures import InpaintingModule
from deepfill_tf.inference.warm_up import write_warm_up_requests
from deepfill_tf.storage.model_files import Provenance, check_replaceable, write_model_files
from deepfill_tf.storage.weights import copy_in_float32

# With the gradients of this package's operations the file would be twice as large, and take twice
# as long to write and to load.
_OPTIONS = tf.saved_model.SaveOptions(experimental_custom_gradients=False)


def save_model_directory(
    generator: keras.Model,
    path: str | os.PathLike,
    *,
    origin: str,
    step: int | None = None,
    weights_license: str = "unknown",
    whole_image: bool = False,
) -> None:
    """Writes a generator as a model directory, atomically.

    The SavedModel cannot be differentiated; the Keras model that `load_generator` builds from the
    directory can.

    Args:
      generator: a built generator. The saved one computes in float32 whatever its policy.
      path: the directory to write; a model directory there is replaced.
      origin: where the weights came from, in words.
      step: number of training steps, if known.
      weights_license: licence of the weights, in words.
      whole_image: of the SavedModel, see `InpaintingModule`.

    Raises UserError if `path` is something other than a model directory or an empty folder,
    holds anything besides, or cannot be written.
    """
    check_replaceable(path)
    copy = copy_in_float32(generator)
    module = InpaintingModule(copy, whole_image=whole_image)
    signatures = module.signatures_to_save
    provenance = Provenance(origin, step, weights_license)
    try:
        with atomic.directory(path) as folder:
            tf.saved_model.save(module, folder, signatures=signatures, options=_OPTIONS)
            write_warm_up_requests(copy, folder, signatures)
            card = model_card(copy, provenance, folder)
            write_model_files(copy, folder, provenance, card=card)
    except (OSError, safetensors.SafetensorError, tf.errors.OpError) as error:
        raise UserError(f"cannot write {path}: {reason(error)}") from error
