"""Graceful shutdown: SIGTERM and SIGINT ask training to stop."""

import signal


class StopRequest:
    """Records SIGTERM and SIGINT while it is entered; a second SIGINT raises KeyboardInterrupt."""

    def __init__(self):
        self._requested = False

    def is_requested(self) -> bool:
        """True after the first signal."""
        return self._requested

    def __enter__(self) -> "StopRequest":
        try:
            self._handlers = {
                number: signal.signal(number, self._record)
                for number in (signal.SIGTERM, signal.SIGINT)
            }
        except ValueError:  # only the main thread can handle signals
            self._handlers = {}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _record(self, number, frame) -> None:
        del frame
        if self._requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._requested = True
