"""The Apache Beam pipeline that prepares a dataset, on one machine or many.

Only locations, checksums and hashes are shuffled, about 500 bytes per image; the images themselves
are read twice, to inspect them and to write them to shards. So memory does not grow with the size
of images; with a local runner, which keeps its shuffles in memory, it grows with their number.
"""

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace

import apache_beam as beam
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from deepfill_tf.data.records import escape_name, open_shard
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

# Images that the report names for a finding.
MAX_EXAMPLES = 10


@dataclass(frozen=True)
class Settings:
    """Settings of a prepared dataset.

    Attributes:
      output: folder of the shards and the report.
      validation_fraction: fraction of the images that are for validation, in [0, 1), unless
        there are sources for validation.
      train_shards, validation_shards: number of shards of each split.
      min_side: least height and width of an image, in pixels.
      has_validation: True if there are sources for validation.
    """

    output: str
    validation_fraction: float
    train_shards: int
    validation_shards: int
    min_side: int
    has_validation: bool

    def split(self, image: "Image") -> str:
        """Split of an image, `TRAIN` or `VALIDATION`."""
        if self.has_validation:
            return image.origin
        return split_of(image.inspection.sha256, self.validation_fraction)

    def shards(self, split: str) -> int:
        """Number of shards of a split."""
        return self.train_shards if split == TRAIN else self.validation_shards


@dataclass(frozen=True)
class Image:
    """An image in the pipeline.

    Attributes:
      reference: location of the image.
      origin: split of the image's source, `TRAIN` or `VALIDATION`.
      inspection: findings and hashes of the image.
      dropped: "duplicate", "near_duplicate" or "leakage" if another image replaces it.
      replaced_by: name of that image.
    """

    reference: Reference
    origin: str
    inspection: Inspection
    dropped: str | None = None
    replaced_by: str = ""

    @property
    def rank(self) -> tuple:
        """Order of duplicates, of which the first is kept: those for validation come first."""
        return (self.origin != VALIDATION, self.reference.name)

    @property
    def is_dropped(self) -> bool:
        """True if the image is not written, for whatever reason."""
        return self.dropped is not None or not self.inspection.usable

    @property
    def findings(self) -> list[str]:
        """All findings, those of the inspection first."""
        return [*self.inspection.findings, *([self.dropped] if self.dropped else [])]


def check_options(options: list[str], *, all_known: bool) -> None:
    """Checks Beam's options. Raises UserError for one with a bad value.

    With `all_known` it also raises for options that Beam does not know; other runners than the
    local ones may have options of their own.
    """
    messages = io.StringIO()
    try:
        with contextlib.redirect_stderr(messages):
            parsed = PipelineOptions(options)
            known = parsed.get_all_options()
            every = parsed.get_all_options(retain_unknown_options=True)
    except SystemExit as error:  # raised by argparse
        raise UserError(messages.getvalue().strip().rpartition("error: ")[2]) from error
    for option in options if all_known else ():
        name = option.partition("=")[0]
        if name.lstrip("-").replace("-", "_") in every.keys() - known.keys():
            raise UserError(f"{name} is neither a flag of this program nor of Beam")


def prepare(sources: list[tuple[str, str]], settings: Settings, options: list[str]) -> dict:
    """Runs the pipeline on (origin, path) pairs, for origins `TRAIN` and `VALIDATION`.

    Returns the content of `report.json`. Raises the errors of Beam and of the runner.
    """
    with beam.Pipeline(options=PipelineOptions(options)) as pipeline:
        inspected = (
            pipeline
            | "sources" >> beam.Create(sources)
            | "spread sources" >> beam.Reshuffle()
            | "find" >> beam.FlatMapTuple(_references)
            | "spread images" >> beam.Reshuffle()
            | "inspect" >> beam.Map(lambda found: _inspect(found[0], found[1], settings.min_side))
        )
        usable = inspected | "usable" >> beam.Filter(lambda image: image.inspection.usable)
        unusable = inspected | "unusable" >> beam.Filter(lambda image: not image.inspection.usable)
        by_content = (
            usable
            | "by checksum" >> beam.Map(lambda image: (image.inspection.sha256, image))
            | "duplicates" >> beam.GroupByKey()
            | "first of duplicates" >> beam.FlatMapTuple(_mark_duplicates)
        )
        different = by_content | "different" >> beam.Filter(lambda image: not image.dropped)
        near = (
            different
            | "by band" >> beam.FlatMap(_by_band)
            | "of one band" >> beam.GroupByKey()
            | "near-duplicates" >> beam.FlatMapTuple(_near)
        )
        decided = (
            {
                "image": different
                # An archive may have several of one name.
                | "itself" >> beam.Map(lambda image: (image.inspection.sha256, image)),
                "near": near,
            }
            | "join" >> beam.CoGroupByKey()
            | "first of near-duplicates" >> beam.MapTuple(_mark_near)
        )
        written = (
            decided
            | "kept" >> beam.Filter(lambda image: not image.dropped)
            | "by shard" >> beam.Map(_by_shard, settings)
            | "of one shard" >> beam.GroupByKey()
            | "write" >> beam.Map(lambda shard: _write_shard(shard[0], shard[1], settings))
        )
        duplicates = by_content | "dropped duplicates" >> beam.Filter(lambda image: image.dropped)
        _report(pipeline, (unusable, duplicates, decided), written, settings)
    with tf.io.gfile.GFile(os.path.join(settings.output, "report.json")) as file:
        return json.load(file)


def _references(origin: str, path: str) -> Iterator[tuple[str, Reference]]:
    try:
        for reference in references(path):
            yield origin, reference
    except UserError:  # reported as one corrupt image, the archive itself
        yield origin, Reference(path, path)


def _inspect(origin: str, reference: Reference, min_side: int) -> Image:
    try:
        inspection = inspect_image(reference.read(), min_side=min_side)
    except (OSError, tf.errors.OpError):
        inspection = Inspection(("corrupt",), "")
    return Image(reference, origin, inspection)


def _mark_duplicates(sha256: str, images: Iterable[Image]) -> Iterator[Image]:
    """Yields images of equal content, all but the first as dropped."""
    del sha256
    first, *others = sorted(images, key=lambda image: image.rank)
    yield first
    for image in others:
        yield _dropped(image, "duplicate", first.origin, first.reference.name)


def _dropped(image: Image, kind: str, origin: str, name: str) -> Image:
    """The image, replaced by `name` of the split `origin`; across splits that is leakage."""
    kind = kind if image.origin == origin else "leakage"
    return replace(image, dropped=kind, replaced_by=name)


def _by_band(image: Image) -> Iterator[tuple[tuple[int, int], tuple]]:
    inspection = image.inspection
    member = (image.rank, inspection.difference_hash, image.origin, inspection.sha256)
    assert inspection.difference_hash is not None  # usable images can be decoded
    for band in bands(inspection.difference_hash):
        yield band, member


def _near(band: tuple, members: Iterable[tuple]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yields a near-duplicate's checksum, with name and origin of the earlier image."""
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
    """Writes a shard; returns its split and the number of its images."""
    split, index = key
    path = os.path.join(settings.output, shard_name(split, index, settings.shards(split)))
    count = 0
    with open_shard(path) as writer:
        for image in sorted(images, key=lambda image: image.inspection.sha256):
            inspection, encoded = image.inspection, image.reference.read()
            if hashlib.sha256(encoded).hexdigest() != inspection.sha256:
                raise UserError(f"{image.reference.name} changed while it was read")
            writer.write(
                encoded,
                kind=inspection.kind,
                height=inspection.height,
                width=inspection.width,
                source=image.reference.name,
                sha256=inspection.sha256,
            )
            count += 1
    return split, count


def _report(pipeline, parts: tuple, written, settings: Settings) -> None:
    """Adds the steps that write `report.json` and `dropped.tsv` to the pipeline."""
    images = parts | "all images" >> beam.Flatten()
    found = images | "findings" >> beam.FlatMap(
        lambda image: [(name, image.reference.name) for name in image.findings]
    )
    counts = found | "count" >> beam.combiners.Count.PerKey()
    examples = found | "examples" >> beam.combiners.Top.SmallestPerKey(MAX_EXAMPLES)
    dropped = (
        images
        | "dropped" >> beam.Filter(lambda image: image.is_dropped)
        | "line"
        >> beam.Map(
            lambda image: (
                f"{escape_name(image.reference.name)}\t{','.join(image.findings)}\t"
                f"{escape_name(image.replaced_by)}\n"
            )
        )
    )
    totals = written | "written in each split" >> beam.CombinePerKey(sum)

    def write(_, counts, examples, dropped, totals, seen):
        lines = sorted(dropped)
        _write_text(os.path.join(settings.output, "dropped.tsv"), "".join(lines))
        report = {
            "seen": seen,
            "dropped": len(lines),
            "written": dict(totals),
            "findings": dict(sorted(counts.items())),
            "examples": dict(sorted(examples.items())),
            # Not the folder: a temporary one, renamed in the end.
            "settings": {k: v for k, v in asdict(settings).items() if k != "output"},
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
            beam.pvalue.AsSingleton(images | "number of images" >> beam.combiners.Count.Globally()),
        )
    )


def _write_text(path: str, text: str) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)
