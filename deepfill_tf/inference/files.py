"""Completion of image files: one, or all of a plan.

    completer = FileCompleter(Inpainter.load("runs/celeba"), FileOptions())
    record = completer.complete(CompletionPaths(image, mask, output))
    complete_many(completer, plan_many(folders), report)

A large image gets a forecast before it is completed, and is refused if it would not fit into
memory.
"""

import dataclasses
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepfill_tf.data.image_files import (
    MAX_MEGAPIXELS,
    ImageFile,
    MaskFile,
    read_image,
    read_mask,
    read_sketch,
    write_completed,
    write_image,
)
from deepfill_tf.data.thresholds import HOLE_THRESHOLD
from deepfill_tf.errors import UserError, reason
from deepfill_tf.inference.comparison import comparison_panels
from deepfill_tf.inference.completer import Completer
from deepfill_tf.inference.completion_paths import CompletionPaths
from deepfill_tf.inference.eager_first import CallHistory
from deepfill_tf.inference.forecast import Forecast, as_gigabytes, as_time
from deepfill_tf.inference.free_memory import free_memory, used_memory
from deepfill_tf.inference.hole_crops import boxes_of_holes
from deepfill_tf.inference.pairing import Plan
from deepfill_tf.inference.progress import CountProgress
from deepfill_tf.inference.report import ImageRecord, Report
from deepfill_tf.inference.strategies import STRATEGIES, Strategy

# Images of fewer pixels get no forecast, unless one is asked for.
FORECAST_PIXELS = 1_000_000
# Where the exact strategy takes longer, a line names the others.
_LONG_SECONDS = 60.0


@dataclass(frozen=True)
class FileOptions:
    """How files are completed.

    Attributes:
      hole, grow_hole, resize_mask: arguments `hole`, `grow` and `resize` of `read_mask`.
      max_megapixels: larger images are refused.
      strategy: how large images are completed.
      dry_run: read and forecast only.
      always_forecast: forecast small images too.
      comparison: a file for original | masked | completed side by side, in 8 bits; None for none.
    """

    hole: str = "white"
    grow_hole: int = 0
    resize_mask: bool = False
    max_megapixels: float = MAX_MEGAPIXELS
    strategy: Strategy = field(default_factory=Strategy)
    dry_run: bool = False
    always_forecast: bool = False
    comparison: Path | None = None


class FileCompleter:
    """Completes image files.

    Args:
      inpainter: what completes images, such as an `Inpainter`.
      options: how.
      inform: called with lines for standard output, such as forecasts.
      warn: called with lines for standard error.
    """

    def __init__(
        self,
        inpainter: Completer,
        options: FileOptions | None = None,
        *,
        inform: Callable[[str], None] = lambda line: None,
        warn: Callable[[str], None] = lambda line: None,
    ):
        self._inpainter, self._options = inpainter, options or FileOptions()
        self.inform, self.warn = inform, warn
        self._memory_before = used_memory()
        # Of calls that were made, or would be but for a dry run. Deep images have a program of
        # their own.
        self._histories = {is_deep: CallHistory() for is_deep in (False, True)}

    def check_sketch(self, sketch: Path | None) -> None:
        """Raises UserError if a sketch is missing, or given to a model that takes none."""
        if self._inpainter.guided and sketch is None:
            raise UserError(
                "this model is guided by sketches: pass one with --sketch; it may be empty"
            )
        if sketch is not None and not self._inpainter.guided:
            raise UserError(f"this model is not guided: it takes no sketch, got {sketch}")

    def complete(self, paths: CompletionPaths) -> ImageRecord:
        """Completes an image file and writes the output, and folders above it.

        Returns what was done. Raises UserError if a file cannot be read or written, if the sizes
        differ, or if the image is too small, or too large for the memory.
        """
        started = time.monotonic()
        options, record = self._options, ImageRecord.of(paths)
        limit = options.max_megapixels
        image = read_image(paths.image, channels=self._inpainter.channels, max_megapixels=limit)
        record.height, record.width = image.size
        mask = read_mask(
            paths.mask,
            image.size,
            hole=options.hole,
            grow=options.grow_hole,
            resize=options.resize_mask,
            max_megapixels=limit,
        )
        marks = [mask.pixels]
        if paths.sketch is not None:
            marks.append(
                read_sketch(
                    paths.sketch, image.size, resize=options.resize_mask, max_megapixels=limit
                )
            )
        record.hole_pixels = int(np.count_nonzero(mask.pixels))
        self._note(record, *image.notes, *mask.notes)
        if mask.is_empty:
            self._note(record, f"{mask.why_empty}; the image is copied")
        else:
            self._forecast(record, image, mask)
            if image.is_deep and not self._inpainter.predicts_floats:
                self._note(record, "the hole gets 8 bits a channel, as this model computes them")
        if options.dry_run:
            if not mask.is_empty:
                self._histories[image.is_deep].add(image.size[0] * image.size[1])
            record.status = "planned"
            return record
        failures: tuple[type[Exception], ...] = (ValueError, MemoryError, *self._inpainter.errors)
        try:
            completed = image.pixels if mask.is_empty else self._completed(image, marks)
        except failures as error:
            raise UserError(f"{paths.image}: {reason(error)}") from error
        _make_folder(paths.output.parent)
        self._note(record, *write_completed(paths.output, image, completed, mask.pixels))
        if options.comparison is not None:
            filled = dataclasses.replace(image, samples=image.filled(completed, mask.pixels))
            images = (image.pixels, mask.pixels, filled.pixels)
            _make_folder(options.comparison.parent)
            write_image(options.comparison, comparison_panels(*images))
        record.status = "copied" if mask.is_empty else "completed"
        record.seconds = round(time.monotonic() - started, 3)
        return record

    def _completed(self, image: ImageFile, marks: list[np.ndarray]) -> np.ndarray:
        """Returns uint8 `[H, W, C]`; float32 in [-1, 1] for an image of more than 8 bits."""
        is_deep = image.is_deep and self._inpainter.predicts_floats
        history = self._histories[is_deep]
        complete = self._inpainter.predict if is_deep else self._inpainter

        def complete_part(part: np.ndarray, *marks: np.ndarray) -> np.ndarray:
            history.add(part.shape[0] * part.shape[1])
            return complete(part, *marks)

        pixels = image.floats if is_deep else image.pixels
        return self._options.strategy.complete(complete_part, pixels, *marks)

    def _note(self, record: ImageRecord, *notes: str) -> None:
        for note in notes:
            record.notes.append(note)
            self.warn(_message(record.image, note))

    def _forecast(self, record: ImageRecord, image: ImageFile, mask: MaskFile) -> None:
        """Tells and records the forecast. Raises UserError if the memory is too small."""
        options, inpainter = self._options, self._inpainter
        height, width = image.size
        is_large = height * width >= FORECAST_PIXELS
        if not (is_large or options.always_forecast):
            return
        boxes = boxes_of_holes(mask.pixels[:, :, 0] > HOLE_THRESHOLD)
        record.boxes = boxes.tolist()

        def forecast_with(name: str) -> Forecast | None:
            strategy = Strategy(name, options.strategy.crop_margin, options.strategy.resize_limit)
            return inpainter.forecast(
                image.size,
                boxes,
                strategy,
                history=self._histories[image.is_deep],
                memory_before=self._memory_before,
            )

        name = options.strategy.name
        expected = forecast_with(name)
        if expected is None:
            if is_large and name == "exact":
                self.inform(
                    f"{record.image}: {width} x {height}, strategy exact: time and memory are not "
                    "known for this model; --strategy=crop needs less of both"
                )
            return
        record.set_forecast(expected)
        what = f"{record.image}: {width} x {height}"
        if is_large or options.dry_run:
            self.inform(f"{what}, strategy {name}: about {expected}")
        free = _free_memory()
        fits = free is None or expected.memory <= free or not inpainter.uses_main_memory
        if fits and (expected.seconds < _LONG_SECONDS or name != "exact"):
            return
        others = ", ".join(
            f"--strategy={other} takes about {forecast_with(other)}"
            for other in STRATEGIES
            if other != name and other != "exact"
        )
        if not fits:
            raise UserError(
                f"{what} needs about {as_gigabytes(expected.memory)} of memory with "
                f"--strategy={name}, and {as_gigabytes(free or 0)} are free; {others}"
            )
        self.warn(f"{what} takes about {as_time(expected.seconds)}; {others}")


def complete_many(
    completer: FileCompleter, plan: Plan, report: Report, *, debug: bool = False
) -> None:
    """Completes all of a plan, whatever becomes of single images, and adds to the report.

    Args:
      completer: what completes one image.
      plan: what is to be done; outputs that exist are skipped if they are to be.
      report: gets a record for each completion and failure of the plan.
      debug: show the tracebacks of errors.
    """
    for path, why in plan.failures:
        completer.warn(_message(str(path), why))
        report.images.append(ImageRecord(str(path), error=why))
    report.left_out += plan.left_out
    with CountProgress(len(plan.completions)) as progress:
        for paths in plan.completions:
            record = ImageRecord.of(paths)
            try:
                record = completer.complete(paths)
            except Exception as error:  # of any kind: the other images go on
                if debug:
                    traceback.print_exc()
                is_ours = isinstance(error, UserError)
                why = str(error) if is_ours else f"{type(error).__name__}: {reason(error)}"
                record.error = why
                completer.warn(_message(record.image, why))
            report.images.append(record)
            progress.advance()


def _message(image: str, text: str) -> str:
    return text if image in text else f"{image}: {text}"


def _free_memory() -> int | None:
    """Returns bytes that this process may have, those that it has included."""
    free = free_memory()
    return None if free is None else free + used_memory()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {reason(error)}") from error
