#!/usr/bin/env python3
"""Evaluates the default model and writes its card: one command for each new milestone.

    python tools/make_default_model.py --model=runs/default
    python tools/make_model_card.py --data=DATA --reports=runs/card --lpips_weights=lpips/weights

DATA holds open_photographs/ and photos/; model_card/training.json describes the training, and
model_card/milestones.json holds the differences from baselines of the models before this one.
Evaluations that were stopped go on; those of the same weights, and all baselines, are not computed
again. Scores of other sizes than --sizes stay if they are of the same model, so that each size
may have metrics of its own. It writes, beside the weights, scores.json, training_images.csv,
everyday_jobs.jpg, worst.jpg, LICENSE and model_card.md. `--text_only` writes model_card.md alone,
from the others.
"""

import json
import shutil
from pathlib import Path

import absl.flags
import numpy as np

from deepfill_tf.command_line import Command, Flag
from deepfill_tf.errors import UserError

TOOLS = Path(__file__).parent
SCORES, CARD = "scores.json", "model_card.md"
SCENES, TRAINING = (TOOLS / "model_card" / name for name in ("scenes.json", "training.json"))
# Evaluations that the worst are taken of, and how many of each.
WORST_OF, WORST_COUNT, WORST_COLUMNS = ("wide", "narrow"), 6, 3
FREE = ("Public domain", "CC0-1.0")

COMMAND = Command(
    "make_model_card",
    __doc__,
    [
        Flag("model", "The model's directory; the package's own if left out."),
        Flag("data", "The folder that holds open_photographs/ and photos/."),
        Flag("reports", "A folder for the evaluations."),
        Flag("sizes", "Sizes of the images.", ["256", "512"], define=absl.flags.DEFINE_list),
        Flag("lpips_weights", "A folder with the weights of LPIPS, see docs/evaluation.md."),
        Flag("text_only", "Write the text alone.", False, define=absl.flags.DEFINE_boolean),
    ],
)


def run(values: absl.flags.FlagValues) -> None:
    from model_card.evaluations import evaluate_all, folder_of, scores_of, with_other_sizes
    from model_card.ledger import LEDGER, write_ledger
    from model_card.text import JOBS

    from deepfill_tf.storage.loading import DEFAULT_MODEL, default_model
    from deepfill_tf.storage.model_files import DESCRIPTION

    folder = Path(values.model) if values.model else default_model()
    if not values.text_only:
        for name in ("data", "reports"):
            if not getattr(values, name):
                raise UserError(f"--{name} is missing; --text_only needs none")
        data, reports = Path(values.data), Path(values.reports)
        sizes = [int(size) for size in values.sizes]
        write_ledger(data / "open_photographs" / "LEDGER.csv", folder / LEDGER)
        evaluate_all(str(folder), data, reports, sizes, values.lpips_weights)
        training = json.loads(TRAINING.read_text())
        scenes = json.loads(SCENES.read_text())
        kinds = {name: kind for kind, names in scenes.items() for name in names}
        architecture = json.loads((folder / DESCRIPTION).read_text())["architecture"]
        scores = scores_of(reports, sizes, kinds, training, architecture)
        if (folder / SCORES).exists():
            scores = with_other_sizes(scores, json.loads((folder / SCORES).read_text()))
        (folder / SCORES).write_text(json.dumps(scores, indent=1) + "\n")
        smallest = min(evaluation["size"] for evaluation in scores["evaluations"])
        if smallest in sizes:
            worst = [reports / folder_of("photos", smallest, protocol) for protocol in WORST_OF]
            write_worst(worst, data / "photos" / "SOURCES.md", folder)
        complete_jobs(folder, data / "photos", folder / JOBS)
        if folder == DEFAULT_MODEL:
            shutil.copy(TOOLS.parent / "LICENSE", folder / "LICENSE")
    (folder / CARD).write_text(text_of(folder))
    print(f"wrote {folder / CARD}")


def text_of(folder: Path) -> str:
    """The text of the card of a model directory, from its other files."""
    import safetensors.numpy
    from model_card.ledger import LEDGER, read_ledger
    from model_card.text import card

    from deepfill_tf.storage.model_files import WEIGHTS

    arrays = safetensors.numpy.load_file(folder / WEIGHTS)
    model = {
        "parameters": sum(array.size for array in arrays.values()),
        "megabytes": (folder / WEIGHTS).stat().st_size / 1e6,
    }
    scores = json.loads((folder / SCORES).read_text())
    return card(scores, read_ledger(folder / LEDGER), model)


def write_worst(evaluations: list[Path], sources: Path, folder: Path) -> None:
    """Writes a picture of the holes where the model is worst beside the best baseline."""
    import cv2
    from model_card.evaluations import BASELINES, MODEL
    from model_card.text import WORST

    from deepfill_tf.data import read_pixels

    free = {
        Path(line.split("|")[1].strip()).stem
        for line in sources.read_text().splitlines()
        if any(f"| {licence} |" in line for licence in FREE)
    }
    strips = []
    for evaluation in evaluations:
        psnr = psnr_by_method(evaluation / "images.csv")
        behind = {
            hole: values[MODEL] - max(values[b] for b in BASELINES if b in values)
            for hole, values in psnr.items()
            if Path(hole).stem in free
        }
        for hole in sorted(behind, key=behind.__getitem__)[:WORST_COUNT]:
            image, completed, mask = (
                read_pixels(str(evaluation / kind / f"{hole}.png"))
                for kind in ("images", "completed", "masks")
            )
            given = np.where(mask > 127, 255, image).astype(np.uint8)
            panels = [
                cv2.resize(p, (160, 160), interpolation=cv2.INTER_AREA)
                for p in (given, completed, image)
            ]
            strips.append(
                np.pad(np.concatenate(panels, 1), ((2, 2), (2, 2), (0, 0)), constant_values=255)
            )
    rows = [
        np.concatenate(strips[i : i + WORST_COLUMNS], 1)
        for i in range(0, len(strips), WORST_COLUMNS)
    ]
    sheet = cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(folder / WORST), sheet, [cv2.IMWRITE_JPEG_QUALITY, 82])


def psnr_by_method(table: Path) -> dict[str, dict[str, float]]:
    """Hole -> method -> PSNR in the hole, of an evaluation's images.csv."""
    import csv

    found: dict[str, dict[str, float]] = {}
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["hole"], {})[row["method"]] = float(row["psnr_in_hole"])
    return found


def complete_jobs(model: Path, photographs: Path, output: Path) -> None:
    """Completes the everyday jobs, see `complete_everyday_jobs.py`."""
    import complete_everyday_jobs as jobs

    flags = [f"--model={model}", f"--photographs={photographs}", f"--output={output}"]
    if jobs.COMMAND.exit_code(jobs.run, flags) != 0:
        raise UserError("the everyday jobs were not completed")


def main() -> None:
    COMMAND.main(run)


if __name__ == "__main__":
    main()
