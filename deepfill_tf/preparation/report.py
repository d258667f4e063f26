"""What preparing a dataset found, in words."""

# Finding -> what it means, and what became of the image.
MEANINGS = {
    "corrupt": "cannot be decoded; left out",
    "too_small": "a side below --min_side; left out",
    "constant": "one colour all over; left out",
    "animated": "several frames; left out",
    "duplicate": "the same bytes as another; left out",
    "near_duplicate": "looks like another; left out",
    "leakage": "a training image like one for validation; left out",
    "cmyk": "made for print; kept, read as RGB",
    "sixteen_bit": "16 bits a channel; kept, read as 8",
    "exif_rotated": "turned by its EXIF data; kept, read upright",
}
MAX_LISTED = 3


def summary(report: dict, seconds: float) -> str:
    """Counts, a few names for each finding, and images a second."""
    written = ", ".join(
        f"{count} for {split}" for split, count in sorted(report["written"].items())
    )
    lines = [
        f"{report['seen']} images in {seconds:.1f} s, {report['seen'] / seconds:.0f} a second: "
        f"{written or 'none kept'}, {report['dropped']} left out"
    ]
    for finding, meaning in MEANINGS.items():
        if count := report["findings"].get(finding):
            names = ", ".join(report["examples"][finding][:MAX_LISTED])
            more = ", ..." if count > MAX_LISTED else ""
            lines.append(f"  {finding} ({meaning}): {count}: {names}{more}")
    return "\n".join(lines)
