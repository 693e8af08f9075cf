"""A stairwell: 200 telegrams a second of 400 meters for ten minutes, 30 of them ours with their keys, as fast as time allows.

Collect with the real driver and a clock that the bench moves; the telegrams are made outside of the measured time.

    python bench/flood.py [seconds of traffic]
"""

import resource
import sys
import time

from tests.stairwell import METERS, OURS, PORT, TELEGRAMS_A_SECOND, Stairwell, traffic

SECONDS = 600
WARM_S = 60  # every meter was heard many times: what is kept of them is full


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(seconds: int) -> None:
    stairwell = Stairwell()
    spent_s, warm_mb, start_mb = 0.0, 0.0, peak_mb()
    for at, second in enumerate(traffic(seconds)):
        if at == min(WARM_S, seconds - 1):
            warm_mb = peak_mb()
        before = time.process_time()
        stairwell.hear(second)
        spent_s += time.process_time() - before
    collect = stairwell.collect
    telegrams = seconds * TELEGRAMS_A_SECOND
    ours = sum(log.telegrams for log in collect.meters.values())
    print(
        f"{telegrams:,} telegrams of {METERS} meters, {len(OURS)} ours: {telegrams / spent_s:,.0f} a CPU-second, aim 200"
    )
    print(f"ours: {ours:,} heard, {stairwell.lost} lost, {stairwell.kept:,} points to the store; aim 0 lost")
    print(f"peak memory: {start_mb:.1f} MB, after {WARM_S} s {warm_mb:.1f}, at the end {peak_mb():.1f}")
    strangers = collect.strangers
    print(
        f"strangers: {len(collect.heard)} heard, {len(strangers):,} of their telegrams held, {strangers.thinned:,} sampled out"
    )
    print("port: " + ", ".join(f"{word} {count:,}" for word, count in sorted(collect.ports[PORT].counts.items())))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
