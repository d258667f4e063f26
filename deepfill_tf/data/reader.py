"""Reading images for training, and what to do about those that fail."""

import atexit
import logging
import threading
import time
import weakref
from collections.abc import Sequence

import numpy as np

from deepfill_tf.data.crops import crop_image, resize_image
from deepfill_tf.data.image_files import read_image
from deepfill_tf.data.seeds import Purpose
from deepfill_tf.data.sketches.source import SketchSource
from deepfill_tf.errors import UserError

LOG = logging.getLogger(__name__)

# More failing images than this share of the list end the run.
MAX_FAILURE_RATE = 0.01
# Further images that are tried in a failing one's place.
MAX_REPLACEMENTS = 100

# Readers that TensorFlow may still be calling: where one of its threads is inside Python
# while the interpreter goes away, the program hangs or aborts.
_READERS: weakref.WeakSet = weakref.WeakSet()
# Seconds without a call after which a closed reader is left alone, and seconds at most.
QUIET_SECONDS = 0.1
MAX_DRAIN_SECONDS = 5.0


@atexit.register
def _close_readers() -> None:
    for reader in list(_READERS):
        reader.close()


class ImageReader:
    """Reads, resizes or crops the images of a list.

    An image that fails is named once on the log, and another takes its place, chosen
    from the seed, the example's position and the number of the attempt: so the others
    keep their places. When more than 1 % of the list has failed, `error` is set and
    reading fails for good.

    Args:
      paths: the list.
      height, width, channels: of what is returned.
      seed: of replacements.
      random_crop: crop; False: resize.
      sketches: gives every image's sketch, see `data.sketches`; None: there are none.
    """

    def __init__(
        self,
        paths: Sequence[str],
        height: int,
        width: int,
        *,
        channels: int = 3,
        seed: int = 0,
        random_crop: bool = False,
        sketches: SketchSource | None = None,
    ):
        self._paths = list(paths)
        self._size = (height, width)
        self._channels = channels
        self._seed = seed
        self._random_crop = random_crop
        self._sketches = sketches
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

    def read(self, index: int, position: int, crop_fractions: np.ndarray) -> np.ndarray:
        """The image number `index` of the list, uint8 `[height, width, channels]`.

        With sketches it has one channel more, the strength of its edges. `position` is the
        example's, for a replacement; `crop_fractions` in [0, 1) say where to crop (see
        `crop_image`). Raises UserError when too many have failed.
        """
        with self._lock:
            self._reading += 1
        try:
            if self._closed:
                raise UserError("the program is ending")
            return self._read(index, position, crop_fractions)
        finally:
            with self._lock:
                self._reading -= 1
                self._last_read = time.monotonic()

    def path_of(self, index: int, position: int) -> str:
        """The image that `read` takes, given those that have failed so far."""
        for attempt in range(MAX_REPLACEMENTS):
            if self._paths[index] not in self._failed:
                break
            index = self._replacement(position, attempt)
        return self._paths[index]

    def close(self) -> None:
        """Lets reading fail from now on, and waits until TensorFlow has stopped asking.

        It stops by itself: nobody takes what it has read ahead.
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
            if self.error is not None:
                raise self.error
            try:
                return self._example(self._paths[index], crop_fractions)
            except UserError as error:
                self._note(self._paths[index], error)
                index = self._replacement(int(position), attempt)
        with self._lock:
            self.error = self.error or UserError(
                f"{MAX_REPLACEMENTS} images in a row could not be read"
            )
        raise self.error

    def _example(self, path: str, crop_fractions: np.ndarray) -> np.ndarray:
        image = self._fit(read_image(path, self._channels), crop_fractions)
        if self._sketches is None:
            return image
        sketch = self._sketches(path, image, lambda other: self._fit(other, crop_fractions))
        return np.concatenate([image, sketch], axis=2)

    def _fit(self, image: np.ndarray, crop_fractions: np.ndarray) -> np.ndarray:
        if self._random_crop:
            return crop_image(
                image, *self._size, float(crop_fractions[0]), float(crop_fractions[1])
            )
        return resize_image(image, *self._size)

    def _replacement(self, position: int, attempt: int) -> int:
        key = [self._seed, int(Purpose.REPLACEMENT), position, attempt]
        return int(
            np.random.Generator(np.random.Philox(np.random.SeedSequence(key))).integers(
                len(self._paths)
            )
        )

    def _note(self, path: str, error: UserError) -> None:
        with self._lock:
            # Other threads may still be reading when there is an error: the first one stays.
            if self.error is not None or path in self._failed:
                return
            self._failed.add(path)
            failed, count = len(self._failed), len(self._paths)
            LOG.warning("%s; another takes its place (%d of %d failed)", error, failed, count)
            if failed > MAX_FAILURE_RATE * count:
                self.error = UserError(
                    f"{failed} of {count} images could not be read, more than "
                    f"{MAX_FAILURE_RATE:.0%}; the last was: {error}"
                )
