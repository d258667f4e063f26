#!/usr/bin/env python3
"""Completes photographs as their owners would: a wire, a sign, a far person, a scratch, a stamp.

    python tools/complete_everyday_jobs.py --photographs=FOLDER --output=jobs.jpg [--model=...]

`everyday_jobs.json` describes the jobs: the photograph, and the parts of its hole, in fractions of
the width and the height; lengths are fractions of the shorter side. Scratches, dust and texts are
painted on the photograph first. The contact sheet shows for each job the surroundings of the hole,
with its outline, and what the model made of them. `--masks` writes every hole as a file too.
"""

import json
import math
from pathlib import Path

import absl.flags
import cv2
import numpy as np

from deepfill_tf.command_line import Command, Flag
from deepfill_tf.errors import UserError

JOBS = Path(__file__).with_name("everyday_jobs.json")
MAX_BYTES = 600_000
# A panel's side, and jobs in a row of the sheet.
PANEL, COLUMNS, CAPTION, GAP = 150, 5, 16, 6
STAMP, SCRATCH = (255, 140, 40), (235, 230, 220)

COMMAND = Command(
    "complete_everyday_jobs",
    __doc__,
    [
        Flag("photographs", "The folder with the photographs of the jobs.", required=True),
        Flag("output", "The contact sheet to write, a JPEG file.", required=True),
        Flag("model", "A run or model directory; the package's model if left out."),
        Flag("jobs", "The description of the jobs.", str(JOBS)),
        Flag("masks", "A folder for the photographs with their holes, as PNG files."),
        Flag(
            "dry_run",
            "Complete nothing: show the holes alone.",
            False,
            define=absl.flags.DEFINE_boolean,
        ),
    ],
)


class Drawing:
    """A photograph with defects painted on it, and its hole.

    Attributes:
      image: uint8 `[H, W, 3]`.
      mask: uint8 `[H, W]`, 255 in the hole.
    """

    def __init__(self, image: np.ndarray, seed: int):
        self.image = image.copy()
        self.mask = np.zeros(image.shape[:2], np.uint8)
        self._random = np.random.default_rng(seed)
        self._side = min(self.mask.shape)

    def add(self, part: dict) -> None:
        """Adds a part of the hole, and what is painted under it. Raises KeyError if unknown."""
        kind = next(iter(part))
        getattr(self, f"_{kind}")(**part)

    def _points(self, points: list) -> np.ndarray:
        height, width = self.mask.shape
        return np.rint(np.array(points) * [width - 1, height - 1]).astype(np.int32)

    def _pixels(self, length: float, least: int = 1) -> int:
        return max(round(length * self._side), least)

    def _polygon(self, polygon: list) -> None:
        cv2.fillPoly(self.mask, [self._points(polygon)], 255)

    def _box(self, box: list) -> None:
        left, top, right, bottom = box
        self._polygon([[left, top], [right, top], [right, bottom], [left, bottom]])

    def _ellipse(self, ellipse: list) -> None:
        x, y, x_radius, y_radius = ellipse
        angles = np.linspace(0, 2 * math.pi, 60, endpoint=False)
        self._polygon([[x + x_radius * math.cos(a), y + y_radius * math.sin(a)] for a in angles])

    def _stroke(self, stroke: list, width: float) -> None:
        cv2.polylines(self.mask, [self._points(stroke)], False, 255, self._pixels(width))

    def _scratch(self, scratch: list, width: float) -> None:
        """A ragged line: of points at random distances from the given ones."""
        along = np.linspace(0, len(scratch) - 1, 40)
        columns = np.array(scratch).T
        points = np.stack([np.interp(along, range(len(scratch)), c) for c in columns], axis=1)
        points += self._random.normal(0, 0.004, points.shape)
        thickness = self._pixels(width, 2)
        defect = np.zeros_like(self.mask)
        cv2.polylines(defect, [self._points(points)], False, 255, max(thickness - 2, 1))
        self._paint(defect, SCRATCH)

    def _dust(self, dust: int, radius: float) -> None:
        defect = np.zeros_like(self.mask)
        for x, y, size in self._random.random([dust, 3]):
            center = self._points([[x, y]])[0].tolist()
            cv2.circle(defect, center, self._pixels(radius * (0.3 + 0.7 * size), 1), 255, -1)
        self._paint(defect, SCRATCH)

    def _text(self, text: str, at: list, height: float) -> None:
        scale = self._pixels(height) / 22
        defect = np.zeros_like(self.mask)
        where = self._points([at])[0].tolist()
        thickness = max(round(2 * scale), 1)
        cv2.putText(defect, text, where, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness)
        self._paint(defect, STAMP)

    def _paint(self, defect: np.ndarray, color: tuple[int, int, int]) -> None:
        """Paints a defect; the hole is two pixels wider, as a careful hand draws it."""
        self.image[defect > 0] = color
        self.mask |= cv2.dilate(defect, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))


def draw(job: dict, photographs: Path, seed: int) -> Drawing:
    """Returns the photograph of a job with its defects and hole."""
    from deepfill_tf.data import read_pixels

    drawing = Drawing(read_pixels(str(photographs / job["photograph"])), seed)
    for part in job["parts"]:
        drawing.add(part)
    return drawing


def surroundings(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of a square around a hole, twice as large, within the image."""
    rows, columns = np.nonzero(mask)
    extent = max(np.ptp(rows), np.ptp(columns)) + 1
    side = min(max(2 * extent, min(mask.shape) // 3), min(mask.shape))
    spans = []
    for places, size in ((rows, mask.shape[0]), (columns, mask.shape[1])):
        centre = (int(places.min()) + int(places.max()) + 1) // 2
        first = min(max(centre - side // 2, 0), size - side)
        spans.append(slice(first, first + side))
    return spans[0], spans[1]


def panel(image: np.ndarray) -> np.ndarray:
    """Resizes a square to a panel of the sheet."""
    interpolation = cv2.INTER_AREA if image.shape[0] > PANEL else cv2.INTER_CUBIC
    return cv2.resize(image, (PANEL, PANEL), interpolation=interpolation)


def entry(name: str, drawing: Drawing, completed: np.ndarray) -> np.ndarray:
    """One job of the sheet: given, with the hole's outline; completed; and a caption."""
    where = surroundings(drawing.mask)
    hole = panel(drawing.mask[where]) > 127
    given = panel(drawing.image[where])
    outline = hole ^ (cv2.erode(hole.astype(np.uint8), np.ones([3, 3], np.uint8)) > 0)
    given[outline] = (255, 0, 0)
    strip = np.full([PANEL + CAPTION, 2 * PANEL + GAP, 3], 255, np.uint8)
    strip[:PANEL, : 2 * PANEL] = np.concatenate([given, panel(completed[where])], axis=1)
    place, black = (2, PANEL + CAPTION - 4), (0, 0, 0)
    cv2.putText(strip, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, black, 1, cv2.LINE_AA)
    return strip


def write_sheet(entries: list[np.ndarray], output: Path) -> None:
    """Writes the contact sheet, with the best JPEG quality that keeps it small."""
    blank = np.full_like(entries[0], 255)
    entries = entries + [blank] * (-len(entries) % COLUMNS)
    rows = [np.concatenate(entries[i : i + COLUMNS], 1) for i in range(0, len(entries), COLUMNS)]
    sheet = cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR)
    for quality in range(90, 30, -5):
        encoded = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(encoded) <= MAX_BYTES:
            output.write_bytes(encoded)
            print(f"wrote {output}: {len(encoded)} bytes")
            return
    raise UserError(f"the sheet has {len(encoded)} bytes, above {MAX_BYTES}: show fewer jobs")


def run(values: absl.flags.FlagValues) -> None:
    from deepfill_tf import Inpainter
    from deepfill_tf.data import write_image

    description = json.loads(Path(values.jobs).read_text())
    photographs = Path(values.photographs)
    if not photographs.is_dir():
        raise UserError(f"there is no folder of photographs {photographs}")
    inpainter = None if values.dry_run else Inpainter.load(values.model or None)
    entries = []
    for number, job in enumerate(description["jobs"]):
        drawing = draw(job, photographs, description["seed"] + number)
        if inpainter is None:
            completed = np.where(drawing.mask[:, :, None] > 0, 255, drawing.image).astype(np.uint8)
        else:
            completed = inpainter(drawing.image, drawing.mask)
        entries.append(entry(job["name"], drawing, completed))
        if values.masks:
            folder = Path(values.masks)
            folder.mkdir(parents=True, exist_ok=True)
            stem = f"{number + 1:02}_{job['name'].replace(', ', '_').replace(' ', '_')}"
            write_image(folder / f"{stem}.png", drawing.image)
            write_image(folder / f"{stem}_mask.png", drawing.mask[:, :, None])
    write_sheet(entries, Path(values.output))


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
