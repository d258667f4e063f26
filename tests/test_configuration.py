import functools
import inspect
import json

import gin
import pytest
import tensorflow as tf

from deepfill_tf import networks
from deepfill_tf.configuration import (
    CONFIGURABLES,
    config_directory,
    configured_trainer,
    default_of,
    find_config,
    parse,
)
from deepfill_tf.errors import UserError
from deepfill_tf.networks.architecture import architecture_of, model_from_architecture

CONFIGS = sorted(path.relative_to(config_directory()) for path in config_directory().rglob("*.gin"))
# Files that users name: a whole run each. The others are parts of these.
WHOLE = [str(path) for path in CONFIGS if path.parent.name == "" and path.name != "base.gin"]
OVERLAYS = ("laptop.gin", "pretrain_coarse.gin", "open_photographs_256.gin", "finetune.gin")
STAGE_2 = "open_photographs_256.gin"
WHOLE = [name for name in WHOLE if name not in OVERLAYS]


@pytest.fixture(autouse=True)
def clean_gin():
    yield
    gin.clear_config()


@pytest.fixture
def images(tmp_path, monkeypatch):
    """A folder where every config's data lies as the config says."""
    from PIL import Image

    for folder in ("train", "validation", "imagenet/train/n01", "imagenet/val"):
        (tmp_path / folder).mkdir(parents=True)
        Image.new("RGB", (40, 30), "teal").save(tmp_path / folder / "a.png")
    for name in ("celeba", "celebahq", "places2", "dtd"):
        (tmp_path / name).mkdir()
        for part in ("train", "validation"):
            (tmp_path / name / f"{part}.flist").write_text("../train/a.png\n")
    monkeypatch.setenv("DEEPFILL_DATA", str(tmp_path))
    return tmp_path


@functools.cache
def parameters_of(architecture: str) -> int:
    """Most configs have one of three generators: each is built once."""
    return model_from_architecture(json.loads(architecture)).count_params()


@pytest.mark.parametrize("overlay", [[], ["laptop.gin"]], ids=["whole", "laptop"])
@pytest.mark.parametrize("name", WHOLE)
def test_every_config_makes_its_trainer_and_networks(name, overlay, images):
    # What the papers make sketches with needs a package.
    bindings = ["data.sketches = @CannySketches()"] if "guided" in name else []
    parse([name, *overlay], bindings)
    trainer = configured_trainer()
    generator = trainer.generator()
    first_paper = "_v1" in name
    assert type(generator) is (networks.GeneratorV1 if first_paper else networks.GeneratorV2)
    assert generator.get_config()["guided"] == trainer.data.guided == ("guided" in name)
    assert trainer.objective.gan.kind == ("wgan_gp" if first_paper else "hinge")
    assert not trainer.objective.needs_box or first_paper
    if not overlay and "quickstart" not in name and name != "open_photographs.gin":
        parameters = 3_601_542 if first_paper else 4_053_678 if "guided" in name else 4_052_478
        assert parameters_of(json.dumps(architecture_of(generator))) == parameters
        assert trainer.discriminator_updates == (5 if first_paper else 1)
        assert trainer.beta_2 == (0.9 if first_paper else 0.999)
        assert trainer.objective.adversarial_weight == (0.001 if first_paper else 1.0)
    example = trainer.data.example(with_box=trainer.objective.needs_box)
    # One hole: those of mixtures may be scratches.
    least = 0.01 if name == "open_photographs.gin" else 0.05
    assert least < float(tf.reduce_mean(example["mask"])) < 0.8


@pytest.mark.parametrize(
    ("name", "binding", "complaint"),
    [
        (
            "places2_guided.gin",
            'HolisticSketches.weights_file = "nowhere.h5"',
            "nowhere.h5, HolisticSketches.weights_file",
        ),
        ("quickstart_v1.gin", 'GAN.kind = "wgan"', "GAN.kind must be one of"),
    ],
)
def test_what_a_config_lacks_is_said_before_the_first_step(name, binding, complaint, images):
    parse([name], [binding])
    with pytest.raises(UserError, match=complaint):
        configured_trainer().data.check_images()


def test_the_readme_of_configs_lists_them_all():
    text = (config_directory() / "README.md").read_text()
    assert [name for name in (*WHOLE, *OVERLAYS, "base.gin") if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", [str(path) for path in CONFIGS])
def test_every_file_parses_and_opens_by_saying_what_it_is(name):
    assert (config_directory() / name).read_text().startswith("# ")
    parse([name], [])


@pytest.mark.parametrize(
    ("binding", "complaint"),
    [
        ("Trainr.max_steps = 3", "did you mean 'Trainer'"),
        ("Trainer.max_stepz = 3", "did you mean 'max_steps'"),
        ("data.heigth = 64", "did you mean 'height'"),
        ("GeneratorV2.widht = 8", "did you mean 'width'"),
        ("Trainer.max_steps = ", "Trainer.max_steps"),
        ("train/Trainer.max_steps = 3", "nothing uses @train/Trainer(); write Trainer.max_steps"),
    ],
)
def test_a_misspelt_binding_is_an_error_with_the_nearest_name(binding, complaint):
    with pytest.raises(UserError) as error:
        parse(["quickstart.gin"], [binding])
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_a_misspelt_binding_in_a_file_is_named_with_its_line(tmp_path):
    path = tmp_path / "mine.gin"
    path.write_text('include "quickstart.gin"\n\nTrainer.global_batchsize = 3\n')
    with pytest.raises(UserError, match=r"did you mean 'global_batch_size'.*mine.gin.*line 3"):
        parse([str(path)], [])


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ("GAN.kind=hinge", """text has quotes: --gin_param='GAN.kind="hinge"'"""),
        ("data.root=/a/b", """text has quotes: --gin_param='data.root="/a/b"'"""),
        ("data.root=my images", """text has quotes: --gin_param='data.root="my images"'"""),
        ("data.train=*/a b.png", """text has quotes: --gin_param='data.train="*/a b.png"'"""),
        (
            "GeneratorV2.attention_options={rate: 2, implementation: fast}",
            """--gin_param='GeneratorV2.attention_options={"rate": 2, "implementation": "fast"}'""",
        ),
        ("Trainer.devices=[1", "gin cannot read 'Trainer.devices=[1'"),
    ],
)
def test_a_binding_without_its_quotes_is_shown_with_them(binding, message):
    with pytest.raises(UserError) as error:
        parse(["quickstart.gin"], [binding])
    assert message in str(error.value)
    assert "object at" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_line_that_gin_cannot_read_is_quoted_with_its_place(tmp_path):
    path = tmp_path / "mine.gin"
    path.write_text("Trainer.max_steps = 3\nTrainer.seed 7\n")
    with pytest.raises(UserError, match=r"'Trainer.seed 7'.*mine.gin, line 2"):
        parse([str(path)], [])


def test_a_missing_config_lists_those_there_are():
    with pytest.raises(UserError, match=r"'celba.gin'.*did you mean 'celeba.gin'.*places2.gin"):
        find_config("celba.gin")


@pytest.mark.parametrize(
    ("binding", "complaint"),
    [
        ("Trainer.max_steps = 0", "Trainer.max_steps must be a positive integer, got 0"),
        ('Trainer.precision = "float16"', "got 'float16'"),
        ("data.height = 100", "data.height must be a multiple of 8"),
        ("BrushStrokeMasks.min_strokes = 4", "max_strokes must be an integer >= 4, got 3"),
        ('GAN.kind = ["hinge"]', "GAN.kind must be one of"),
        ('GAN.width = "a"', "GAN.width must be a positive integer, got 'a'"),
        ("Objective.terms = 3", "Objective.terms must be a list of terms"),
        ("Objective.terms = [@Reconstruction]", "with the brackets"),
        ("Objective.gan = None", "Objective.gan must be made by @GAN()"),
        ('data.sketches = "canny"', "data.sketches must be a source such as @CannySketches()"),
        ('data.edge_threshold = "x"', "data.edge_threshold must be a number in [0, 1), got 'x'"),
        ("data.masks = 3", "data.masks must generate holes, such as @RectangleMasks(), got 3"),
        ("data.masks = @RectangleMasks", "such as @RectangleMasks()"),
        ("data.sketches = @CannySketches", "data.sketches must be a source"),
        ("data.root = 3", "data.root must be a path, such as 'my_images', got 3"),
        ("data.train = 3", "data.train must be a path"),
        ("UnionMasks.generators = @RectangleMasks()", "with the brackets"),
        ("UnionMasks.generators = [3]", "UnionMasks.generators must be a list of generators"),
        (
            'BrushStrokeMasks.mean_angle = "x"',
            "mean_angle must be a number in (-inf, inf), got 'x'",
        ),
        (
            'RectangleMasks.height = "a"',
            "RectangleMasks.height must be a positive integer, got 'a'",
        ),
        ("Trainer.actions = @SaveCheckpoints()", "Trainer.actions must be a list of actions"),
        ("Trainer.actions = [@SaveCheckpoints]", "with the brackets"),
        ('SaveCheckpoints.every_steps = "a"', "every_steps must be a positive integer or None"),
        ("SaveCheckpoints.every_seconds = -1", "SaveCheckpoints.every_seconds must be >= 0"),
        ("Validate.every_steps = 0.5", "Validate.every_steps must be a positive integer or None"),
        ("WriteImages.count = 0", "WriteImages.count must be a positive integer, got 0"),
        ("CompareCompletion.upscale = 0", "CompareCompletion.upscale must be a positive integer"),
        ("Trainer.init_generator_from = 3", "Trainer.init_generator_from must be the path of"),
    ],
)
def test_a_refused_value_is_quoted(binding, complaint):
    parse(["quickstart.gin"], [binding])
    with pytest.raises(UserError) as error:
        configured_trainer()
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["celeba.gin", "places2.gin", "imagenet.gin", "dtd.gin"])
def test_missing_data_says_where_it_was_looked_for_and_how_to_get_it(name, tmp_path, monkeypatch):
    monkeypatch.delenv("DEEPFILL_DATA", raising=False)
    parse([name], [f'data.root = "{tmp_path}"'])
    with pytest.raises(UserError) as error:
        configured_trainer()
    assert str(tmp_path) in str(error.value)
    assert "below data.root" in str(error.value)


def test_folders_named_as_those_of_the_package_are_not_in_the_way(tmp_path, monkeypatch):
    """gin's own reader takes them for Python packages, where they can be imported."""
    for name in ("models", "data", "objectives"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    parse(["quickstart.gin"], [])
    assert configured_trainer().max_steps > 1


def test_a_binding_takes_effect():
    parse(["quickstart.gin"], ["Trainer.max_steps = 3", "GeneratorV2.width = 6"])
    trainer = configured_trainer()
    assert trainer.max_steps == 3
    assert trainer.generator().get_config()["width"] == 6
    gin.clear_config()
    make_generator = CONFIGURABLES["GeneratorV2"]
    assert make_generator().get_config()["width"] == 24


def test_scopes_configure_two_generators_of_one_class(images):
    bindings = [
        "data.masks = @UnionMasks()",
        "UnionMasks.generators = [@low/RectangleMasks(), @high/RectangleMasks()]",
        "RectangleMasks.max_delta_height = 4",
        "RectangleMasks.max_delta_width = 4",
        "low/RectangleMasks.height = 8",
        "high/RectangleMasks.width = 8",
    ]
    parse(["deepfill_v2.gin"], bindings)
    masks = configured_trainer().data.masks
    assert [(box.height, box.width) for box in masks.generators] == [(8, 128), (128, 8)]


def test_fine_tuning_and_the_second_stage_keep_the_networks(images):
    stages = [["open_photographs.gin", *more] for more in ([], ["finetune.gin"], [STAGE_2])]
    architectures = []
    for files in stages:
        parse(files, [])
        trainer = configured_trainer()
        architectures.append(architecture_of(trainer.generator()))
    assert architectures[0] == architectures[1] == architectures[2]
    assert trainer.data.height == 256
    assert 0.01 < float(tf.reduce_mean(trainer.data.example(with_box=False)["mask"])) < 0.8


def test_what_used_a_scope_may_be_replaced(images):
    parse(["open_photographs.gin"], ["Trainer.learning_rate = 1e-3"])
    assert configured_trainer().learning_rate == 1e-3


def test_defaults_of_bindings():
    assert default_of("Trainer.seed") == 0
    assert default_of("low/GeneratorV2.kernel_gain") == 1.0
    for name in ("Trainer.data", "Trainer.nothing", "Nothing.seed"):
        assert default_of(name) is inspect.Parameter.empty
