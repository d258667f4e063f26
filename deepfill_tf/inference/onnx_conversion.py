"""A generator's completion as an ONNX model.

    image       uint8 [N, H, W, C]
    mask        uint8 [N, H, W, 1], a hole above 127
    sketch      uint8 [N, H, W, 1], an edge above 0.6 * 255; guided generators only
    completed   uint8 [N, H, W, C], the image outside the hole, bit for bit

N is free, and so are H and W, from 16 on: thresholds, padding and compositing are inside. Further
outputs, on demand, of models that compute whole images:

    coarse      uint8 [N, H, W, C], the first stage's completed image
    offsets     int32 [N, h / (4 * rate), w / (4 * rate), 2], of the attention in the padded image,
                h x w; its `rate` is 2 by default

The work is in proportion to the box around all holes of a batch, but for the layers before the
attention, which see whole images. A model of a fixed size takes one image of H x W, computes all of
it, and up to 720 x 720 has neither loops nor branches: for runtimes that know such models alone.
"""

import contextlib
import importlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deepfill_tf.checks import check_choice
from deepfill_tf.errors import UserError, reason
from deepfill_tf.inference.completion import (
    complete_float,
    composite_uint8,
    refined_in_one_box,
    to_edges,
    to_floats,
    to_holes,
)
from deepfill_tf.networks.generator import Generator
from deepfill_tf.ops.control_flow import unrolled_loops, without_branches
from deepfill_tf.ops.fast_attention import blocks_of

# Version of the ONNX operators that models use.
OPSET = 17
# Passes of tf2onnx.
_OPTIMIZERS = (
    "optimize_transpose",
    "fold_constants",
    "merge_duplication",
    "reshape_optimizer",
    "remove_identity",
    "remove_back_to_back",
)
# Smaller arrays, such as sizes of paddings, stay as they are.
_LEAST_WEIGHTS = 64
# In models of a fixed size the attention is one block, which needs no loop, up to so many scores:
# those of 720 x 720 pixels and the default `rate`.
_SCORES_WITHOUT_LOOP = 64 * 2**20
# Outputs besides `completed`.
EXTRA_OUTPUTS = ("coarse", "offsets")


def convert_to_onnx(
    generator: Generator,
    *,
    extra_outputs: Sequence[str] = (),
    whole_image: bool = False,
    size: tuple[int, int] | None = None,
) -> Any:
    """Returns an `onnx.ModelProto`, see this module's docstring.

    Args:
      generator: a built generator, which computes in float32.
      extra_outputs: of `EXTRA_OUTPUTS`. With any the model computes whole images.
      whole_image: compute whole images, and not only the box around the holes. A generator without
        `supports_regions` always computes whole images, and so does a model of a fixed size.
      size: height and width of the one image that the model takes; any number and size if None.

    Raises UserError if the generator has operations that ONNX lacks, or a package is missing.
    """
    for name in extra_outputs:
        check_choice("extra_outputs", name, EXTRA_OUTPUTS)
    onnx, _ = import_onnx_packages("onnx", "tf2onnx")
    names = ["image", "mask", "sketch"] if generator.guided else ["image", "mask"]
    channels = [generator.channels] + [1] * (len(names) - 1)
    sizes = (1, *size) if size else (None, None, None)
    signature = [
        tf.TensorSpec([*sizes, count], tf.uint8, name=name)
        for name, count in zip(names, channels, strict=True)
    ]
    whole_image |= bool(extra_outputs or size) or not generator.supports_regions

    @tf.function(input_signature=signature, autograph=False)
    def complete(image, mask, sketch=None):
        outputs = _outputs(generator, image, mask, sketch, whole_image)
        return {name: outputs[name] for name in ("completed", *extra_outputs)}

    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        # Branches that read variables do not convert.
        with without_branches(), _without_loops() if size else contextlib.nullcontext():
            function = complete.get_concrete_function()
        model = _converted(function)
        if not size:
            _name_sizes(model)
        _mark_loop_counters(model.graph)
        onnx.checker.check_model(model, full_check=True)
        return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except Exception as error:  # of any type, of tf2onnx, onnx or TensorFlow
        raise UserError(f"this generator does not convert to ONNX: {reason(error)}") from error
    finally:
        logger.setLevel(level)


def store_weights_in_float16(model: Any) -> None:
    """Halves the size of a model: its weights are float16 in the file, and cast when it is loaded.

    Computing stays float32, which every runtime has; onnxruntime's CPU lacks float16 operators.
    Raises UserError if a weight is too large for float16.
    """
    onnx, numpy_helper = import_onnx_packages("onnx", "onnx.numpy_helper")
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _LEAST_WEIGHTS:
            continue
        with np.errstate(over="ignore"):
            halves = values.astype(np.float16)
        if not np.isfinite(halves).all():
            raise UserError(f"a weight of {np.abs(values).max():.3g} does not fit into float16")
        stored = f"{tensor.name}_float16"
        casts.append(
            onnx.helper.make_node("Cast", [stored], [tensor.name], to=onnx.TensorProto.FLOAT)
        )
        tensor.CopyFrom(numpy_helper.from_array(halves, stored))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def import_onnx_packages(*names: str) -> list[Any]:
    """Returns the modules of these names. Raises UserError if one cannot be imported."""
    try:
        return [importlib.import_module(name) for name in names]
    except ImportError as error:
        raise UserError(
            f'ONNX files need the packages of pip install "deepfill-tf[onnx]": {reason(error)}'
        ) from error


@contextlib.contextmanager
def _without_loops() -> Iterator[None]:
    with blocks_of(_SCORES_WITHOUT_LOOP), unrolled_loops():
        yield


def _outputs(generator: Generator, image, mask, sketch, whole_image: bool) -> dict[str, tf.Tensor]:
    images, holes = to_floats(image), to_holes(mask)
    edges = None if sketch is None else to_edges(sketch)
    if not whole_image:
        refined = refined_in_one_box(generator, images, holes, edges)
        return {"completed": composite_uint8(refined, image, holes)}
    outputs = complete_float(generator, images, holes, edges)
    return {
        "completed": composite_uint8(outputs["refined"], image, holes),
        "coarse": composite_uint8(outputs["coarse"], image, holes),
        "offsets": outputs["offsets"],
    }


def _converted(function: Any) -> Any:
    """Returns the ONNX model of a concrete function whose outputs have names.

    As `tf2onnx.convert.from_function`, which in addition copies the graph before every pass of its
    optimisers, to go on if one fails, and has passes that change nothing here.
    """
    loader, converter, optimizer = import_onnx_packages(
        "tf2onnx.tf_loader", "tf2onnx.tfonnx", "tf2onnx.optimizer"
    )
    inputs = [tensor.name for tensor in function.inputs if tensor.dtype != tf.resource]
    outputs = [function.structured_outputs[name].name for name in function.structured_outputs]
    names = dict(zip(outputs, function.structured_outputs, strict=True))
    names |= {name: name.split(":")[0] for name in inputs}
    with tf.device("/cpu:0"):
        # `large_model` leaves out a pass through TensorFlow's global list of functions, in which
        # two conversions in a process would collide.
        frozen = loader.from_function(function, inputs, outputs, large_model=True)
        with tf.Graph().as_default():
            frozen = loader.tf_optimize(inputs, outputs, frozen)
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(frozen, name="")
            converted = converter.process_tf_graph(
                graph,
                opset=OPSET,
                input_names=inputs,
                output_names=outputs,
                tensors_to_rename=names,
            )
        passes = {name: optimizer._get_optimizers()[name] for name in _OPTIMIZERS}
        converted = optimizer.optimize_graph(converted, catch_errors=False, optimizers=passes)
    return converted.make_model("deepfill_tf")


def _name_sizes(model: Any) -> None:
    """Names the free sizes of inputs and outputs."""
    for value in [*model.graph.input, *model.graph.output]:
        is_image = value.name != "offsets"
        sizes = ("N", "H", "W") if is_image else ("N", "offsets_H", "offsets_W")
        for dimension, name in zip(value.type.tensor_type.shape.dim, sizes, strict=False):
            dimension.dim_param = name


def _mark_loop_counters(graph: Any) -> None:
    """Marks the iteration counters of loops as scalars, which onnxruntime insists on."""
    for body in _bodies(graph, "Loop"):
        counter = body.input[0].type.tensor_type
        if not counter.HasField("shape"):
            counter.shape.SetInParent()


def _bodies(graph: Any, kind: str) -> Iterator[Any]:
    """Yields the subgraphs of the nodes of a kind, at any depth."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                if node.op_type == kind:
                    yield attribute.g
                yield from _bodies(attribute.g, kind)
