"""Completion of images of any size: thresholds, padding and compositing.

A uint8 mask is a hole above 127; a uint8 sketch is an edge above 0.6 * 255, as released. The
generator never sees pixels under a hole, and known pixels stay as they are, bit for bit.
"""

import tensorflow as tf

from deepfill_tf.data.thresholds import EDGE_THRESHOLD, HOLE_THRESHOLD
from deepfill_tf.inference.hole_boxes import hole_boxes
from deepfill_tf.networks.generator import Generator
from deepfill_tf.ops import Region, height_and_width, mirror_pad


def complete_uint8(
    generator: Generator,
    images: tf.Tensor,
    masks: tf.Tensor,
    sketches: tf.Tensor | None = None,
    *,
    whole_image: bool = False,
) -> tf.Tensor:
    """Returns uint8 images `[N, H, W, C]` with the holes of uint8 masks filled.

    Args:
      generator: a built generator.
      images: uint8 `[N, H, W, C]`.
      masks: uint8 `[N, H, W, 1]`, or `[1, H, W, 1]` for all images.
      sketches: like masks, for guided generators.
      whole_image: compute whole images, and not only the regions around the holes. A generator
        without `supports_regions` always computes whole images.
    """
    holes = to_holes(masks)
    refined = refined_uint8_masks(
        generator, to_floats(images), masks, sketches, whole_image=whole_image
    )
    return composite_uint8(refined, images, holes)


def refined_uint8_masks(
    generator: Generator,
    images: tf.Tensor,
    masks: tf.Tensor,
    sketches: tf.Tensor | None = None,
    *,
    whole_image: bool = False,
) -> tf.Tensor:
    """Returns refined float32 images `[N, H, W, C]`, which are valid in the holes only.

    Takes what `complete_uint8` takes, but for `images`, which are float32 in [-1, 1].
    """
    inputs = [images, to_holes(masks)] + ([] if sketches is None else [to_edges(sketches)])
    if whole_image or not generator.supports_regions:
        return complete_float(generator, *inputs)["refined"]
    return refined_in_holes(generator, *inputs)


def complete_float(
    generator: Generator, images: tf.Tensor, holes: tf.Tensor, edges: tf.Tensor | None = None
) -> dict[str, tf.Tensor]:
    """Returns all outputs of the generator for whole images of any size.

    Args:
      generator: a built generator.
      images: float32 `[N, H, W, C]` in [-1, 1].
      holes: bool `[N, H, W, 1]`, or `[1, H, W, 1]` for all images.
      edges: of sketches, like `holes`, for guided generators.

    Returns:
      `coarse`, `refined` and `completed`, float `[N, H, W, C]`, and the attention's `offsets`,
      int32 `[N, h / (4 * rate), w / (4 * rate), 2]` for a padded image of h x w, with the
      `rate` of the attention, by default 2.
    """
    height, width = height_and_width(images)
    coarse, refined, offsets = generator(*_inputs(generator, images, holes, edges))
    coarse, refined = coarse[:, :height, :width], refined[:, :height, :width]
    completed = tf.where(holes, refined, images)
    return {"coarse": coarse, "refined": refined, "completed": completed, "offsets": offsets}


def refined_in_holes(
    generator: Generator, images: tf.Tensor, holes: tf.Tensor, edges: tf.Tensor | None = None
) -> tf.Tensor:
    """Returns refined images that are valid in the holes only; the cost grows with the holes.

    Takes what `complete_float` takes; returns float32 `[N, H, W, C]`, of which pixels outside
    the holes are undefined. Images are completed one after the other.
    """
    height, width = height_and_width(images)
    padded, masks, *sketches = _inputs(generator, images, holes, edges)
    # One mask may serve all images.
    masks += tf.zeros_like(padded[..., :1])

    def refine_image(inputs):
        image, mask, *sketch = (x[None] for x in inputs)
        # Mirrored copies of a hole in the padding are predicted too: the refinement sees them.
        regions = hole_boxes(mask[0, :, :, 0] > 0)
        return generator.refined_in_regions(image, mask, sketch[0] if sketch else None, regions)[0]

    # Called eagerly, map_fn would translate everything that refine_image calls with AutoGraph.
    refined = tf.map_fn(
        tf.autograph.experimental.do_not_convert(refine_image),
        (padded, masks, *sketches),
        parallel_iterations=1,  # the memory of one image
        fn_output_signature=tf.TensorSpec([None, None, images.shape[-1]], tf.float32),
    )
    return refined[:, :height, :width]


def refined_in_one_box(
    generator: Generator, images: tf.Tensor, holes: tf.Tensor, edges: tf.Tensor | None = None
) -> tf.Tensor:
    """Returns what `refined_in_holes` does, without loops: in one box around all holes.

    The box of a batch covers the holes of all its images, which are computed together.
    """
    height, width = height_and_width(images)
    padded, masks, *sketches = _inputs(generator, images, holes, edges)
    region = _box_around(masks)
    masks += tf.zeros_like(padded[..., :1])
    refined = generator.refined_in_region(padded, masks, sketches[0] if sketches else None, region)
    return refined[:, :height, :width]


def to_floats(images: tf.Tensor) -> tf.Tensor:
    """Converts uint8 images to float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1


def to_holes(masks: tf.Tensor) -> tf.Tensor:
    """Converts uint8 masks to bool: True in the hole."""
    return masks > HOLE_THRESHOLD


def to_edges(sketches: tf.Tensor) -> tf.Tensor:
    """Converts uint8 sketches to bool: True on an edge."""
    return tf.cast(sketches, tf.float32) / 255 > EDGE_THRESHOLD


def composite_uint8(refined: tf.Tensor, images: tf.Tensor, holes: tf.Tensor) -> tf.Tensor:
    """Returns uint8 images with their holes filled from `refined`, truncated as released."""
    return tf.where(holes, tf.saturate_cast((refined + 1) * 127.5, tf.uint8), images)


def _inputs(
    generator: Generator, images: tf.Tensor, holes: tf.Tensor, edges: tf.Tensor | None
) -> list[tf.Tensor]:
    """Returns [images with zeros in the holes, holes, edges], padded and cast.

    All are continued by their mirror image at the bottom and the right, up to the generator's
    `padded_size`; mirrored together, so that nothing shows what lies under a hole.
    """
    size = [generator.padded_size(n) for n in height_and_width(images)]
    checks = [
        tf.debugging.assert_equal(
            tf.shape(images)[1:3],
            tf.shape(other)[1:3],
            f"image and {name} differ in height or width",
        )
        for name, other in (("mask", holes), ("sketch", edges))
        if other is not None
    ]
    # In a graph the following could fail first, with an error of its own.
    with tf.control_dependencies(checks):
        images = tf.identity(images)
    # tf.where, not a product: 0 * NaN is NaN.
    incomplete = tf.where(holes, tf.zeros_like(images), images)
    inputs = [incomplete, holes]
    if edges is not None:
        # One sketch may serve several images, and so may one mask.
        inputs.append(edges | tf.zeros_like(incomplete[..., :1], tf.bool))
    # Keras 2 casts only a layer's first argument to its compute type.
    return [tf.cast(mirror_pad(x, *size), generator.compute_dtype) for x in inputs]


def _box_around(masks: tf.Tensor) -> Region:
    """Returns the smallest region that covers all holes; the first pixel if there is none."""
    ranges = []
    for axis in (1, 2):
        others = [other for other in range(4) if other != axis]
        line = tf.cast(tf.reduce_max(masks, axis=others) > 0, tf.int32)
        first = tf.argmax(line, output_type=tf.int32)
        from_the_end = tf.argmax(tf.reverse(line, [0]), output_type=tf.int32)
        last = tf.where(tf.reduce_max(line) > 0, tf.size(line) - from_the_end, 1)
        ranges.append((first, last))
    begin, end = zip(*ranges, strict=True)
    return Region(tf.stack(begin), tf.stack(end))
