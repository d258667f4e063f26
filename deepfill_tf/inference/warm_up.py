"""Requests with which TensorFlow Serving warms a model up before it answers others.

It runs those of `assets.extra/tf_serving_warmup_requests` of a SavedModel when it loads the model,
so that the first user does not wait for what TensorFlow does once. The file is a TFRecord of
`PredictionLog` messages. Their few fields are encoded here, because the package that defines them,
tensorflow-serving-api, requires `tensorflow`, which owns the same files as `tensorflow-cpu`.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf

from deepfill_tf.networks.generator import Generator

FOLDER = "assets.extra"
FILE = "tf_serving_warmup_requests"
SIDE = 256


def write_warm_up_requests(
    generator: Generator, folder: str, signatures: dict[str, tf.types.experimental.GenericFunction]
) -> None:
    """Writes a request for each of the signatures that take uint8 images or encoded ones.

    Args:
      generator: the generator that is saved.
      folder: of its SavedModel.
      signatures: those of the SavedModel by name, see `InpaintingModule`.
    """
    inputs = _example_inputs(generator)
    requests = {"serving_default": {name: value[None] for name, value in inputs.items()}}
    if "encoded" in signatures:
        encoded = {name: tf.io.encode_png(value).numpy() for name, value in inputs.items()}
        requests["encoded"] = {name: np.array([value]) for name, value in encoded.items()}
    (Path(folder) / FOLDER).mkdir()
    with tf.io.TFRecordWriter(str(Path(folder) / FOLDER / FILE)) as writer:
        for signature, arrays in requests.items():
            writer.write(prediction_log(signature, arrays))


def prediction_log(signature: str, inputs: dict[str, np.ndarray]) -> bytes:
    """Returns a serialised `tensorflow.serving.PredictionLog` of a request.

    Args:
      signature: its name.
      inputs: arrays by name; strings are arrays of bytes.
    """
    model = _field(3, signature.encode())  # ModelSpec.signature_name
    request = _field(1, model)  # PredictRequest.model_spec
    for name, array in inputs.items():
        tensor = tf.make_tensor_proto(array).SerializeToString()
        request += _field(2, _field(1, name.encode()) + _field(2, tensor))  # .inputs, a map
    return _field(6, _field(1, request))  # PredictionLog.predict_log, PredictLog.request


def _example_inputs(generator: Generator) -> dict[str, np.ndarray]:
    """A grey gradient with a hole in its middle, uint8 `[SIDE, SIDE, ...]` by input name."""
    ramp = np.arange(SIDE, dtype=np.uint8)
    image = np.broadcast_to(ramp[:, None, None], [SIDE, SIDE, generator.channels])
    mask = np.zeros([SIDE, SIDE, 1], np.uint8)
    mask[SIDE // 4 : SIDE * 3 // 4, SIDE // 4 : SIDE * 3 // 4] = 255
    inputs = {"image": image, "mask": mask}
    if generator.guided:
        inputs["sketch"] = np.zeros_like(mask)
    return inputs


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field of a protocol buffer message: a string or another message."""
    length, size = b"", len(content)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content
