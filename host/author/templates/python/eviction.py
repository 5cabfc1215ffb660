"""An eviction policy: which entries of a cache leave when there is no room.

This one takes the oldest entry that was not used since it was last looked at: replace it with an idea of your own. A dictionary
keeps the order in which its keys were set: from the oldest to the newest.
"""

from dataclasses import dataclass

from wit_world import exports
from wit_world.exports.eviction_policy import Answer, Opening, PolicyDescription, Residents


@dataclass(slots=True)
class Entry:
    """What is known of a resident entry."""

    weight: int
    uses: int = 1
    used: bool = False


class EvictionPolicy(exports.EvictionPolicy):
    def describe(self) -> PolicyDescription:
        return PolicyDescription(
            name="{{name}}",
            version="0.1.0",
            summary="Takes the oldest entry that was not used since it was last looked at",
            settings=[],
            wants_ids=False,
        )

    def open(self, opening: Opening) -> None:
        state.capacity = opening.capacity

    def turn(self, events: list[int], weights: list[int], ids: list[int]) -> Answer:
        answer = Answer([], [], [])
        entries = state.entries
        for number, event in enumerate(events):
            slot, kind = event >> 2, event & 3
            weight = weights[number] if weights else 1
            entry = entries.get(slot)
            if kind == 1:  # removed by the user
                if entry is not None:
                    state.held -= entry.weight
                    del entries[slot]
            elif entry is None:
                state.make_room(weight, number, answer)
                entries[slot] = Entry(weight)
                state.held += weight
            else:
                entry.used = True
                entry.uses += 1
                if kind == 2:  # it has another weight from now on
                    state.held += weight - entry.weight
                    entry.weight = weight
                    state.make_room(0, number, answer)
        return answer

    def resize(self, capacity: int) -> Answer:
        answer = Answer([], [], [])
        state.capacity = capacity
        state.make_room(0, 0, answer)
        return answer

    def hand_over(self) -> Residents:
        return Residents(list(state.entries), [entry.uses for entry in state.entries.values()])

    def take_over(self, slots: list[int], uses: list[int], weights: list[int], ids: list[int]) -> None:
        for number, slot in enumerate(slots):
            weight = weights[number] if weights else 1
            state.entries[slot] = Entry(weight, uses[number])
            state.held += weight


class State:
    """What is kept from call to call."""

    def __init__(self) -> None:
        self.capacity = 0
        self.held = 0
        self.entries: dict[int, Entry] = {}

    def make_room(self, incoming: int, event: int, answer: Answer) -> None:
        """Evicts until so much more fits."""
        while self.held + incoming > self.capacity and self.entries:
            slot = next(iter(self.entries))
            entry = self.entries.pop(slot)
            if entry.used:
                entry.used = False
                self.entries[slot] = entry
                continue
            self.held -= entry.weight
            answer.victims.append(slot << 1)  # one more where the policy remembers the entry
            answer.at.append(event)


state = State()
