"""Prefetches the keys that usually follow a key.

Counts, over the requests of the run, which misses come within `reach` requests after each key. Where another key missed
after at least `share` of the requests of a key, and at least `min-seen` times, the strategy proposes the rule "after this
key, load those". A key that a rule loads already gets no rule of its own, so that a run of keys takes one rule for every
`reach` of them. A rule whose loads are mostly wasted is withdrawn for good; one that has loaded nothing for `IDLE_TICKS`
is withdrawn to make room.

Memory is bounded: `MAX_KEYS` keys are counted, and the key that was seen first is forgotten first. So is fuel: the
inner loops use plain dictionaries, which cost less than `Counter`.
"""

from collections import deque
from dataclasses import dataclass

import wit_world
from componentize_py_types import Err
from wit_world.imports import accesses, log, metrics, prefetch_control, settings
from wit_world.imports.log import Level
from wit_world.imports.prefetch_control import AssociationRule, Rule_Association
from wit_world.imports.types import (
    ControlError_TooMany,
    Description,
    Setting,
    SettingKind,
    TickError_BadSetting,
    TickInfo,
)

MAX_KEYS = 4_096
MAX_FOLLOWERS = 64
"""Followers counted of one key."""
MAX_TARGETS = 16
"""What the host takes in one rule."""
MIN_ISSUED = 8
"""Loads after which a rule is judged."""
IDLE_TICKS = 20

NUMBERS = {
    "reach": ("Requests after a key within which a miss counts as its follower", "8", 1, 16),
    "share": ("Share of the requests of a key after which the other key has to miss", "0.5", 0, 1),
    "min-seen": ("Times that a key has to miss after the other before it is loaded ahead", "2", 1, 1_000),
}


@dataclass
class Rule:
    """A rule in force."""

    key: int
    targets: list[int]
    issued: int
    used_in: int
    """The last tick in which it loaded something."""


class WitWorld(wit_world.WitWorld):
    def __init__(self) -> None:
        self.settings: dict[str, float] = {}
        self.cursor = 0
        self.recent: deque[int] = deque()
        self.requests: dict[int, int] = {}
        self.followers: dict[int, dict[int, int]] = {}
        """Of each key, how often another key missed after it."""
        self.rules: dict[int, Rule] = {}
        self.covered: set[int] = set()
        """Keys that have a rule, or that a rule loads."""
        self.given_up: set[int] = set()
        self.next_id = 1

    def describe(self) -> Description:
        return Description(
            name="follow-pairs",
            version="0.1.0",
            summary="Prefetches the keys that usually follow a key",
            dials=[],  # a rule is no dial
            settings=[
                Setting(name, summary, SettingKind.NUMBER, default, minimum, maximum, [])
                for name, (summary, default, minimum, maximum) in NUMBERS.items()
            ],
        )

    def tick(self, info: TickInfo) -> None:
        if info.tick == 1:
            self.read_settings()
        withdrawn = self.withdraw(info.tick)
        installed = self.install(self.count(), info.tick)
        reasons = []
        if installed:
            share = f"{self.settings['share']:.0%}"
            reasons.append(f"{installed} keys followed by the same misses in {share} of their requests or more")
        if withdrawn:
            reasons.append(f"{withdrawn} rules withdrawn that wasted what they loaded or were idle")
        if reasons:
            prefetch_control.explain_rules("; ".join(reasons))

    def read_settings(self) -> None:
        for name, (_, default, _, _) in NUMBERS.items():
            text = settings.get(name)
            try:
                self.settings[name] = float(default if text is None else text)
            except ValueError:
                raise Err(TickError_BadSetting((name, "expected a number"))) from None
        self.recent = deque(maxlen=int(self.settings["reach"]))

    def count(self) -> list[int]:
        """Counts the requests since the last tick. Answers the keys that were requested, each once."""
        batch = accesses.since(self.cursor, 4_096)
        self.cursor = batch.next
        if batch.lost:
            log.write(Level.DEBUG, f"{batch.lost} requests were not kept long enough")
            self.recent.clear()
        for key, hit in zip(batch.keys, batch.hits):
            if not hit:
                for before in self.recent:
                    after = self.followers.get(before)
                    if after is not None and before != key and (key in after or len(after) < MAX_FOLLOWERS):
                        after[key] = after.get(key, 0) + 1
            if key not in self.requests:
                if len(self.requests) >= MAX_KEYS:
                    oldest = next(iter(self.requests))
                    del self.requests[oldest], self.followers[oldest]
                self.requests[key], self.followers[key] = 0, {}
            self.requests[key] += 1
            self.recent.append(key)
        return list(dict.fromkeys(batch.keys))

    def install(self, requested: list[int], tick: int) -> int:
        """Proposes a rule for each key that has usual followers. Answers how many were accepted."""
        installed = 0
        for key in requested:
            targets = [] if key in self.covered or key in self.given_up else self.usual_followers(key)
            if not targets:
                continue
            try:
                prefetch_control.propose_rule(self.next_id, Rule_Association(AssociationRule(key, targets)))
            except Err as refused:
                if isinstance(refused.value, ControlError_TooMany):
                    break
                log.write(Level.WARN, f"rule for key {key} refused: {refused.value}")
                continue
            self.rules[self.next_id] = Rule(key, targets, issued=0, used_in=tick)
            self.covered.update([key], targets)
            self.next_id += 1
            installed += 1
        return installed

    def usual_followers(self, key: int) -> list[int]:
        after = self.followers.get(key)
        if not after:
            return []
        least = max(self.settings["min-seen"], self.settings["share"] * self.requests[key])
        often = [other for other, times in after.items() if times >= least]
        often.sort(key=after.__getitem__, reverse=True)
        return often[:MAX_TARGETS]

    def withdraw(self, tick: int) -> int:
        """Withdraws rules that do not pay. Answers how many."""
        withdrawn = 0
        for measured in metrics.prefetch().rules:
            rule = self.rules.get(measured.id)
            if rule is None:
                continue
            if measured.issued > rule.issued:
                rule.issued, rule.used_in = measured.issued, tick
            loses = measured.issued >= MIN_ISSUED and measured.wasted > measured.timely + measured.late
            if not loses and tick - rule.used_in < IDLE_TICKS:
                continue
            try:
                prefetch_control.propose_withdrawal(measured.id)
            except Err as refused:
                log.write(Level.WARN, f"withdrawal of rule {measured.id} refused: {refused.value}")
                continue
            del self.rules[measured.id]
            self.covered.difference_update([rule.key], rule.targets)
            if loses:
                self.given_up.add(rule.key)
            withdrawn += 1
        return withdrawn
