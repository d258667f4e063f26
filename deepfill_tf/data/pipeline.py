"""The stream of training batches, a pure function of the seed and the index of the batch."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deepfill_tf.checks import check_bool, check_in_range, check_int, check_positive_int
from deepfill_tf.data.examples import ExampleOptions, example_tensors, read_example
from deepfill_tf.data.paired_masks import PairedMasks
from deepfill_tf.data.reader import ImageReader
from deepfill_tf.data.seeds import Purpose, generator_of, integers, seeds_of, uniform
from deepfill_tf.data.sketches.source import SketchSource
from deepfill_tf.errors import UserError

# Without it, AutoGraph would translate all that a traced function calls, which takes seconds.
do_not_convert = tf.autograph.experimental.do_not_convert

# Seeds int64 [N, 2], height, width -> float32 [N, height, width, 1], see `data.masks`.
MaskGenerator = Callable[[tf.Tensor, int, int], tf.Tensor]


class ImagePipeline:
    """Endless stream of global batches of images and holes.

    Order, crops, flips and holes of an example are pure functions of the seed, the index of
    the batch and the example's index in the global batch. So any number of replicas sees the
    same examples, and a stream can begin at any batch.

    Args:
      paths: the images.
      options: size, crop, order and holes of the examples.
      global_batch_size: examples in a batch, over all replicas.
      seed: seed of everything random, in [0, 2**31).
      masks: generates the holes, see `data.masks`, or has them of files.
      with_box: add the box around each hole to a batch; `masks` must have `boxes`.
      sketches: makes or reads every image's sketch, see `data.sketches`; None for none.
      absent: paths that are known not to be there, see `ImageReader`.

    Raises ValueError for a bad argument, and if the holes do not fit into the images.
    """

    def __init__(
        self,
        paths: Sequence[str],
        options: ExampleOptions,
        *,
        global_batch_size: int,
        seed: int,
        masks: MaskGenerator | PairedMasks,
        with_box: bool = False,
        sketches: SketchSource | None = None,
        absent: Collection[str] = (),
    ):
        if not paths:
            raise ValueError("a pipeline needs at least one image")
        check_in_range("seed", check_int("seed", seed, 0), 0, 2**31)
        check_positive_int("global_batch_size", global_batch_size)
        check_bool("with_box", with_box)
        holes = masks if isinstance(masks, PairedMasks) else None
        self._count = len(paths)
        self._options = options
        self._global_batch_size = global_batch_size
        self._seed = seed
        self._masks: Any = masks  # some have boxes too
        self._with_box = with_box
        self._has_files = holes is not None
        self._channels = options.channels + (sketches is not None) + self._has_files
        # Holes that do not fit are refused here rather than in the middle of a graph.
        self._first_hole = {} if self._has_files else self._holes(tf.zeros([1], tf.int64))
        self._reader = ImageReader(
            paths, options, seed=seed, sketches=sketches, absent=absent, holes=holes
        )

    @property
    def error(self) -> UserError | None:
        """Reason why the stream should end, or has failed: images that could not be read."""
        return self._reader.error

    def close(self) -> None:
        """Stops reading images, and waits until no thread of TensorFlow does; see `ImageReader`.

        To be called before the last reference to an iterator is dropped: its destructor waits
        for these threads, which may wait for Python's global lock, which it holds.
        """
        self._reader.close()

    def dataset(
        self, first_batch: int = 0, input_context: tf.distribute.InputContext | None = None
    ) -> tf.data.Dataset:
        """Batches from the global batch `first_batch` on, for n = global batch / replicas.

        With an `input_context` they are those of its pipeline's replicas, in order: batch 0 of
        replica 0, batch 0 of replica 1, batch 1 of replica 0, and so on.

        Returns a dataset of dicts of float32:
          image: `[n, H, W, C]` in [-1, 1].
          mask: `[n, H, W, 1]`, 1 in the hole and 0 elsewhere.
          penalty_alpha: `[n, 2]`, uniform in [0, 1), for gradient penalties.
          sketch: `[n, H, W, 1]`, 1 on edges, inside the hole and outside; only with sketches.
          box_rows, box_columns: int32 `[n, h]` and `[n, w]`, see `ops.crop`; only with boxes.

        Raises ValueError if the replicas do not divide the global batch.
        """
        replicas = input_context.num_replicas_in_sync if input_context else 1
        pipelines = input_context.num_input_pipelines if input_context else 1
        if self._global_batch_size % replicas or replicas % pipelines:
            raise ValueError(
                f"a global batch of {self._global_batch_size} cannot be divided among {replicas} "
                f"replicas of {pipelines} input pipelines"
            )
        batch_size = self._global_batch_size // replicas
        # Examples of a global batch that this pipeline makes, and the first of them.
        local_batch_size = batch_size * (replicas // pipelines)
        first = (input_context.input_pipeline_id if input_context else 0) * local_batch_size

        def position_of(number):
            """Position in the stream of the example `number` of this pipeline."""
            batch_index, index = number // local_batch_size, number % local_batch_size
            return batch_index * self._global_batch_size + first + index

        numbers = tf.data.Dataset.range(first_batch * local_batch_size, np.iinfo(np.int64).max)
        examples = numbers.map(do_not_convert(position_of)).map(
            do_not_convert(self._example), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        batches = examples.batch(batch_size, drop_remainder=True)
        return batches.map(
            do_not_convert(self._with_masks),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        ).prefetch(2)

    def paths_of(self, batch_index: int) -> list[str]:
        """Paths of the images in the global batch `batch_index`, in order."""
        first = batch_index * self._global_batch_size
        positions = tf.range(first, first + self._global_batch_size, dtype=tf.int64)
        return [
            self._reader.path_of(int(self._image_index(position)), int(position))
            for position in positions
        ]

    def example(self) -> dict[str, tf.Tensor]:
        """A batch of one with the keys and shapes of `dataset`: the first hole, the rest zeros.

        A hole of a file is empty.
        """
        values = tf.zeros([1, self._options.height, self._options.width, self._channels], tf.uint8)
        zeros = {name: tf.zeros_like(value) for name, value in self._tensors(values).items()}
        return {**zeros, "penalty_alpha": tf.zeros([1, 2]), **self._first_hole}

    def _example(self, position: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """The position, and the image with its sketch."""
        options = self._options
        index = self._image_index(position)
        place = uniform(self._seeds(Purpose.CROP, position), 2)[0]
        scale = uniform(self._seeds(Purpose.SCALE, position), 1)[0]
        crop_fractions = tf.concat([place, scale], axis=0)
        flip = tf.constant(False)
        if options.flip:
            flip = integers(uniform(self._seeds(Purpose.FLIP, position), 1), 2)[0, 0] == 1
        values = tf.numpy_function(
            self._reader.read, [index, position, crop_fractions, flip], tf.uint8
        )
        values = tf.ensure_shape(values, [options.height, options.width, self._channels])
        return position, self._tensors(values)

    def _tensors(self, values: tf.Tensor) -> dict[str, tf.Tensor]:
        return example_tensors(values, self._options, with_hole=self._has_files)

    def _with_masks(
        self, positions: tf.Tensor, batch: dict[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """The batch with the holes of the examples at `positions` `[n]`, and random numbers."""
        penalty_alpha = uniform(seeds_of(self._seed, Purpose.INTERPOLATION, positions), 2)
        batch = batch | {"penalty_alpha": tf.cast(penalty_alpha, tf.float32)}
        if self._has_files:
            return batch
        count = batch["image"].shape[0]
        if not self._options.one_mask_per_batch:
            return batch | self._holes(positions)
        first = positions[:1] // self._global_batch_size * self._global_batch_size
        holes = self._holes(first)
        return batch | {name: tf.repeat(value, count, axis=0) for name, value in holes.items()}

    def _holes(self, positions: tf.Tensor) -> dict[str, tf.Tensor]:
        """The holes of the examples at `positions` `[n]`, with the boxes around them if wanted."""
        height, width = self._options.height, self._options.width
        seeds = seeds_of(self._seed, Purpose.MASK, positions)
        mask = self._masks(seeds, height, width)
        shape = [positions.shape[0], height, width, 1]
        if not mask.shape.is_compatible_with(shape):
            raise ValueError(f"masks must generate holes of shape {shape}, not {mask.shape}")
        holes = {"mask": tf.ensure_shape(mask, shape)}
        if self._with_box:
            holes["box_rows"], holes["box_columns"] = self._masks.boxes(seeds, height, width)
        return holes

    def _image_index(self, position: tf.Tensor) -> tf.Tensor:
        """Index in the list of the image at a position of the stream."""
        epoch, index = position // self._count, position % self._count
        if not self._options.shuffle:
            return index
        seed = self._seeds(Purpose.ORDER, epoch)[0]
        last = tf.constant(self._count - 1, tf.int64)
        return tf.random.experimental.index_shuffle(index, seed=seed, max_index=last)

    def _seeds(self, purpose: Purpose, position: tf.Tensor) -> tf.Tensor:
        return seeds_of(self._seed, purpose, position[None])


def fixed_examples(
    paths: Sequence[str],
    options: ExampleOptions,
    masks: MaskGenerator | PairedMasks,
    seed: int,
    *,
    sketches: SketchSource | None = None,
) -> dict[str, tf.Tensor]:
    """Validation examples: images with holes that depend on `seed` alone.

    With `random_crop` images are cropped in the centre; with holes of files, around a part of the
    hole.

    Returns, for N paths, `image` float32 `[N, H, W, C]` in [-1, 1], `mask` float32
    `[N, H, W, 1]`, and with sketches `sketch` float32 `[N, H, W, 1]`. Raises UserError if an
    image cannot be read.
    """
    if isinstance(masks, PairedMasks):
        randoms = [generator_of(seed, Purpose.VALIDATION, i) for i in range(len(paths))]
        with_holes = [
            read_example(path, options, sketches, holes=masks, random=random)
            for path, random in zip(paths, randoms, strict=True)
        ]
        return example_tensors(tf.constant(np.stack(with_holes)), options, with_hole=True)
    values = np.stack([read_example(path, options, sketches) for path in paths])
    seeds = seeds_of(seed, Purpose.VALIDATION, tf.range(len(paths)))
    mask = masks(seeds, options.height, options.width)
    return {**example_tensors(tf.constant(values), options), "mask": mask}
