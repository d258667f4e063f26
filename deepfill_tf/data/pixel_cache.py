"""Pixels of images that are read again and again, kept in memory."""

import os
import threading

import numpy as np

from deepfill_tf.data.image_files import read_pixels

# Largest sum of the sizes of the arrays that a cache keeps.
MAX_BYTES = 128 * 2**20


class PixelCache:
    """Reads pixels of images, and keeps those of the first files that fit into memory.

    None makes room for another: in an epoch every image is read once, so that the one used least
    recently is the one wanted next. Files that changed since are read again. Those that are not on
    this machine, and records, are not kept. May be called by several threads.

    Args:
      max_bytes: largest sum of the sizes of all arrays that are kept.
    """

    def __init__(self, max_bytes: int = MAX_BYTES):
        self._free_bytes = max_bytes
        self._kept: dict[tuple, np.ndarray] = {}
        self._lock = threading.Lock()

    def read(self, path: str, channels: int) -> np.ndarray:
        """Returns uint8 `[H, W, channels]`, not to be changed; otherwise as `read_pixels`."""
        try:
            state = os.stat(path)
        except OSError:
            return read_pixels(path, channels)
        key = path, channels, state.st_mtime_ns, state.st_size
        if key in self._kept:
            return self._kept[key]
        pixels = read_pixels(path, channels)
        with self._lock:
            if key not in self._kept and pixels.nbytes <= self._free_bytes:
                # A view of a larger array, such as one with alpha, would keep all of that.
                pixels = pixels.copy()
                pixels.flags.writeable = False
                self._kept[key] = pixels
                self._free_bytes -= pixels.nbytes
        return pixels
