"""Where the recorded numbers of the original programs are."""

import os
import sys
from pathlib import Path

import numpy as np

COMMITTED = Path(__file__).parent / "references"


def reference_path(name: str) -> Path:
    """Path of a reference file: of the full recordings where DEEPFILL_REFERENCE names them."""
    places = [COMMITTED]
    if full := os.environ.get("DEEPFILL_REFERENCE"):
        places.insert(0, Path(full))
    for place in places:
        if (place / name).exists():
            return place / name
    raise FileNotFoundError(f"no {name} in {' or '.join(map(str, places))}")


def reference_weights(net: str, seed: int) -> dict[str, np.ndarray]:
    """The synthetic weights of the reference by the released program's names."""
    folder = str(reference_path("make_weights.py").parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    import make_weights

    return make_weights.make_weights(net, seed)
