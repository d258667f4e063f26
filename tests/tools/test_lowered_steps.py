"""Training steps as XLA programs: operations for GPUs, their description, their batches."""

import json

import numpy as np
import pytest
import tensorflow as tf

TINY = [
    "--gin_file=quickstart.gin",
    "--gin_param=GeneratorV2.width=4",
    "--gin_param=GeneratorV2.border_correction=(2.0,)",
    "--gin_param=GeneratorV2.detail_weight=0.5",
    "--gin_param=GAN.width=4",
    "--gin_param=Trainer.global_batch_size=2",
    "--gin_param=Trainer.ema_decay=0.5",
    "--masks=70",
]


@pytest.fixture(autouse=True)
def tools(monkeypatch, request):
    monkeypatch.syspath_prepend(request.config.rootpath / "tools")


@pytest.mark.parametrize("size", [(5, 1), (1, 3)])
def test_depthwise_convolutions_as_sums(size):
    from lowering.gpu_operations import depthwise_convolution

    shapes = (2, 6, 7, 4), (*size, 4, 1), (2, 6, 7, 4)
    *values, weights = (tf.random.stateless_normal(shape, [0, i]) for i, shape in enumerate(shapes))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(values)
        results = [
            function(*values, strides=[1, 1, 1, 1], padding="SAME")
            for function in (tf.nn.depthwise_conv2d, depthwise_convolution)
        ]
        sums = [tf.reduce_sum(result * weights) for result in results]
    np.testing.assert_allclose(*results, atol=1e-4)
    for gradients in zip(*(tape.gradient(total, values) for total in sums), strict=True):
        np.testing.assert_allclose(*gradients, atol=1e-3)


@pytest.fixture(scope="module")
def lowered(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("lowered")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(request.config.rootpath / "tools")
        import lower_training_step

        command = lower_training_step.COMMAND
        assert command.exit_code(lower_training_step.run, [*TINY, f"--output={folder}"]) == 0
    return folder


def test_the_description_fits_the_files(lowered):
    description = json.loads((lowered / "step.json").read_text())
    first = np.load(lowered / "first.npz")
    assert sorted(first.files) == sorted(description["variables"])
    parts = {name.split("/")[0] for name in description["variables"]}
    networks = {"generator", "discriminator"}
    optimizers = {f"{network}_optimizer" for network in networks}
    assert parts == networks | optimizers | {"ema", "first_non_finite_batch"}
    assert {"generator/loss", "discriminator/loss"} <= set(description["scalars"])
    # Steps and weights of a new run.
    assert first["discriminator_optimizer/step"] == 0 and first["first_non_finite_batch"] == -1
    ema = {name: first[name] for name in first.files if name.startswith("ema/")}
    for name, average in ema.items():
        np.testing.assert_array_equal(average, first[name.replace("ema/", "generator/", 1)])


def test_the_program_leaves_convolutions_to_cudnn(lowered):
    """Opcodes are strings in the serialized program."""
    assert b"\x12\x0bconvolution" in (lowered / "step.hlo.pb").read_bytes()


def test_batches_are_crops_and_holes(lowered, request):
    from lowering.batches import Batches, Kind

    size = json.loads((lowered / "step.json").read_text())["size"]
    photographs = sorted((request.config.rootpath / "deepfill_tf/photographs/train").glob("*.jpg"))
    kinds = [
        Kind(3, *size, (0.5, 3.0), True, (0.5, 0.5), lowered / "masks.npz"),
        Kind(2, *size, (1.0, 1.0), False, (0.0, 0.0), lowered / "masks.npz"),
    ]
    batches = Batches([str(path) for path in photographs], kinds, processes=1)
    for kind in (0, 1, 0):
        images, masks = batches.next(kind)
        assert images.shape == (kinds[kind].images, *size, 3) and images.std() > 10
        assert masks.shape == (kinds[kind].images, *size, 1)
        assert set(np.unique(masks)) == {0, 1} and 0 < masks.mean() < 0.8


@pytest.mark.parametrize("name", ["default_model", "default_model_continued"])
def test_the_plans_of_the_default_model_are_complete(name, request):
    plan = json.loads((request.config.rootpath / f"tools/lowering/{name}.json").read_text())
    assert set(plan) == {"until", "learning_rate", "adversarial_weight", "ema_decay"}
    for name in ("learning_rate", "adversarial_weight", "ema_decay"):
        fractions = [fraction for fraction, _ in plan[name]]
        assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1
