"""An account's requests of the last 200 minutes, and the picture of them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Slot:
    """Ten minutes of an account's requests; `label` is the upstream's local time, such as
    `14:10-14:20`."""

    label: str
    success: int
    failed: int


@dataclass(frozen=True)
class Bar:
    """Ten minutes in the picture of recent requests: failed ones are drawn below the succeeded."""

    x: int
    good_y: float
    good_height: float
    bad_y: float
    bad_height: float
    slot: Slot


def _height(count: int, most: int) -> float:
    # A single request among thousands is still seen.
    return max(round(22 * count / most, 1), 1.5) if count else 0


def _path(bars: Iterable[tuple[int, float, float]]) -> str:
    return "".join(f"M{x} {y:g}h3v{height:g}h-3z" for x, y, height in bars if height)


@dataclass(frozen=True)
class Recent:
    """The slots, oldest first; what is drawn of them is worked out once, since lists are kept."""

    slots: tuple[Slot, ...]

    @cached_property
    def total(self) -> tuple[int, int]:
        """Succeeded and failed over all slots."""
        return sum(slot.success for slot in self.slots), sum(slot.failed for slot in self.slots)

    @cached_property
    def bars(self) -> list[Bar]:
        """One bar for each slot, in a picture 24 high."""
        most = max((slot.success + slot.failed for slot in self.slots), default=0) or 1
        scaled = [
            (slot, _height(slot.success, most), _height(slot.failed, most)) for slot in self.slots
        ]
        return [
            Bar(4 * place, 24 - good - bad, good, 24 - bad, bad, slot)
            for place, (slot, good, bad) in enumerate(scaled)
        ]

    @cached_property
    def idle_path(self) -> str:
        """The ground of the picture, dashed into slots."""
        return f"M0 12H{4 * len(self.slots) - 1}"

    @cached_property
    def good_path(self) -> str:
        """All succeeded requests of the picture as one path."""
        return _path((bar.x, bar.good_y, bar.good_height) for bar in self.bars)

    @cached_property
    def bad_path(self) -> str:
        """All failed requests of the picture as one path."""
        return _path((bar.x, bar.bad_y, bar.bad_height) for bar in self.bars)
