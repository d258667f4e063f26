"""Errors that a user can put right, and what errors say in one line."""


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
