"""This package's networks with the reference's weights, and the reference's records.

The reference's weights want BGR images: with them the networks are fed BGR.
"""

import numpy as np

from deepfill_tf.compat import keras, named_variables
from deepfill_tf.networks import (
    GeneratorV1,
    GeneratorV2,
    GlobalLocalDiscriminator,
    PatchDiscriminator,
)
from deepfill_tf.networks.architecture import build_model
from tests.reference import reference_weights


def reference_generator(seed: int, net: str = "v2") -> keras.Model:
    """The generator with the weights `make_weights(net, seed)`."""
    generator = GeneratorV1() if net == "v1" else GeneratorV2(guided=net == "v2_guided")
    build_model(generator)
    assign_reference(generator, reference_weights(net, seed), released_generator_name)
    return generator


def reference_discriminator(seed: int, net: str = "v2") -> keras.Model:
    """The discriminator with the weights and `u` of `make_weights(net, seed)`."""
    if net == "v1":
        discriminator = GlobalLocalDiscriminator()
    else:
        discriminator = PatchDiscriminator(guided=net == "v2_guided")
    build_model(discriminator)
    assign_reference(discriminator, reference_weights(net, seed), released_discriminator_name)
    return discriminator


def assign_reference(network: keras.Model, weights: dict[str, np.ndarray], released_name) -> None:
    """Assigns to every variable of a built network the array of its released name."""
    for name, variable in named_variables(network.weights).items():
        variable.assign(weights[released_name(name)])


def released_generator_name(name: str) -> str:
    """`coarse/conv1/kernel` -> `inpaint_net/conv1/kernel`."""
    layer, variable = name.split("/")[-2:]
    scope = f"{layer}/{layer}_conv" if layer.endswith("_upsample") else layer
    return f"inpaint_net/{scope}/{variable}"


def released_discriminator_name(name: str) -> str:
    """`conv1/convolution/kernel` -> `discriminator/sn_patch_gan/conv1/kernel`, and so on.

    The first paper's `local/score/kernel` -> `discriminator/dout_local_fc/kernel`,
    `local/conv1/kernel` -> `discriminator/discriminator_local/conv1/kernel`.
    """
    first, *middle, variable = name.split("/")
    if first in ("global", "local"):
        (layer,) = middle
        if layer == "score":
            return f"discriminator/dout_{first}_fc/{variable}"
        return f"discriminator/discriminator_{first}/{layer}/{variable}"
    scope = f"discriminator/sn_patch_gan/{first}"
    return f"{scope}/kernel_sn/u" if variable == "u" else f"{scope}/{variable}"


def record(array) -> np.ndarray:
    """The 18 numbers that the reference keeps of a variable: norm, mean, 16 entries."""
    flat = np.asarray(array, np.float64).ravel()
    entries = [(k * 2654435761 + 12345) % flat.size for k in range(16)]
    return np.concatenate([[np.linalg.norm(flat), flat.mean()], flat[entries]])


def assert_record_close(
    array, expected: np.ndarray, *, tolerance: float, norm_tolerance: float = 1e-3, what: str = ""
) -> float:
    """Compares an array with a record, entries and mean relative to the array's rms.

    Gives the greatest difference of an entry relative to the rms.
    """
    actual = record(array)
    assert np.isfinite(actual).all(), f"{what}: not finite"
    norm = expected[0]
    rms = norm / np.sqrt(np.size(array))
    off = abs(actual[0] - norm) / norm
    assert off <= norm_tolerance, f"{what}: norm {actual[0]:.6g}, recorded {norm:.6g}"
    difference = np.abs(actual[1:] - expected[1:]).max() / rms
    assert difference <= tolerance, f"{what}: {difference:.3g} of the rms apart > {tolerance}"
    return difference
