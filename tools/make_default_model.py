#!/usr/bin/env python3
"""Makes the model that comes with the package of the best weights of a run.

    python tools/make_default_model.py --model=runs/default
    python tools/make_default_model.py --model=one --model=two    # the mean of their weights

writes model.json and weights.safetensors, in float16, to deepfill_tf/models/default/. Before, it
completes the photographs of the package with the weights as they are and rounded to float16; the
PSNR in the hole, the median over the photographs, must agree to 0.02 dB. Then
make_model_card.py evaluates it and writes its card.
"""

import dataclasses
import tempfile
from pathlib import Path

import absl.flags
import numpy as np

from deepfill_tf.command_line import Command, Flag
from deepfill_tf.errors import UserError

# What the rounding may change, and what the files may weigh.
MAX_CHANGE_DB = 0.02
MAX_BYTES = 10 * 2**20
SIZE = 128

COMMAND = Command(
    "make_default_model",
    __doc__,
    [
        Flag(
            "model",
            "A run directory, whose best/ is taken if there is one; or a model directory. Of "
            "several the mean of the weights is taken, and all else of the last.",
            required=True,
            define=absl.flags.DEFINE_multi_string,
        ),
        Flag("output", "The folder to write; the package's own if left out."),
        Flag("license", "Licence of the weights, for model.json; that of --model if left out."),
        Flag("origin", "Where the weights came from, for model.json; that of --model if left out."),
    ],
)


def run(values: absl.flags.FlagValues) -> None:
    from deepfill_tf.storage.loading import DEFAULT_MODEL, load_generator, load_with_provenance
    from deepfill_tf.storage.model_files import WEIGHTS, write_model_files
    from deepfill_tf.storage.run_directory import BEST
    from deepfill_tf.storage.weights import assign_weights, weights_of

    bests = [Path(model) / BEST for model in values.model]
    sources = [best if best.is_dir() else best.parent for best in bests]
    output = Path(values.output) if values.output else DEFAULT_MODEL
    loaded = [load_with_provenance(source) for source in sources]
    generator, provenance = loaded[-1]
    weights = [weights_of(model) for model, _ in loaded]
    mean = {name: np.mean([each[name] for each in weights], axis=0) for name in weights[-1]}
    assign_weights(generator, mean, str(sources[-1]))
    origin = values.origin or provenance.origin
    weights_license = values.license or provenance.weights_license
    provenance = dataclasses.replace(provenance, origin=origin, weights_license=weights_license)
    with tempfile.TemporaryDirectory() as folder:
        write_model_files(generator, folder, provenance, half_precision=True)
        rounded = load_generator(folder)
        before, after = psnr_in_holes(generator), psnr_in_holes(rounded)
        size = (Path(folder) / WEIGHTS).stat().st_size
    change = abs(before - after)
    names = " and ".join(map(str, sources))
    print(f"{names}, step {provenance.step}: {size / 2**20:.1f} MiB in float16")
    print(f"PSNR in the hole {before:.3f} dB in float32, {after:.3f} dB in float16")
    if not change <= MAX_CHANGE_DB:
        raise UserError(f"float16 changes the PSNR by {change:.3f} dB, above {MAX_CHANGE_DB}")
    if size > MAX_BYTES:
        raise UserError(f"the weights have {size} bytes, above {MAX_BYTES}")
    output.mkdir(parents=True, exist_ok=True)
    # Not of `rounded`: the same numbers, and the origin of the source.
    write_model_files(generator, output, provenance, half_precision=True)
    print(f"wrote {output}")


def psnr_in_holes(generator) -> float:
    """Median PSNR in dB in central holes of the package's photographs."""
    import deepfill_tf
    from deepfill_tf import Inpainter
    from deepfill_tf.data import read_pixels, resize_image

    photographs = Path(deepfill_tf.__file__).parent / "photographs"
    images = [
        resize_image(read_pixels(str(path)), SIZE, SIZE)
        for path in sorted(photographs.glob("*/*.jpg"))
    ]
    batch, mask = np.stack(images), np.zeros([1, SIZE, SIZE], bool)
    hole = slice(SIZE * 3 // 8, SIZE * 5 // 8)
    mask[:, hole, hole] = True
    inpainter = Inpainter(generator, whole_image=True)
    completed = inpainter(batch, mask)
    errors = (completed.astype(float) - batch)[:, hole, hole]
    return float(np.median(10 * np.log10(255**2 / (errors**2).mean(axis=(1, 2, 3)))))


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
