"""The recorded inference graphs of both papers on photographs."""

import functools

import numpy as np
import tensorflow as tf

from deepfill_tf.layers import ContextualAttention, PlainConv2D
from tests.reference_cases import arrays, case
from tests.reference_networks import reference_generator

# Cases are named net/case.
CASES = [
    f"{net}/{name}"
    for net in ("v1", "v2")
    for name in ("rect256", "free256", "rect128x192", "batch128", "big512")
] + ["v2_guided/free256", "v2_guided/batch128"]
# Tolerances of the reference's README.
OUTPUT = {"v1": 5e-5, "v2": 5e-4, "v2_guided": 5e-4}
LAYER = {"v1": 1e-4, "v2": 1e-3, "v2_guided": 1e-3}

generator = functools.cache(reference_generator)


def recorded(name: str) -> dict[str, np.ndarray]:
    """Recorded arrays of a case; the image is shared with the other networks' cases."""
    net, name = name.split("/")
    return case("images.npz", name) | case(f"{net}/goldens.npz", name)


def net_of(name: str) -> str:
    return name.split("/")[0]


def inputs(name: str) -> tuple[tf.Tensor, ...]:
    """Images (BGR, as the recorded weights want them), the one mask in use, sketches."""
    r = recorded(name)
    images = r["image_bgr"].astype("float32") / 127.5 - 1
    masks = (r["mask"][:1, :, :, None] > 127).astype("float32")
    sketches = (
        [(r["edge"][..., :1] / np.float32(255) > 0.6).astype("float32")] if "edge" in r else []
    )
    return tuple(tf.constant(value) for value in (images, masks, *sketches))


@functools.cache
def outputs(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Coarse, refined, offsets and the output of every layer, by the layer's name."""
    net = net_of(name)
    network = generator(int(arrays(f"{net}/goldens.npz")["weights_seed"]), net)
    activations = {}
    calls = {kind: kind.call for kind in (PlainConv2D, ContextualAttention)}

    def recording(call):
        @functools.wraps(call)
        def call_and_record(layer, *args, **kwargs):
            result = call(layer, *args, **kwargs)
            kept = result[0] if isinstance(result, tuple) else result
            activations[layer.name] = kept.numpy()
            return result

        return call_and_record

    try:
        for kind, call in calls.items():
            kind.call = recording(call)
        results = [result.numpy() for result in network(*inputs(name))]
    finally:
        for kind, call in calls.items():
            kind.call = call
    return *results, activations
