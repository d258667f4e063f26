import pytest
from PIL import Image

from deepfill_tf.configuration import configured_trainer, parse
from deepfill_tf.errors import UserError
from deepfill_tf.preparation.layouts import CELEBAHQ_VALIDATION, write_lists


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".txt"):
            continue
        Image.new("RGB", (64, 64), "teal").save(folder / name, format="JPEG")


def lay_out_celeba(root):
    """Five faces in CelebA's layout: two for training, two for validation, one for tests."""
    faces = [f"img_align_celeba/00000{i}.jpg" for i in range(1, 6)]
    touch(root / "celeba", *faces, "list_eval_partition.txt")
    parts = "".join(f"00000{i}.jpg {part}\n" for i, part in zip(range(1, 6), "00112", strict=True))
    (root / "celeba" / "list_eval_partition.txt").write_text(parts)


@pytest.fixture
def root(tmp_path):
    """Every dataset with a few images, in its published layout."""
    lay_out_celeba(tmp_path)
    scenes = ["data_large/a/abbey/00000001.jpg", "data_large/b/bay/00000002.jpg"]
    touch(tmp_path / "places2", *scenes, "val_large/Places365_val_00000001.jpg")
    standard = "/a/abbey/00000001.jpg 0\n/b/bay/00000002.jpg 1\n"
    (tmp_path / "places2" / "places365_train_standard.txt").write_text(standard)
    touch(tmp_path / "imagenet", "train/n01440764/n01440764_18.JPEG", "val/ILSVRC2012_val_1.JPEG")
    textures = [f"images/banded/banded_000{i}.jpg" for i in (2, 4, 5)]
    touch(tmp_path / "dtd", *textures, "labels/train1.txt")
    for name, texture in zip(("train1", "val1", "test1"), textures, strict=True):
        line = f"{texture.removeprefix('images/')}\n"
        (tmp_path / "dtd" / "labels" / f"{name}.txt").write_text(line)
    return tmp_path


EXPECTED = {
    "celeba": (["img_align_celeba/000001.jpg", "img_align_celeba/000002.jpg"], 2),
    "places2": (["data_large/a/abbey/00000001.jpg", "data_large/b/bay/00000002.jpg"], 1),
    "imagenet": (["train/n01440764/n01440764_18.JPEG"], 1),
    "dtd": (["images/banded/banded_0002.jpg"], 1),
}


@pytest.mark.parametrize("layout", EXPECTED)
def test_the_lists_are_those_that_the_datasets_config_names(root, layout):
    write_lists(layout, str(root))
    train, validation = EXPECTED[layout]
    assert (root / layout / "train.flist").read_text().split() == train
    parse([f"{layout}.gin", "laptop.gin"], [f'data.root = "{root}"'])
    data = configured_trainer().data
    assert data.paths == [str(root / layout / name) for name in train]
    assert len(data.validation_paths) == validation


def test_the_last_faces_of_celebahq_are_for_validation(tmp_path):
    folder = tmp_path / "celebahq"
    folder.mkdir()
    for number in range(CELEBAHQ_VALIDATION + 3):
        (folder / f"{number:05d}.png").touch()
    write_lists("celebahq", str(tmp_path))
    names = (folder / "validation.flist").read_text().split()
    assert (folder / "train.flist").read_text().split() == ["00000.png", "00001.png", "00002.png"]
    assert (len(names), names[0]) == (CELEBAHQ_VALIDATION, "00003.png")


def test_another_layout_is_an_error_that_names_the_file(root):
    with pytest.raises(UserError, match="no folder .*celebahq"):
        write_lists("celebahq", str(root))
    (root / "celeba" / "img_align_celeba" / "000001.jpg").unlink()
    with pytest.raises(UserError, match=r"no .*000001\.jpg, listed for train"):
        write_lists("celeba", str(root))
    (root / "celeba" / "list_eval_partition.txt").write_text("000001.jpg\n")
    with pytest.raises(UserError, match="a line '000001.jpg'"):
        write_lists("celeba", str(root))
    (root / "dtd" / "labels" / "val1.txt").unlink()
    with pytest.raises(UserError, match="cannot read .*val1.txt"):
        write_lists("dtd", str(root))
    assert not list(root.rglob("*.flist"))
