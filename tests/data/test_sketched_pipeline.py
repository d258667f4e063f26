"""Batches with sketches and boxes."""

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.data import EdgeFiles, RectangleMasks, TrainingData, UnionMasks, write_image
from deepfill_tf.data.examples import ExampleOptions
from deepfill_tf.data.masks import BrushStrokeMasks
from deepfill_tf.data.pipeline import ImagePipeline, fixed_examples
from deepfill_tf.errors import UserError
from deepfill_tf.ops import crop

BOXES = RectangleMasks(height=12, width=8, max_delta_height=4, max_delta_width=4)


@pytest.fixture(scope="module")
def noise_images(tmp_path_factory):
    """Five images of noise; an edge wherever red is above 200, in a format without loss."""
    folder = tmp_path_factory.mktemp("noise_images")
    paths = [str(folder / f"{i}.png") for i in range(5)]
    for i, path in enumerate(paths):
        image = np.random.default_rng(i).integers(0, 256, [40, 48, 3], np.uint8)
        write_image(path, image)
        edges = np.where(image[..., :1] > 200, 255, 0).astype(np.uint8).repeat(3, axis=2)
        write_image(path.replace(".png", "_edge.png"), edges)
    return paths


def pipeline(paths, *, sketches=None, with_box=False, **options):
    return ImagePipeline(
        paths,
        ExampleOptions(height=32, width=32, random_crop=True, **options),
        global_batch_size=4,
        seed=3,
        masks=BOXES,
        sketches=sketches,
        with_box=with_box,
    )


def test_sketches_are_cropped_and_mirrored_with_their_images(noise_images):
    stream = pipeline(noise_images, sketches=EdgeFiles(ending="_edge.png"), flip=True).dataset()
    for batch in stream.take(6):
        red = tf.round((batch["image"][..., :1] + 1) * 127.5)
        np.testing.assert_array_equal(batch["sketch"], tf.cast(red > 200, tf.float32))


@pytest.mark.parametrize(("strength", "edge"), [(153, 0), (154, 1)])
def test_the_edge_threshold_is_that_of_the_released_program(tmp_path, strength, edge):
    path = str(tmp_path / "a.png")
    write_image(path, np.zeros([32, 32, 3], np.uint8))
    write_image(str(tmp_path / "a_edge.png"), np.full([32, 32, 3], strength, np.uint8))
    source = EdgeFiles(ending="_edge.png")
    batch = next(iter(pipeline([path], sketches=source).dataset()))
    np.testing.assert_array_equal(batch["sketch"], np.full([4, 32, 32, 1], edge))
    options = ExampleOptions(height=32, width=32)
    fixed = fixed_examples([path], options, BOXES, 0, sketches=source)
    np.testing.assert_array_equal(fixed["sketch"], np.full([1, 32, 32, 1], edge))


@pytest.mark.parametrize("one_mask_per_batch", [False, True])
def test_every_hole_is_in_the_centre_of_its_box(noise_images, one_mask_per_batch):
    stream = pipeline(noise_images, with_box=True, one_mask_per_batch=one_mask_per_batch).dataset()
    for batch in stream.take(6):
        rows, columns, masks = (batch[k] for k in ("box_rows", "box_columns", "mask"))
        assert (rows.shape, columns.shape) == ([4, 12], [4, 8])
        inside = crop(masks, rows, columns)
        np.testing.assert_array_equal(
            tf.reduce_sum(inside, [1, 2, 3]), tf.reduce_sum(masks, [1, 2, 3])
        )
        np.testing.assert_array_equal(inside, inside[:, ::-1, ::-1])
        corners = {(int(r[0]), int(c[0])) for r, c in zip(rows, columns, strict=True)}
        assert (len(corners) == 1) == one_mask_per_batch


def test_a_union_has_the_box_of_its_rectangle():
    masks = UnionMasks(generators=[BrushStrokeMasks(), BOXES])
    seeds = tf.constant([[0, 1], [0, 2]], tf.int64)
    rows, columns = masks.boxes(seeds, 32, 32)
    assert (crop(masks(seeds, 32, 32), rows, columns).numpy().sum(axis=(1, 2, 3)) >= 8 * 4).all()


def test_penalty_alpha_is_uniform_and_the_same_for_the_same_batch(noise_images):
    def first(count):
        batches = pipeline(noise_images).dataset().take(count)
        return np.concatenate([batch["penalty_alpha"] for batch in batches])

    alpha = first(50)
    np.testing.assert_array_equal(alpha, first(50))
    assert alpha.shape == (200, 2)
    assert alpha.min() >= 0 and alpha.max() < 1
    assert np.abs(alpha.mean(axis=0) - 0.5).max() < 0.1
    assert abs(np.corrcoef(alpha.T)[0, 1]) < 0.25


def test_the_example_has_the_shapes_of_batches(noise_images):
    stream = pipeline(noise_images, with_box=True, sketches=EdgeFiles(ending="_edge.png"))
    batch, example = next(iter(stream.dataset())), stream.example()
    assert set(batch) == set(example)
    for name, value in batch.items():
        assert value.shape[1:] == example[name].shape[1:], name
        assert value.dtype == example[name].dtype, name
    np.testing.assert_array_equal(example["mask"], batch["mask"][:1])


def test_holes_without_a_box_are_refused(noise_images, tmp_path):
    (tmp_path / "all.flist").write_text("\n".join(noise_images))
    data = TrainingData(
        train=str(tmp_path / "all.flist"), masks=BrushStrokeMasks(), height=32, width=32
    )
    assert set(data.example(with_box=False)) == {"image", "mask", "penalty_alpha"}
    with pytest.raises(UserError, match=r"BrushStrokeMasks.*RectangleMasks"):
        data.example(with_box=True)


def test_missing_edge_files_are_named(noise_images, tmp_path):
    (tmp_path / "all.flist").write_text("\n".join(noise_images))
    data = TrainingData(
        train=str(tmp_path / "all.flist"),
        masks=BOXES,
        height=32,
        width=32,
        sketches=EdgeFiles(),
    )
    with pytest.raises(UserError, match=r"5 of 5 images cannot be read.*0_edge.jpg"):
        data.check_images()
