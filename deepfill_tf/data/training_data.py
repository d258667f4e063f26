"""Training and validation data of a run."""

import logging
import os
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from deepfill_tf.checks import check_int
from deepfill_tf.data.examples import ExampleOptions
from deepfill_tf.data.failure_limit import max_failures
from deepfill_tf.data.file_list import list_images
from deepfill_tf.data.image_files import read_pixels
from deepfill_tf.data.paired_masks import MaskFiles, PairedMasks
from deepfill_tf.data.pipeline import ImagePipeline, MaskGenerator, fixed_examples
from deepfill_tf.data.sketches.source import SketchSource
from deepfill_tf.data.thresholds import EDGE_THRESHOLD
from deepfill_tf.data.validate_images import (
    check_readable,
    unreadable_error,
    unreadable_images,
)
from deepfill_tf.errors import UserError

LOG = logging.getLogger(__name__)

# Environment variable with the folder of the data, used if `root` is not set.
ROOT_VARIABLE = "DEEPFILL_DATA"


class TrainingData:
    """Training images with random holes, validation images with fixed ones.

    Args:
      train: training images: a folder, a glob or a file list, relative to `root`.
      masks: generates the holes, see `data.masks`, or `MaskFiles`, which have them.
      root: folder of the data; None: the environment variable `DEEPFILL_DATA`.
      validation: validation images, as `train`; None for none.
      download_instructions: where to get the data; ends the message if it is missing.
      height, width: size of the examples, multiples of 8 from 16 on.
      channels, random_crop, min_scale, max_scale, flip, hue_jitter, saturation_jitter, shuffle,
        one_mask_per_batch, edge_threshold: see `ExampleOptions`.
      sketches: makes or reads every image's sketch, see `data.sketches`; None for none.
      validation_count: number of validation images that are used, the first of the list.

    Attributes:
      options: of the examples, made of the arguments.
      masks: as given.

    Raises:
      UserError: if a list of images is missing or empty; `check_images` checks the images.
      ValueError: for a bad argument.
    """

    def __init__(
        self,
        *,
        train: str,
        masks: MaskGenerator | MaskFiles,
        root: str | None = None,
        validation: str | None = None,
        download_instructions: str = "",
        height: int = 256,
        width: int = 256,
        channels: int = 3,
        random_crop: bool = False,
        min_scale: float = 1.0,
        max_scale: float = 1.0,
        flip: bool = False,
        hue_jitter: float = 0.0,
        saturation_jitter: float = 0.0,
        shuffle: bool = True,
        one_mask_per_batch: bool = False,
        sketches: SketchSource | None = None,
        edge_threshold: float = EDGE_THRESHOLD,
        validation_count: int = 8,
    ):
        self.options = ExampleOptions(
            height=check_int("data.height", height, 16, multiple=8),
            width=check_int("data.width", width, 16, multiple=8),
            channels=channels,
            random_crop=random_crop,
            min_scale=min_scale,
            max_scale=max_scale,
            flip=flip,
            hue_jitter=hue_jitter,
            saturation_jitter=saturation_jitter,
            shuffle=shuffle,
            one_mask_per_batch=one_mask_per_batch,
            edge_threshold=edge_threshold,
        )
        check_int("data.validation_count", validation_count, 0)
        paths = {"train": train, "root": root or "", "validation": validation or ""}
        for name, path in paths.items():
            if not isinstance(path, str):
                raise UserError(f"data.{name} must be a path, such as 'my_images', got {path!r}")
        if isinstance(sketches, type) or (sketches is not None and not hasattr(sketches, "check")):
            raise UserError(
                f"data.sketches must be a source such as @CannySketches(), got {sketches!r}"
            )
        has_files = isinstance(masks, MaskFiles)
        if not has_files and (not callable(masks) or isinstance(masks, type)):
            raise UserError(
                f"data.masks must generate holes, such as @RectangleMasks(), got {masks!r}"
            )
        if has_files and one_mask_per_batch:
            raise UserError(
                "data.one_mask_per_batch=True, one hole for all images of a batch, does not go "
                "with @MaskFiles(), where every image has its own"
            )
        self.masks: Any = masks  # some have boxes too
        self._sketches = sketches
        self._root = root or os.environ.get(ROOT_VARIABLE)
        if self._root is None and not os.path.isabs(train):
            raise UserError(
                f"data.root is not set, and data.train={train!r} is relative to it: pass "
                f"--gin_param='data.root=\"...\"' or set the environment variable "
                f"{ROOT_VARIABLE}. {download_instructions}".strip()
            )
        try:
            self.paths = list_images(train, self._root)
            validation_paths = list_images(validation, self._root) if validation else []
        except UserError as error:
            raise UserError(f"{error}. {download_instructions}".strip()) from error
        self._absent: set[str] = set()
        if isinstance(masks, MaskFiles):
            none = masks.are_among([*self.paths, *validation_paths], self._root)
            self.paths = [path for path in self.paths if path not in none]
            validation_paths = [path for path in validation_paths if path not in none]
        self.validation_paths = validation_paths[:validation_count]
        self._paired: PairedMasks | None = None
        if isinstance(masks, MaskFiles):
            self._paired = masks.of([*self.paths, *self.validation_paths], self._root)
        self._validation: dict[int, dict[str, tf.Tensor]] = {}

    def check_images(self, *, resumed: bool = False) -> None:
        """Checks all images before training.

        Reads the headers of the training images, which takes a while for long lists, and whole
        validation images. Few damaged training images (`failure_limit.max_failures`) are logged:
        others replace them. A resumed run takes missing ones for damaged.

        Raises UserError if more, or a validation image, or a sketch, cannot be read; and if an
        image of a new run is missing, because its path may be wrong.
        """
        paths = [path for path in self.paths if path not in self._absent]
        LOG.info("checking %d images", len(paths) + len(self.validation_paths))
        check_readable(self.validation_paths)
        found = unreadable_images(paths)
        missing = [] if resumed else [image for image in found if image.is_missing]
        if missing or len(found) > max_failures(len(paths)):
            raise unreadable_error(missing or found, len(paths))
        if found:
            LOG.warning("%s; others replace them", unreadable_error(found, len(paths)))
        damaged = {image.path for image in found}
        readable = [path for path in paths if path not in damaged] + self.validation_paths
        if self._sketches is not None:
            self._sketches.check(readable)
        if self._paired is not None:
            self._paired.check(readable)
        for path in self.validation_paths:  # whole, so that none fails in the middle of a run
            image = read_pixels(path, self.channels)
            if self._sketches is not None:
                self._sketches(path, image, lambda other: other)

    def keep_absent(self, names: Sequence[str]) -> None:
        """Takes a longer list of names, see `names`, that images were removed from.

        Those that are not there are replaced by others, and all others keep their places in the
        stream.
        """
        path_of = dict(zip(self.names, self.paths, strict=True))
        self.paths = [path_of.get(name) or os.path.join(self._root or "", name) for name in names]
        self._absent = set(self.paths) - set(path_of.values())

    @property
    def height(self) -> int:
        """Height of the examples, in pixels."""
        return self.options.height

    @property
    def width(self) -> int:
        """Width of the examples, in pixels."""
        return self.options.width

    @property
    def channels(self) -> int:
        """Channels of the images, 1 or 3."""
        return self.options.channels

    @property
    def names(self) -> list[str]:
        """Paths of the training images, relative to the root if they are below it."""
        root = self._root.rstrip("/") + "/" if self._root else ""
        return [path.removeprefix(root) for path in self.paths]

    @property
    def guided(self) -> bool:
        """True if examples have sketches."""
        return self._sketches is not None

    def pipeline(
        self, *, global_batch_size: int, seed: int, with_box: bool = False
    ) -> ImagePipeline:
        """The stream of training batches, see `ImagePipeline`."""
        return ImagePipeline(
            self.paths,
            self.options,
            global_batch_size=global_batch_size,
            seed=seed,
            masks=self._paired or self.masks,
            with_box=with_box,
            sketches=self._sketches,
            absent=self._absent,
        )

    def example(self, *, with_box: bool) -> dict[str, tf.Tensor]:
        """A batch of one, to build networks with; see `ImagePipeline.example`.

        Raises UserError if the holes do not fit into the images, or if `with_box` asks for
        boxes that they do not have.
        """
        if with_box and not hasattr(self.masks, "boxes"):
            raise UserError(
                f"the objective needs the box around a hole, and {type(self.masks).__name__} "
                "generates holes of any shape: set data.masks = @RectangleMasks(), or leave out "
                "what needs a box (GAN.kind of two discriminators, @BoxReconstruction())"
            )
        try:
            return self.pipeline(global_batch_size=1, seed=0, with_box=with_box).example()
        except ValueError as error:
            raise UserError(str(error)) from error

    def batch(self, batch_index: int, *, global_batch_size: int, seed: int) -> dict[str, tf.Tensor]:
        """The global batch `batch_index` of `pipeline`."""
        pipeline = self.pipeline(global_batch_size=global_batch_size, seed=seed)
        return next(iter(pipeline.dataset(batch_index)))

    def validation_examples(self, seed: int) -> dict[str, tf.Tensor] | None:
        """Validation images with fixed holes, see `fixed_examples`; None if there are none."""
        if not self.validation_paths:
            return None
        if seed not in self._validation:
            self._validation[seed] = self._fixed_examples(self.validation_paths, seed)
        return self._validation[seed]

    def training_example(self, index: int, seed: int) -> dict[str, tf.Tensor]:
        """The training image `index` of the list as a batch of one, with a fixed hole.

        The next one that can be read is taken if it cannot. Raises UserError if none can.
        """
        for number in range(len(self.paths)):
            path = self.paths[(index + number) % len(self.paths)]
            try:
                return self._fixed_examples([path], seed)
            except UserError as error:
                LOG.warning("%s; the next image is taken", error)
        raise UserError(f"none of the {len(self.paths)} training images can be read")

    def _fixed_examples(self, paths: list[str], seed: int) -> dict[str, tf.Tensor]:
        masks = self._paired or self.masks
        return fixed_examples(paths, self.options, masks, seed, sketches=self._sketches)
