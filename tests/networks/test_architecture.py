import json

import pytest
import tensorflow as tf

from deepfill_tf.compat import named_variables
from deepfill_tf.errors import UserError
from deepfill_tf.networks import (
    CoarseNetwork,
    GeneratorV1,
    GeneratorV2,
    GlobalDiscriminator,
    GlobalLocalDiscriminator,
    LocalDiscriminator,
    PatchDiscriminator,
    RefinementNetwork,
)
from deepfill_tf.networks.architecture import (
    architecture_of,
    build_model,
    model_from_architecture,
    with_defaults,
)

MODELS = [
    lambda: CoarseNetwork(width=4, channels=1, name="coarse"),
    lambda: GeneratorV2(width=4, attention_options={"rate": 1, "softmax_scale": 5.0}),
    lambda: GeneratorV2(width=2, channels=1, padding="symmetric"),
    lambda: GeneratorV2(width=2, padding="reflect", convolution="plain"),
    lambda: RefinementNetwork(width=4, sees_mask=True, name="refinement"),
    lambda: PatchDiscriminator(width=6),
    lambda: PatchDiscriminator(width=6, guided=True),
    lambda: GeneratorV2(width=2, guided=True, skips=True, attention="none"),
    lambda: GeneratorV1(width=2, refinement=False, convolution="partial"),
    lambda: GlobalDiscriminator(width=2),
    lambda: LocalDiscriminator(width=2),
    lambda: GlobalLocalDiscriminator(width=2),
]


@pytest.mark.parametrize("make", MODELS)
def test_a_model_comes_back_from_json(make):
    model = build_model(make())
    architecture = json.loads(json.dumps(architecture_of(model)))
    assert set(architecture) == {"class", "arguments"}
    assert not {"name", "dtype"} & set(architecture["arguments"])
    again = model_from_architecture(architecture)
    assert type(again) is type(model)
    assert architecture_of(again) == architecture
    shapes = [{n: v.shape for n, v in named_variables(m.weights).items()} for m in (model, again)]
    assert shapes[0] == shapes[1] and shapes[0]


def test_channels_of_the_image_and_dtype():
    discriminator = model_from_architecture(
        {"class": "PatchDiscriminator", "arguments": {"width": 2}}, channels=1
    )
    assert named_variables(discriminator.weights)["conv1/convolution/kernel"].shape == (5, 5, 2, 2)
    generator = model_from_architecture(
        {"class": "GeneratorV2", "arguments": {"width": 2}}, dtype="mixed_bfloat16"
    )
    assert generator.compute_dtype == "bfloat16"
    assert {v.dtype.name for v in named_variables(generator.weights).values()} == {"float32"}


@pytest.mark.parametrize(
    "architecture, message",
    [
        ({"class": "GeneratorV9", "arguments": {}}, "'GeneratorV9'.*GeneratorV2"),
        ({"class": "GeneratorV2", "arguments": {"depth": 3}}, "GeneratorV2 cannot be made.*depth"),
        ({"class": "GeneratorV2", "arguments": {"width": 3}}, "width must be a multiple of 2"),
        ({"class": "GeneratorV2"}, '"class" and "arguments"'),
        (None, '"class" and "arguments"'),
    ],
)
def test_what_is_no_architecture(architecture, message):
    with pytest.raises(UserError, match=message):
        model_from_architecture(architecture)


def test_arguments_that_an_earlier_version_did_not_have_are_at_their_defaults():
    """Version 0.1.0 had no `kernel_gain`."""
    before = {"class": "GeneratorV2", "arguments": {"width": 2, "skips": True}}
    now = architecture_of(GeneratorV2(width=2, skips=True))
    assert with_defaults(before)["arguments"]["kernel_gain"] == 1.0
    assert with_defaults(now) == now


def test_a_signal_keeps_its_size_in_a_generator_that_starts_with_a_gain():
    """The released start loses a factor of three in each gated layer."""
    images = tf.random.stateless_uniform([1, 64, 64, 3], [1, 2], -1, 1)
    masks = tf.zeros([1, 64, 64, 1])
    deviations = {}
    for gain in (1.0, 3.0):
        tf.keras.utils.set_random_seed(0)
        _, refined, _ = build_model(GeneratorV2(width=8, kernel_gain=gain))(images, masks)
        deviations[gain] = float(tf.math.reduce_std(refined))
    assert deviations[1.0] < 1e-4 and 0.05 < deviations[3.0] < 0.9
