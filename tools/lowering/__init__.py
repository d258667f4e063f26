"""Training steps as XLA programs, for machines that have no TensorFlow."""
