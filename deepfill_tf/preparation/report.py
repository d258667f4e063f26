"""Summary of preparing a dataset, for the terminal."""

from deepfill_tf.errors import truncated_list

# Finding -> its meaning, and whether the image is kept.
MEANINGS = {
    "corrupt": "cannot be decoded; dropped",
    "too_small": "a side below --min_side; dropped",
    "constant": "a single colour; dropped",
    "animated": "several frames; dropped",
    "duplicate": "the same bytes as another image; dropped",
    "near_duplicate": "similar to another image; dropped",
    "leakage": "a training image equal or similar to a validation image; dropped",
    "cmyk": "kept, read as RGB",
    "sixteen_bit": "16 bits per channel; kept, read as 8",
    "exif_rotated": "kept, turned as its EXIF orientation says",
}
# Images that are named for a finding.
MAX_LISTED = 3


def summary(report: dict, seconds: float) -> str:
    """Counts, a few names for each finding, and images per second.

    `report` is that of `beam_pipeline.prepare`, `seconds` the time it took.
    """
    written = ", ".join(
        f"{count} for {split}" for split, count in sorted(report["written"].items())
    )
    lines = [
        f"{report['seen']} images in {seconds:.1f} s, {report['seen'] / seconds:.0f} per second: "
        f"{written or 'none kept'}, {report['dropped']} dropped"
    ]
    for finding, meaning in MEANINGS.items():
        if count := report["findings"].get(finding):
            names = truncated_list(report["examples"][finding], MAX_LISTED, total=count)
            lines.append(f"  {finding} ({meaning}): {count}: {names}")
    return "\n".join(lines)
