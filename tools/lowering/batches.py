"""Random crops and holes, made by other processes into shared memory. No TensorFlow."""

import ctypes
import importlib.util
import multiprocessing
import queue
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# deepfill_tf.data, whose modules are loaded without what the package imports.
DATA = Path(__file__).parents[2] / "deepfill_tf" / "data"
SLOTS = 24
# Seconds without a batch after which the processes are taken for dead.
PATIENCE = 120


@dataclass(frozen=True)
class Kind:
    """Batches of one kind.

    Attributes:
      images: images in a batch.
      height, width: of the crops.
      scales: of the crops, `min_scale` and `max_scale` of `data` in the gin files.
      flip: as there.
      jitters: `hue_jitter` and `saturation_jitter`.
      holes: a file of holes, packed to bits: `holes`, uint8 `[M, height * width / 8]`.
    """

    images: int
    height: int
    width: int
    scales: tuple[float, float]
    flip: bool
    jitters: tuple[float, float]
    holes: Path


class Batches:
    """An endless stream of batches of the kind that is wanted at the moment.

    Args:
      paths: image files. Every process reads its own part of them, once.
      kinds: of batches.
      processes: number of processes.
    """

    def __init__(self, paths: Sequence[str], kinds: Sequence[Kind], processes: int):
        if len(paths) < processes:
            raise ValueError(f"{processes} processes need as many images, got {len(paths)}")
        self._kinds = kinds
        # A copy of a process with JAX in it could hang.
        context = multiprocessing.get_context("spawn")
        largest = max(kind.images * kind.height * kind.width * 4 for kind in kinds)
        self._memory = [context.RawArray(ctypes.c_uint8, largest) for _ in range(SLOTS)]
        self._wanted = context.Value("i", 0)
        self._free = context.Queue()
        self._ready = context.Queue()
        for slot in range(SLOTS):
            self._free.put(slot)
        for number in range(processes):
            arguments = (paths[number::processes], number)
            context.Process(target=self._fill, args=arguments, daemon=True).start()

    def next(self, kind: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns uint8 images `[N, H, W, 3]` and masks `[N, H, W, 1]`, 1 in the hole."""
        self._wanted.value = kind
        found = None
        while found != kind:
            try:
                slot, found = self._ready.get(timeout=PATIENCE)
            except queue.Empty as error:
                raise RuntimeError(f"no batch was made in {PATIENCE} seconds") from error
            images, masks = (array.copy() for array in self._views(slot, found))
            self._free.put(slot)
        return images, masks

    def _views(self, slot: int, kind: int) -> tuple[np.ndarray, np.ndarray]:
        k = self._kinds[kind]
        pixels = k.images * k.height * k.width
        memory = np.frombuffer(self._memory[slot], np.uint8)
        return (
            memory[: pixels * 3].reshape(k.images, k.height, k.width, 3),
            memory[pixels * 3 : pixels * 4].reshape(k.images, k.height, k.width, 1),
        )

    def _fill(self, paths: Sequence[str], number: int) -> None:
        """Fills free slots, in a process of its own."""
        import cv2

        cv2.setNumThreads(1)
        crops, colors = _module(DATA / "crops.py"), _module(DATA / "colors.py")
        read = (cv2.imread(path) for path in paths)
        pictures = [cv2.cvtColor(image, cv2.COLOR_BGR2RGB) for image in read if image is not None]
        if not pictures:
            raise ValueError(f"none of {len(paths)} images can be read, such as {paths[0]!r}")
        holes = [np.load(kind.holes)["holes"] for kind in self._kinds]
        random = np.random.default_rng([0, number])
        while True:
            slot, kind = self._free.get(), self._wanted.value
            k = self._kinds[kind]
            for image, mask in zip(*self._views(slot, kind), strict=True):
                picture = pictures[random.integers(len(pictures))]
                fractions = random.random(3)
                crop = crops.crop_at_scale(picture, k.height, k.width, k.scales, *fractions)
                if any(k.jitters):
                    crop = colors.jitter_colors(crop, *k.jitters, random)
                image[:] = crop[:, ::-1] if k.flip and random.random() < 0.5 else crop
                mask[..., 0] = _hole(k, holes[kind], random)
            self._ready.put((slot, kind))


def _hole(kind: Kind, holes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One of the holes, mirrored at random, uint8 `[H, W]`."""
    packed = holes[random.integers(len(holes))]
    hole = np.unpackbits(packed)[: kind.height * kind.width].reshape(kind.height, kind.width)
    vertical, horizontal = random.random(2) < 0.5
    hole = hole[::-1] if vertical else hole
    return hole[:, ::-1] if horizontal else hole


def _module(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
