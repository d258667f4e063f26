"""The share of training time that is lost to a slow input pipeline."""


def stall_fraction(seconds: float, input_seconds: float, *, backlog: float, batches: int) -> float:
    """Fraction of a loop's time in which the device had nothing to do, in [0, 1].

    The host enqueues ahead of the device, so a batch that the host waits for may still come in
    time: after every update the device has work left, for about as long as after the last one.

        fraction = max(0, input_seconds - batches * backlog) / seconds

    A device that keeps up with the host, as a CPU does, has no backlog; one that is slower than
    the input pipeline has so much of it that the fraction is 0.

    Args:
      seconds: duration of the loop.
      input_seconds: seconds of it in which the host waited for batches.
      backlog: seconds for which the device worked on after the last update was enqueued.
      batches: number of batches in the loop.
    """
    return max(0.0, input_seconds - batches * backlog) / seconds
