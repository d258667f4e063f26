"""Functions of a SavedModel: the generator as a program that runs without this package.

    serving_default   image uint8 [N, H, W, C], mask uint8 [N, H, W, 1]
                      -> completed uint8 [N, H, W, C]
    encoded           image, mask: string [N], PNG or JPEG bytes
                      -> completed_bytes: string [N], PNG bytes
    raw               image float32 [N, H, W, C] in [-1, 1], mask float32 [N, H, W, 1]
                      -> coarse, refined, completed float32 [N, H, W, C],
                         offsets int32 [N, h / (4 * rate), w / (4 * rate), 2]

A guided generator's functions take `sketch` as well, of the kind and shape of `mask`.

h and w are height and width of the padded image (`inference.completion`); the attention's
`rate` is 2 by default.

N, H and W are free; each image has its own mask, or `[1, H, W, 1]` serves them all.
A mask is a hole above 127 (`raw`: above 0.5); a sketch is an edge above 0.6 * 255, as
released (`raw`: above 0.5), and only its part in the hole counts. The pixels under
the hole never matter, and outside it `completed` is the input, bit for bit. Images in
one `encoded` batch may differ in size; they are turned as their EXIF orientation says, and refused
as the command refuses them: other formats, damaged files, more than 100 megapixels, fewer than 16
rows or columns, masks that are all hole. Of a mask any bright colour is the hole, put on black
through its alpha. The completed PNG has 8 bits a channel and no alpha.
"""

import tensorflow as tf

from deepfill_tf.compat import VariableBundle, named_variables
from deepfill_tf.inference.completion import complete_float, complete_uint8, to_holes
from deepfill_tf.inference.encoded_images import decode_image, decode_mask
from deepfill_tf.inference.hole_crops import MIN_SIDE
from deepfill_tf.networks.generator import Generator

# Numbers of channels that PNG and JPEG files are encoded from and decoded to.
_ENCODABLE = (1, 3)


class InpaintingModule(tf.Module):
    """A built generator with the functions `serving_default`, `encoded` and `raw`.

    Args:
      generator: a built generator; its variables are not copied.
      whole_image: compute whole images; False: only the regions around the holes, if the
        generator supports that (`generator.supports_regions`). `raw` always computes whole images.
    """

    def __init__(self, generator: Generator, *, whole_image: bool = False):
        super().__init__()
        channels = generator.channels
        # A tf.Module does not track a Keras 3 model's variables: it holds them itself.
        self.weights = VariableBundle(named_variables(generator.weights))
        names = ["image", "mask", "sketch"] if generator.guided else ["image", "mask"]
        shapes = [[None, None, None, channels]] + [[None, None, None, 1]] * (len(names) - 1)

        def serving_default(image, mask, sketch=None):
            completed = complete_uint8(generator, image, mask, sketch, whole_image=whole_image)
            return {"completed": completed}

        def encoded(image, mask, sketch=None):
            def complete_one(files):
                image, *others = files
                image = decode_image(image, channels)[None]
                others = [decode_mask(file)[None] for file in others]
                with tf.control_dependencies(_checks(image, others[0])):
                    image = tf.identity(image)
                completed = complete_uint8(generator, image, *others, whole_image=whole_image)
                return tf.io.encode_png(completed[0])

            files = (image, mask) if sketch is None else (image, mask, sketch)
            completed = tf.map_fn(complete_one, files, fn_output_signature=tf.string)
            # TensorFlow Serving encodes outputs of this ending in base64.
            return {"completed_bytes": completed}

        def raw(image, mask, sketch=None):
            edges = None if sketch is None else sketch > 0.5
            return complete_float(generator, image, mask > 0.5, edges)

        self.serving_default = _function(serving_default, names, shapes, tf.uint8)
        self.raw = _function(raw, names, shapes, tf.float32)
        self.signatures_to_save = {"serving_default": self.serving_default, "raw": self.raw}
        if channels in _ENCODABLE:
            self.encoded = _function(encoded, names, [[None]] * len(names), tf.string)
            self.signatures_to_save["encoded"] = self.encoded


def _checks(image: tf.Tensor, mask: tf.Tensor) -> list[tf.Operation]:
    """Checks of an image and its mask that the command makes too."""
    side = tf.reduce_min(tf.shape(image)[1:3])
    return [
        tf.debugging.Assert(
            side >= MIN_SIDE,
            [f"an image must have at least {MIN_SIDE} rows and columns, got", side],
        ),
        tf.debugging.Assert(
            tf.reduce_any(~to_holes(mask)),
            ["the mask is all hole, so that nothing is known to complete from"],
        ),
    ]


def _function(function, names: list[str], shapes: list[list], dtype: tf.DType) -> tf.function:
    signature = [
        tf.TensorSpec(shape, dtype, name=name) for name, shape in zip(names, shapes, strict=True)
    ]
    return tf.function(function, input_signature=signature, autograph=False)
