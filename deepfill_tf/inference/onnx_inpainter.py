"""Completion of images with an ONNX file and onnxruntime, without TensorFlow.

    inpainter = OnnxInpainter("celeba.onnx")
    completed = inpainter(image, mask)
    completed = inpainter(image, mask, sketch)     # where `inpainter.guided`

Shapes and types are those of `Completer`. `deepfill-export --format=onnx` writes such files.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from deepfill_tf.errors import UserError, reason
from deepfill_tf.inference.completer import Completer

SUFFIX = ".onnx"
_MARKS = {"mask", "sketch"}
_UINT8 = "tensor(uint8)"
# Severity of onnxruntime's messages that are shown: errors.
_ERRORS_ONLY = 3


def is_onnx_path(path: str | os.PathLike) -> bool:
    """Whether a model's path is that of an ONNX file, by its suffix."""
    return os.fspath(path).lower().endswith(SUFFIX)


class OnnxInpainter(Completer):
    """Completes images with onnxruntime: `inpainter(image, mask)`, see this module's docstring.

    Args:
      path: of an ONNX file with inputs `image` uint8 `[N, H, W, C]`, `mask` and for guided models
        `sketch` uint8 `[N, H, W, 1]`, and the output `completed` uint8 `[N, H, W, C]`; other
        outputs are not asked for. Of a file with a fixed size, `--size`, N is 1; batches are
        completed one by one, and images of other sizes raise ValueError.
      providers: onnxruntime's execution providers, the preferred first.

    Raises UserError if the file is missing, damaged or another, or if onnxruntime is not installed.

    Example:

    >>> import tempfile
    >>> import onnx.parser
    >>> from deepfill_tf import OnnxInpainter
    >>> graph = '''<ir_version: 8, opset_import: ["": 17]>
    ... fill_white (uint8[N, H, W, 3] image, uint8[N, H, W, 1] mask)
    ... => (uint8[N, H, W, 3] completed) {
    ...   hole = Cast <to: int = 9> (mask)
    ...   completed = Where (hole, mask, image)
    ... }'''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     onnx.save(onnx.parser.parse_model(graph), f"{folder}/white.onnx")
    ...     inpainter = OnnxInpainter(f"{folder}/white.onnx")
    >>> image, mask = np.full([24, 32, 3], 200, np.uint8), np.zeros([24, 32], bool)
    >>> mask[8:16, 8:24] = True
    >>> inpainter(image, mask)[[0, 8], 8].tolist()
    [[200, 200, 200], [255, 255, 255]]
    """

    predicts_floats = False

    def __init__(
        self, path: str | os.PathLike, *, providers: Sequence[str] = ("CPUExecutionProvider",)
    ):
        path = os.fspath(path)
        if not os.path.isfile(path):
            raise UserError(f"there is no ONNX file {path}")
        runtime = _onnxruntime(path)
        self.errors = _errors_of(runtime)
        options = runtime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        try:
            self._session = runtime.InferenceSession(path, options, providers=list(providers))
        except self.errors as error:
            raise UserError(f"cannot load the ONNX file {path}: {reason(error)}") from error
        self._channels = _checked_channels(path, self._session)
        shape = next(x.shape for x in self._session.get_inputs() if x.name == "image")
        is_fixed = all(isinstance(size, int) for size in shape)
        self._size = tuple(shape[1:3]) if is_fixed else None

    @property
    def channels(self) -> int:
        return self._channels

    @property
    def guided(self) -> bool:
        return "sketch" in {x.name for x in self._session.get_inputs()}

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says of its model: architecture, source of the weights, and others."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def _complete(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        # The graph takes as many masks as images.
        count = len(inputs["image"])
        marks = {
            name: np.broadcast_to(inputs[name], (count, *inputs[name].shape[1:]))
            for name in _MARKS & inputs.keys()
        }
        inputs = {"image": inputs["image"], **marks}
        if self._size is None:
            return self._run_session(inputs)
        if inputs["image"].shape[1:3] != self._size:
            (height, width), (rows, columns) = self._size, inputs["image"].shape[1:3]
            raise ValueError(
                f"this ONNX file completes images of {width} x {height} pixels, got {columns} x "
                f"{rows}; files that deepfill-export writes without --size complete any"
            )
        one_by_one = [
            self._run_session({name: array[i : i + 1] for name, array in inputs.items()})
            for i in range(count)
        ]
        return np.concatenate(one_by_one)

    def _run_session(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        return self._session.run(["completed"], inputs)[0]


def _onnxruntime(path: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(f"{path} needs onnxruntime: pip install onnxruntime") from error
    return onnxruntime


def _errors_of(runtime: Any) -> tuple[type[Exception], ...]:
    """Returns the types of onnxruntime's errors, which have no common one of their own."""
    state = runtime.capi.onnxruntime_pybind11_state
    return tuple(
        x for x in vars(state).values() if isinstance(x, type) and issubclass(x, Exception)
    )


def _checked_channels(path: str, session: Any) -> int:
    """Returns the channels of images. Raises UserError unless the graph completes images."""
    inputs = {x.name: x for x in session.get_inputs()}
    outputs = {x.name: x for x in session.get_outputs()}
    is_ours = (
        set(inputs) - {"sketch"} == {"image", "mask"}
        and "completed" in outputs
        and all(
            x.type == _UINT8 and len(x.shape) == 4 for x in [*inputs.values(), outputs["completed"]]
        )
        and inputs["image"].shape[3] in (1, 3)
    )
    if not is_ours:
        found = ", ".join(
            f"{x.name} {x.type} {x.shape}" for x in [*inputs.values(), *outputs.values()]
        )
        raise UserError(
            f"the ONNX file {path} is not one that completes images: its inputs and outputs must "
            "be image, mask and completed, uint8 [N, H, W, C], those of deepfill-export "
            f"--format=onnx; they are {found}"
        )
    return inputs["image"].shape[3]
