"""Where the replicas of a training step run."""
