"""The ledger of the training images: for each its author, licence, credit and origin."""

import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

LEDGER = "training_images.csv"
COLUMNS = ("file", "licence", "author", "credit", "original", "md5")
# Source, the first part of a file's name -> repository and commit, and what the images show.
SOURCES: Mapping[str, tuple[str, str]] = {
    "tf_flowers": (
        "atiaisaac/flowers_classification@087014c3",
        "flowers, gardens, fields, hands, streets",
    ),
    "grocery": ("marcusklasson/GroceryStoreDataset@fc80ba90", "fruit, shelves, packages, hands"),
    "endless_sky": (
        "MCOfficer/endless-sky@c5718cd0",
        "mountains, coasts, deserts, cities, snow, workshops",
    ),
    "coco_val2017": ("Obmutescence/COCO-MINI@644f29e7", "mixed scenes"),
    "brighton_beach": (
        "pierotofy/drone_dataset_brighton_beach@9506a9bf",
        "a beach and streets from above",
    ),
}


def write_ledger(collection: Path, output: Path) -> int:
    """Writes the rows of the training images of a collection's ledger; returns their number.

    Left out is what its other columns repeat: the repository of a source is in `SOURCES`.

    Raises ValueError if a row has another repository than its source.
    """
    with collection.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].startswith("train/")]
    with output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            name = row["file"].removeprefix("train/")
            if row["origin"] != SOURCES[source_of(name)][0]:
                raise ValueError(f"{row['file']} is of {row['origin']}: add it to SOURCES")
            values = [row[key] for key in ("licence", "author", "credit", "original_file")]
            writer.writerow([name, *values, row["md5_of_original"]])
    return len(rows)


def read_ledger(path: Path) -> list[dict[str, str]]:
    """Returns the rows, with the keys `COLUMNS`."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def source_of(name: str) -> str:
    """Source of an image, by the name of its file."""
    return name.rsplit("_", 1)[0]


def counts(rows: list[dict[str, str]]) -> dict[str, Counter]:
    """Source -> number of images of each licence; the sources with most images first."""
    found: dict[str, Counter] = {}
    for row in rows:
        found.setdefault(source_of(row["file"]), Counter())[row["licence"]] += 1
    return dict(sorted(found.items(), key=lambda item: -item[1].total()))
