"""A slow, obvious twin of the reordering queue: one cycle at a time, every rule looked up in the rows."""

from __future__ import annotations

from typing import Any

from accel_sim.hardware.pim import Protocol

REQUESTS = ("RD", "WR")


class Twin:
    """One rank of a channel with one request queue, refreshed like all others."""

    def __init__(self, protocol: Protocol, requests: list[list[int]]) -> None:
        queue, modes = protocol.queue, protocol.modes
        assert queue
        assert modes
        self.protocol, self.queue, self.modes, self.requests = protocol, queue, modes, requests
        self.last: dict[tuple[str, str, int], int] = {}
        self.rows = {
            name: [(row, protocol.cycles(row.latency)) for row in protocol.rows if name in row.following]
            for name in protocol.commands
        }
        self.open: dict[int, int] = {}
        self.waiting: list[int] = []
        self.entered: set[int] = set()
        self.left: set[int] = set()
        self.all_bank = False
        self.pointer = 0
        self.finish = 0

    def legal(self, cycle: int, command: str, bank: int) -> bool:
        for row, latency in self.rows[command]:
            place = self.node(row.level, bank)
            for before in row.preceding:
                if cycle < self.last.get((before, row.level, place), -(10**9)) + latency:
                    return False
        return True

    def node(self, level: str, bank: int) -> int:
        return {"bank": bank, "bankgroup": bank // self.protocol.structure.banks_per_group, "rank": 0}[level]

    def choose(self, cycle: int, refresh: bool) -> tuple[str, int, int, int] | None:
        """Return (command, bank, row, request) of this cycle, if there is one."""
        if refresh:
            for bank in sorted(self.open):
                if self.legal(cycle, "PRE", bank):
                    return "PRE", bank, self.open[bank], -1
            if not self.open and self.legal(cycle, "REF", 0):
                return "REF", 0, -1, -1
        front = self.front()
        for place, number in enumerate(front):
            write, bank, row, column, _ = self.requests[number]
            older = [self.requests[other][1:4] for other in front[:place]]
            if self.open.get(bank) == row and [bank, row, column] not in older:
                if self.requests[number][4] and place:
                    continue
                if self.legal(cycle, REQUESTS[write], bank):
                    return REQUESTS[write], bank, row, number
            if self.requests[number][4]:
                break
        for place, number in enumerate(self.waiting if self.protocol.parity or not refresh else []):
            _, bank, row, _, barrier = self.requests[number]
            if place and barrier:
                break
            followed = self.all_bank and bank not in self.modes.addressable
            if bank not in self.open and not followed and self.legal(cycle, "ACT", bank):
                return "ACT", bank, row, number
        # Unless the simulator's habit is kept, a row is not held open for a barrier that cannot go yet.
        holding = [
            number
            for number in front
            if not self.requests[number][4] or self.protocol.parity or len(front) == 1
        ]
        wanted = {tuple(self.requests[number][1:3]) for number in holding}
        banks = self.protocol.structure.banks
        for bank in [(self.pointer + step) % banks for step in range(banks)]:
            row = self.open.get(bank)
            if row is not None and (bank, row) not in wanted and self.legal(cycle, "PRE", bank):
                self.pointer = bank
                return "PRE", bank, row, -1
        return None

    def front(self) -> list[int]:
        """Return the requests up to the first barrier, itself included."""
        result = []
        for number in self.waiting:
            result.append(number)
            if self.requests[number][4]:
                break
        return result

    def apply(self, cycle: int, command: str, bank: int, row: int, number: int) -> None:
        for level in ("bank", "bankgroup", "rank"):
            self.last[command, level, self.node(level, bank)] = cycle
        if command == "ACT":
            self.open[bank] = row
            enter = self.modes.enter
            if not self.all_bank and (row, self.requests[number][3]) == (enter.row, enter.column):
                self.entered |= {bank} & set(enter.banks)
                if self.entered == set(enter.banks):
                    self.all_bank, self.entered = True, set()
        elif command == "PRE":
            del self.open[bank]
            if self.all_bank and row == self.modes.leave.row:
                self.left |= {bank} & set(self.modes.leave.banks)
                if self.left == set(self.modes.leave.banks):
                    self.all_bank, self.left = False, set()
        elif command in REQUESTS:
            self.waiting.remove(number)
            done = (self.queue.read_done, self.queue.write_done)[REQUESTS.index(command)]
            self.finish = max(self.finish, cycle + self.protocol.cycles(done))


def run(protocol: Protocol, requests: list[list[int]]) -> tuple[int, list[tuple[int, str, int, int]]]:
    """Return the cycles and the (cycle, command, bank, row) that a queue makes of requests to rank 0."""
    twin = Twin(protocol, requests)
    interval = protocol.cycles(protocol.refresh.interval)
    ranks = protocol.structure.ranks
    issued: list[tuple[int, str, int, int]] = []
    cycle = entered = 0
    refresh = other_rank = False
    while entered < len(requests) or twin.waiting or cycle < twin.finish:
        for rank in range(ranks):
            if cycle % interval == interval // ranks * (rank + 1) % interval and cycle:
                refresh, other_rank = (True, other_rank) if rank == 0 else (refresh, True)
        chosen: Any = None
        if other_rank:
            issued.append((cycle, "REF", protocol.structure.banks, -1))
            other_rank = False
        else:
            chosen = twin.choose(cycle, refresh)
        if chosen:
            command, bank, row, number = chosen
            refresh = refresh and command != "REF"
            twin.apply(cycle, command, bank, row, number)
            issued.append((cycle, command, bank, row))
        if entered < len(requests) and len(twin.waiting) < twin.queue.entries:
            twin.waiting.append(entered)
            entered += 1
        cycle += 1
    return twin.finish, issued
