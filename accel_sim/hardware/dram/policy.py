"""What a memory controller decides for itself, as named policies: queues, order, drains, pages, refresh."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Depth = Annotated[int, Field(ge=1, le=1024)]
Clocks = Annotated[int, Field(ge=1, le=2**30)]


class Policy(BaseModel):
    """A controller's policies.

    Attributes:
        front: `direct`: the scheduler looks at the read and write buffers themselves. `staged`: one transaction
            a clock moves from the buffers into command queues, at which the scheduler looks.
        read_buffer: requests the read buffer holds.
        write_buffer: requests the write buffer holds.
        unified: reads and writes share one buffer of `read_buffer` entries (staged fronts).
        queues: one command queue per bank or per rank (staged fronts); a direct front's are `shared`.
        queue_depth: commands a command queue holds.
        order: which ready command issues: the first of the queues, visited in turn (`round_robin`); the oldest
            request's (`oldest_ready`); the oldest row hit, then the oldest other (`hits_first`).
        precharge: when a request may close a row: `unless_hits_pending`, until `hit_cap` of them were served;
            `unless_activated`: not while a request waits that the row was opened for.
        hit_cap: column commands to a row after which pending hits no longer protect it.
        cap_stops_hits: beyond the cap, hits wait when an older request wants another row, so none starves.
        activated_first: a request whose row was opened for it goes before all others.
        drain: when writes go: `full_or_idle`: the buffer is full, or holds more than `drain_low` entries and
            the command queues are empty; then as many as were there. `watermarks`: above `drain_high` of the
            buffer, or no reads wait, until below `drain_low` of it.
        drain_high: share of the write buffer (watermarks).
        drain_low: share of the write buffer (watermarks), or entries (full_or_idle).
        page: `open`; `auto_precharge` with every column command; `close_after_hits`: with the last pending hit;
            `close_after_timeout`: when unused for `page_timeout` clocks.
        page_timeout: clocks.
        refresh: `none`; `staggered`: one rank every tREFI / ranks, its banks precharged one by one and its
            queues frozen; `simultaneous`: all ranks every tREFI, ahead of all new requests; `per_bank`: one
            bank after the other, the others going on.
        issue: commands a clock: `one`; `row_and_column`: one of each; `second_of_other_kind`: a second one when
            of the two just one is a column command.
        data_clock: `on_demand`: the data clock stops after the last burst and a CAS command restarts it (where
            the standard has one); `always_on`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    front: Literal["direct", "staged"] = "direct"
    read_buffer: Depth = 32
    write_buffer: Depth = 32
    unified: bool = False
    queues: Literal["per_bank", "per_rank", "shared"] = "shared"
    queue_depth: Depth = 8
    order: Literal["round_robin", "oldest_ready", "hits_first"] = "hits_first"
    precharge: Literal["unless_hits_pending", "unless_activated"] = "unless_hits_pending"
    hit_cap: Annotated[int, Field(ge=1, le=2**20)] = 16
    cap_stops_hits: bool = True
    activated_first: bool = False
    drain: Literal["full_or_idle", "watermarks"] = "watermarks"
    drain_high: Annotated[float, Field(ge=0, le=1)] = 0.8
    drain_low: Annotated[float, Field(ge=0, le=1024)] = 0.2
    page: Literal["open", "auto_precharge", "close_after_hits", "close_after_timeout"] = "open"
    page_timeout: Clocks = 200
    refresh: Literal["none", "staggered", "simultaneous", "per_bank"] = "staggered"
    issue: Literal["one", "row_and_column", "second_of_other_kind"] = "one"
    data_clock: Literal["on_demand", "always_on"] = "on_demand"

    @model_validator(mode="after")
    def _agrees(self) -> Policy:
        staged = self.front == "staged"
        pairs = [
            (
                staged == (self.queues == "shared"),
                "queues: a staged front has queues per_bank or per_rank, a direct one shared",
            ),
            (
                staged == (self.drain == "watermarks"),
                "drain: a staged front drains full_or_idle, a direct one by watermarks",
            ),
            (self.unified and not staged, "unified: only a staged front has a unified buffer"),
            (
                not staged and self.order == "round_robin",
                "order: round_robin goes over command queues (front: staged)",
            ),
            (
                not staged and self.issue == "second_of_other_kind",
                "issue: second_of_other_kind needs front: staged",
            ),
            (staged and self.issue == "row_and_column", "issue: row_and_column needs front: direct"),
            (staged and self.refresh == "simultaneous", "refresh: simultaneous needs front: direct"),
            (staged and self.activated_first, "activated_first: needs front: direct"),
            (
                (self.precharge == "unless_activated") != self.activated_first,
                "precharge: unless_activated and activated_first go together",
            ),
            (
                self.activated_first and self.refresh in ("staggered", "per_bank"),
                "refresh: staggered and per_bank close rows that activated_first would wait for",
            ),
            (
                self.activated_first and self.page != "open",
                "page: activated_first needs page open; others may close a row before its request is served",
            ),
            (self.drain == "watermarks" and self.drain_low > self.drain_high, "drain_low: is above drain_high"),
        ]
        for wrong, message in pairs:
            if wrong:
                raise ValueError(message)
        return self
