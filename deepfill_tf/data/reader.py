"""Reading images for training, with replacements for those that cannot be read."""

import atexit
import logging
import threading
import time
import weakref
from collections.abc import Collection, Sequence

import numpy as np

from deepfill_tf.data.examples import ExampleOptions, HoleSource, read_example
from deepfill_tf.data.failure_limit import limit_description, max_failures
from deepfill_tf.data.pixel_cache import PixelCache
from deepfill_tf.data.seeds import Purpose, generator_of
from deepfill_tf.data.sketches.source import SketchSource
from deepfill_tf.errors import UserError

LOG = logging.getLogger(__name__)

# Other images that are tried in place of one that cannot be read.
MAX_REPLACEMENTS = 100

# Readers that TensorFlow may still be calling: where one of its threads is inside Python
# while the interpreter exits, the program hangs or aborts.
_READERS: weakref.WeakSet = weakref.WeakSet()
# A closed reader is quiet when it was not called for so long; nobody waits longer than the maximum.
QUIET_SECONDS = 0.1
MAX_DRAIN_SECONDS = 5.0


@atexit.register
def _close_readers() -> None:
    for reader in list(_READERS):
        reader.close()


class ImageReader:
    """Reads, crops or resizes the images of a list; may be called by several threads.

    An image that cannot be read is logged once and replaced by another, chosen from the seed,
    the example's position and the number of the attempt, so that no other example changes.
    When more than `failure_limit.max_failures` have failed, `error` is set, and whoever reads
    should stop as soon as that suits; images are still replaced until then. The first images that
    fit into memory are read from their files once (`PixelCache`).

    Args:
      paths: the list.
      options: size, channels and crop.
      seed: seed of the choice of replacements.
      sketches: makes or reads every image's sketch, see `data.sketches`; None for none.
      absent: those of the paths that are known not to be there. They are replaced without a
        word, and do not count as failures.
      holes: reads the holes of the images; None if they are generated.

    Attributes:
      error: None, or why reading should stop.
    """

    def __init__(
        self,
        paths: Sequence[str],
        options: ExampleOptions,
        *,
        seed: int = 0,
        sketches: SketchSource | None = None,
        absent: Collection[str] = (),
        holes: HoleSource | None = None,
    ):
        self._paths = list(paths)
        self._options = options
        self._seed = seed
        self._sketches = sketches
        self._holes = holes
        self._absent = frozenset(absent)
        self._cache = PixelCache()
        self._failed: set[str] = set()
        self._lock = threading.Lock()
        self.error: UserError | None = None
        self._closed = False
        self._reading = 0
        self._last_read = time.monotonic()
        _READERS.add(self)

    @property
    def failed(self) -> frozenset[str]:
        """Paths of the images that failed so far."""
        return frozenset(self._failed)

    def read(
        self, index: int, position: int, crop_fractions: np.ndarray, flip: bool = False
    ) -> np.ndarray:
        """Reads the image `index` of the list, see `read_example`.

        Args:
          index: in 0 .. number of paths - 1.
          position: the example's position in the stream, see `data.seeds`; it decides the
            replacement.
          crop_fractions: `[3]`, in [0, 1), see `crop_at_scale`.
          flip: whether to mirror it left to right; the result then is a view of an array.

        Raises UserError if `MAX_REPLACEMENTS` images in a row cannot be read, and StopIteration
        if the reader is closed: the only exception of a Python function that TensorFlow does not
        log.
        """
        with self._lock:
            self._reading += 1
        try:
            example = self._read(index, int(position), crop_fractions)
            return example[:, ::-1] if flip else example
        finally:
            with self._lock:
                self._reading -= 1
                self._last_read = time.monotonic()

    def path_of(self, index: int, position: int) -> str:
        """Path of the image that `read` returns, given those that have failed so far."""
        for attempt in range(MAX_REPLACEMENTS):
            if self._paths[index] not in self._failed | self._absent:
                break
            index = self._replacement(position, attempt)
        return self._paths[index]

    def close(self) -> None:
        """Makes further reads fail, and waits until TensorFlow makes none.

        TensorFlow stops reading ahead by itself when nobody takes the batches. May be called
        again.
        """
        self._closed = True
        deadline = time.monotonic() + MAX_DRAIN_SECONDS
        while time.monotonic() < deadline:
            with self._lock:
                quiet = time.monotonic() - self._last_read
                if self._reading == 0 and quiet > QUIET_SECONDS:
                    return
            time.sleep(QUIET_SECONDS / 5)

    def _read(self, index: int, position: int, crop_fractions: np.ndarray) -> np.ndarray:
        for attempt in range(MAX_REPLACEMENTS):
            if self._closed:
                raise StopIteration
            path = self._paths[index]
            if path not in self._absent:
                try:
                    return read_example(
                        path,
                        self._options,
                        self._sketches,
                        crop_fractions,
                        holes=self._holes,
                        random=self._generator_of_hole(position, attempt),
                        random_colors=self._generator_of_colors(position),
                        read=self._cache.read,
                    )
                except UserError as error:
                    self._record_failure(path, error)
            index = self._replacement(position, attempt)
        with self._lock:
            self.error = self.error or UserError(
                f"{MAX_REPLACEMENTS} images in a row could not be read"
            )
        raise self.error

    def _generator_of_hole(self, position: int, attempt: int) -> np.random.Generator | None:
        if self._holes is None:
            return None
        return generator_of(self._seed, Purpose.MASK, position, attempt)

    def _generator_of_colors(self, position: int) -> np.random.Generator | None:
        if not self._options.jitters:
            return None
        return generator_of(self._seed, Purpose.COLORS, position)

    def _replacement(self, position: int, attempt: int) -> int:
        generator = generator_of(self._seed, Purpose.REPLACEMENT, position, attempt)
        return int(generator.integers(len(self._paths)))

    def _record_failure(self, path: str, error: UserError) -> None:
        with self._lock:
            if self._closed or path in self._failed:
                return
            self._failed.add(path)
            if self.error is not None:  # images are read ahead: the first error stays
                return
            failed, count = len(self._failed), len(self._paths)
            LOG.warning("%s; replaced by another image (%d of %d failed)", error, failed, count)
            if failed > max_failures(count):
                self.error = UserError(
                    f"{failed} of {count} images could not be read, {limit_description(count)}; "
                    f"the last was: {error}"
                )
