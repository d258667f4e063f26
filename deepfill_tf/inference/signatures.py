"""The generator as a program that needs no code: what a SavedModel holds.

    serving_default   image uint8 [N, H, W, C], mask uint8 [N, H, W, 1]
                      -> completed uint8 [N, H, W, C]
    encoded           image, mask: string [N], PNG or JPEG bytes
                      -> completed: string [N], PNG bytes
    raw               image float32 [N, H, W, C] in [-1, 1], mask float32 [N, H, W, 1]
                      -> coarse, refined, completed float32 [N, H, W, C],
                         offsets int32 [N, ceil(H / 8), ceil(W / 8), 2]

N, H and W are free; each picture has its own mask, or `[1, H, W, 1]` serves them all.
A mask is a hole above 127 (`raw`: above 0.5). Whatever lies under the hole never
matters, and outside it `completed` is the input, bit for bit. Pictures in one
`encoded` batch may differ in size; a file's EXIF orientation is not looked at.
"""

import tensorflow as tf

from deepfill_tf.compat import VariableBundle, keras, named_variables
from deepfill_tf.networks.architecture import MULTIPLE, smallest_size
from deepfill_tf.ops import height_and_width

# Channels of pictures that PNG and JPEG can hold and the decoder gives.
_ENCODABLE = (1, 3)


class InpaintingModule(tf.Module):
    """A built generator with the functions `serving_default`, `encoded` and `raw`."""

    def __init__(self, generator: keras.Model):
        super().__init__()
        channels = generator.get_config()["channels"]
        # A tf.Module does not see a Keras 3 model's variables: it holds them itself.
        self.weights = VariableBundle(named_variables(generator.weights))
        pictures = [None, None, None, channels]
        masks = [None, None, None, 1]

        def serving_default(image, mask):
            return {"completed": complete_uint8(generator, image, mask)}

        def encoded(image, mask):
            def complete_one(files):
                return complete_encoded(generator, *files, channels=channels)

            completed = tf.map_fn(complete_one, (image, mask), fn_output_signature=tf.string)
            return {"completed": completed}

        def raw(image, mask):
            return complete_float(generator, image, mask > 0.5)

        self.serving_default = _function(serving_default, pictures, masks, tf.uint8)
        self.raw = _function(raw, pictures, masks, tf.float32)
        self.signatures_to_save = {"serving_default": self.serving_default, "raw": self.raw}
        if channels in _ENCODABLE:
            self.encoded = _function(encoded, [None], [None], tf.string)
            self.signatures_to_save["encoded"] = self.encoded


def complete_float(generator: keras.Model, images: tf.Tensor, holes: tf.Tensor) -> dict:
    """Everything the generator says about float images `[N, H, W, C]` of any size.

    `holes` are bool `[N, H, W, 1]` or `[1, H, W, 1]`. Pictures and holes are mirrored
    together at the bottom and the right up to a size that the generator takes, so what
    lies under a hole shows nowhere.
    """
    tf.debugging.assert_equal(
        tf.shape(images)[1:3], tf.shape(holes)[1:3], "image and mask differ in height or width"
    )
    height, width = height_and_width(images)
    size = [_legal_size(n, smallest_size(generator)) for n in (height, width)]
    # tf.where, not a product: 0 * NaN is NaN.
    incomplete = tf.where(holes, tf.zeros_like(images), images)
    # Keras 2 casts only a layer's first argument to its compute type.
    inputs = [tf.cast(_mirror(x, *size), generator.compute_dtype) for x in (incomplete, holes)]
    coarse, refined, offsets = generator(*inputs)
    coarse, refined = coarse[:, :height, :width], refined[:, :height, :width]
    completed = tf.where(holes, refined, images)
    return {"coarse": coarse, "refined": refined, "completed": completed, "offsets": offsets}


def complete_uint8(generator: keras.Model, images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
    """uint8 images `[N, H, W, C]` with the holes of uint8 masks filled."""
    holes = masks > 127
    refined = complete_float(generator, tf.cast(images, tf.float32) / 127.5 - 1, holes)["refined"]
    # Truncated, as the released program does.
    return tf.where(holes, tf.saturate_cast((refined + 1) * 127.5, tf.uint8), images)


def complete_encoded(
    generator: keras.Model, image: tf.Tensor, mask: tf.Tensor, *, channels: int
) -> tf.Tensor:
    """PNG bytes of one picture, given PNG or JPEG bytes of it and of its mask."""
    image = tf.io.decode_image(image, channels, expand_animations=False)
    # A mask's first channel, as the original and `data.read_mask` do; 1 would mix colours.
    mask = tf.io.decode_image(mask, 3, expand_animations=False)[..., :1]
    image = tf.ensure_shape(image, [None, None, channels])
    mask = tf.ensure_shape(mask, [None, None, 1])
    return tf.io.encode_png(complete_uint8(generator, image[None], mask[None])[0])


def _function(function, image_shape: list, mask_shape: list, dtype: tf.DType) -> tf.function:
    signature = [
        tf.TensorSpec(image_shape, dtype, name="image"),
        tf.TensorSpec(mask_shape, dtype, name="mask"),
    ]
    return tf.function(function, input_signature=signature)


def _legal_size(size, smallest: int):
    return tf.maximum((size + MULTIPLE - 1) // MULTIPLE * MULTIPLE, smallest)


def _mirror(images: tf.Tensor, height, width) -> tf.Tensor:
    """Images continued by their mirror image, again and again, to `height` x `width`."""
    sizes = height_and_width(images)
    for axis, size, wanted in ((1, sizes[0], height), (2, sizes[1], width)):
        position = tf.range(wanted) % (2 * size)
        images = tf.gather(images, tf.minimum(position, 2 * size - 1 - position), axis=axis)
    return images
