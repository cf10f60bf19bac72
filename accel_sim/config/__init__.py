"""Reading what people write: documents with line numbers, units, overrides, errors, the shipped zoos."""

from accel_sim.config.checking import check
from accel_sim.config.document import Document, load_document, parse_document, parse_scalar
from accel_sim.config.errors import AccelSimError, InputError, RunError, UnknownKeyError, did_you_mean
from accel_sim.config.overriding import override

__all__ = [
    "AccelSimError",
    "Document",
    "InputError",
    "RunError",
    "UnknownKeyError",
    "check",
    "did_you_mean",
    "load_document",
    "override",
    "parse_document",
    "parse_scalar",
]
