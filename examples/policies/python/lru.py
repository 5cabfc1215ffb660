"""LRU: evict the entry that was used longest ago.

An `OrderedDict` from slot to weight, the entry used longest ago first: a hit moves its slot to the end, a victim is
taken from the front. Misses exactly as the native `lru` does.
"""

from collections import OrderedDict

from wit_world import exports
from wit_world.exports.eviction_policy import Answer, Opening, PolicyDescription, Residents


class Lru:
    """The entries of one cache."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.used = 0
        self.weights: OrderedDict[int, int] = OrderedDict()
        """Of the residents, the one used longest ago first."""
        self.uses: dict[int, int] = {}

    def insert(self, slot: int, weight: int, uses: int) -> None:
        self.weights[slot] = weight
        self.uses[slot] = uses
        self.used += weight

    def hit(self, slot: int) -> None:
        self.weights.move_to_end(slot)
        self.uses[slot] += 1

    def reweigh(self, slot: int, weight: int) -> None:
        self.used += weight - self.weights[slot]
        self.weights[slot] = weight

    def remove(self, slot: int) -> None:
        self.used -= self.weights.pop(slot)
        del self.uses[slot]

    def make_room(self, incoming: int, event: int, answer: Answer) -> None:
        while self.weights and self.used + incoming > self.capacity:
            slot = next(iter(self.weights))
            self.remove(slot)
            answer.victims.append(slot << 1)  # even: it is not remembered
            answer.at.append(event)


# One instance of the component orders one cache. An object of `EvictionPolicy` lasts for one call only.
lru = Lru(0)


class EvictionPolicy(exports.EvictionPolicy):
    def describe(self) -> PolicyDescription:
        return PolicyDescription(
            name="python-lru",
            version="0.1.0",
            summary="Evicts the entry that was used longest ago",
            settings=[],
            wants_ids=False,
        )

    def open(self, opening: Opening) -> None:
        lru.capacity = opening.capacity

    def turn(self, events: list[int], weights: list[int], ids: list[int]) -> Answer:
        answer = Answer([], [], [])
        for number, event in enumerate(events):
            slot, kind = event >> 2, event & 3
            resident = slot in lru.weights
            weight = weights[number] if weights else 1
            if kind == 1:
                if resident:
                    lru.remove(slot)
            elif not resident:
                lru.make_room(weight, number, answer)
                lru.insert(slot, weight, uses=1)
            else:
                lru.hit(slot)
                if kind == 2:
                    lru.reweigh(slot, weight)
                    lru.make_room(0, number, answer)
        return answer

    def resize(self, capacity: int) -> Answer:
        answer = Answer([], [], [])
        lru.capacity = capacity
        lru.make_room(0, 0, answer)
        return answer

    def hand_over(self) -> Residents:
        return Residents(list(lru.weights), [lru.uses[slot] for slot in lru.weights])

    def take_over(self, slots: list[int], uses: list[int], weights: list[int], ids: list[int]) -> None:
        for slot, times, weight in zip(slots, uses, weights or [1] * len(slots)):
            lru.insert(slot, weight, times)
