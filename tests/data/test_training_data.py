"""Training and validation data of a run."""

import itertools

import numpy as np
import pytest

from deepfill_tf.data import RectangleMasks, TrainingData, write_image
from deepfill_tf.errors import UserError

MASKS = RectangleMasks(height=6, width=6, max_delta_height=2, max_delta_width=2)


@pytest.fixture
def root(tmp_path):
    for part, count in (("train", 7), ("validation", 5)):
        (tmp_path / part).mkdir()
        for i in range(count):
            image = np.full([20, 24, 3], 10 * i, np.uint8)
            write_image(str(tmp_path / part / f"{i}.png"), image)
    return tmp_path


def _data(root, **arguments):
    defaults = {"train": "train", "validation": "validation", "height": 16, "width": 16}
    root = None if root is None else str(root)
    return TrainingData(root=root, masks=MASKS, **{**defaults, **arguments})


def _levels(images):
    return np.rint((np.asarray(images)[:, 0, 0, 0] + 1) * 127.5).tolist()


@pytest.mark.parametrize(
    ("train", "validation", "named"),
    [
        ("nowhere", None, "nowhere"),
        ("train/*.jpg", None, "train/*.jpg"),
        ("train", "nowhere.flist", "nowhere.flist"),
    ],
)
def test_missing_images_are_named_with_the_download_instructions(root, train, validation, named):
    with pytest.raises(UserError) as error:
        _data(root, train=train, validation=validation, download_instructions="Ask the librarian.")
    assert str(root / named) in str(error.value)
    assert str(error.value).endswith("Ask the librarian.")


def test_a_missing_root_is_named(tmp_path):
    with pytest.raises(UserError, match="unmounted"):
        _data(tmp_path / "unmounted")


def test_without_a_root_the_environment_variable_is_used(root, monkeypatch):
    monkeypatch.delenv("DEEPFILL_DATA", raising=False)
    with pytest.raises(UserError, match=r"data.root is not set.*'train'.*DEEPFILL_DATA.*Ask"):
        _data(None, download_instructions="Ask.")
    monkeypatch.setenv("DEEPFILL_DATA", str(root))
    assert _data(None).paths == [str(root / "train" / f"{i}.png") for i in range(7)]
    monkeypatch.setenv("DEEPFILL_DATA", "elsewhere")
    assert _data(root).paths == _data(None, train=str(root / "train"), validation=None).paths


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_wrong_path_in_a_list_is_named_before_anything_is_read(root, part):
    names = [f"{part}/0.png", f"{part}/lost.png", f"{part}/1.png"]
    (root / "list.flist").write_text("\n".join(names))
    with pytest.raises(UserError, match="lost.png"):
        _data(root, **{part: "list.flist"}).check_images()


def test_few_damaged_images_are_named_and_more_are_refused(root, caplog):
    for number in range(3):
        (root / "train" / f"{number}.png").write_text("no image")
    _data(root).check_images()
    assert "3 of 7 images cannot be read: " in caplog.text and "others replace them" in caplog.text
    (root / "train" / "3.png").write_text("")
    with pytest.raises(UserError, match="4 of 7 images cannot be read"):
        _data(root).check_images()


def test_a_resumed_run_goes_on_without_an_image_of_its_list(root, caplog):
    (root / "list.flist").write_text("train/0.png\ntrain/1.png\ntrain/lost.png")
    _data(root, train="list.flist").check_images(resumed=True)
    assert "lost.png (no such file); others replace them" in caplog.text


def test_images_that_were_removed_leave_the_others_in_their_places(root):
    names = _data(root).names
    (root / "train" / "3.png").write_text("damaged")

    def batches(data):
        stream = data.pipeline(global_batch_size=7, seed=4).dataset().take(4)
        return [_levels(batch["image"]) for batch in stream.as_numpy_iterator()]

    expected = batches(_data(root))
    (root / "train" / "3.png").unlink()
    shorter = _data(root)
    assert batches(shorter) != expected
    shorter.keep_absent(names)
    assert batches(shorter) == expected
    assert shorter.names == names
    shorter.check_images()


def test_an_example_that_cannot_be_read_gives_way_to_the_next(root):
    (root / "train" / "2.png").write_text("damaged")
    data = _data(root)
    assert _levels(data.training_example(2, seed=0)["image"]) == [30]


@pytest.mark.parametrize("size", [0, 8, 100, 16.0])
@pytest.mark.parametrize("side", ["height", "width"])
def test_bad_sizes_are_quoted(root, side, size):
    with pytest.raises(ValueError, match=f"data.{side} .*{size}"):
        _data(root, **{side: size})


def test_validation_examples_are_the_first_and_never_change(root):
    data = _data(root, validation_count=3)
    examples = data.validation_examples(seed=1)
    assert _levels(examples["image"]) == [0, 10, 20]
    again = _data(root, validation_count=3).validation_examples(seed=1)
    for key in ("image", "mask"):
        np.testing.assert_array_equal(examples[key], again[key])
    other = data.validation_examples(seed=2)
    assert (np.asarray(other["mask"]) != np.asarray(examples["mask"])).any()
    assert _data(root, validation=None).validation_examples(seed=1) is None


def test_holes_of_training_and_validation_differ(root):
    data = _data(root)
    masks = data.batch(0, global_batch_size=5, seed=1)["mask"].numpy()
    assert (masks != data.validation_examples(seed=1)["mask"].numpy()).any()


@pytest.mark.parametrize("batch_index", [0, 5])
def test_a_batch_is_that_of_the_stream(root, batch_index):
    data = _data(root, height=16, width=16, random_crop=True, flip=True)
    stream = data.pipeline(global_batch_size=3, seed=4).dataset()
    expected = next(itertools.islice(stream.as_numpy_iterator(), batch_index, None))
    actual = data.batch(batch_index, global_batch_size=3, seed=4)
    for key in ("image", "mask"):
        np.testing.assert_array_equal(actual[key], expected[key])
