"""Sketches of faces from their landmarks."""

import functools
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from deepfill_tf.checks import check_positive_int
from deepfill_tf.errors import UserError, reason

PARTS = ("FACE_OVAL", "LEFT_EYE", "LEFT_EYEBROW", "RIGHT_EYE", "RIGHT_EYEBROW", "NOSE", "LIPS")
# Faces that are sketched in an image.
MAX_FACES = 8
ALTERNATIVE = "or take data.sketches=@CannySketches(), which needs no weights"


@dataclass(frozen=True, kw_only=True)
class LandmarkSketches:
    """Facial landmarks joined by lines, the second paper's sketches for faces.

    The lines are the oval, eyes, brows, nose and lips of every face, in full strength; the
    sketch of an image without a face is empty. The landmarks are detected by mediapipe.

    Attributes:
      model: path of a FaceLandmarker's `.task` file; None: the model of the package mediapipe,
        up to version 0.10.21. Newer versions contain none.
      line_width: width of the lines in pixels, >= 1.
    """

    model: str | None = None
    line_width: int = 1
    _lock: threading.Lock = field(
        default_factory=threading.Lock, init=False, repr=False, compare=False
    )

    def __post_init__(self):
        check_positive_int("LandmarkSketches.line_width", self.line_width)

    def check(self, paths: Sequence[str]) -> None:
        """Raises UserError unless mediapipe and its model are installed and run."""
        self("", np.zeros([64, 64, 3], np.uint8), lambda image: image)

    def __call__(
        self, path: str, image: np.ndarray, fit: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """See `SketchSource`; the strength is 0 or 255."""
        height, width = image.shape[:2]
        colours = np.ascontiguousarray(np.broadcast_to(image, [height, width, 3]))
        with self._lock:
            lines, detect = self._landmarks
            faces = detect(colours)
        sketch = np.zeros([height, width], np.uint8)
        for face in faces:
            points = np.array([[point.x * width, point.y * height] for point in face]) - 0.5
            segments = list(np.rint(points).astype(np.int32)[lines])
            cv2.polylines(sketch, segments, isClosed=False, color=255, thickness=self.line_width)
        return sketch[..., None]

    @functools.cached_property
    def _landmarks(self) -> tuple[np.ndarray, Callable[[np.ndarray], list]]:
        """Pairs of landmarks joined by a line, int `[lines, 2]`, and a detector of landmarks.

        The detector takes uint8 `[H, W, 3]` and returns the landmarks of every face, whose `x`
        and `y` are fractions of width and height. It must not be called by two threads at once.
        """
        try:
            import mediapipe
        except ImportError as error:
            raise UserError(
                "LandmarkSketches needs mediapipe: install it with "
                f'`pip install "deepfill-tf[landmarks]"`, {ALTERNATIVE}'
            ) from error
        if self.model is not None:
            return _lines(mediapipe), _from_file(mediapipe, self.model)
        if not hasattr(mediapipe, "solutions"):
            raise UserError(
                f"LandmarkSketches.model must be a FaceLandmarker's .task file, because "
                f"mediapipe {mediapipe.__version__} contains none: bind it, {ALTERNATIVE}"
            )
        return _lines(mediapipe), _from_package(mediapipe)


def _lines(mediapipe) -> np.ndarray:
    """Landmarks at both ends of every line, int `[lines, 2]`."""
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

    def detect(image: np.ndarray) -> list:
        return [face.landmark for face in mesh.process(image).multi_face_landmarks or []]

    return detect


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
            f"must be a FaceLandmarker's .task file: {reason(error)}"
        ) from error

    def detect(image: np.ndarray) -> list:
        wrapped = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)
        return landmarker.detect(wrapped).face_landmarks

    return detect
