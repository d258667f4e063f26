import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.inference.completion import complete_uint8
from deepfill_tf.inference.signatures import InpaintingModule
from tests.small_generators import random_images, random_masks, small_generator

SIZES = [(16, 16), (37, 50), (48, 64)]

# Runs in a process that cannot import the package.
FRESH = """
import sys
sys.modules["deepfill_tf"] = None
import numpy as np, tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
inputs, outputs = np.load(sys.argv[2]), {}
def call(name, key, **arguments):
    for field, value in signatures[name](**arguments).items():
        outputs[f"{key}/{name}/{field}"] = value.numpy()
for key in sorted({name.split("/")[0] for name in inputs.files}):
    image, mask = tf.constant(inputs[key + "/image"]), tf.constant(inputs[key + "/mask"])
    call("serving_default", key, image=image, mask=mask)
    files = [tf.map_fn(tf.io.encode_png, x, fn_output_signature=tf.string) for x in (image, mask)]
    call("encoded", key, image=files[0], mask=files[1])
    outputs[key + "/encoded/completed"] = np.stack(
        [tf.io.decode_png(file).numpy() for file in outputs.pop(key + "/encoded/completed_bytes")])
    call("raw", key, image=tf.cast(image, tf.float32) / 127.5 - 1,
         mask=tf.cast(mask > 127, tf.float32))
np.savez(sys.argv[3], **outputs)
"""


@pytest.fixture(scope="module")
def module(generator):
    return InpaintingModule(generator)


@pytest.fixture(scope="module")
def fresh(model_directory, tmp_path_factory):
    """The outputs of all signatures of the SavedModel, run without this package."""
    folder = tmp_path_factory.mktemp("fresh")
    inputs = {}
    for height, width in SIZES:
        inputs[f"{height}x{width}/image"] = random_images(2, height, width, 3)
        inputs[f"{height}x{width}/mask"] = random_masks(2, height, width)
    np.savez(folder / "inputs.npz", **inputs)
    arguments = [str(model_directory), str(folder / "inputs.npz"), str(folder / "outputs.npz")]
    subprocess.run([sys.executable, "-I", "-c", FRESH, *arguments], check=True, cwd=folder)
    return np.load(folder / "outputs.npz")


@pytest.mark.parametrize("height, width", SIZES)
def test_saved_model_needs_no_package_and_agrees_with_the_generator(
    fresh, generator, height, width
):
    key = f"{height}x{width}"
    images, masks = random_images(2, height, width, 3), random_masks(2, height, width)
    # The generator takes multiples of 8: NumPy continues the images by their mirror image.
    margins = [[0, 0], [0, -height % 8], [0, -width % 8], [0, 0]]
    padded = np.pad(images.astype(np.float32) / 127.5 - 1, margins, mode="symmetric")
    holes = np.pad((masks > 127).astype(np.float32), margins, mode="symmetric")
    coarse, refined, offsets = (x.numpy() for x in generator(padded, holes))
    coarse, refined = coarse[:, :height, :width], refined[:, :height, :width]

    np.testing.assert_allclose(fresh[f"{key}/raw/coarse"], coarse, rtol=0, atol=1e-5)
    np.testing.assert_allclose(fresh[f"{key}/raw/refined"], refined, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(fresh[f"{key}/raw/offsets"], offsets)
    assert fresh[f"{key}/raw/offsets"].shape == (2, -(-height // 8), -(-width // 8), 2)
    assert fresh[f"{key}/raw/offsets"].dtype == np.int32

    hole = np.broadcast_to(masks > 127, images.shape)
    levels = np.trunc(np.clip((refined + 1) * 127.5, 0, 255))
    for name in ("serving_default", "encoded"):
        completed = fresh[f"{key}/{name}/completed"]
        assert completed.dtype == np.uint8
        np.testing.assert_array_equal(completed[~hole], images[~hole])
        difference = np.abs(completed[hole] - levels[hole])
        assert difference.max() <= 1 and (difference > 0).mean() < 1e-3


def test_raw_completion_is_the_input_outside_the_hole(fresh):
    images, masks = random_images(2, 37, 50, 3), random_masks(2, 37, 50)
    image = images.astype(np.float32) / np.float32(127.5) - 1
    expected = np.where(masks > 127, fresh["37x50/raw/refined"], image)
    np.testing.assert_array_equal(fresh["37x50/raw/completed"], expected)


def test_garbage_under_the_hole_does_not_matter(module):
    masks = random_masks(2, 37, 50)
    hole = masks > 127
    images = random_images(2, 37, 50, 3)
    other = np.where(hole, random_images(2, 37, 50, 3, seed=1), images)
    first, second = (module.serving_default(p, masks)["completed"].numpy() for p in (images, other))
    np.testing.assert_array_equal(first, second)

    image = (images / 127.5 - 1).astype(np.float32)
    holes = hole.astype(np.float32)
    expected = module.raw(image, holes)
    for garbage in (np.nan, np.inf, -1e30):
        actual = module.raw(np.where(hole, np.float32(garbage), image), holes)
        for name in ("coarse", "refined", "completed", "offsets"):
            np.testing.assert_array_equal(actual[name], expected[name], err_msg=name)


def test_each_image_has_its_own_mask_and_one_serves_all(module):
    images, masks = random_images(2, 24, 40, 3), random_masks(2, 24, 40)
    both = module.serving_default(images, masks)["completed"].numpy()
    for i in range(2):
        alone = module.serving_default(images[i : i + 1], masks[i : i + 1])["completed"].numpy()
        assert np.abs(both[i].astype(int) - alone[0]).max() <= 1
    shared = module.serving_default(images, masks[:1])["completed"].numpy()
    repeated = module.serving_default(images, masks[[0, 0]])["completed"].numpy()
    np.testing.assert_array_equal(shared, repeated)


def test_encoded_images_may_differ_in_size_and_format(module):
    images = [random_images(24, 40, 3), random_images(33, 17, 3)]
    masks = [random_masks(1, *image.shape[:2])[0] for image in images]
    files = [tf.io.encode_png(images[0]), tf.io.encode_jpeg(images[1], quality=95)]
    completed = module.encoded(tf.stack(files), tf.stack([tf.io.encode_png(m) for m in masks]))
    images[1] = tf.io.decode_jpeg(files[1], dct_method="INTEGER_ACCURATE").numpy()
    for file, image, mask in zip(completed["completed_bytes"].numpy(), images, masks, strict=True):
        assert file.startswith(b"\x89PNG")
        expected = module.serving_default(image[None], mask[None])["completed"][0]
        np.testing.assert_array_equal(tf.io.decode_png(file), expected)


def test_a_mask_of_another_size_is_refused(module):
    with pytest.raises(tf.errors.InvalidArgumentError, match="differ in height or width"):
        module.serving_default(random_images(1, 24, 40, 3), random_masks(1, 24, 32))


@pytest.mark.parametrize("padding", ["symmetric", "reflect"])
def test_mirrored_padding_takes_small_images_too(padding):
    generator = small_generator(padding=padding)
    image, mask = random_images(1, 16, 21, 3), random_masks(1, 16, 21)
    completed = complete_uint8(generator, image, mask).numpy()
    known = np.broadcast_to(mask <= 127, image.shape)
    assert completed.shape == image.shape
    np.testing.assert_array_equal(completed[known], image[known])


def test_the_hole_of_an_encoded_mask_is_any_bright_colour(module):
    image, mask = random_images(24, 40, 3), random_masks(1, 24, 40)[0]
    colored = np.concatenate([mask // 3, mask, 0 * mask], axis=-1)
    encoded = [tf.io.encode_png(image).numpy()]
    grey, color = (
        module.encoded(tf.constant(encoded), tf.stack([tf.io.encode_png(m)]))[
            "completed_bytes"
        ].numpy()
        for m in (mask, colored)
    )
    assert grey[0] == color[0]


@pytest.mark.parametrize(
    "size, hole, message",
    [
        ((24, 40), np.ones([24, 40, 1]), "all hole"),
        ((15, 40), np.zeros([15, 40, 1]), "at least 16"),
        ((24, 40), np.zeros([24, 32, 1]), "differ in height or width"),
    ],
)
def test_encoded_files_that_the_command_refuses_are_refused(module, size, hole, message):
    image, mask = random_images(*size, 3), (hole * 255).astype(np.uint8)
    files = [tf.io.encode_png(x)[None] for x in (image, mask)]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        module.encoded(*files)
