"""An evaluation from its settings to its report; `deepfill-evaluate` is its command."""

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from rich.console import Console

import deepfill_tf
from deepfill_tf.errors import UserError
from deepfill_tf.evaluation import timing
from deepfill_tf.evaluation.baselines import baselines, missing_baselines
from deepfill_tf.evaluation.distances import SKLEARN_HINT
from deepfill_tf.evaluation.features import FID_HINT
from deepfill_tf.evaluation.lpips import LPIPS_HINT
from deepfill_tf.evaluation.manifest import FILES, Manifest
from deepfill_tf.evaluation.methods import (
    COARSE,
    MODEL,
    BaselineGroup,
    CompletedFolder,
    MethodGroup,
    ModelGroup,
    hole_names,
)
from deepfill_tf.evaluation.metrics import METRICS
from deepfill_tf.evaluation.model import EvaluatedModel
from deepfill_tf.evaluation.protocols import PROTOCOLS
from deepfill_tf.evaluation.report import files
from deepfill_tf.evaluation.report.contents import Method, contents
from deepfill_tf.evaluation.report.regression import changes, comparison, read_report
from deepfill_tf.evaluation.report.tables import print_report
from deepfill_tf.evaluation.requirements import Requirement
from deepfill_tf.evaluation.rows import ORIGINAL, Networks, compute_rows
from deepfill_tf.evaluation.samples import Samples
from deepfill_tf.evaluation.settings import Settings
from deepfill_tf.inference.inpainter import Inpainter
from deepfill_tf.inference.progress import CountProgress

# Columns of a report that is printed into a file.
_WIDTH = 140


def evaluate(settings: Settings) -> tuple[list[str], list[str]]:
    """Evaluates, writes the report and prints it.

    Returns:
      Lines that say which requirements are not met and what became worse; and lines that say which
      images were left out.

    Raises UserError for settings, images, masks or a model that cannot be used.
    """
    requirements = [Requirement.parse(text) for text in settings.require]
    for requirement in requirements:
        requirement.check_name(list(METRICS))
    output = Path(settings.output)
    networks = Networks.load(settings.lpips_weights, settings.fid_weights)
    for requirement in requirements:
        if hint := networks.lacks(requirement.metric):
            raise UserError(f"--require={requirement}: {requirement.metric} needs {hint}")
    manifest, paths, left_out = settings.holes()
    old = read_report(settings.baseline, manifest) if settings.baseline else None
    model = EvaluatedModel(settings.model, sketches=settings.sketches) if settings.model else None
    samples = Samples(manifest, paths, model.channels if model else 3, settings.masks)
    groups = _groups(settings, samples, model)
    provenance = _provenance(settings, manifest, model, groups)
    files.check_folder(output)
    files.check_replaceable(output, provenance, overwrite=settings.overwrite)
    manifest.write(str(output / "manifest.json"))
    part = settings.part
    timed = {}
    if model and settings.model and not part:
        timed = _timing(settings.model, samples, model)

    cache = Path(settings.cache) if settings.cache else output / "cache"
    with CountProgress(len(manifest.entries), "hole") as progress:
        rows = compute_rows(samples, groups, networks, cache, progress.advance, part)
    if part:
        print(f"computed part {part.index} of {part.count}; without --part the report is written")
        return [], left_out
    methods = _methods(groups)
    report = contents(
        manifest,
        methods,
        rows,
        protocol=_in_words(manifest),
        provenance=provenance,
        left_out=_missing(networks),
        is_inception=networks.features is None or networks.features.is_inception,
    )
    failures = _failures(report, requirements)
    if old is not None:
        compared = comparison(report, rows[report["subjects"][0]], old, manifest)
        report["comparison"] = compared
        better, worse = changes(report, compared, 1), changes(report, compared, -1)
        report["verdicts"] += [
            f"Compared with {settings.baseline}: {word} {', '.join(lines)}."
            for word, lines in (("better in", better), ("worse in", worse))
            if lines
        ] or [f"Compared with {settings.baseline}: no clear difference."]
        if worse and settings.fail_if_worse:
            failures.append(f"worse than {settings.baseline}: {', '.join(worse)}")
    report["timing"] = timed
    if settings.save_images:
        files.write_images(output, samples, groups)
    files.write_report(output, report, rows, samples, groups)
    console = Console()
    print_report(report, console if console.is_terminal else Console(width=_WIDTH))
    print(f"wrote {output / 'report.html'}")
    return failures, left_out


def _groups(
    settings: Settings, samples: Samples, model: EvaluatedModel | None
) -> list[MethodGroup]:
    groups: list[MethodGroup] = [] if model is None else [ModelGroup(model)]
    entries = samples.manifest.entries
    sizes = {
        name: (entry.height, entry.width)
        for name, entry in zip(hole_names(samples.manifest), entries, strict=True)
    }
    groups += [CompletedFolder(f, sizes, samples.channels) for f in settings.completed]
    groups += [BaselineGroup(baseline) for baseline in baselines()]
    names = [ORIGINAL, *(name for group in groups for name in group.names)]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise UserError(f"two methods have the name {name!r}: rename the folder of one")
    return groups


def _methods(groups: Sequence[MethodGroup]) -> list[Method]:
    """What is evaluated first, then the baselines, of which the coarse stage is one."""
    subjects = [group for group in groups if not isinstance(group, BaselineGroup)]
    names = [name for group in subjects for name in group.names if name != COARSE]
    others = [COARSE] if any(isinstance(group, ModelGroup) for group in groups) else []
    others += [name for group in groups if group not in subjects for name in group.names]
    return [Method(name, _title(name), True) for name in names] + [
        Method(name, _title(name)) for name in others
    ]


def _title(name: str) -> str:
    titles = {
        MODEL: "model",
        COARSE: "coarse stage",
        "mean_fill": "mean fill",
        "telea": "Telea",
        "navier_stokes": "Navier-Stokes",
        "patchmatch": "PatchMatch",
    }
    return titles.get(name, name)


def _provenance(
    settings: Settings,
    manifest: Manifest,
    model: EvaluatedModel | None,
    groups: Sequence[MethodGroup],
) -> dict[str, Any]:
    names = sorted({entry.image for entry in manifest.entries})
    provenance: dict[str, Any] = {
        "manifest": manifest.sha256,
        "list": hashlib.sha256("\n".join(names).encode()).hexdigest(),
    }
    if model is not None:
        provenance |= {"model": settings.model, "weights": model.weights_hash}
        provenance |= {"step": model.step, "config": model.config_hash}
        if model.guided:
            provenance["sketches"] = model.sketches
    for group in groups:
        if isinstance(group, CompletedFolder):
            provenance[group.names[0]] = group.identity
    provenance["versions"] = f"deepfill_tf {deepfill_tf.__version__}, TensorFlow {tf.__version__}"
    return {name: value for name, value in provenance.items() if value is not None}


def _missing(networks: Networks) -> dict[str, str]:
    """What is not computed, and how to get it."""
    missing = {}
    if not networks.lpips:
        missing["LPIPS"] = f"{LPIPS_HINT} (--lpips_weights)"
    if networks.features is None:
        missing["FID, KID, P-IDS, U-IDS"] = f"{FID_HINT} (--fid_weights)"
    elif not importlib.util.find_spec("sklearn"):
        missing["P-IDS, U-IDS"] = SKLEARN_HINT
    return missing | missing_baselines()


def _timing(path: str, samples: Samples, model: EvaluatedModel) -> dict[str, Any]:
    """Time and memory of completing the first image of the manifest, as a user completes it."""
    batch = samples.read([0])
    arguments = [batch.images[0], batch.masks[0]]
    if model.guided:
        arguments.append(model.sketches_of(batch.images)[0])

    def load():
        inpainter = Inpainter.load(path)
        return lambda: inpainter(*arguments)

    height, width = batch.images.shape[1:3]
    return {"width": width, "height": height, **timing.measure(load)}


def _in_words(manifest: Manifest) -> str:
    if manifest.protocol == FILES:
        return "files: masks of the user"
    return f"{manifest.protocol}: {PROTOCOLS[manifest.protocol].description}"


def _failures(report: Mapping[str, Any], requirements: Sequence[Requirement]) -> list[str]:
    values = report["parts"][0]["values"][report["subjects"][0]]
    known = {name: entry["value"] for name, entry in values.items()}
    failures = [requirement.failure(known) for requirement in requirements]
    return [line for line in failures if line is not None]
