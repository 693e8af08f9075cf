"""Whether two meters are known to count the same water (gateway/services/same_water.py), on made-up homes that both leak.

Two homes that have nothing to do with each other, and one home whose water two meters count: 1 L each ten minutes, and up to 7 %
less in steps of 0.1, 1 or 10 L each 5, 15 or 60 minutes. Three days each, a leak of so much from some hour of the first two on.
"""

import random
import sys
from collections import Counter

from bench import homes
from bench.homes import Home
from bench.household.year import DAY, HOUR
from gateway.services.flow import Flow
from gateway.services.same_water import within

HOMES = 24
TRIALS = 120
LEAKS_L_PER_H = (0, 10, 50, 150, 600)
SAID = {True: "the same", None: "not known", False: "not the same"}


def metered(home: Home, start: int, leak: tuple[float, int], each_s: int, step_l: float, share: float = 1.0) -> Flow:
    """Three days of a meter that counts a `share` of what runs, with a leak of so many L/h since then."""
    flow, (l_per_h, since) = Flow(step_l), leak
    for at in range(start, start + 3 * DAY, each_s):
        litres = home.truth(start, at) + l_per_h * max(0, at - since) / HOUR
        flow.hear(at, int(share * litres / step_l))
    return flow


def main() -> None:
    some = [homes.home(number) for number in range(HOMES)]
    sys.stdout.write("| leak | meters | " + " | ".join(SAID.values()) + " |\n|---|---|" + "---|" * len(SAID) + "\n")
    for l_per_h in LEAKS_L_PER_H:
        apart: Counter[bool | None] = Counter()
        twice: Counter[bool | None] = Counter()
        rng = random.Random(l_per_h)
        for _ in range(TRIALS):
            one, other = rng.sample(some, 2)
            start = one.year.start + rng.randrange(20, 340) * DAY
            since, later = (start + rng.randrange(48) * HOUR for _ in range(2))
            here = metered(one, start, (l_per_h, since), 600, 1)
            there = metered(other, start + 60, (l_per_h, later), 600, 1)
            seldom, step_l, share = rng.choice((300, 900, HOUR)), rng.choice((0.1, 1, 10)), rng.choice((0.93, 1.0))
            again = metered(one, start + 200, (l_per_h, since), seldom, step_l, share)
            apart.update(within(*pair)[0] for pair in ((here, there), (there, here)))
            twice.update(within(*pair)[0] for pair in ((here, again), (again, here)))
        for name, found in (("of two homes", apart), ("of one home", twice)):
            shares = " | ".join(f"{found[each]} of {found.total()}" for each in SAID)
            sys.stdout.write(f"| {l_per_h} L/h | {name} | {shares} |\n")


if __name__ == "__main__":
    main()
