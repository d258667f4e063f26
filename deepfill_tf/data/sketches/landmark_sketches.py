"""Sketches of faces from their landmarks."""

import functools
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from deepfill_tf.errors import UserError

PARTS = ("FACE_OVAL", "LEFT_EYE", "LEFT_EYEBROW", "RIGHT_EYE", "RIGHT_EYEBROW", "NOSE", "LIPS")
# More than a training image of faces shows.
MAX_FACES = 8
OTHERWISE = "or take data.sketches=@CannySketches(), which needs nothing"


@dataclass(frozen=True, kw_only=True)
class LandmarkSketches:
    """Facial landmarks joined by lines, the second paper's sketches for faces.

    Of every face the oval, eyes, brows, nose and lips, in full strength; an image without
    a face gives an empty sketch. The landmarks are those of mediapipe.

    Attributes:
      model: a FaceLandmarker's `.task` file; None takes the model inside mediapipe 0.10.21
        and older ones. Newer ones bring none.
      line_width: of the lines, in pixels.
    """

    model: str | None = None
    line_width: int = 1
    _lock: threading.Lock = field(
        default_factory=threading.Lock, init=False, repr=False, compare=False
    )

    def __post_init__(self):
        if self.line_width < 1:
            raise ValueError(
                f"LandmarkSketches.line_width must be at least 1, got {self.line_width!r}"
            )

    def check(self, paths: Sequence[str]) -> None:
        """Raises UserError unless mediapipe and its model are there and run."""
        self("", np.zeros([64, 64, 3], np.uint8), lambda image: image)

    def __call__(
        self, path: str, image: np.ndarray, fit: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        height, width = image.shape[:2]
        colours = np.ascontiguousarray(np.broadcast_to(image, [height, width, 3]))
        with self._lock:
            joined, faces_of = self._landmarks
            faces = faces_of(colours)
        sketch = np.zeros([height, width], np.uint8)
        for face in faces:
            points = np.array([[point.x * width, point.y * height] for point in face]) - 0.5
            lines = list(np.rint(points).astype(np.int32)[joined])
            cv2.polylines(sketch, lines, isClosed=False, color=255, thickness=self.line_width)
        return sketch[..., None]

    @functools.cached_property
    def _landmarks(self) -> tuple[np.ndarray, Callable[[np.ndarray], list]]:
        """Which landmarks are joined, int `[lines, 2]`, and what finds those of every face.

        The latter takes uint8 `[H, W, 3]` and is not to be called by two threads at once. A
        landmark's `x` and `y` are fractions of the width and height.
        """
        try:
            import mediapipe
        except ImportError as error:
            raise UserError(
                "LandmarkSketches needs mediapipe: install it with "
                f"`pip install deepfill-tf[landmarks]`, {OTHERWISE}"
            ) from error
        if self.model is not None:
            return _joined(mediapipe), _from_file(mediapipe, self.model)
        if not hasattr(mediapipe, "solutions"):
            raise UserError(
                f"LandmarkSketches.model must name a FaceLandmarker's .task file, because "
                f"mediapipe {mediapipe.__version__} brings none: bind it, {OTHERWISE}"
            )
        return _joined(mediapipe), _from_package(mediapipe)


def _joined(mediapipe) -> np.ndarray:
    """The landmarks at the ends of every line, int `[lines, 2]`."""
    if hasattr(mediapipe, "solutions"):
        mesh = mediapipe.solutions.face_mesh
        return np.array([pair for part in PARTS for pair in getattr(mesh, f"FACEMESH_{part}")])
    connections = mediapipe.tasks.vision.FaceLandmarksConnections
    return np.array(
        [
            (line.start, line.end)
            for part in PARTS
            for line in getattr(connections, f"FACE_LANDMARKS_{part}")
        ]
    )


def _from_package(mediapipe) -> Callable[[np.ndarray], list]:
    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=MAX_FACES)

    def faces_of(image: np.ndarray) -> list:
        return [face.landmark for face in mesh.process(image).multi_face_landmarks or []]

    return faces_of


def _from_file(mediapipe, path: str) -> Callable[[np.ndarray], list]:
    if not os.path.isfile(path):
        raise UserError(f"there is no file {path}, which LandmarkSketches.model names")
    tasks = mediapipe.tasks
    options = tasks.vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=path), num_faces=MAX_FACES
    )
    try:
        landmarker = tasks.vision.FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"mediapipe {mediapipe.__version__} cannot read LandmarkSketches.model {path!r}, which "
            f"must be a FaceLandmarker's .task file: {str(error).splitlines()[0]}"
        ) from error

    def faces_of(image: np.ndarray) -> list:
        wrapped = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)
        return landmarker.detect(wrapped).face_landmarks

    return faces_of
