"""Names of the files that belong to an image: its masks and sketches.

For an image `a.jpg`, with any suffix of images:

    mask      a.png, else a_mask.png, else a_mask001.png, a_mask002.png, ... (names of LaMa)
    sketch    a.png, else a_sketch.png

Where images and partners share a folder, only names with `_mask` and `_sketch` count, and files
of such names are no images. Names match in composed and decomposed Unicode.
"""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

# Kind of partner -> ending of its file's name.
ENDINGS = {"mask": "_mask", "sketch": "_sketch"}
_NUMBERED_MASK = re.compile(r"(.+_mask)\d+")


def key(name: str) -> str:
    """Returns a name in composed Unicode: Macs decompose the names of files."""
    return unicodedata.normalize("NFC", name)


def has_ending(stem: str, kind: str) -> bool:
    """Whether a file of this name, without its suffix, is a partner wherever it lies."""
    numbered = kind == "mask" and _NUMBERED_MASK.fullmatch(stem)
    return stem.endswith(ENDINGS[kind]) or bool(numbered)


def partner_names(stem: str, kind: str, *, with_ending: bool) -> list[str]:
    """Names that a partner of the image `stem` may have, without suffix, the best first.

    A name that ends in `*` stands for all numbered masks. `with_ending`: only names with the
    kind's ending count.
    """
    names = [key(stem) + ENDINGS[kind]]
    if kind == "mask":
        names.append(f"{names[0]}*")
    return names if with_ending else [key(stem), *names]


def by_name(paths: Iterable[Path], kind: str) -> dict[str, list[Path]]:
    """Returns the files under each of the names that `partner_names` may ask for.

    Of files that differ by the suffix, the one in a lossless format comes first.
    """
    files: dict[str, list[Path]] = {}
    for path in sorted(paths, key=lambda p: (p.suffix != ".png", p)):
        files.setdefault(key(path.stem), []).append(path)
        if kind == "mask" and (numbered := _NUMBERED_MASK.fullmatch(path.stem)):
            files.setdefault(f"{key(numbered[1])}*", []).append(path)
    return files


def partners_of(
    stem: str, kind: str, files: dict[str, list[Path]], *, with_ending: bool
) -> list[Path]:
    """Returns the partners of the image `stem` among `files`, see `by_name`; none if none."""
    for name in partner_names(stem, kind, with_ending=with_ending):
        if found := files.get(name):
            return found if name.endswith("*") else found[:1]
    return []


def tried_names(stem: str, kind: str, *, with_ending: bool) -> str:
    """The names that were looked for, for messages."""
    names = partner_names(stem, kind, with_ending=with_ending)
    return ", ".join(f"{name.replace('*', '001')}.png" for name in names)
