"""Apache Beam's part of preparing a dataset: many machines, or the processes of one.

Images' bytes never go through a shuffle: what is grouped are places, checksums and hashes, about
500 bytes each, and whoever writes a shard reads its images again. So memory does not grow with
the size of images; on a local runner, which keeps its shuffles in memory, it does with their
number.
"""

import contextlib
import io
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace

import apache_beam as beam
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from deepfill_tf.data.records import ShardWriter, on_one_line
from deepfill_tf.errors import UserError
from deepfill_tf.preparation.inspection import Inspection, inspect_image
from deepfill_tf.preparation.near_duplicates import bands, earlier_near_duplicates
from deepfill_tf.preparation.sources import Reference, references
from deepfill_tf.preparation.splitting import (
    TRAIN,
    VALIDATION,
    shard_name,
    shard_of,
    split_of,
)

# Names of images that the report gives for a finding.
EXAMPLES = 10


@dataclass(frozen=True)
class Settings:
    """How a dataset is made.

    Attributes:
      output: folder that shards and report are written to.
      validation_share: of the images whose source is not said to be for validation.
      train_shards, validation_shards: into how many files.
      min_side: pixels that an image must have on both sides.
      has_validation: sources for validation are given, so that nothing else is split.
    """

    output: str
    validation_share: float
    train_shards: int
    validation_shards: int
    min_side: int
    has_validation: bool

    def split(self, image: "Image") -> str:
        if self.has_validation:
            return image.origin
        return split_of(image.inspection.sha256, self.validation_share)

    def shards(self, split: str) -> int:
        return self.train_shards if split == TRAIN else self.validation_shards


@dataclass(frozen=True)
class Image:
    """An image on its way: where it is, what was seen, and why it is left out, if it is."""

    reference: Reference
    origin: str
    inspection: Inspection
    dropped: str | None = None
    because_of: str = ""

    @property
    def rank(self) -> tuple:
        """Of images that are the same the first stays: those for validation come first."""
        return (self.origin != VALIDATION, self.reference.name)

    @property
    def left_out(self) -> bool:
        return self.dropped is not None or not self.inspection.usable

    @property
    def findings(self) -> list[str]:
        return [*self.inspection.findings, *([self.dropped] if self.dropped else [])]


def check_options(options: list[str], *, all_known: bool) -> None:
    """Raises UserError for an option with a bad value, or with `all_known` one that has no meaning.

    Runners may know options that Beam does not.
    """
    words = io.StringIO()
    try:
        with contextlib.redirect_stderr(words):
            parsed = PipelineOptions(options)
            known = parsed.get_all_options()
            every = parsed.get_all_options(retain_unknown_options=True)
    except SystemExit as error:  # as argparse ends a program
        raise UserError(words.getvalue().strip().rpartition("error: ")[2]) from error
    for option in options if all_known else ():
        name = option.partition("=")[0]
        if name.lstrip("-").replace("-", "_") in every.keys() - known.keys():
            raise UserError(f"{name} is no flag, neither of this program nor of Beam")


def prepare(sources: list[tuple[str, str]], settings: Settings, options: list[str]) -> dict:
    """Runs the pipeline on (origin, path) pairs and gives what it reports.

    Raises whatever Beam and the runner raise.
    """
    with beam.Pipeline(options=PipelineOptions(options)) as pipeline:
        seen = (
            pipeline
            | "sources" >> beam.Create(sources)
            | "spread sources" >> beam.Reshuffle()
            | "find" >> beam.FlatMapTuple(_references)
            | "spread images" >> beam.Reshuffle()
            | "look" >> beam.Map(lambda found: _look(found[0], found[1], settings.min_side))
        )
        usable = seen | "usable" >> beam.Filter(lambda image: image.inspection.usable)
        unusable = seen | "unusable" >> beam.Filter(lambda image: not image.inspection.usable)
        unequal = (
            usable
            | "by checksum" >> beam.Map(lambda image: (image.inspection.sha256, image))
            | "equal ones" >> beam.GroupByKey()
            | "first of equals" >> beam.FlatMapTuple(_mark_equals)
        )
        different = unequal | "different" >> beam.Filter(lambda image: not image.dropped)
        near = (
            different
            | "by band" >> beam.FlatMap(_by_band)
            | "of one band" >> beam.GroupByKey()
            | "near ones" >> beam.FlatMapTuple(_near)
        )
        decided = (
            {
                "image": different
                # An archive may have several of one name.
                | "itself" >> beam.Map(lambda image: (image.inspection.sha256, image)),
                "near": near,
            }
            | "join" >> beam.CoGroupByKey()
            | "first of near ones" >> beam.MapTuple(_mark_near)
        )
        written = (
            decided
            | "kept" >> beam.Filter(lambda image: not image.dropped)
            | "by shard" >> beam.Map(_by_shard, settings)
            | "of one shard" >> beam.GroupByKey()
            | "write" >> beam.Map(lambda shard: _write_shard(shard[0], shard[1], settings))
        )
        equal = unequal | "equal" >> beam.Filter(lambda image: image.dropped)
        _report(pipeline, (unusable, equal, decided), written, settings)
    with tf.io.gfile.GFile(os.path.join(settings.output, "report.json")) as file:
        return json.load(file)


def _references(origin: str, path: str) -> Iterator[tuple[str, Reference]]:
    try:
        for reference in references(path):
            yield origin, reference
    except UserError:  # the archive itself is what cannot be read
        yield origin, Reference(path, path)


def _look(origin: str, reference: Reference, min_side: int) -> Image:
    try:
        inspection = inspect_image(reference.read(), min_side=min_side)
    except (OSError, tf.errors.OpError):
        inspection = Inspection(("corrupt",), "")
    return Image(reference, origin, inspection)


def _mark_equals(sha256: str, images: Iterable[Image]) -> Iterator[Image]:
    del sha256
    first, *others = sorted(images, key=lambda image: image.rank)
    yield first
    for image in others:
        yield _dropped(image, "duplicate", first.origin, first.reference.name)


def _dropped(image: Image, kind: str, origin: str, name: str) -> Image:
    """The image, left out because of another; between training and validation it is a leak."""
    kind = kind if image.origin == origin else "leakage"
    return replace(image, dropped=kind, because_of=name)


def _by_band(image: Image) -> Iterator[tuple[tuple[int, int], tuple]]:
    seen = image.inspection
    member = (image.rank, seen.difference_hash, image.origin, seen.sha256)
    assert seen.difference_hash is not None  # usable images can be decoded
    for band in bands(seen.difference_hash):
        yield band, member


def _near(band: tuple, members: Iterable[tuple]) -> Iterator[tuple[str, tuple[str, str]]]:
    """An image's checksum, with name and origin of the earlier one that it is near."""
    del band
    for (*_, sha256), ((_, earlier), _, origin, _) in earlier_near_duplicates(members):
        yield sha256, (earlier, origin)


def _mark_near(sha256: str, joined: dict) -> Image:
    del sha256
    (image,) = joined["image"]
    near = sorted(joined["near"])
    if not near:
        return image
    earlier, origin = near[0]
    return _dropped(image, "near_duplicate", origin, earlier)


def _by_shard(image: Image, settings: Settings) -> tuple[tuple[str, int], Image]:
    split = settings.split(image)
    return (split, shard_of(image.inspection.sha256, settings.shards(split))), image


def _write_shard(
    key: tuple[str, int], images: Iterable[Image], settings: Settings
) -> tuple[str, int]:
    """Writes a shard; gives its split and the number of its images."""
    split, number = key
    path = os.path.join(settings.output, shard_name(split, number, settings.shards(split)))
    writer, count = ShardWriter(path), 0
    for image in sorted(images, key=lambda image: image.inspection.sha256):
        seen, encoded = image.inspection, image.reference.read()
        again = inspect_image(encoded, min_side=settings.min_side)
        if again.sha256 != seen.sha256:
            raise UserError(f"{image.reference.name} changed while it was read")
        writer.write(
            encoded,
            kind=seen.kind,
            height=seen.height,
            width=seen.width,
            source=image.reference.name,
            sha256=seen.sha256,
        )
        count += 1
    writer.close()
    return split, count


def _report(pipeline, parts: tuple, written, settings: Settings) -> None:
    """Adds to the pipeline what writes `report.json` and `dropped.tsv`."""
    images = parts | "all images" >> beam.Flatten()
    found = images | "findings" >> beam.FlatMap(
        lambda image: [(name, image.reference.name) for name in image.findings]
    )
    counts = found | "count" >> beam.combiners.Count.PerKey()
    examples = found | "examples" >> beam.combiners.Top.SmallestPerKey(EXAMPLES)
    dropped = (
        images
        | "left out" >> beam.Filter(lambda image: image.left_out)
        | "line"
        >> beam.Map(
            lambda image: (
                f"{on_one_line(image.reference.name)}\t{','.join(image.findings)}\t"
                f"{on_one_line(image.because_of)}\n"
            )
        )
    )
    totals = written | "in each split" >> beam.CombinePerKey(sum)

    def write(_, counts, examples, dropped, totals, seen):
        lines = sorted(dropped)
        _write_text(os.path.join(settings.output, "dropped.tsv"), "".join(lines))
        report = {
            "seen": seen,
            "dropped": len(lines),
            "written": dict(totals),
            "findings": dict(sorted(counts.items())),
            "examples": dict(sorted(examples.items())),
            "settings": asdict(settings),
        }
        _write_text(os.path.join(settings.output, "report.json"), json.dumps(report, indent=2))

    _ = (
        pipeline
        | "once" >> beam.Create([None])
        | "report"
        >> beam.Map(
            write,
            beam.pvalue.AsDict(counts),
            beam.pvalue.AsDict(examples),
            beam.pvalue.AsList(dropped),
            beam.pvalue.AsDict(totals),
            beam.pvalue.AsSingleton(images | "how many" >> beam.combiners.Count.Globally()),
        )
    )


def _write_text(path: str, text: str) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)
