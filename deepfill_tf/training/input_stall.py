"""How much of training's time is lost to an input pipeline that does not keep up."""


def stall_fraction(seconds: float, waited: float, *, backlog: float, batch_indices: int) -> float:
    """Share of the time between two visits in which the device had nothing to do, in [0, 1].

    The host enqueues ahead of the device, so a batch that it waits for may still come in
    time: after every update the device has work left, for about as long as after the last.

        share = max(0, waited - batch_indices * backlog) / seconds

    A device that keeps up with the host, as a processor does, has no backlog; one that is
    slower than the pipeline has gathered so much of it that nothing remains.

    Args:
      seconds: between the visits.
      waited: seconds of them that the host waited for batches.
      backlog: seconds that the device worked on when all was enqueued.
      batch_indices: batches that were taken.
    """
    return max(0.0, waited - batch_indices * backlog) / seconds
