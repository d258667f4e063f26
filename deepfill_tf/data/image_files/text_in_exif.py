"""Texts and resolution as tags of an EXIF block, for formats that hold them nowhere else."""

import dataclasses

from PIL import ExifTags, Image

from deepfill_tf.data.image_files.metadata import RESOLUTIONS, Metadata

# Keywords of the PNG standard -> tags of the same meaning.
_TAGS = {
    "Title": ExifTags.Base.DocumentName,
    "Author": ExifTags.Base.Artist,
    "Description": ExifTags.Base.ImageDescription,
    "Copyright": ExifTags.Base.Copyright,
    "Software": ExifTags.Base.Software,
}
_INCH = 2
# How the EXIF standard marks a user comment in Unicode, whose byte order is the block's.
_UNICODE = b"UNICODE\0"


def exif_with_text(metadata: Metadata) -> Metadata:
    """Returns metadata whose texts are also tags of its EXIF block.

    Tags that the block has stay as they are. Texts without a tag of their own are lines
    "keyword: text" of the user comment; a sole "Comment" is the user comment itself.
    """
    if not metadata.text:
        return metadata
    exif = Image.Exif()
    exif.load(metadata.exif or b"")
    others = {}
    for keyword, text in metadata.text.items():
        tag = _TAGS.get(keyword)
        if tag is None or tag in exif:
            others[keyword] = text
        else:
            exif[tag] = text
    details = exif.get_ifd(ExifTags.IFD.Exif)
    if others and ExifTags.Base.UserComment not in details:
        lines = [f"{keyword}: {text}" for keyword, text in others.items()]
        comment = others["Comment"] if list(others) == ["Comment"] else "\n".join(lines)
        order = "utf-16-le" if exif.endian == "<" else "utf-16-be"
        details[ExifTags.Base.UserComment] = _UNICODE + comment.encode(order, "replace")
    return dataclasses.replace(metadata, exif=exif.tobytes())


def exif_with_resolution(metadata: Metadata) -> Metadata:
    """Returns metadata whose resolution is also in its EXIF block."""
    if not metadata.dpi:
        return metadata
    exif = Image.Exif()
    exif.load(metadata.exif or b"")
    for tag, value in zip(RESOLUTIONS, metadata.dpi, strict=True):
        exif.setdefault(tag, value)
    exif.setdefault(ExifTags.Base.ResolutionUnit, _INCH)
    return dataclasses.replace(metadata, exif=exif.tobytes())


def without_maker_note(exif: bytes) -> bytes:
    """Returns an EXIF block without its maker note, which may be long."""
    block = Image.Exif()
    block.load(exif)
    details = block.get_ifd(ExifTags.IFD.Exif)
    details.pop(ExifTags.Base.MakerNote, None)
    return block.tobytes()
