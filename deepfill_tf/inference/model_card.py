"""The model card of an exported model: what a stranger who finds the folder needs to know."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo

import deepfill_tf
from deepfill_tf.networks.architecture import architecture_of
from deepfill_tf.networks.generator import Generator
from deepfill_tf.storage.model_files import Provenance

# The order in which the card names what a SavedModel may have.
_SIGNATURES = ("serving_default", "encoded", "raw")
_TENSORS = (
    "image",
    "mask",
    "sketch",
    "coarse",
    "refined",
    "completed",
    "completed_bytes",
    "offsets",
)
_CARD = """\
# Image inpainting: {class_name}

Fills holes in images. An independent TensorFlow implementation of DeepFill, with contextual
attention (Yu et al., CVPR 2018) and gated convolution (Yu et al., ICCV 2019).

| | |
|---|---|
| architecture | `{class_name}`, {parameters:,} parameters; arguments below |
| origin of the weights | {origin} |
| training steps | {step} |
| licence of the weights | {weights_license} |
| written by | deepfill_tf {version}, which is under Apache-2.0 |
| sizes | any height and width from 16 on; {channels} channels |

## Use
With deepfill_tf; the image and its mask, white in the hole:
```python
from deepfill_tf import Inpainter, read_image, read_mask, write_completed
image = read_image("a.png")
mask = read_mask("a_mask.png", image.size)
completed = Inpainter.load("this_folder")(image.pixels, mask.pixels{sketch_pixels})
write_completed("a_completed.png", image, completed, mask.pixels)
```
{without_package}
## Signatures of the SavedModel
| signature | inputs | outputs |
|---|---|---|
{signatures}

N, H and W are free; h and w, the sizes of the attention, follow from H and W. uint8 masks are
holes above 127, float masks above 0.5; float images are in [-1, 1]. Outside the hole
`completed` is the input.

## Files
`saved_model.pb` and `variables/` run without deepfill_tf, and cannot be differentiated.
`weights.safetensors` and `model.json` are the same weights as data, and the architecture:
```json
{arguments}
```
"""
_WITHOUT_PACKAGE = """\
With TensorFlow alone:
```python
import tensorflow as tf
complete = tf.saved_model.load("this_folder").signatures["encoded"]
image, mask{sketch_name} = (tf.io.read_file(name)[None] for name in ("a.png", "a_mask.png"{sketch}))
completed = complete(image=image, mask=mask{sketch_argument})["completed_bytes"]
tf.io.write_file("a_completed.png", completed[0])
```
"""


def model_card(generator: Generator, provenance: Provenance, folder: str | os.PathLike) -> str:
    """Returns the text of a model's card, in Markdown.

    Args:
      generator: the generator that is saved.
      provenance: of its weights; what it does not say is "unknown".
      folder: where its SavedModel is already written.
    """
    architecture = architecture_of(generator)
    guided = generator.guided
    signatures = _signatures(folder)
    rows = [
        f"| `{name}` | {_described(signature.inputs)} | {_described(signature.outputs)} |"
        for name, signature in signatures.items()
    ]
    return _CARD.format(
        class_name=architecture["class"],
        parameters=generator.count_params(),
        origin=provenance.origin,
        step="unknown" if provenance.step is None else provenance.step,
        weights_license=provenance.weights_license,
        version=deepfill_tf.__version__,
        channels=generator.channels,
        sketch_pixels=', read_mask("a_sketch.png", image.size).pixels' if guided else "",
        without_package=_WITHOUT_PACKAGE.format(
            sketch_name=", sketch" if guided else "",
            sketch=', "a_sketch.png"' if guided else "",
            sketch_argument=", sketch=sketch" if guided else "",
        )
        if "encoded" in signatures
        else "",
        signatures="\n".join(rows),
        arguments=json.dumps(architecture, indent=2),
    )


def _signatures(folder: str | os.PathLike) -> dict[str, SignatureDef]:
    """The signatures of a SavedModel by name, from its file: tracing them takes seconds."""
    model = saved_model_pb2.SavedModel.FromString(Path(folder, "saved_model.pb").read_bytes())
    saved = model.meta_graphs[0].signature_def
    return {name: saved[name] for name in _SIGNATURES if name in saved}


def _described(tensors: Mapping[str, TensorInfo]) -> str:
    """Inputs or outputs by name, such as "`image` uint8 [N, H, W, 3]"."""
    texts = []
    for name, tensor in sorted(tensors.items(), key=lambda item: _TENSORS.index(item[0])):
        free = iter("Nhw" if name == "offsets" else "NHW")
        sizes = (dim.size for dim in tensor.tensor_shape.dim)
        shape = ", ".join(next(free) if size < 0 else str(size) for size in sizes)
        texts.append(f"`{name}` {tf.as_dtype(tensor.dtype).name} [{shape}]")
    return ", ".join(texts)
