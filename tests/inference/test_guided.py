"""Completion with sketches: in Python, as files, as a command, as a SavedModel."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from deepfill_tf import Inpainter, inpaint
from deepfill_tf.errors import UserError
from deepfill_tf.inference import save_model_directory
from deepfill_tf.inference.completion import complete_uint8
from deepfill_tf.inference.completion_paths import CompletionPaths
from deepfill_tf.inference.files import FileCompleter, complete_many
from deepfill_tf.inference.pairing import plan_many
from deepfill_tf.inference.report import Report
from deepfill_tf.inference.signatures import InpaintingModule
from tests.small_generators import random_images, random_masks, small_generator

SIZE = (33, 40)

FRESH = """
import sys
sys.modules["deepfill_tf"] = None
import numpy as np, tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
inputs = {k: tf.constant(v) for k, v in np.load(sys.argv[2]).items()}
outputs = {"serving_default": signatures["serving_default"](**inputs)["completed"]}
files = {k: tf.map_fn(tf.io.encode_png, v, fn_output_signature=tf.string)
         for k, v in inputs.items()}
encoded = signatures["encoded"](**files)["completed_bytes"]
outputs["encoded"] = np.stack([tf.io.decode_png(file).numpy() for file in encoded])
raw = signatures["raw"](
    image=tf.cast(inputs["image"], tf.float32) / 127.5 - 1,
    mask=tf.cast(inputs["mask"] > 127, tf.float32),
    sketch=tf.cast(inputs["sketch"] > 153, tf.float32))
outputs["raw"] = tf.saturate_cast((raw["completed"] + 1) * 127.5, tf.uint8)
np.savez(sys.argv[3], **{k: np.asarray(v) for k, v in outputs.items()})
"""


def guided_generator(**arguments):
    generator = small_generator(guided=True, **arguments)
    # Gates halve every signal: so that the sketch's shows in eight bits.
    kernel = generator.coarse.conv1.kernel
    kernel.assign(kernel * np.array([1, 1, 1, 100, 1, 1], np.float32)[:, None])
    return generator


@pytest.fixture(scope="module")
def guided():
    """Of one network: a small program, in which a sketch takes the same ways."""
    return guided_generator(refinement=False)


@pytest.fixture(scope="module")
def guided_inpainter(guided):
    return Inpainter(guided)


@pytest.fixture(scope="module")
def model(guided, tmp_path_factory):
    path = tmp_path_factory.mktemp("guided") / "model"
    save_model_directory(guided, path, origin="a test's random numbers")
    return path


def example(count: int = 2):
    """Images, masks, and sketches of two strengths around the threshold."""
    images, masks = random_images(count, *SIZE, 3), random_masks(count, *SIZE)
    random = np.random.default_rng(3)
    sketches = np.where(random.random([count, *SIZE, 1]) < 0.2, 154, 153).astype(np.uint8)
    return images, masks, sketches


def test_the_sketch_steers(guided):
    """With random weights the effect is small, so floats are compared."""
    images, masks, sketches = example()
    raw = InpaintingModule(guided).raw
    floats, holes = images.astype(np.float32) / 127.5 - 1, (masks > 127).astype(np.float32)
    drawn, empty = (raw(floats, holes, (sketches > t).astype(np.float32)) for t in (153, 255))
    assert np.abs(drawn["coarse"] - empty["coarse"]).max() > 1e-4


def test_regions_around_the_holes_see_the_sketch():
    generator, inputs = guided_generator(), example(1)
    assert generator.supports_regions
    in_regions, whole = (
        complete_uint8(generator, *inputs, whole_image=whole).numpy() for whole in (False, True)
    )
    np.testing.assert_allclose(in_regions.astype(int), whole, rtol=0, atol=1)


def test_an_edge_is_above_the_released_threshold(guided_inpainter):
    images, masks, sketches = example()
    completed = guided_inpainter(images, masks, sketches)
    np.testing.assert_array_equal(guided_inpainter(images, masks, sketches > 153), completed)
    np.testing.assert_array_equal(guided_inpainter(images, masks, sketches[..., 0]), completed)
    known = np.broadcast_to(masks <= 127, images.shape)
    np.testing.assert_array_equal(completed[known], images[known])


def test_what_is_drawn_outside_the_hole_does_not_matter(guided_inpainter):
    images, masks, sketches = example()
    elsewhere = np.where(masks > 127, sketches, 255).astype(np.uint8)
    np.testing.assert_array_equal(
        guided_inpainter(images, masks, elsewhere), guided_inpainter(images, masks, sketches)
    )


def test_one_sketch_and_one_mask_may_serve_all(guided_inpainter):
    images, masks, sketches = example()
    once = guided_inpainter(images, masks[:1], sketches[:1])
    again = guided_inpainter(images, masks[:1].repeat(2, 0), sketches[:1].repeat(2, 0))
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(once[0], guided_inpainter(images[0], masks[0], sketches[0]))


def test_a_sketch_comes_with_guided_models_and_no_others(guided_inpainter, inpainter):
    images, masks, sketches = example()
    with pytest.raises(ValueError, match="guided: it takes image, mask and sketch"):
        guided_inpainter(images, masks)
    with pytest.raises(ValueError, match="not guided"):
        inpainter(images, masks, sketches)
    with pytest.raises(ValueError, match="the sketch's shape .* does not fit"):
        guided_inpainter(images, masks, sketches[:, 1:])
    with pytest.raises(ValueError, match="a sketch must be uint8"):
        guided_inpainter(images, masks, sketches.astype(np.float32))


def test_the_saved_model_takes_sketches_without_this_package(model, guided_inpainter, tmp_path):
    images, masks, sketches = example()
    np.savez(tmp_path / "inputs.npz", image=images, mask=masks, sketch=sketches)
    arguments = [str(model), str(tmp_path / "inputs.npz"), str(tmp_path / "outputs.npz")]
    subprocess.run([sys.executable, "-I", "-c", FRESH, *arguments], check=True, cwd=tmp_path)
    outputs = np.load(tmp_path / "outputs.npz")
    expected = guided_inpainter(images, masks, sketches)
    known = np.broadcast_to(masks <= 127, images.shape)
    for name in ("serving_default", "encoded"):
        np.testing.assert_array_equal(outputs[name][known], images[known], err_msg=name)
    for name in ("serving_default", "encoded", "raw"):
        # Another process rounds otherwise, and truncation may take a level.
        assert np.abs(outputs[name].astype(int) - expected).max() <= 1, name
    (model / "model.json").rename(tmp_path / "model.json")
    try:
        loaded = Inpainter.load(model)
    finally:
        (tmp_path / "model.json").rename(model / "model.json")
    assert loaded.guided
    np.testing.assert_allclose(loaded(images, masks, sketches).astype(int), expected, atol=1)


@pytest.fixture
def folders(tmp_path):
    """Two images in `images`, their masks in `masks`, their sketches in `sketches`."""
    names = {"images": "{}.png", "masks": "{}_mask.png", "sketches": "{}_sketch.png"}
    for (folder, name), arrays in zip(names.items(), example(), strict=True):
        (tmp_path / folder).mkdir()
        for letter, array in zip("ab", arrays, strict=True):
            Image.fromarray(array.squeeze()).save(tmp_path / folder / name.format(letter))
    return tmp_path


def pixels(path):
    return np.asarray(Image.open(path))


def complete_all(inpainter, paths):
    """Returns how many were completed, and the messages of the others."""
    report = Report(None, {})
    complete_many(FileCompleter(inpainter), plan_many(paths), report)
    errors = [record.error for record in report.images if record.error]
    return report.counts["completed"], errors


def test_files(guided_inpainter, inpainter, folders):
    sketch = folders / "sketches/a_sketch.png"
    paths = CompletionPaths(
        folders / "images/a.png", folders / "masks/a_mask.png", folders / "out.png", sketch
    )
    paths.check_one()
    FileCompleter(guided_inpainter).complete(paths)
    expected = guided_inpainter(*(x[0] for x in example()))
    np.testing.assert_array_equal(pixels(folders / "out.png"), expected)
    with pytest.raises(UserError, match="guided by sketches"):
        FileCompleter(guided_inpainter).check_sketch(None)
    with pytest.raises(UserError, match="not guided.*a_sketch.png"):
        FileCompleter(inpainter).check_sketch(sketch)
    with pytest.raises(UserError, match="the output .* is the sketch, which is never"):
        replace(paths, output=sketch).check_one()
    with pytest.raises(UserError, match="no sketch .*z.png"):
        replace(paths, sketch=folders / "z.png").check_one()


@pytest.mark.parametrize("together", [False, True])
def test_folders(guided_inpainter, folders, together):
    names = ["images"] * 3 if together else ["images", "masks", "sketches"]
    if together:
        for folder in ("masks", "sketches"):
            for path in (folders / folder).iterdir():
                path.rename(folders / "images" / path.name)
    images, masks, sketches = (folders / name for name in names)
    paths = CompletionPaths(images, masks, folders / "out", sketches)
    assert complete_all(guided_inpainter, paths) == (2, [])
    expected = guided_inpainter(*example())
    for letter, image in zip("ab", expected, strict=True):
        # A batch of one rounds otherwise than a batch of two.
        found = pixels(folders / "out" / f"{letter}.png").astype(int)
        assert np.abs(found - image).max() <= 1


def test_one_file_is_never_mask_and_sketch(guided_inpainter, folders):
    for path in (folders / "masks").iterdir():
        path.rename(folders / "masks" / path.name.replace("_mask", ""))
    paths = CompletionPaths(*(folders / f for f in ("images", "masks", "out", "masks")))
    completed, failures = complete_all(guided_inpainter, paths)
    assert (completed, len(failures)) == (0, 2) and "a.png has no mask" in failures[0]


def test_a_missing_sketch_is_named_and_the_rest_goes_on(guided_inpainter, folders):
    (folders / "sketches" / "a_sketch.png").unlink()
    paths = CompletionPaths(*(folders / f for f in ("images", "masks", "out", "sketches")))
    completed, failures = complete_all(guided_inpainter, paths)
    assert (completed, len(failures)) == (1, 1) and "a.png has no sketch" in failures[0]


def test_the_command(model, guided_inpainter, folders, capsys):
    arguments = [
        f"--model={model}",
        f"--image={folders / 'images/b.png'}",
        f"--mask={folders / 'masks/b_mask.png'}",
        f"--output={folders / 'b.png'}",
    ]
    assert inpaint.COMMAND.exit_code(inpaint.run, arguments) == 1
    assert "sketch" in capsys.readouterr().err
    arguments.append(f"--sketch={folders / 'sketches/b_sketch.png'}")
    assert inpaint.COMMAND.exit_code(inpaint.run, arguments) == 0
    expected = guided_inpainter(*(x[1] for x in example()))
    np.testing.assert_array_equal(pixels(folders / "b.png"), expected)
