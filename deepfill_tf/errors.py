"""Errors that a user can put right, and the parts of their messages."""

from collections.abc import Sequence


class UserError(ValueError):
    """Bad input, bad configuration or missing data.

    Its text is one sentence that names the offending value and says what would
    be right. Commands print it on standard error and end with exit code 1.
    """


class WorkerLostError(Exception):
    """Lost connection to another process of the cluster: after a restart, all resume."""


def reason(error: BaseException) -> str:
    """First line of an error's message, or the name of its type where it has no message."""
    text = str(error).strip()
    if "No space left" in text:
        return "no space is left on the device"
    return text.splitlines()[0] if text else type(error).__name__


def truncated_list(names: Sequence[str], limit: int, total: int | None = None) -> str:
    """The first `limit` names, and how many more there are of `total` (None: of the names)."""
    shown = names[:limit]
    more = (len(names) if total is None else total) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
