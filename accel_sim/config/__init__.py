"""Reading what people write: documents with line numbers, units, overrides, errors, the shipped zoos."""

from accel_sim.config.document import (
    Document,
    check,
    load_document,
    override,
    parse_document,
    parse_scalar,
)
from accel_sim.config.errors import AccelSimError, InputError, RunError, did_you_mean

__all__ = [
    "AccelSimError",
    "Document",
    "InputError",
    "RunError",
    "check",
    "did_you_mean",
    "load_document",
    "override",
    "parse_document",
    "parse_scalar",
]
