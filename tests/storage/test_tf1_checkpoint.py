import functools
import os

import numpy as np
import pytest

from deepfill_tf.errors import UserError
from deepfill_tf.inference import Inpainter
from deepfill_tf.inference.signatures import InpaintingModule
from deepfill_tf.networks import PatchDiscriminator
from deepfill_tf.networks.architecture import build_model
from deepfill_tf.storage.tf1_checkpoint import convert_checkpoint
from deepfill_tf.storage.weights import weights_of
from tests.networks.goldens import recorded
from tests.reference import reference_weights
from tests.reference_networks import released_discriminator_name, released_generator_name
from tests.small_generators import small_generator

CASES = ("rect256", "free256", "rect128x192", "batch128", "big512")


@pytest.fixture(scope="module")
def weights():
    return reference_weights("v2", 1)


@pytest.fixture(scope="module")
def small_weights():
    """Of the second paper's networks at a width of 4, by the released program's names."""
    return {
        released_name(name): array
        for network, released_name in (
            (small_generator(), released_generator_name),
            (build_model(PatchDiscriminator(width=4)), released_discriminator_name),
        )
        for name, array in weights_of(network).items()
    }


@functools.cache
def write_checkpoint_function():
    reference_weights("v2", 1)  # puts the reference's program on the path
    import make_weights

    return make_weights.write_checkpoint


def write(weights, prefix):
    write_checkpoint_function()(weights, str(prefix))
    return prefix


@pytest.fixture(scope="module")
def prefix(weights, tmp_path_factory):
    return write(weights, tmp_path_factory.mktemp("released") / "snap-0")


@pytest.fixture(scope="module")
def networks(prefix):
    return convert_checkpoint(prefix)


@pytest.fixture(scope="module")
def module(networks):
    return InpaintingModule(networks[0])


@pytest.fixture(scope="module")
def inpainter(networks):
    return Inpainter(networks[0])


@pytest.fixture(scope="module")
def first_paper(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("first") / "snap-0"
    return convert_checkpoint(write(reference_weights("v1", 1), prefix))


@pytest.fixture(scope="module")
def first_inpainter(first_paper):
    return Inpainter(first_paper[0])


@pytest.fixture(scope="module")
def guided(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("guided") / "snap-0"
    return convert_checkpoint(write(reference_weights("v2_guided", 1), prefix))


@pytest.fixture(scope="module")
def guided_inpainter(guided):
    return Inpainter(guided[0])


def assert_same_image(completed, expected):
    """Of 8 bits, but for rounding."""
    step = int(expected.get("output_rgb_stride", 1))
    levels = completed[:, ::step, ::step].astype(int)
    assert np.abs(levels - expected["output_rgb"]).max() <= 1


@pytest.mark.parametrize("case", CASES)
def test_converted_weights_give_the_original_images(inpainter, module, case):
    expected = recorded(f"v2/{case}")
    images = expected["image_bgr"][..., ::-1]
    masks = expected["mask"][:1, :, :, None]  # the original looks at the first one only
    holes = (masks > 127).astype(np.float32)
    raw = module.raw(images.astype(np.float32) / np.float32(127.5) - 1, holes)
    for ours, theirs in (("coarse", "x1"), ("refined", "x2")):
        stride = int(expected[f"{theirs}_stride"])
        sampled = raw[ours].numpy()[:, ::stride, ::stride, ::-1]
        difference = np.abs(sampled - expected[theirs]).max()
        assert difference < 5e-4, f"{theirs}: {difference}"
    clear = expected["offset_margin"] > 1e-3
    np.testing.assert_array_equal(raw["offsets"].numpy()[clear], expected["offsets"][clear])
    assert clear.mean() > 0.8

    completed = inpainter(images, masks)
    known = np.broadcast_to(masks <= 127, images.shape)
    np.testing.assert_array_equal(completed[known], images[known])
    if "output_rgb" in expected:
        assert_same_image(completed, expected)


# No 8-bit image of big512 is recorded for the first paper.
@pytest.mark.parametrize("case", [case for case in CASES if case != "big512"])
def test_weights_of_the_first_paper_give_its_images(first_inpainter, case):
    expected = recorded(f"v1/{case}")
    images = expected["image_bgr"][..., ::-1]
    completed = first_inpainter(images, expected["mask"][:1, :, :, None])
    assert_same_image(completed, expected)


@pytest.mark.parametrize("case", ["free256", "batch128"])
def test_guided_weights_give_the_original_images(guided_inpainter, case):
    expected = recorded(f"v2_guided/{case}")
    images, sketches = expected["image_bgr"][..., ::-1], expected["edge"][..., 0]
    completed = guided_inpainter(images, expected["mask"][:1], sketches)
    assert_same_image(completed, expected)


def test_the_first_papers_critics_score_rgb_as_the_original_scores_bgr(first_paper):
    _, discriminator = first_paper
    weights, converted = reference_weights("v1", 1), weights_of(discriminator)
    assert discriminator.count_params() == 7_072_770
    for critic in ("local", "global"):
        for ours, theirs in (
            (f"{critic}/conv4/kernel", f"discriminator/discriminator_{critic}/conv4/kernel"),
            (f"{critic}/score/kernel", f"discriminator/dout_{critic}_fc/kernel"),
        ):
            np.testing.assert_array_equal(converted[ours], weights[theirs])
    images = np.random.default_rng(0).uniform(-1, 1, [1, 256, 256, 3]).astype(np.float32)
    inputs = images, images[:, :128, :128]
    scores = discriminator(*inputs)
    # The same by the checkpoint's own kernels: only conv1 sees colours.
    for critic, network in (("global", discriminator.whole), ("local", discriminator.box)):
        network.conv1.kernel.assign(weights[f"discriminator/discriminator_{critic}/conv1/kernel"])
    theirs = discriminator(*(x[..., ::-1] for x in inputs))
    for critic, network in (("global", discriminator.whole), ("local", discriminator.box)):
        network.conv1.kernel.assign(converted[f"{critic}/conv1/kernel"])
    np.testing.assert_allclose(scores, theirs, rtol=1e-4, atol=1e-6)


def test_the_guided_discriminator_sees_the_sketch_where_the_original_does(guided):
    """Images' colours are exchanged, the mask and the sketch behind them stay."""
    converted = weights_of(guided[1])["conv1/convolution/kernel"]
    kernel = reference_weights("v2_guided", 1)["discriminator/sn_patch_gan/conv1/kernel"]
    np.testing.assert_array_equal(converted, kernel[:, :, [2, 1, 0, 3, 4]])
    assert guided[1].count_params() == 5_948_416 + 1_216


def test_the_discriminator_scores_rgb_as_the_original_scores_bgr(networks, weights):
    _, discriminator = networks
    assert discriminator.count_params() == 5_946_816 + 1_216
    converted = weights_of(discriminator)
    scope = "discriminator/sn_patch_gan"
    np.testing.assert_array_equal(converted["conv3/u"], weights[f"{scope}/conv3/kernel_sn/u"])
    images = np.random.default_rng(0).uniform(-1, 1, [1, 32, 32, 3]).astype(np.float32)
    mask = np.ones([1, 32, 32, 1], np.float32)
    scores = discriminator(images, mask)
    # The same by the checkpoint's own kernel: only conv1 sees colours.
    kernel = weights[f"{scope}/conv1/kernel"]
    discriminator.conv1.layer.kernel.assign(kernel)
    theirs = discriminator(images[..., ::-1], mask)
    discriminator.conv1.layer.kernel.assign(converted["conv1/convolution/kernel"])
    np.testing.assert_allclose(scores, theirs, rtol=1e-4, atol=1e-6)


def assert_converted(generator, weights):
    for name, array in weights_of(generator).items():
        if "conv1/" not in name and "conv17/" not in name:  # Those see colours.
            np.testing.assert_array_equal(array, weights[released_generator_name(name)])


def test_the_folder_of_a_checkpoint_will_do(small_weights, tmp_path):
    prefix = write(small_weights, tmp_path / "snap-0")
    for path in (prefix.parent, f"{prefix}.index"):
        assert_converted(convert_checkpoint(path)[0], small_weights)


def test_a_state_file_from_another_machine(small_weights, tmp_path):
    write(small_weights, tmp_path / "snap-3")
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "/home/someone/logs/snap-3"\n')
    assert_converted(convert_checkpoint(tmp_path)[0], small_weights)


def test_without_a_discriminator(small_weights, tmp_path):
    generator_only = {k: v for k, v in small_weights.items() if k.startswith("inpaint_net/")}
    write(generator_only, tmp_path / "snap-0")
    generator, discriminator = convert_checkpoint(tmp_path / "snap-0")
    assert_converted(generator, small_weights)
    assert discriminator is None


def test_what_training_adds_is_passed_over(small_weights, tmp_path):
    slots = {
        f"{name}/{slot}": np.zeros_like(array)
        for name, array in small_weights.items()
        for slot in ("Adam", "Adam_1")
        if array.ndim == 1
    }
    scalars = {name: np.float32(0.5) for name in ("beta1_power", "beta2_power", "lr")}
    scalars = {name: np.asarray(value) for name, value in scalars.items()}
    write(small_weights | slots | scalars, tmp_path / "snap-0")
    assert convert_checkpoint(tmp_path / "snap-0")[1] is not None


def changed(weights, what):
    weights = dict(weights)
    if what == "missing":
        del weights["inpaint_net/conv13_upsample/conv13_upsample_conv/bias"]
    elif what == "extra":
        weights["inpaint_net/conv99/kernel"] = np.zeros([3, 3, 4, 4], np.float32)
    elif what == "shape":
        weights["inpaint_net/allconv17/bias"] = np.zeros([4], np.float32)
    elif what == "discriminator":
        del weights["discriminator/sn_patch_gan/conv5/kernel_sn/u"]
    elif what == "seven inputs":
        weights["inpaint_net/conv1/kernel"] = np.zeros([5, 5, 7, 48], np.float32)
    elif what == "neither paper":
        weights["inpaint_net/conv1/kernel"] = np.zeros([5, 5, 5, 32], np.float32)
        weights["inpaint_net/conv2_downsample/kernel"] = np.zeros([3, 3, 32, 64], np.float32)
    elif what == "other program":
        weights = {"resnet/conv1/kernel": np.zeros([3, 3, 4, 4], np.float32)}
    return weights


@pytest.mark.parametrize(
    "what, message",
    [
        ("missing", "no weight 'inpaint_net/conv13_upsample/conv13_upsample_conv/bias'"),
        ("extra", "a weight 'inpaint_net/conv99/kernel'"),
        ("shape", r"'inpaint_net/allconv17/bias' has shape \(4,\).*\(3,\)"),
        ("discriminator", "no weight 'discriminator/sn_patch_gan/conv5/kernel_sn/u'"),
        ("seven inputs", r"not a checkpoint of DeepFill v1, DeepFill v2.*\[5, 5, 7, 48\]"),
        ("neither paper", r"not a checkpoint of DeepFill v1, DeepFill v2.*\[5, 5, 5, 32\]"),
        ("other program", "not a checkpoint of DeepFill v1, DeepFill v2.*inpaint_net/conv1"),
    ],
)
def test_what_does_not_fit_is_named(small_weights, tmp_path, what, message):
    write(changed(small_weights, what), tmp_path / "snap-0")
    with pytest.raises(UserError, match=message):
        convert_checkpoint(tmp_path / "snap-0")


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        convert_checkpoint(tmp_path / "snap-0")
    with pytest.raises(UserError, match="holds 0 checkpoints"):
        convert_checkpoint(tmp_path)
    write({"inpaint_net/conv1/kernel": np.zeros([3], np.float32)}, tmp_path / "snap-0")
    os.truncate(tmp_path / "snap-0.data-00000-of-00001", 3)
    with pytest.raises(UserError, match="cannot read the checkpoint"):
        convert_checkpoint(tmp_path / "snap-0")
    (tmp_path / "snap-0.index").write_bytes(b"nonsense" * 20)
    with pytest.raises(UserError, match="cannot read the checkpoint"):
        convert_checkpoint(tmp_path / "snap-0")
