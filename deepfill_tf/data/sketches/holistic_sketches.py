"""Sketches from a learned edge detector, whose weights the user brings."""

import functools
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import tensorflow as tf

from deepfill_tf.errors import UserError

# Height and width of the image that a model is tried on.
PROBE_SIZE = (64, 96)


@dataclass(frozen=True, kw_only=True)
class HolisticSketches:
    """Holistically-nested edge detection (HED, Xie & Tu 2015), as in the second paper.

    The network is a file that OpenCV's `cv2.dnn` reads: `.onnx` or a frozen TensorFlow
    graph `.pb`, and up to OpenCV 4 also the `.caffemodel` that the authors of HED
    released. It takes float32 `[1, 3, H, W]`, BGR less `mean`, of any height and width,
    and gives `[1, 1, h, w]`, the probability of an edge; an output of another size is
    resized to the image's.

    Attributes:
      model: the file with the weights.
      config: the file with the architecture, where the format has one: Caffe's `.prototxt`.
      mean: what is subtracted from blue, green and red. The default is that of HED's model.
    """

    model: str | None = None
    config: str | None = None
    mean: tuple = (104.00698793, 116.66876762, 122.67891434)
    _lock: threading.Lock = field(
        default_factory=threading.Lock, init=False, repr=False, compare=False
    )

    def __post_init__(self):
        if len(self.mean) != 3:
            raise ValueError(
                f"HolisticSketches.mean must be three numbers, blue first, got {self.mean!r}"
            )

    def check(self, paths: Sequence[str]) -> None:
        """Raises UserError unless the model can be read and finds edges in a small image."""
        output = self._output(np.full([*PROBE_SIZE, 3], 127, np.uint8))
        if output.ndim != 4 or output.shape[:2] != (1, 1) or not output.size:
            raise UserError(
                f"HolisticSketches.model {self.model!r} gives {list(output.shape)} for an image "
                f"of {list(PROBE_SIZE)}, but an edge detector gives [1, 1, height, width]"
            )
        if not (output.min() >= 0 and output.max() <= 1):
            raise UserError(
                f"HolisticSketches.model {self.model!r} gives values from {output.min():.4g} to "
                f"{output.max():.4g}, but the probability of an edge is from 0 to 1: end the "
                "model with a sigmoid"
            )

    def __call__(
        self, path: str, image: np.ndarray, fit: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        height, width = image.shape[:2]
        strength = self._output(image)[0, 0]
        if strength.shape != (height, width):
            strength = cv2.resize(strength, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.rint(255 * strength.clip(0, 1)).astype(np.uint8)[..., None]

    def _output(self, image: np.ndarray) -> np.ndarray:
        """What the network gives for uint8 `[H, W, 1 or 3]`. One thread at a time runs it."""
        blue_first = np.broadcast_to(image, [*image.shape[:2], 3])[:, :, ::-1]
        image = (blue_first - np.asarray(self.mean)).astype(np.float32).transpose(2, 0, 1)[None]
        with self._lock:
            network = self._network
            try:
                network.setInput(np.ascontiguousarray(image))
                return network.forward()
            except cv2.error as error:
                raise UserError(
                    f"HolisticSketches.model {self.model!r} fails on an image of "
                    f"{list(image.shape[:2])}, but it must take any size: {_reason(error)}"
                ) from error

    @functools.cached_property
    def _network(self) -> "cv2.dnn.Net":
        """The network, read when it is first wanted."""
        if self.model is None:
            raise UserError(
                "HolisticSketches.model must name the file of an edge detector, which this "
                "package does not bring: bind it, or take data.sketches=@CannySketches() or "
                "@EdgeFiles(), which need none"
            )
        for attribute in ("model", "config"):
            path = getattr(self, attribute)
            if path is not None and not os.path.isfile(path):
                raise UserError(
                    f"there is no file {path}, which HolisticSketches.{attribute} names"
                )
        if self.model.endswith(".pb"):
            _check_graph(self.model)
        if hasattr(cv2.dnn, "readNetFromCaffe"):
            _register_crop()
        try:
            return cv2.dnn.readNet(self.model, self.config or "")
        except cv2.error as error:
            raise UserError(
                f"OpenCV {cv2.__version__} cannot read HolisticSketches.model {self.model!r} with "
                f"HolisticSketches.config {self.config!r}: {_reason(error)}"
            ) from error


class Crop:
    """HED's own Caffe layer: the middle of the first input, as large as the second.

    OpenCV's layer of that name begins at the corner where no `offset` is given.
    """

    def __init__(self, params: dict, blobs: list[np.ndarray]):
        self._axis = int(params.get("axis", 2))
        self._offset = params.get("offset")

    def getMemoryShapes(self, inputs: list[list[int]]) -> list[list[int]]:  # noqa: N802
        """The shape of the output, for OpenCV."""
        image, wanted = inputs
        return [[*image[: self._axis], *wanted[self._axis :]]]

    def forward(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """The cut, for OpenCV."""
        image = inputs[0]
        sizes = np.array(inputs[1].shape[self._axis :])
        starts = (np.array(image.shape[self._axis :]) - sizes) // 2
        if self._offset is not None:
            starts = np.broadcast_to(self._offset, sizes.shape)
        cut = [slice(int(a), int(a + n)) for a, n in zip(starts, sizes, strict=True)]
        return [image[(..., *cut)]]


@functools.cache
def _register_crop() -> None:
    cv2.dnn_registerLayer("Crop", Crop)


def _check_graph(path: str) -> None:
    """Raises UserError where the file is no graph: OpenCV 5 would end the process."""
    try:
        with open(path, "rb") as file:
            nodes = tf.compat.v1.GraphDef.FromString(file.read()).node
    except Exception as error:  # protobuf's DecodeError, whose module is not TensorFlow's
        raise UserError(f"{path} is no frozen TensorFlow graph: {error}") from error
    if not nodes:
        raise UserError(f"{path} is no frozen TensorFlow graph: it has no nodes")


def _reason(error: cv2.error) -> str:
    return " ".join((getattr(error, "err", None) or str(error)).split())
