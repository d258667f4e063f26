"""The generator as a program that needs no code: what a SavedModel holds.

    serving_default   image uint8 [N, H, W, C], mask uint8 [N, H, W, 1]
                      -> completed uint8 [N, H, W, C]
    encoded           image, mask: string [N], PNG or JPEG bytes
                      -> completed: string [N], PNG bytes
    raw               image float32 [N, H, W, C] in [-1, 1], mask float32 [N, H, W, 1]
                      -> coarse, refined, completed float32 [N, H, W, C],
                         offsets int32 [N, ceil(H / 8), ceil(W / 8), 2]

A guided generator's functions take `sketch` as well, of the kind and shape of `mask`.

N, H and W are free; each image has its own mask, or `[1, H, W, 1]` serves them all.
A mask is a hole above 127 (`raw`: above 0.5); a sketch is an edge above 0.6 * 255, as
released (`raw`: above 0.5), and only its part in the hole counts. Whatever lies under
the hole never matters, and outside it `completed` is the input, bit for bit. Images in
one `encoded` batch may differ in size; a file's EXIF orientation is not looked at.
"""

import tensorflow as tf

from deepfill_tf.compat import VariableBundle, keras, named_variables
from deepfill_tf.inference.hole_boxes import hole_boxes
from deepfill_tf.networks.architecture import MULTIPLE, smallest_size
from deepfill_tf.ops import height_and_width

# Channels of images that PNG and JPEG can hold and the decoder gives.
_ENCODABLE = (1, 3)
# Share of the greatest strength above which a sketch has an edge, as released.
EDGE_THRESHOLD = 0.6


class InpaintingModule(tf.Module):
    """A built generator with the functions `serving_default`, `encoded` and `raw`."""

    def __init__(self, generator: keras.Model, *, regions: bool = True):
        """`regions`: whether all but `raw` compute regions around the holes only."""
        super().__init__()
        config = generator.get_config()
        channels = config["channels"]
        # A tf.Module does not see a Keras 3 model's variables: it holds them itself.
        self.weights = VariableBundle(named_variables(generator.weights))
        names = ["image", "mask", "sketch"] if config["guided"] else ["image", "mask"]
        shapes = [[None, None, None, channels]] + [[None, None, None, 1]] * (len(names) - 1)

        def serving_default(image, mask, sketch=None):
            return {"completed": complete_uint8(generator, image, mask, sketch, regions=regions)}

        def encoded(image, mask, sketch=None):
            def complete_one(files):
                return complete_encoded(generator, *files, channels=channels, regions=regions)

            files = (image, mask) if sketch is None else (image, mask, sketch)
            completed = tf.map_fn(complete_one, files, fn_output_signature=tf.string)
            return {"completed": completed}

        def raw(image, mask, sketch=None):
            edges = None if sketch is None else sketch > 0.5
            return complete_float(generator, image, mask > 0.5, edges)

        self.serving_default = _function(serving_default, names, shapes, tf.uint8)
        self.raw = _function(raw, names, shapes, tf.float32)
        self.signatures_to_save = {"serving_default": self.serving_default, "raw": self.raw}
        if channels in _ENCODABLE:
            self.encoded = _function(encoded, names, [[None]] * len(names), tf.string)
            self.signatures_to_save["encoded"] = self.encoded


def complete_float(
    generator: keras.Model, images: tf.Tensor, holes: tf.Tensor, edges: tf.Tensor | None = None
) -> dict:
    """Everything the generator says about float images `[N, H, W, C]` of any size.

    `holes` are bool `[N, H, W, 1]` or `[1, H, W, 1]`, and so are the `edges` of a guided
    generator's sketches.
    """
    height, width = height_and_width(images)
    coarse, refined, offsets = generator(*_inputs(generator, images, holes, edges))
    coarse, refined = coarse[:, :height, :width], refined[:, :height, :width]
    completed = tf.where(holes, refined, images)
    return {"coarse": coarse, "refined": refined, "completed": completed, "offsets": offsets}


def refined_in_holes(
    generator: keras.Model, images: tf.Tensor, holes: tf.Tensor, edges: tf.Tensor | None = None
) -> tf.Tensor:
    """The generator's refined images in the holes, at the cost of the holes; else anything.

    Takes what `complete_float` takes and gives float32 `[N, H, W, C]`, image by image.
    """
    height, width = height_and_width(images)
    padded, holes, *edges = _inputs(generator, images, holes, edges)
    # One mask may serve all images.
    holes += tf.zeros_like(padded[..., :1])

    def refined_image(inputs):
        image, hole, *edge = (x[None] for x in inputs)
        regions = hole_boxes(hole[0, :, :, 0] > 0)
        sketch = edge[0] if edge else None
        return generator.refined_in_regions(image, hole, sketch, regions)[0]

    refined = tf.map_fn(
        refined_image,
        (padded, holes, *edges),
        parallel_iterations=1,  # the memory of one image
        fn_output_signature=tf.TensorSpec([None, None, images.shape[-1]], tf.float32),
    )
    return refined[:, :height, :width]


def complete_uint8(
    generator: keras.Model,
    images: tf.Tensor,
    masks: tf.Tensor,
    sketches: tf.Tensor | None = None,
    *,
    regions: bool = True,
) -> tf.Tensor:
    """uint8 images `[N, H, W, C]` with the holes of uint8 masks filled.

    `regions`: whether no more than the holes need is computed, where the generator can.
    """
    holes = to_holes(masks)
    inputs = [to_floats(images), holes] + ([] if sketches is None else [to_edges(sketches)])
    if regions and generator.supports_regions:
        refined = refined_in_holes(generator, *inputs)
    else:
        refined = complete_float(generator, *inputs)["refined"]
    return composite_uint8(refined, images, holes)


def to_floats(images: tf.Tensor) -> tf.Tensor:
    """uint8 images in [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1


def to_holes(masks: tf.Tensor) -> tf.Tensor:
    """Where a uint8 mask has a hole."""
    return masks > 127


def to_edges(sketches: tf.Tensor) -> tf.Tensor:
    """Where a uint8 sketch has an edge."""
    return tf.cast(sketches, tf.float32) / 255 > EDGE_THRESHOLD


def composite_uint8(refined: tf.Tensor, images: tf.Tensor, holes: tf.Tensor) -> tf.Tensor:
    """uint8 images with their holes filled from `refined`, truncated as released."""
    return tf.where(holes, tf.saturate_cast((refined + 1) * 127.5, tf.uint8), images)


def _inputs(
    generator: keras.Model, images: tf.Tensor, holes: tf.Tensor, edges: tf.Tensor | None
) -> list[tf.Tensor]:
    """Images, holes and edges as the generator takes them, what lies under holes left out.

    All are mirrored together at the bottom and the right up to a size that the generator
    takes, so what lies under a hole shows nowhere.
    """
    size = [_legal_size(n, smallest_size(generator)) for n in height_and_width(images)]
    checks = [
        tf.debugging.assert_equal(
            tf.shape(images)[1:3],
            tf.shape(other)[1:3],
            f"image and {name} differ in height or width",
        )
        for name, other in (("mask", holes), ("sketch", edges))
        if other is not None
    ]
    # In a graph what follows could fail first, with an error of its own.
    with tf.control_dependencies(checks):
        images = tf.identity(images)
    # tf.where, not a product: 0 * NaN is NaN.
    incomplete = tf.where(holes, tf.zeros_like(images), images)
    inputs = [incomplete, holes]
    if edges is not None:
        # One sketch may serve several images, and so may one mask.
        inputs.append(edges | tf.zeros_like(incomplete[..., :1], tf.bool))
    # Keras 2 casts only a layer's first argument to its compute type.
    return [tf.cast(_mirror(x, *size), generator.compute_dtype) for x in inputs]


def complete_encoded(
    generator: keras.Model,
    image: tf.Tensor,
    mask: tf.Tensor,
    sketch: tf.Tensor | None = None,
    *,
    channels: int,
    regions: bool = True,
) -> tf.Tensor:
    """PNG bytes of one image, given PNG or JPEG bytes of it, its mask and its sketch."""
    image = tf.io.decode_image(image, channels, expand_animations=False)
    image = tf.ensure_shape(image, [None, None, channels])
    others = [_decoded_channel(file)[None] for file in (mask, sketch) if file is not None]
    completed = complete_uint8(generator, image[None], *others, regions=regions)
    return tf.io.encode_png(completed[0])


def _decoded_channel(file: tf.Tensor) -> tf.Tensor:
    """The first channel, as the original and `data.read_mask` do; 1 would mix colours."""
    image = tf.io.decode_image(file, 3, expand_animations=False)[..., :1]
    return tf.ensure_shape(image, [None, None, 1])


def _function(function, names: list[str], shapes: list[list], dtype: tf.DType) -> tf.function:
    signature = [
        tf.TensorSpec(shape, dtype, name=name) for name, shape in zip(names, shapes, strict=True)
    ]
    return tf.function(function, input_signature=signature, autograph=False)


def _legal_size(size, smallest: int):
    return tf.maximum((size + MULTIPLE - 1) // MULTIPLE * MULTIPLE, smallest)


def _mirror(images: tf.Tensor, height, width) -> tf.Tensor:
    """Images continued by their mirror image, again and again, to `height` x `width`."""
    sizes = height_and_width(images)
    for axis, size, wanted in ((1, sizes[0], height), (2, sizes[1], width)):
        position = tf.range(wanted) % (2 * size)
        images = tf.gather(images, tf.minimum(position, 2 * size - 1 - position), axis=axis)
    return images
