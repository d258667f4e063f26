"""The stream of batches."""

import colorsys
import hashlib
import itertools
import sys

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.data import (
    BrushStrokeMasks,
    ExampleOptions,
    ImagePipeline,
    RectangleMasks,
    UnionMasks,
    fixed_examples,
    write_image,
)
from deepfill_tf.data.colors import jitter_colors
from deepfill_tf.errors import UserError

MASKS = RectangleMasks(height=6, width=6, max_delta_height=2, max_delta_width=2)
# Recorded with TensorFlow 2.15 and 2.21.
ORDER = [17, 18, 4, 16, 12, 15, 22, 6]
DIGEST = "af7c1474b98ef37e"


def _pipeline(paths, *, global_batch_size=4, seed=11, masks=MASKS, **options):
    options = ExampleOptions(**{"height": 16, "width": 16, **options})
    return ImagePipeline(
        paths, options, global_batch_size=global_batch_size, seed=seed, masks=masks
    )


def _take(dataset, count):
    batches = list(itertools.islice(dataset.as_numpy_iterator(), count))
    return {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}


def _numbers(images):
    """Which of the numbered images these are."""
    return np.rint((images[:, 0, 0, 0] + 1) * 127.5).astype(int).tolist()


def _assert_equal(some, others):
    assert some.keys() == others.keys() == {"image", "mask", "penalty_alpha"}
    for key in some:
        np.testing.assert_array_equal(some[key], others[key])


def test_shapes_are_static_and_values_in_range(numbered_images):
    dataset = _pipeline(numbered_images, height=16, width=24).dataset(0)
    assert dataset.element_spec == {
        "image": tf.TensorSpec([4, 16, 24, 3], tf.float32),
        "mask": tf.TensorSpec([4, 16, 24, 1], tf.float32),
        "penalty_alpha": tf.TensorSpec([4, 2], tf.float32),
    }
    batch = _take(dataset, 6)
    levels = (batch["image"] + 1) * 127.5
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
    assert batch["image"].min() >= -1 and batch["image"].max() <= 1
    np.testing.assert_array_equal(np.unique(batch["mask"]), [0, 1])


def test_mask_generators_are_traced_as_they_are_written(numbered_images):
    """AutoGraph would run a translation of the code, from a file of its own, and takes seconds."""
    files = []

    def masks(seeds, height, width):
        files.append(sys._getframe().f_code.co_filename)
        return tf.zeros([seeds.shape[0], height, width, 1])

    _pipeline(numbered_images, masks=masks).dataset(0)
    assert set(files) == {__file__}


def test_one_channel_is_grey(numbered_images):
    batch = _take(_pipeline(numbered_images, channels=1).dataset(0), 1)
    assert batch["image"].shape == (4, 16, 16, 1)


def test_every_epoch_is_a_permutation_of_its_own(numbered_images):
    count = len(numbered_images)
    numbers = _numbers(_take(_pipeline(numbered_images).dataset(0), count)["image"])
    epochs = [numbers[i * count : (i + 1) * count] for i in range(4)]
    assert all(sorted(epoch) == list(range(count)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs} | {tuple(range(count))}) == 5


def test_without_shuffling_the_order_is_that_of_the_list(numbered_images):
    dataset = _pipeline(numbered_images, shuffle=False).dataset(0)
    numbers = _numbers(_take(dataset, 12)["image"])
    assert numbers == [*range(23), *range(23), 0, 1]


def test_the_stream_depends_on_the_seed(numbered_images):
    same, again, other = (
        _take(_pipeline(numbered_images, seed=seed).dataset(0), 3) for seed in (1, 1, 2)
    )
    _assert_equal(same, again)
    assert _numbers(same["image"]) != _numbers(other["image"])
    assert (same["mask"] != other["mask"]).any()


RANDOM = {
    "random_crop": True,
    "flip": True,
    "min_scale": 0.5,
    "max_scale": 2.0,
    "hue_jitter": 0.5,
    "saturation_jitter": 0.5,
}


@pytest.mark.parametrize("options", [{}, RANDOM])
def test_a_stream_may_begin_at_any_batch(numbered_images, options):
    pipeline = _pipeline(numbered_images, height=12, width=12, **options)
    # `InnerLoop.batches` needs it.
    assert pipeline.dataset(6).cardinality() == tf.data.INFINITE_CARDINALITY
    whole = _take(pipeline.dataset(0), 10)
    rest = _take(pipeline.dataset(6), 4)
    _assert_equal({key: value[24:] for key, value in whole.items()}, rest)


@pytest.mark.parametrize(("replicas", "pipelines"), [(2, 1), (4, 1), (2, 2), (4, 2)])
def test_any_number_of_replicas_sees_the_same_examples(numbered_images, replicas, pipelines):
    pipeline, batches = _pipeline(numbered_images, global_batch_size=8), 4
    alone = _take(pipeline.dataset(2), batches)
    parts = []
    for number in range(pipelines):
        context = tf.distribute.InputContext(pipelines, number, replicas)
        part = _take(pipeline.dataset(2, context), batches * replicas // pipelines)
        parts.append({k: v.reshape(batches, -1, *v.shape[1:]) for k, v in part.items()})
    joined = {key: np.concatenate([part[key] for part in parts], axis=1) for key in alone}
    _assert_equal(alone, {k: v.reshape(-1, *v.shape[2:]) for k, v in joined.items()})


def test_a_strategy_gives_each_replica_its_part(numbered_images, two_replicas):
    strategy = two_replicas
    pipeline = _pipeline(numbered_images)
    iterator = iter(
        strategy.distribute_datasets_from_function(lambda context: pipeline.dataset(1, context))
    )
    images = []
    for _ in range(3):
        parts = strategy.experimental_local_results(next(iterator)["image"])
        images.append(np.concatenate(parts))
    np.testing.assert_array_equal(np.concatenate(images), _take(pipeline.dataset(1), 3)["image"])


def test_a_batch_that_the_replicas_do_not_divide_is_refused(numbered_images):
    context = tf.distribute.InputContext(1, 0, 3)
    with pytest.raises(ValueError, match=r"4 .*3 replicas"):
        _pipeline(numbered_images).dataset(0, context)


def test_one_mask_per_batch_whatever_the_number_of_replicas(numbered_images):
    pipeline = _pipeline(numbered_images, one_mask_per_batch=True)
    masks = _take(pipeline.dataset(0), 5)["mask"].reshape(5, 4, -1)
    assert (masks == masks[:, :1]).all()
    assert len(np.unique(masks[:, 0], axis=0)) == 5
    usual = _take(_pipeline(numbered_images).dataset(0), 5)["mask"].reshape(5, 4, -1)
    np.testing.assert_array_equal(masks[:, 0], usual[:, 0])
    second = _take(pipeline.dataset(0, tf.distribute.InputContext(2, 1, 2)), 5)["mask"]
    np.testing.assert_array_equal(second.reshape(5, 2, -1), masks[:, :2])


@pytest.fixture
def gradients(tmp_path):
    """One image whose pixels are their own coordinates (row, column, 0)."""
    places = np.stack(np.meshgrid(np.arange(40), np.arange(60), indexing="ij"), axis=-1)
    path = str(tmp_path / "gradients.png")
    write_image(path, np.pad(places, [(0, 0), (0, 0), (0, 1)]).astype(np.uint8))
    return [path]


def test_crops_and_flips_are_uniform(gradients):
    batch = _take(
        _pipeline(gradients, random_crop=True, flip=True, global_batch_size=50).dataset(0), 24
    )
    pixels = np.rint((batch["image"] + 1) * 127.5).astype(int)
    flipped = pixels[:, 0, 0, 1] > pixels[:, 0, -1, 1]
    pixels[flipped] = pixels[flipped, :, ::-1]
    tops, lefts = pixels[:, 0, 0, 0], pixels[:, 0, 0, 1]
    # Each crop is a piece of the image, shifted and nothing else.
    np.testing.assert_array_equal(pixels[:, -1, -1, 0] - tops, 15)
    np.testing.assert_array_equal(pixels[:, -1, -1, 1] - lefts, 15)
    assert set(tops) == set(range(25)) and set(lefts) == set(range(45))
    # 5 standard errors of 1200 examples.
    assert flipped.mean() == pytest.approx(0.5, abs=5 * 0.0144)
    assert tops.mean() == pytest.approx(12, abs=5 * 7.2 / 1200**0.5)
    assert lefts.mean() == pytest.approx(22, abs=5 * 13 / 1200**0.5)
    assert abs(np.corrcoef(tops, lefts)[0, 1]) < 5 / 1200**0.5


@pytest.mark.parametrize(("damaged", "ends"), [(3, False), (4, True)])
def test_more_than_three_failing_images_of_a_short_list_should_end_it(
    numbered_images, tmp_path, damaged, ends
):
    paths = [tmp_path / f"damaged{i}.png" for i in range(damaged)]
    for path in paths:
        path.write_bytes(b"no image")
    pipeline = _pipeline([*numbered_images, *map(str, paths)])
    count = len(numbered_images) + damaged
    _take(pipeline.dataset(0), 2 * count // 4)  # two epochs
    assert (pipeline.error is not None) == ends
    if ends:
        assert isinstance(pipeline.error, UserError)
        assert "damaged" in str(pipeline.error) and f"4 of {count}" in str(pipeline.error)


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [
        ({"seed": -1}, "-1"),
        ({"global_batch_size": 0}, "0"),
        ({"channels": 2}, "2"),
        ({"masks": RectangleMasks()}, "height=128"),
        ({"masks": lambda seeds, height, width: tf.zeros([1, 8, 8, 1])}, r"masks.*16.*8, 8"),
    ],
)
def test_bad_arguments_are_quoted_at_construction(numbered_images, arguments, quoted):
    with pytest.raises(ValueError, match=quoted):
        _pipeline(numbered_images, **arguments)


def test_a_closed_pipeline_reads_nothing_more_and_logs_nothing(numbered_images, capfd, caplog):
    pipeline = _pipeline(numbered_images)
    iterator = iter(pipeline.dataset())
    next(iterator)
    pipeline.close()
    pipeline.close()
    with pytest.raises(tf.errors.OpError):
        for _ in range(20):  # first those that were read ahead
            next(iterator)
    assert pipeline.error is None and not caplog.records
    assert "UNKNOWN" not in capfd.readouterr().err


def test_no_images_are_refused():
    with pytest.raises(ValueError, match="image"):
        _pipeline([])


def test_fixed_examples_are_the_list_with_the_same_holes(numbered_images):
    paths = numbered_images[3:8]
    options = ExampleOptions(height=16, width=16)
    some = fixed_examples(paths, options, MASKS, 5)
    again = fixed_examples(paths, options, MASKS, 5)
    assert _numbers(np.asarray(some["image"])) == [3, 4, 5, 6, 7]
    np.testing.assert_array_equal(some["mask"], again["mask"])
    other = fixed_examples(paths, options, MASKS, 6)
    assert (np.asarray(some["mask"]) != np.asarray(other["mask"])).any()


def test_fixed_crops_are_central(gradients):
    options = ExampleOptions(height=16, width=16, random_crop=True)
    image = np.asarray(fixed_examples(gradients, options, MASKS, 5)["image"])
    corner = np.rint((image[0, 0, 0] + 1) * 127.5).tolist()
    assert corner == [12, 22, 0]


def test_flipped_images_are_mirrored_exactly(gradients):
    plain = _take(_pipeline(gradients).dataset(0), 5)["image"]
    flipped = _take(_pipeline(gradients, flip=True).dataset(0), 5)["image"]
    mirrored = (flipped == plain[:, :, ::-1]).all(axis=(1, 2, 3))
    assert ((flipped == plain).all(axis=(1, 2, 3)) != mirrored).all()
    assert 0 < mirrored.sum() < 20


def test_bytes_are_scaled_to_minus_one_to_one(gradients):
    image = _take(_pipeline(gradients, height=40, width=60).dataset(0), 1)["image"][0]
    rows = np.arange(40, dtype=np.float32)[:, None] / np.float32(127.5) - 1
    np.testing.assert_array_equal(image[..., 0], np.broadcast_to(rows, [40, 60]))


def test_examples_are_the_same_with_every_tensorflow(numbered_images):
    """The stream belongs to a run: another TensorFlow must not change it halfway."""
    strokes = BrushStrokeMasks(max_brush_width=14)
    masks = UnionMasks(generators=[MASKS, strokes])
    pipeline = _pipeline(numbered_images, height=32, width=48, masks=masks)
    batch = _take(pipeline.dataset(100), 2)
    digest = hashlib.sha256(np.packbits(batch["mask"] > 0).tobytes()).hexdigest()
    assert _numbers(batch["image"]) == ORDER
    assert digest.startswith(DIGEST)


def test_crops_are_of_all_scales(tmp_path):
    """A ramp of one level a pixel: the slope of a crop is the factor that it was reduced by."""
    ramp = np.tile(np.arange(48, dtype=np.uint8)[None, :, None] * 4, [48, 1, 3])
    write_image(str(tmp_path / "ramp.png"), ramp)
    pipeline = _pipeline([str(tmp_path / "ramp.png")], random_crop=True, min_scale=0.25)
    images = (_take(pipeline.dataset(0), 30)["image"] + 1) * 127.5
    slopes = (images[:, 8, 13, 0] - images[:, 8, 2, 0]) / 11 / 4
    # Up to the whole image, 48 / 16, although min_scale would allow 4.
    assert 1 <= slopes.min() < 1.2 and 2.8 < slopes.max() <= 3.1
    assert abs(slopes.mean() - 2) < 0.2


def test_hues_and_saturations_of_examples_are_random(tmp_path):
    colour = np.full([16, 16, 3], [200, 120, 40], np.uint8)
    write_image(str(tmp_path / "colour.png"), colour)
    pipeline = _pipeline([str(tmp_path / "colour.png")], hue_jitter=0.5, saturation_jitter=0.5)
    images = (_take(pipeline.dataset(0), 50)["image"] + 1) * 127.5
    assert np.ptp(images, axis=(1, 2)).max() < 1e-3  # one colour
    hues, saturations, values = np.array(
        [colorsys.rgb_to_hsv(*image[0, 0] / 255) for image in images]
    ).T
    assert {int(hue * 6) for hue in hues} == set(range(6))
    assert 0.4 <= saturations.min() < 0.45 and saturations.max() == 1
    assert np.mean(saturations < 1) > 0.5
    np.testing.assert_allclose(values, 200 / 255, atol=1e-6)


def test_grey_pixels_stay_grey_and_no_jitter_changes_nothing():
    random = np.random.default_rng(0)
    image = random.integers(0, 256, [8, 9, 3], np.uint8)
    np.testing.assert_array_equal(jitter_colors(image, 0.0, 0.0, random), image)
    grey = np.repeat(image[..., :1], 3, axis=2)
    np.testing.assert_array_equal(jitter_colors(grey, 0.5, 1.0, random), grey)


def test_validation_examples_keep_their_colours(numbered_images):
    plain = ExampleOptions(height=12, width=12)
    jittered = ExampleOptions(height=12, width=12, hue_jitter=0.5, saturation_jitter=1.0)
    examples = [fixed_examples(numbered_images, each, MASKS, 0) for each in (plain, jittered)]
    np.testing.assert_array_equal(*(each["image"] for each in examples))


def test_changed_colours_need_colour():
    with pytest.raises(ValueError, match="data.hue_jitter=0.5 .* set both to 0"):
        ExampleOptions(channels=1, hue_jitter=0.5)
    with pytest.raises(ValueError, match=r"data.hue_jitter must be in \[0, 0.5\], got 1"):
        ExampleOptions(hue_jitter=1)


def test_scales_without_random_crops_are_refused():
    with pytest.raises(ValueError, match="data.min_scale=0.5 .* data.random_crop = True"):
        ExampleOptions(min_scale=0.5)
    with pytest.raises(ValueError, match="data.max_scale=2 .* data.random_crop = True"):
        ExampleOptions(max_scale=2)
    with pytest.raises(ValueError, match=r"data.min_scale must be in \(0, 1\], got 2"):
        ExampleOptions(min_scale=2, random_crop=True)
