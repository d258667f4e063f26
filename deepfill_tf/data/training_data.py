"""What a run trains on and what it is validated on."""

import logging
import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from deepfill_tf.data.file_list import list_images
from deepfill_tf.data.image_files import read_image
from deepfill_tf.data.pipeline import ImagePipeline, fixed_examples
from deepfill_tf.data.sketches.source import SketchSource
from deepfill_tf.data.validate_images import check_readable
from deepfill_tf.errors import UserError

LOG = logging.getLogger(__name__)

# Where data lies when `root` is not given.
ROOT_VARIABLE = "DEEPFILL_DATA"


class TrainingData:
    """Training images with random holes, validation images with fixed ones.

    Everything wrong with the lists is named here, before anything is built.

    Args:
      train: training images: a folder, a glob or a file list, relative to `root`.
      masks: called with seeds `[N, 2]`, height and width, gives `[N, H, W, 1]`.
      root: folder of the data; None: the environment variable `DEEPFILL_DATA`.
      validation: validation images, likewise; None for none.
      download_instructions: what to tell who does not have the data.
      height, width, channels: of what the networks see.
      random_crop: crop where the image is large enough, as released; False: resize,
        not keeping the aspect ratio.
      flip: mirror every other image left to right. The released program does not.
      shuffle: another order every epoch; False: the list's order, as released.
      one_mask_per_batch: one hole for all images of a global batch, as released.
      sketches: makes or reads the images' sketches, see `data.sketches`; None for none.
      edge_threshold: share of the greatest strength above which a sketch has an edge, as
        released.
      validation_count: how many validation images are used, the first of the list.

    Raises:
      UserError: where the data is missing or an image cannot be read.
    """

    def __init__(
        self,
        *,
        train: str,
        masks: Callable,
        root: str | None = None,
        validation: str | None = None,
        download_instructions: str = "",
        height: int = 256,
        width: int = 256,
        channels: int = 3,
        random_crop: bool = False,
        flip: bool = False,
        shuffle: bool = True,
        one_mask_per_batch: bool = False,
        sketches: SketchSource | None = None,
        edge_threshold: float = 0.6,
        validation_count: int = 8,
    ):
        for name, size in (("height", height), ("width", width)):
            if not isinstance(size, int) or size < 16 or size % 8:
                raise UserError(f"data.{name} must be a multiple of 8 from 16 on, got {size!r}")
        root = root or os.environ.get(ROOT_VARIABLE)
        if root is None and not os.path.isabs(train):
            raise UserError(
                f"where is the data? Looked for {train!r}: set --gin_param='data.root=\"...\"' or "
                f"the variable {ROOT_VARIABLE}. {download_instructions}".strip()
            )
        self.height, self.width, self.channels = height, width, channels
        self._root = root
        if not isinstance(edge_threshold, int | float) or not 0 <= edge_threshold < 1:
            raise UserError(f"data.edge_threshold must be in [0, 1), got {edge_threshold!r}")
        if sketches is not None and not hasattr(sketches, "check"):
            raise UserError(
                f"data.sketches must be a source such as @CannySketches(), got {sketches!r}"
            )
        if not callable(masks) or isinstance(masks, type):
            raise UserError(f"data.masks must make holes, such as @RectangleMasks(), got {masks!r}")
        self._masks = masks
        self._sketches: dict[str, Any] = {"sketches": sketches, "edge_threshold": edge_threshold}
        self._options: dict[str, Any] = {
            "random_crop": random_crop,
            "flip": flip,
            "shuffle": shuffle,
            "one_mask_per_batch": one_mask_per_batch,
        }
        try:
            self.paths = list_images(train, root)
            validation_paths = list_images(validation, root) if validation else []
        except UserError as error:
            raise UserError(f"{error}. {download_instructions}".strip()) from error
        self.validation_paths = validation_paths[:validation_count]
        if sketches is not None:
            sketches.check(self.paths + self.validation_paths)
        LOG.info("looking at %d images", len(self.paths) + len(self.validation_paths))
        check_readable(self.paths + self.validation_paths)
        for path in self.validation_paths:  # whole, so that none fails in the middle of a run
            image = read_image(path, channels)
            if sketches is not None:
                sketches(path, image, lambda other: other)
        self._validation: dict[int, dict[str, tf.Tensor]] = {}

    @property
    def names(self) -> list[str]:
        """The training images' paths, below the root where they lie there."""
        root = self._root.rstrip("/") + "/" if self._root else ""
        return [path.removeprefix(root) for path in self.paths]

    @property
    def guided(self) -> bool:
        """Whether examples have sketches."""
        return self._sketches["sketches"] is not None

    def pipeline(
        self, *, global_batch_size: int, seed: int, with_box: bool = False
    ) -> ImagePipeline:
        """The stream of training batches."""
        return ImagePipeline(
            paths=self.paths,
            height=self.height,
            width=self.width,
            channels=self.channels,
            global_batch_size=global_batch_size,
            seed=seed,
            masks=self._masks,
            with_box=with_box,
            **self._sketches,
            **self._options,
        )

    def example(self, *, with_box: bool) -> dict[str, tf.Tensor]:
        """A batch of one without an image in it: what networks are built with.

        Raises UserError where `with_box` asks for boxes that the holes do not have.
        """
        if with_box and not hasattr(self._masks, "boxes"):
            raise UserError(
                f"the objective looks at the box around a hole, and {type(self._masks).__name__} "
                "make holes of any shape: set data.masks = @RectangleMasks(), or leave out what "
                "needs a box (GAN.kind of two discriminators, @BoxReconstruction())"
            )
        try:
            return self.pipeline(global_batch_size=1, seed=0, with_box=with_box).example()
        except ValueError as error:
            raise UserError(str(error)) from error

    def batch(self, batch_index: int, *, global_batch_size: int, seed: int) -> dict[str, tf.Tensor]:
        """The global batch number `batch_index`, the same that training saw."""
        pipeline = self.pipeline(global_batch_size=global_batch_size, seed=seed)
        return next(iter(pipeline.dataset(batch_index)))

    def validation_examples(self, seed: int) -> dict[str, tf.Tensor] | None:
        """Validation images and their fixed holes; None where there are none."""
        if not self.validation_paths:
            return None
        if seed not in self._validation:
            self._validation[seed] = self._fixed(self.validation_paths, seed)
        return self._validation[seed]

    def training_example(self, index: int, seed: int) -> dict[str, tf.Tensor]:
        """The training image number `index` as a batch of one, with a fixed hole."""
        return self._fixed([self.paths[index]], seed)

    def _fixed(self, paths: list[str], seed: int) -> dict[str, tf.Tensor]:
        return fixed_examples(
            paths,
            self.height,
            self.width,
            self._masks,
            seed,
            channels=self.channels,
            random_crop=self._options["random_crop"],
            **self._sketches,
        )
