"""Images of a report: the best, the median and the worst completions beside all others."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image

from deepfill_tf.evaluation.methods import COARSE, MODEL, Batch, MethodGroup, ModelGroup
from deepfill_tf.evaluation.row_cache import Row
from deepfill_tf.evaluation.samples import Samples
from deepfill_tf.ops import offsets_to_color

# Images of each kind.
COUNT = 3
# Longest side of an image on the page, in pixels.
SIDE = 384


@dataclass(frozen=True)
class Panel:
    """One image: its caption, and its content as an address that holds it."""

    caption: str
    source: str


@dataclass(frozen=True)
class Example:
    """One hole: its kind ("best", "median" or "worst"), its name in words, and its images."""

    kind: str
    title: str
    panels: list[Panel]


def gallery(
    report: Mapping[str, Any],
    rows: Mapping[str, Sequence[Row]],
    samples: Samples,
    groups: Sequence[MethodGroup],
) -> list[Example]:
    """Returns examples, by the first headline metric of the first subject.

    Args:
      report: the report.
      rows: of each method, in the order of the manifest.
      samples: images and holes.
      groups: all methods.
    """
    metric, subject = report["headline"][0], report["subjects"][0]
    values = np.array([row.metrics.get(metric, np.nan) for row in rows[subject]])
    if report["metrics"][metric]["better"] == "lower":
        values = -values
    order = [int(i) for i in np.argsort(-values, kind="stable") if not np.isnan(values[i])]
    examples = []
    for kind, positions in _chosen(order).items():
        for position in positions:
            batch = samples.read([position])
            share = samples.manifest.entries[position].hole_share
            title = f"{batch.names[0]}, hole {100 * share:.1f} %"
            numbers = {name: rows[name][position].metrics.get(metric) for name in rows}
            panels = _panels(report, batch, groups, metric, numbers)
            examples.append(Example(kind, title, panels))
    return examples


def _chosen(order: Sequence[int]) -> dict[str, Sequence[int]]:
    """Kind -> positions, of positions from the best to the worst; none is chosen twice."""
    count = min(COUNT, -(-len(order) // 3))
    middle = (len(order) - count) // 2
    kinds = {
        "best": order[:count],
        "median": order[middle : middle + count],
        "worst": order[::-1][:count],
    }
    seen: set[int] = set()
    chosen: dict[str, Sequence[int]] = {}
    for kind, positions in kinds.items():
        chosen[kind] = [position for position in positions if position not in seen]
        seen.update(positions)
    return chosen


def _panels(
    report: Mapping[str, Any],
    batch: Batch,
    groups: Sequence[MethodGroup],
    metric: str,
    numbers: Mapping[str, float | None],
) -> list[Panel]:
    image, hole = batch.images[0], batch.masks[0]
    panels: dict[str, Panel | None] = {
        "original": _panel("original", image),
        "masked": _panel("masked", np.where(hole, _stripes(image), image)),
        # Between the others of the model.
        COARSE: None,
        MODEL: None,
    }
    predicted: dict[str, np.ndarray] = {}
    for group in groups:
        if isinstance(group, ModelGroup):
            prediction = group.model.predict(batch.images, batch.masks)
            predicted |= {MODEL: prediction.refined, COARSE: prediction.coarse}
            panels["attention"] = _panel("attention", _attention(prediction.offsets, image, hole))
        else:
            predicted |= group.predict(batch)
    for method in report["methods"]:
        completed = batch.composite(predicted[method["name"]])[0]
        value = numbers[method["name"]]
        digits = report["metrics"][metric]["digits"]
        number = "" if value is None or not np.isfinite(value) else f" {value:.{digits}f}"
        panels[method["name"]] = _panel(method["title"] + number, completed)
    return [panel for panel in panels.values() if panel is not None]


def _attention(offsets: np.ndarray, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Colours of the attention's offsets in the hole, on a pale image."""
    colors = offsets_to_color(offsets)[0].numpy()
    colors = np.round((colors + 1) * 127.5).astype(np.uint8)
    height, width = image.shape[:2]
    # Offsets of a padded image.
    factor = -(-height // offsets.shape[1])
    colors = np.repeat(np.repeat(colors, factor, axis=0), factor, axis=1)[:height, :width]
    gray = image.mean(axis=-1, keepdims=True)
    return np.where(hole, colors, (gray + 2 * 255) / 3).astype(np.uint8)


def _stripes(image: np.ndarray) -> np.ndarray:
    """Diagonal stripes, which no photograph is taken for."""
    height, width = image.shape[:2]
    diagonals = np.arange(height)[:, None] + np.arange(width)
    return np.where(diagonals[..., None] // 6 % 2, 110, 190).astype(np.uint8)


def _panel(caption: str, image: np.ndarray) -> Panel:
    scale = min(1, SIDE / max(image.shape[:2]))
    if scale < 1:
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    content = io.BytesIO()
    Image.fromarray(
        np.broadcast_to(image.reshape(*image.shape[:2], -1), [*image.shape[:2], 3])
    ).save(content, format="WEBP", quality=90)
    return Panel(caption, "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode())
