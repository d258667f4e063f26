"""Errors that the user can fix, and the parts of their messages."""

from collections.abc import Sequence

# What to do where TensorFlow is missing.
INSTALL_TENSORFLOW = "install deepfill-tf, which brings it, in place of deepfill-onnx"


class UserError(ValueError):
    """Bad input, bad configuration or missing data.

    Its message is one sentence that quotes the offending value and says what would
    be right. Commands print it on standard error and end with exit code 1.
    """


class WorkerLostError(Exception):
    """The connection to another process of the cluster was lost; after a restart all resume."""


def reason(error: BaseException) -> str:
    """Returns the first line of an error's message, or the name of its type if that is empty."""
    text = str(error).strip()
    if "No space left" in text:
        return "no space is left on the device"
    return text.splitlines()[0] if text else type(error).__name__


def system_reason(error: OSError) -> str:
    """Returns what the system says of an error, without its number and the file's name."""
    if not error.strerror:
        return reason(error)
    return error.strerror[0].lower() + error.strerror[1:]


def truncated_list(names: Sequence[str], limit: int, total: int | None = None) -> str:
    """Returns the first `limit` names, and how many more there are of `total`.

    `total` is the number of names by default.
    """
    shown = names[:limit]
    more = (len(names) if total is None else total) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
