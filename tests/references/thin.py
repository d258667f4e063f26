#!/usr/bin/env python3
"""Makes the files of this directory out of the full recordings, thinned to fit a repository.

    python thin.py RECORDINGS [OUTPUT]

Nothing is rounded. What is thinned keeps every nth row and column, and its entry `_stride`, which
the tests read, is multiplied by n; images that several files share are in images.npz, once.
"""

import shutil
import sys
from pathlib import Path

import numpy as np

NETS = ("v1", "v2", "v2_guided")
AS_THEY_ARE = (
    "attention.npz",
    "data_pipeline.npz",
    "layers.npz",
    "losses.npz",
    "make_weights.py",
    "mask_statistics.json",
    "weights_sha256.json",
    *(f"variables_{net}.json" for net in NETS),
)
# Odd, so that both the even and the odd rows of what layers double are among them.
OUTPUT_STRIDE = 3
LAYER_STRIDE = 2


def main(recordings: Path, output: Path) -> None:
    shared: dict[str, np.ndarray] = {}
    for net in NETS:
        (output / net).mkdir(parents=True, exist_ok=True)
        goldens = thinned_goldens(load(recordings / net / "goldens.npz"), shared)
        np.savez_compressed(output / net / "goldens.npz", **goldens)
        name = f"training_step_{net}.npz"
        np.savez_compressed(output / name, **thinned_step(load(recordings / name), shared))
    np.savez_compressed(output / "images.npz", **shared)
    for name in AS_THEY_ARE:
        if recordings.resolve() != output.resolve():
            shutil.copyfile(recordings / name, output / name)


def load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as archive:
        return {key: archive[key] for key in archive.files}


def thinned_goldens(full: dict, shared: dict) -> dict:
    kept = dict(full)
    for case in map(str, full["cases"]):
        share(kept, f"{case}/image_bgr", f"{case}/image_bgr", shared)
        for key in ("x1", "x2", "complete", "output_rgb"):
            name = f"{case}/{key}"
            if name in full:
                kept[name] = full[name][:, ::OUTPUT_STRIDE, ::OUTPUT_STRIDE]
                # Of some outputs the recordings too hold every second or fourth row only.
                recorded = full.get(f"{name}_stride", 1)
                kept[f"{name}_stride"] = np.int32(OUTPUT_STRIDE * recorded)
        for name in (key for key in full if key.startswith(f"{case}/act/")):
            stride = name.replace("/act/", "/act_stride/")
            kept[name] = full[name][:, ::LAYER_STRIDE, ::LAYER_STRIDE]
            kept[stride] = full[stride] * np.array([LAYER_STRIDE, LAYER_STRIDE, 1], np.int32)
    return kept


def thinned_step(full: dict, shared: dict) -> dict:
    """Without the networks' outputs, which the goldens hold of other images."""
    kept = {key: value for key, value in full.items() if key.split("/")[-1] not in ("x1", "x2")}
    share(kept, "photos_bgr", "training_step/photos_bgr", shared)
    return kept


def share(kept: dict, key: str, name: str, shared: dict) -> None:
    """Moves an entry to the shared ones."""
    image = kept.pop(key)
    if name in shared and not np.array_equal(shared[name], image):
        raise ValueError(f"{name} is not the same image in every file")
    shared[name] = image


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else Path(__file__).parent)
