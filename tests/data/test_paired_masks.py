"""Pairs of image and mask in training."""

import numpy as np
import pytest
import tensorflow as tf

from deepfill_tf.configuration import configured_trainer, parse
from deepfill_tf.data import MaskFiles, RectangleMasks, TrainingData, UnionMasks, write_image
from deepfill_tf.data.examples import ExampleOptions
from deepfill_tf.errors import UserError


def write_pair(image_path, mask_paths, size=(40, 48), seed=0, inside=200, outside=40):
    """An image that is bright in its holes alone, each in another place, and their masks."""
    random = np.random.default_rng(seed)
    image = np.full([*size, 3], outside, np.uint8)
    for i, path in enumerate(mask_paths):
        top, left = random.integers(0, [size[0] - 12, size[1] - 12])
        mask = np.zeros([*size, 1], np.uint8)
        mask[top : top + 8, left : left + 8] = 255
        # A bright hole of its own: red for the first mask, green for the second, ...
        image[mask[:, :, 0] > 0, i] = inside
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, mask)
    image_path.parent.mkdir(parents=True, exist_ok=True)
    write_image(image_path, image)


@pytest.fixture
def root(tmp_path):
    """Three training images and a validation image, with a mask each beside them."""
    for name in ("train/a", "train/x/b", "train/x/c", "validation/d"):
        write_pair(tmp_path / f"{name}.png", [tmp_path / f"{name}_mask.png"], seed=len(name))
    return tmp_path


def data_of(root, masks, **options):
    options = {"height": 24, "width": 24, "random_crop": True} | options
    return TrainingData(
        train=options.pop("train", "train"),
        validation="validation",
        root=str(root),
        masks=masks,
        **options,
    )


def batches(data, count=6, first=0):
    stream = data.pipeline(global_batch_size=4, seed=3).dataset(first)
    return list(stream.take(count))


def brightness(batch, channel=0):
    return (batch["image"].numpy()[..., channel] + 1) * 127.5


@pytest.mark.parametrize("min_scale", [1.0, 0.5])
def test_masks_are_cropped_reduced_and_mirrored_with_their_images(root, min_scale):
    data = data_of(root, MaskFiles(), flip=True, min_scale=min_scale)
    assert data.names == ["train/a.png", "train/x/b.png", "train/x/c.png"]
    data.check_images()
    for batch in batches(data):
        mask = batch["mask"].numpy()[..., 0]
        assert set(np.unique(mask)) == {0, 1}
        # Every crop has a part of its hole; reduced pixels that were bright in part are in it.
        assert (mask.sum(axis=(1, 2)) > 0).all()
        red = brightness(batch)
        np.testing.assert_array_equal(mask == 1, np.rint(red) > 40)


def test_resized_masks_fit_their_images(root):
    data = data_of(root, MaskFiles(), random_crop=False)
    for batch in batches(data, 2):
        mask, red = batch["mask"].numpy()[..., 0], brightness(batch)
        assert (red[mask == 0] < 60).all() and red[mask == 1].mean() > 120


def test_the_stream_is_a_function_of_seed_and_batch(root):
    write_pair(root / "train/e.png", [root / f"train/e_mask{i:03}.png" for i in (1, 2, 7)])
    first = batches(data_of(root, MaskFiles(), flip=True), 6)
    again = batches(data_of(root, MaskFiles(), flip=True), 2, first=4)
    for one, other in zip(first[4:], again, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    assert not np.array_equal(first[0]["mask"], first[1]["mask"])


def test_several_masks_of_an_image_take_turns(tmp_path):
    masks = [tmp_path / f"train/e_mask{i:03}.png" for i in (1, 2, 7)]
    write_pair(tmp_path / "train/e.png", masks, seed=1)
    write_pair(tmp_path / "validation/d.png", [tmp_path / "validation/d_mask.png"])
    data = data_of(tmp_path, MaskFiles(), height=40, width=48)
    seen = []
    for batch in batches(data, 8):
        for i in range(4):
            hole = batch["mask"].numpy()[i, :, :, 0] == 1
            # The whole image is the crop: the hole is that of one of its three colours.
            bright = [bool((brightness(batch, c)[i][hole] > 199).all()) for c in range(3)]
            assert any(bright)
            seen.append(bright.index(True))
    assert set(seen) == {0, 1, 2}
    assert max(np.bincount(seen)) < 22  # of 32


@pytest.mark.parametrize(
    ("names", "path"),
    [
        (["masks/train/a.png", "masks/validation/d.png"], "masks"),
        (["masks/a.png", "masks/d_mask.png"], "masks"),
        (["other/a_mask001.png", "other/y/d.png"], "other/**/*.png"),
        (["b/a.png", "b/d.png"], "list.txt"),
    ],
)
def test_folders_globs_and_lists_of_masks(tmp_path, names, path):
    for image, mask in zip(("train/a.png", "validation/d.png"), names, strict=True):
        write_pair(tmp_path / image, [tmp_path / mask], seed=len(mask))
    (tmp_path / "list.txt").write_text("\n".join(names))
    if "**" in path:  # TensorFlow's globs go one folder deep
        path = "other/*"
        (tmp_path / "other/y/d.png").rename(tmp_path / "other/d.png")
    data = data_of(tmp_path, MaskFiles(path=path))
    data.check_images()
    for examples in (batches(data, 1)[0], data.validation_examples(seed=0)):
        np.testing.assert_array_equal(examples["mask"][..., 0] == 1, brightness(examples) > 100)


def test_a_folder_of_masks_among_the_images_holds_no_images(tmp_path):
    write_pair(tmp_path / "a.png", [tmp_path / "masks" / "a.png"])
    write_pair(tmp_path / "validation" / "d.png", [tmp_path / "masks" / "d.png"])
    data = data_of(tmp_path, MaskFiles(path="masks"), train=".")
    assert [name.removeprefix("./") for name in data.names] == ["a.png", "validation/d.png"]


def test_one_mask_serves_all(root):
    mask = np.zeros([40, 48, 1], np.uint8)
    mask[10:20] = 255
    write_image(root / "mask.png", mask)
    data = data_of(root, MaskFiles(path="mask.png"), train="train/x/b.png", height=40, width=48)
    for batch in batches(data, 2):
        np.testing.assert_array_equal(batch["mask"], np.tile(mask / 255, [4, 1, 1, 1]))


def test_masks_go_with_sketches(root):
    class Bright:
        """Edges where red is bright."""

        def check(self, paths):
            pass

        def __call__(self, path, image, fit):
            return np.where(image[..., :1] > 100, 255, 0).astype(np.uint8)

    data = data_of(root, MaskFiles(), sketches=Bright())
    for batch in [*batches(data, 2), data.validation_examples(seed=0)]:
        np.testing.assert_array_equal(batch["mask"], batch["sketch"])
    example = data.example(with_box=False)
    batch = batches(data, 1)[0]
    assert {name: value.shape[1:] for name, value in example.items()} == {
        name: value.shape[1:] for name, value in batch.items()
    }


def test_crops_hold_the_given_pixel():
    options = ExampleOptions(height=16, width=24, random_crop=True, min_scale=0.25, max_scale=2.0)
    random = np.random.default_rng(0)
    for size in ((16, 24), (40, 30), (9, 50), (200, 100)):
        for _ in range(50):
            pixel = random.integers(0, size)
            marked = np.zeros(size, bool)
            # Enlarged, a pixel alone may vanish.
            marked[max(pixel[0] - 2, 0) : pixel[0] + 3, max(pixel[1] - 2, 0) : pixel[1] + 3] = 1
            fractions = options.fractions_around(pixel, size, random.random(3))
            assert all(0 <= fraction < 1 for fraction in fractions)
            assert options.fit_hole(marked, fractions).any()


def test_bad_masks_are_named(root):
    data = data_of(root, MaskFiles())
    write_image(root / "train/a_mask.png", np.zeros([40, 48, 1], np.uint8))
    with pytest.raises(UserError, match=r"a_mask.png has no hole: all of it is black"):
        data.check_images()
    write_image(root / "train/a_mask.png", np.ones([40, 48, 1], np.uint8))
    with pytest.raises(UserError, match='set MaskFiles.hole = "nonzero"'):
        data.check_images()
    write_image(root / "train/a_mask.png", np.full([40, 48, 1], 255, np.uint8))
    with pytest.raises(UserError, match='a_mask.png is all hole.*set MaskFiles.hole = "black"'):
        data.check_images()
    write_image(root / "train/a_mask.png", np.ones([48, 40, 1], np.uint8))
    with pytest.raises(UserError, match=r"1 of 4 masks are not of .*a_mask.png; resize them, or"):
        data.check_images()
    (root / "train/a_mask.png").write_text("no image")
    with pytest.raises(UserError, match=r"1 of 4 images cannot be read: .*a_mask.png"):
        data.check_images()
    (root / "train/a_mask.png").unlink()
    with pytest.raises(UserError, match=r"1 of 4 images have no mask .*train/a.png.*a_mask001.png"):
        data_of(root, MaskFiles())


def test_a_hole_of_one_pixel_is_in_every_enlarged_crop(root):
    mask = np.zeros([40, 48, 1], np.uint8)
    mask[20, 24] = 255
    for path in root.glob("train/*_mask.png"):
        write_image(path, mask)
    data = data_of(root, MaskFiles(), max_scale=3.0)
    batches = data.pipeline(global_batch_size=4, seed=0).dataset().take(10)
    assert min(float(hole.max()) for batch in batches for hole in batch["mask"].numpy()) == 1


def test_masks_that_fail_later_are_replaced_and_limited(root, caplog):
    data = data_of(root, MaskFiles())
    write_image(root / "train/a_mask.png", np.zeros([40, 48, 1], np.uint8))
    stream = data.pipeline(global_batch_size=4, seed=3)
    assert len(list(stream.dataset().take(3))) == 3
    assert "a_mask.png has no hole" in caplog.text and stream.error is None
    # Crops of nothing but the hole.
    mask = np.full([40, 48, 1], 255, np.uint8)
    mask[0] = 0
    write_image(root / "validation/d_mask.png", mask)
    with pytest.raises(UserError, match="fills crops of 24 x 24 .* data.min_scale"):
        data_of(root, MaskFiles()).validation_examples(seed=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hole": "green"}, "MaskFiles.hole must be .*'green'"),
        ({"grow": -1}, "MaskFiles.grow must be an integer >= 0, got -1"),
        ({"path": 3}, "MaskFiles.path must be a path, .* got 3"),
        ({"resize": 1}, "MaskFiles.resize"),
    ],
)
def test_bad_settings_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MaskFiles(**arguments)


def test_what_does_not_go_with_mask_files_is_refused(root):
    with pytest.raises(UserError, match=r"one_mask_per_batch=True.*MaskFiles"):
        data_of(root, MaskFiles(), one_mask_per_batch=True)
    with pytest.raises(ValueError, match=r"UnionMasks.generators must be .*MaskFiles"):
        UnionMasks(generators=[RectangleMasks(), MaskFiles()])
    with pytest.raises(UserError, match=r"MaskFiles .*set data.masks = @RectangleMasks"):
        data_of(root, MaskFiles()).example(with_box=True)
    with pytest.raises(UserError, match="does not exist"):
        data_of(root, MaskFiles(path="nowhere"))
    for name in ("p", "q"):
        write_pair(root / f"{name}.png", [root / name / "a.png"])
    (root / "list.txt").write_text("p/a.png\nq/a.png")
    with pytest.raises(UserError, match="several masks of the name a: "):
        data_of(root, MaskFiles(path="list.txt"))
    assert tf.io.gfile.exists(str(root))


def test_gin_files_name_masks_of_files(root):
    write_pair(root / "train/a.png", [root / "masks/a.png"])
    write_pair(root / "validation/d.png", [root / "masks/validation/d.png"])
    (root / "validation/d_mask.png").unlink()  # it would be an image, without a mask in the folder
    bindings = [f'data.root="{root}"', 'data.train="train/a.png"', 'data.validation="validation"']
    bindings += ["data.masks=@MaskFiles()", 'MaskFiles.path="masks"', "MaskFiles.grow=1"]
    parse(["open_photographs.gin"], [*bindings, "data.height=24", "data.width=24"])
    data = configured_trainer().data
    examples = data.validation_examples(seed=0)
    mask, bright = examples["mask"].numpy()[..., 0], brightness(examples) > 100
    assert mask[bright].all() and mask.sum() > bright.sum()
