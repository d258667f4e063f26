"""Conversion of a generator into a TensorFlow Lite model of a fixed size, and runs of such a model.

    image   float32 [1, H, W, C] in [-1, 1]
    mask    float32 [1, H, W, 1], 1 in the hole
    sketch  as mask, 1 on an edge, for guided generators
    -> completed  float32 [1, H, W, C] in [-1, 1]

These are the names of the signature `serving_default`. Only built-in operations are used. Outside
the hole `completed` is `image`.
"""

import importlib
import warnings
from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from absl import logging

from deepfill_tf.compat import VariableBundle, named_variables
from deepfill_tf.errors import UserError, reason
from deepfill_tf.inference.completion import complete_float
from deepfill_tf.networks.generator import Generator

SIGNATURE = "serving_default"
PRECISIONS = ("float32", "float16", "int8_weights", "int8")
# Operations that stay float32 in int8 models, all but the networks' convolutions: rounded scores
# make the attention choose other patches, and a rounded composition changes known pixels.
_FLOAT_OPERATIONS = (
    *("ADD", "ADD_N", "SUB", "MUL", "SUM", "MAXIMUM", "LOG", "RSQRT", "CAST", "FILL"),
    *("ELU", "LOGISTIC", "TANH", "SOFTMAX", "BATCH_MATMUL", "SELECT", "SELECT_V2"),
    *("GATHER", "GATHER_ND", "SCATTER_ND", "SLICE", "STRIDED_SLICE", "CONCATENATION"),
    *("PAD", "PADV2", "RESHAPE", "TRANSPOSE", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE"),
    *("AVERAGE_POOL_2D", "MAX_POOL_2D", "DEPTHWISE_CONV_2D", "DIV", "MINIMUM", "RELU"),
)


class FixedSizeCompletion(tf.Module):
    """A generator's completion of one float image of a fixed size, as a function.

    Args:
      generator: a built float32 generator; its variables are not copied.
      height, width: of the image, any from `hole_crops.MIN_SIDE` on.
    """

    def __init__(self, generator: Generator, height: int, width: int):
        super().__init__()
        # Without them the converter takes the variables of a Keras 3 model for zeros.
        self.weights = VariableBundle(named_variables(generator.weights))
        channels = {"image": generator.channels, "mask": 1}
        if generator.guided:
            channels["sketch"] = 1

        def complete(image, mask, sketch=None):
            edges = None if sketch is None else sketch > 0.5
            outputs = complete_float(generator, image, mask > 0.5, edges)
            return {"completed": outputs["completed"]}

        self.complete = tf.function(
            complete,
            input_signature=[
                tf.TensorSpec([1, height, width, count], tf.float32, name=name)
                for name, count in channels.items()
            ],
            autograph=False,
        )


def convert_to_tflite(
    completion: FixedSizeCompletion,
    *,
    precision: str = "float32",
    examples: Iterable[dict[str, np.ndarray]] = (),
) -> bytes:
    """Converts a completion into the content of a TensorFlow Lite file.

    Args:
      completion: the function and its variables.
      precision: one of `PRECISIONS`. float16 halves the weights, which are converted back when
        the model is loaded; int8_weights quantises the weights, and features while they are
        convolved; int8 convolves with fixed ranges of the features.
      examples: for int8, inputs by name; the ranges of the features are measured on them.

    Raises UserError if the converter fails.
    """
    function = completion.complete.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], completion)
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8":
        inputs = list(examples)
        converter.representative_dataset = lambda: iter(inputs)
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
            tf.lite.OpsSet.TFLITE_BUILTINS,
        ]
    # A hundred warnings that gradients cannot be saved, which nobody asks for.
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        if precision == "int8":
            options = tf.lite.experimental.QuantizationDebugOptions(
                denylisted_ops=list(_FLOAT_OPERATIONS)
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that its interpreter is deprecated
                return tf.lite.experimental.QuantizationDebugger(
                    converter=converter,
                    debug_dataset=converter.representative_dataset,
                    debug_options=options,
                ).get_nondebug_quantized_model()
        return converter.convert()
    except Exception as error:  # of several types, among them one of the converter's own
        raise UserError(f"the model does not convert: {reason(error)}") from error
    finally:
        logging.set_verbosity(verbosity)


def run_tflite(content: bytes, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Returns `completed` of a model, by its own runtime.

    Raises UserError if the runtime cannot load or run the model.
    """
    try:
        interpreter = interpreter_class()(model_content=content)
        interpreter.allocate_tensors()
        return interpreter.get_signature_runner(SIGNATURE)(**inputs)["completed"]
    except (RuntimeError, ValueError) as error:
        raise UserError(f"TensorFlow Lite cannot run the model: {reason(error)}") from error


def interpreter_class():
    """The interpreter of ai-edge-litert if that is installed, else TensorFlow's."""
    try:
        return importlib.import_module("ai_edge_litert.interpreter").Interpreter
    except ImportError:
        return tf.lite.Interpreter
