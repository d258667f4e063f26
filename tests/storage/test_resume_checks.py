import pytest

from deepfill_tf.errors import UserError
from deepfill_tf.storage.resume_checks import (
    check_config_unchanged,
    check_image_list_unchanged,
    check_writable,
)

BEFORE = """
# Parameters for Trainer:
# ====
Trainer.max_steps = 100
Trainer.global_batch_size = 16
Trainer.actions = \\
    [@ShowProgress(),
     @SaveCheckpoints()]
SaveCheckpoints.every_steps = 10
GeneratorV2.width = 24
"""
# Files may be named so.
ODD = ["a\nb.jpg", "c\x0c.jpg", "d\u2028.jpg", "e\t\\.jpg", "f\r.jpg"]


def test_a_new_run_gets_its_config(tmp_path):
    check_config_unchanged(str(tmp_path), BEFORE)
    assert (tmp_path / "config.gin").read_text() == BEFORE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_steps = 100", "max_steps = 200"),
        ("every_steps = 10", "every_steps = 20"),
        ("[@ShowProgress(),", "["),
        ("# Parameters for Trainer:", "# Other words"),
    ],
)
def test_how_long_and_how_watched_may_change(tmp_path, old, new):
    check_config_unchanged(str(tmp_path), BEFORE)
    check_config_unchanged(str(tmp_path), BEFORE.replace(old, new), changeable=("SaveCheckpoints",))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("width = 24", "width = 12", "GeneratorV2.width = 24"),
        ("global_batch_size = 16", "global_batch_size = 8", "Trainer.global_batch_size = 16"),
        ("GeneratorV2.width = 24\n", "", "its default"),
    ],
)
def test_what_is_computed_may_not_change(tmp_path, old, new, named):
    check_config_unchanged(str(tmp_path), BEFORE)
    with pytest.raises(UserError, match=named):
        check_config_unchanged(str(tmp_path), BEFORE.replace(old, new))
    assert (tmp_path / "config.gin").read_text() == BEFORE
    check_config_unchanged(str(tmp_path), BEFORE.replace(old, new), allow=True)
    assert (tmp_path / "config.gin").read_text() == BEFORE.replace(old, new)


def test_a_run_directory_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(UserError, match="cannot write to the run directory"):
        check_writable(str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "precious"


def test_images_with_odd_names_are_the_same_when_training_goes_on(tmp_path):
    check_image_list_unchanged(str(tmp_path), ODD)
    check_image_list_unchanged(str(tmp_path), ODD)


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        (ODD[1:], r"1 missing \(a\\nb.jpg\)"),
        ([*ODD, "g.jpg"], r"1 new \(g.jpg\)"),
        (ODD[::-1], "the same images in another order, from line 1 on"),
    ],
)
def test_other_images_are_refused(tmp_path, now, difference):
    check_image_list_unchanged(str(tmp_path), ODD)
    with pytest.raises(UserError, match=difference) as error:
        check_image_list_unchanged(str(tmp_path), now)
    assert "\n" not in str(error.value)
    check_image_list_unchanged(str(tmp_path), now, allow=True)
    check_image_list_unchanged(str(tmp_path), now)
