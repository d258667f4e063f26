"""Writes the golden artefacts of this version: small files in every format that it saves.

    python tests/golden_artefacts/make.py        writes tests/golden_artefacts/<version>/

    model/            model.json and weights.safetensors of a generator with contextual attention
    run/checkpoints/  a checkpoint of a coarse network: networks, optimizers, moving average
    exported/         a whole model directory, SavedModel included, of a coarse network
    completed.npz     an image, its mask, and what each of the three makes of them

They stay as they are: later versions must load them with the same results, or refuse them
with one clear line (tests/storage/test_golden_artefacts.py).
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

import deepfill_tf
from deepfill_tf import Inpainter
from deepfill_tf.inference import save_model_directory
from deepfill_tf.networks import GeneratorV1, GeneratorV2, PatchDiscriminator
from deepfill_tf.networks.architecture import architecture_of, build_model
from deepfill_tf.storage.checkpoints import Checkpoints
from deepfill_tf.storage.model_files import Provenance, write_model_files
from deepfill_tf.training.train_state import TrainState

FOLDER = Path(__file__).parent / deepfill_tf.__version__
ADAM = {"learning_rate": 1e-3, "beta_1": 0.5, "beta_2": 0.999, "epsilon": 1e-8}


def randomized(model: tf.keras.Model, seed: int) -> tf.keras.Model:
    """The built model with weights that let an image through."""
    random = np.random.default_rng(seed)
    for variable in build_model(model).weights:
        fan_in = np.prod(variable.shape[:-1]) if len(variable.shape) > 1 else 4
        variable.assign(random.normal(0, 1.5 / np.sqrt(fan_in), variable.shape))
    return model


def save_run(folder: Path) -> None:
    """Writes a checkpoint of a run after three steps, with moments that are not zero."""
    state = TrainState(
        randomized(GeneratorV1(width=2, refinement=False), 1),
        randomized(PatchDiscriminator(width=1), 2),
        share_step=True,
        ema_decay=0.9,
        adam=ADAM,
    )
    optimizer = state.generator_optimizer
    for _ in range(3):
        optimizer.apply({n: tf.ones_like(v) for n, v in optimizer.variables_by_name.items()})
        state.update_ema()
    state.step.assign(3)
    checkpoints = Checkpoints(
        str(folder),
        step=state.step,
        bundles=state.bundles(),
        architectures={
            "generator": architecture_of(state.generator),
            "discriminator": architecture_of(state.discriminator),
        },
    )
    checkpoints.make_directory()
    checkpoints.save()


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "model").mkdir(parents=True)
    origin = f"random weights of deepfill_tf {deepfill_tf.__version__}"
    write_model_files(randomized(GeneratorV2(width=2), 0), FOLDER / "model", Provenance(origin))
    save_run(FOLDER / "run")
    coarse = randomized(GeneratorV1(width=2, refinement=False), 3)
    save_model_directory(coarse, FOLDER / "exported", origin=origin, step=7)

    random = np.random.default_rng(4)
    small = random.integers(0, 256, [6, 8, 3]).astype(np.float32)
    image = tf.cast(tf.image.resize(small, [48, 64]), tf.uint8).numpy()
    mask = np.zeros([48, 64], np.uint8)
    mask[10:34, 20:50] = 255
    results = {
        name: Inpainter.load(FOLDER / name)(image, mask) for name in ("model", "run", "exported")
    }
    np.savez_compressed(FOLDER / "completed.npz", image=image, mask=mask, **results)
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    print(f"wrote {FOLDER}: {size} bytes")


if __name__ == "__main__":
    sys.exit(main())
