"""Being told to stop."""

import signal


class StopRequest:
    """Notes SIGTERM and SIGINT while it is entered; a second SIGINT interrupts as ever."""

    def __init__(self):
        self.requested = False

    def __enter__(self) -> "StopRequest":
        try:
            self._handlers = {
                number: signal.signal(number, self._note)
                for number in (signal.SIGTERM, signal.SIGINT)
            }
        except ValueError:  # not in the main thread: whoever runs us handles signals
            self._handlers = {}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _note(self, number, frame) -> None:
        del frame
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True
