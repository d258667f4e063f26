"""Objectives of the two papers, as gin/models binds them."""

import dataclasses
import functools

import gin

from deepfill_tf.configuration import parse
from deepfill_tf.objectives import Objective


@functools.cache
def _bound_objective(paper: str) -> Objective:
    parse([f"models/{paper}.gin"], [])
    try:
        return gin.get_configurable("Objective")()
    finally:
        gin.clear_config()


def paper_objective(paper: str, **changes) -> Objective:
    """Returns the objective of gin/models/`paper`.gin, with `changes` of its attributes.

    Clears the parsed gin config.
    """
    return dataclasses.replace(_bound_objective(paper), **changes)
