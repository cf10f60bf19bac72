"""Keys of tables that stand for one object, and not for all that are equal to it."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Same(Generic[T]):
    """A key that equals another only if both hold the same object, which must not change.

    It costs nothing to hash, however large the object, and keeps it alive, so that no other takes its identity.

    >>> Same("a") == Same("a"), Same([]) == Same([])
    (True, False)
    """

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)
