"""The stream of training batches: a step's number is the whole state of the data."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deepfill_tf.data.crops import crop_image, resize_image
from deepfill_tf.data.image_files import read_image
from deepfill_tf.data.reader import ImageReader
from deepfill_tf.data.seeds import Purpose, integers, seeds_of, uniform
from deepfill_tf.data.sketches.source import SketchSource
from deepfill_tf.errors import UserError

Masks = Callable[[tf.Tensor, int, int], tf.Tensor]


class ImagePipeline:
    """Global batches of images and holes, without end.

    Order, crops, flips and holes of an example are pure functions of the seed, the
    index of the batch and the example's index in the global batch, so that any number
    of replicas sees the same examples, and a stream can begin at any batch.

    Args:
      paths: the images.
      height, width, channels: of the images.
      global_batch_size: examples in a batch, over all replicas.
      seed: of everything random.
      masks: makes the holes, see `data.masks`.
      random_crop: crop; False: resize, not keeping the aspect ratio.
      flip: mirror an example left to right with probability 1/2.
      shuffle: a new order in each epoch; False: the order of the list, as released.
      one_mask_per_batch: the hole of a batch's first example for all of it, as released.
      with_box: say where the box around each hole is; `masks` must have `boxes`.
      sketches: gives every image's sketch, see `data.sketches`; None: there are none.
      edge_threshold: share of the greatest strength above which a sketch has an edge.
    """

    def __init__(
        self,
        paths: Sequence[str],
        height: int,
        width: int,
        *,
        global_batch_size: int,
        seed: int,
        masks: Masks,
        channels: int = 3,
        random_crop: bool = False,
        flip: bool = False,
        shuffle: bool = True,
        one_mask_per_batch: bool = False,
        with_box: bool = False,
        sketches: SketchSource | None = None,
        edge_threshold: float = 0.6,
    ):
        if not paths:
            raise ValueError("a pipeline needs at least one image")
        if not 0 <= seed < 2**31:
            raise ValueError(f"seed must be in [0, 2**31), got {seed!r}")
        if channels not in (1, 3):
            raise ValueError(f"channels must be 1 or 3, got {channels!r}")
        sizes = {"height": height, "width": width, "global_batch_size": global_batch_size}
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name} must be positive, got {size!r}")
        # Holes that do not fit are refused here rather than in the middle of a graph.
        masks(seeds_of(seed, Purpose.MASK, tf.zeros([1], tf.int64)), height, width)
        self._count = len(paths)
        self._size = (height, width)
        self._channels = channels
        self._global_batch_size = global_batch_size
        self._seed = seed
        self._masks: Any = masks  # some have boxes too
        self._flip = flip
        self._shuffle = shuffle
        self._one_mask_per_batch = one_mask_per_batch
        self._with_box = with_box
        self._guided = sketches is not None
        self._edge_threshold = edge_threshold
        self._reader = ImageReader(
            paths,
            height,
            width,
            channels=channels,
            seed=seed,
            random_crop=random_crop,
            sketches=sketches,
        )

    @property
    def error(self) -> UserError | None:
        """Why the stream failed, where images are to blame."""
        return self._reader.error

    def dataset(
        self, first_batch: int = 0, input_context: tf.distribute.InputContext | None = None
    ) -> tf.data.Dataset:
        """Batches from the batch number `first_batch` on.

        Gives `image` float32 `[n, H, W, C]` in [-1, 1] and `mask` float32 `[n, H, W, 1]`,
        n = global_batch_size / replicas; `penalty_alpha` `[n, 2]`, uniform in [0, 1); with sketches
        `sketch` float32 `[n, H, W, 1]`, 1 where there is an edge, in the hole or not; with
        boxes `box_rows` int32 `[n, h]` and `box_columns` `[n, w]`, see `ops.crop`. With an
        `input_context` they are those of its pipeline's replicas, in order: batch 0 replica
        0, batch 0 replica 1, batch 1 replica 0, and so on.

        Raises ValueError where the replicas do not divide the global batch.
        """
        replicas = input_context.num_replicas_in_sync if input_context else 1
        pipelines = input_context.num_input_pipelines if input_context else 1
        if self._global_batch_size % replicas or replicas % pipelines:
            raise ValueError(
                f"a global batch of {self._global_batch_size} cannot be shared by {replicas} "
                f"replicas of {pipelines} input pipelines"
            )
        local = replicas // pipelines
        batch_size = self._global_batch_size // replicas
        first = (input_context.input_pipeline_id if input_context else 0) * local * batch_size

        # One element for each example; `number` counts this pipeline's examples.
        def position_of(number):
            batch_index, index = number // (local * batch_size), number % (local * batch_size)
            return batch_index * self._global_batch_size + first + index

        numbers = tf.data.Dataset.range(first_batch * local * batch_size, np.iinfo(np.int64).max)
        examples = numbers.map(position_of).map(
            self._example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        batches = examples.batch(batch_size, drop_remainder=True)
        return batches.map(
            self._with_holes, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        ).prefetch(2)

    def paths_of(self, batch_index: int) -> list[str]:
        """Which images the global batch number `batch_index` holds, in order."""
        first = batch_index * self._global_batch_size
        positions = tf.range(first, first + self._global_batch_size, dtype=tf.int64)
        return [
            self._reader.path_of(int(self._index_of(position)), int(position))
            for position in positions
        ]

    def example(self) -> dict[str, tf.Tensor]:
        """A batch of one as `dataset` gives it, but without an image in it: zeros."""
        images = tf.zeros([1, *self._size, self._channels])
        sketches = {"sketch": tf.zeros_like(images[..., :1])} if self._guided else {}
        return self._with_holes(tf.zeros([1], tf.int64), {"image": images, **sketches})

    def _example(self, position: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The example's position, its image, and its sketch where there are some."""
        index = self._index_of(position)
        crop_fractions = uniform(self._seeds(Purpose.CROP, position), 2)[0]
        values = tf.numpy_function(self._reader.read, [index, position, crop_fractions], tf.uint8)
        values = tf.ensure_shape(values, [*self._size, self._channels + self._guided])
        if self._flip:
            flipped = integers(uniform(self._seeds(Purpose.FLIP, position), 1), 2)[0, 0] == 1
            values = tf.where(flipped, values[:, ::-1], values)
        values = tf.cast(values, tf.float32)
        example = {"image": values[..., : self._channels] / 127.5 - 1}
        if self._guided:
            edges = values[..., self._channels :] / 255 > self._edge_threshold
            example["sketch"] = tf.cast(edges, tf.float32)
        return position, example

    def _with_holes(
        self, positions: tf.Tensor, batch: dict[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        count, *size, _ = batch["image"].shape
        drawn = positions
        if self._one_mask_per_batch:
            batch_indices = positions // self._global_batch_size
            drawn = batch_indices[:1] * self._global_batch_size
        seeds = seeds_of(self._seed, Purpose.MASK, drawn)
        holes = {"mask": self._masks(seeds, *self._size)}
        if self._with_box:
            holes["box_rows"], holes["box_columns"] = self._masks.boxes(seeds, *self._size)
        if self._one_mask_per_batch:
            holes = {name: tf.repeat(value, count, axis=0) for name, value in holes.items()}
        penalty_alpha = uniform(seeds_of(self._seed, Purpose.INTERPOLATION, positions), 2)
        holes["mask"] = tf.ensure_shape(holes["mask"], [count, *size, 1])
        return {**batch, **holes, "penalty_alpha": tf.cast(penalty_alpha, tf.float32)}

    def _index_of(self, position: tf.Tensor) -> tf.Tensor:
        """Which image of the list is at a position of the stream."""
        epoch, place = position // self._count, position % self._count
        if not self._shuffle:
            return place
        seed = self._seeds(Purpose.ORDER, epoch)[0]
        last = tf.constant(self._count - 1, tf.int64)
        return tf.random.experimental.index_shuffle(place, seed=seed, max_index=last)

    def _seeds(self, purpose: Purpose, position: tf.Tensor) -> tf.Tensor:
        return seeds_of(self._seed, purpose, position[None])


def fixed_examples(
    paths: Sequence[str],
    height: int,
    width: int,
    masks: Masks,
    seed: int,
    *,
    channels: int = 3,
    random_crop: bool = False,
    sketches: SketchSource | None = None,
    edge_threshold: float = 0.6,
) -> dict[str, tf.Tensor]:
    """Validation examples, always the same: whole images, or their centres, with holes.

    `image` float32 `[N, height, width, channels]` in [-1, 1] for N paths, `mask` float32
    `[N, height, width, 1]`, and with sketches `sketch` likewise. Images are cropped in the
    centre where training crops them, and otherwise resized. Raises UserError for an image
    that cannot be read.
    """

    def fit(image: np.ndarray) -> np.ndarray:
        if random_crop:
            return crop_image(image, height, width, 0.5, 0.5)
        return resize_image(image, height, width)

    images = [fit(read_image(path, channels)) for path in paths]
    seeds = seeds_of(seed, Purpose.VALIDATION, tf.range(len(paths)))
    examples = {
        "image": tf.constant(np.stack(images), tf.float32) / 127.5 - 1,
        "mask": masks(seeds, height, width),
    }
    if sketches is not None:
        edges = [sketches(p, x, fit) for p, x in zip(paths, images, strict=True)]
        strengths = tf.constant(np.stack(edges), tf.float32) / 255
        examples["sketch"] = tf.cast(strengths > edge_threshold, tf.float32)
    return examples
