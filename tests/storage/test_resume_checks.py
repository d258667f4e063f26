import logging

import pytest

from deepfill_tf.errors import UserError
from deepfill_tf.storage.resume_checks import (
    CHANGEABLE_ON_RESUME,
    check_config_unchanged,
    check_image_list_unchanged,
    check_writable,
    write_config_and_image_list,
)

BEFORE = """
# Parameters for Trainer:
# ====
Trainer.max_steps = 100
Trainer.global_batch_size = 16
Trainer.ema_decay = None
Trainer.actions = \\
    [@ShowProgress(),
     @SaveCheckpoints()]
SaveCheckpoints.every_steps = 10
GeneratorV2.width = 24
Objective.adversarial_weight = 1
Objective.terms = [@Reconstruction()]
Reconstruction.weight = 1.0
Reconstruction.discount = 0.99
"""
# Files may be named so.
ODD = ["a\nb.jpg", "c\x0c.jpg", "d\u2028.jpg", "e\t\\.jpg", "f\r.jpg"]


@pytest.fixture
def run(tmp_path):
    """A run directory that was started with BEFORE and ODD."""
    write_config_and_image_list(str(tmp_path), BEFORE, ODD)
    return tmp_path


def files(run) -> dict:
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.mark.parametrize("binding", CHANGEABLE_ON_RESUME)
def test_changeable_bindings_may_differ_on_resume(tmp_path, binding):
    other = f"{binding.split('.')[0]}.other"
    write_config_and_image_list(str(tmp_path), f"{binding} = 1\n{other} = 1\n", [])
    check_config_unchanged(str(tmp_path), f"{binding} = 2\n{other} = 1\n")
    with pytest.raises(UserError, match=f"configuration: {other} = 1, now 2; to"):
        check_config_unchanged(str(tmp_path), f"{binding} = 2\n{other} = 2\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_steps = 100", "max_steps = 200"),
        ("SaveCheckpoints.every_steps = 10", "SaveCheckpoints.every_steps = 20"),
        ("[@ShowProgress(),", "[@Validate(), "),
        ("GeneratorV2.width", "Validate.every_steps = 3\nGeneratorV2.width"),
        ("# Parameters for Trainer:", "# Other words"),
        ("adversarial_weight = 1\n", "adversarial_weight = 1.0\n"),
    ],
)
def test_actions_comments_and_the_way_of_writing_may_differ_on_resume(run, old, new):
    changed = BEFORE.replace(old, new).replace("[@ShowProgress()", "[@Validate()")
    check_config_unchanged(str(run), changed)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("width = 24", "width = 12", "GeneratorV2.width = 24, now 12"),
        ("global_batch_size = 16", "global_batch_size = 8", "global_batch_size = 16, now 8"),
        ("ema_decay = None", "ema_decay = 0.99", "Trainer.ema_decay = None, now 0.99"),
        ("Reconstruction.discount = 0.99\n", "", "discount = 0.99, now its default"),
        ("GeneratorV2.width = 24\n", "", "GeneratorV2 is not used now"),
    ],
)
def test_what_is_computed_may_not_differ_on_resume(run, caplog, old, new, message):
    before = files(run)
    changed = BEFORE.replace(old, new)
    with pytest.raises(UserError, match=message):
        check_config_unchanged(str(run), changed)
    check_config_unchanged(str(run), changed, allow_change=True)
    assert [record.getMessage().endswith(message) for record in caplog.records] == [True]
    assert files(run) == before
    write_config_and_image_list(str(run), changed, ODD)
    check_config_unchanged(str(run), changed)


def test_an_argument_that_the_run_did_not_have_may_have_its_default(run):
    defaults = {"GeneratorV2.padding": "same", "GeneratorV2.gain": 1.0}
    newer = BEFORE + "GeneratorV2.padding = 'same'\nGeneratorV2.gain = 1\n"
    check_config_unchanged(str(run), newer, default_of=defaults.get)
    with pytest.raises(UserError, match="GeneratorV2.gain = its default, now 3"):
        check_config_unchanged(
            str(run), newer.replace("gain = 1", "gain = 3"), default_of=defaults.get
        )


def test_settings_of_both_configs_are_named_before_those_of_one(run, caplog):
    changed = (
        BEFORE.replace("[@Reconstruction()]", "[@Charbonnier()]")
        .replace("Reconstruction.weight = 1.0", "Charbonnier.coarse_weight = 1.0")
        .replace("Reconstruction.discount = 0.99", "Charbonnier.weight = 1.0")
        .replace("width = 24", "width = 12")
    )
    with pytest.raises(UserError) as error:
        check_config_unchanged(str(run), changed)
    assert str(error.value) == (
        f"{run} was started with another configuration: GeneratorV2.width = 24, now 12; "
        "Objective.terms = [@Reconstruction()], now [@Charbonnier()]; Charbonnier was not used "
        "then; and 1 more; to train anew pass another --run_dir; to go on with the new setting "
        "pass --allow_config_change"
    )
    check_config_unchanged(str(run), changed, allow_change=True)
    assert len(caplog.records) == 4
    assert "Reconstruction is not used now" in caplog.text


def test_a_run_directory_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(UserError, match="cannot write to the run directory"):
        check_writable(str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("damage", ["missing", "damaged"])
@pytest.mark.parametrize("name", ["config.gin", "checkpoints/images.txt.gz"])
def test_a_resumed_run_needs_the_files_it_is_compared_with(run, caplog, name, damage):
    content = (run / name).read_bytes()
    (run / name).unlink()
    if damage == "damaged":
        (run / name).write_bytes(content[:20] + b"\xff" * 9 + content[29:])

    def check(**options):
        check_config_unchanged(str(run), BEFORE, **options)
        check_image_list_unchanged(str(run), ODD, **options)

    with pytest.raises(UserError, match=rf"{name}.* restore it; .*--allow_config_change$"):
        check()
    check(allow_change=True)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_images_with_odd_names_are_the_same_when_training_goes_on(run):
    check_image_list_unchanged(str(run), ODD)


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        (["g.jpg", *ODD[1:]], r"1 missing \(a\\nb.jpg\), 1 new \(g.jpg\)"),
        ([*ODD, "g.jpg"], r"1 new \(g.jpg\)"),
        (ODD[::-1], "the same images in another order, from line 1 on"),
    ],
)
def test_other_images_are_refused(run, caplog, now, difference):
    before = files(run)
    with pytest.raises(UserError, match=difference) as error:
        check_image_list_unchanged(str(run), now)
    assert "\n" not in str(error.value)
    check_image_list_unchanged(str(run), now, allow_change=True)
    assert len(caplog.records) == 1
    assert files(run) == before
    write_config_and_image_list(str(run), BEFORE, now)
    check_image_list_unchanged(str(run), now)


@pytest.mark.parametrize("gone", [[0], [2, 3, 4], [0, 1, 3, 4]])
def test_few_images_may_be_gone_and_keep_their_places(run, caplog, gone):
    """One more than the three that a run goes on without: the fourth ended it."""
    now = [name for number, name in enumerate(ODD) if number not in gone]
    names = check_image_list_unchanged(str(run), now)
    assert [name for name in names if name in now] == now
    assert [number for number, name in enumerate(names) if name not in now] == gone
    assert f"{len(gone)} missing" in caplog.text and "other images replace" in caplog.text


def test_more_images_that_are_gone_are_refused(tmp_path):
    names = [f"{number}.jpg" for number in range(10)]
    write_config_and_image_list(str(tmp_path), BEFORE, names)
    with pytest.raises(UserError, match="10 before, 5 now; 5 missing"):
        check_image_list_unchanged(str(tmp_path), names[5:])
    assert check_image_list_unchanged(str(tmp_path), names[5:], allow_change=True) == names[5:]
