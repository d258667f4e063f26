"""Thresholds of masks and sketches."""

# A uint8 mask is a hole above this value.
HOLE_THRESHOLD = 127
# Fraction of full strength above which a sketch has an edge, as released.
EDGE_THRESHOLD = 0.6
