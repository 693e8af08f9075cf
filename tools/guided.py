"""Coverage-guided fuzzing of every decoder (`make fuzz`): libFuzzer, through atheris, on the targets of tools/fuzz.py.

`python -m tools.guided [--inputs N | --seconds S] [--seed N] [TARGET...]` runs the targets in turn, and prints of each
the inputs that libFuzzer made, the branches they reached, the inputs made of these by chance, how many a second, and the
finds, each as its shortest input in hex (exit 1). What reached something new stays in build/fuzz, where the next run
begins. A find wants to become a test.
"""

import argparse
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.fuzz import Target

WHAT = """Every decoder on made-up input. guided: inputs of libFuzzer, and the branches of the code that they reached;
spread: cuts, flips and splices of these, and random bytes. An exception, a broken promise of tools/fuzz.py or more than a
second of the processor's time is a find."""
ROW = "{:10}{:>9}{:>10}{:>10}{:>11}{:>10}{:>7}\n"
FOLDER = Path("build/fuzz")
GUIDED_ONE_OF = 8  # inputs that libFuzzer makes; the others are changes to what these reached
BATCH = 100
SHRINK_TRIES_MAX = 3000
HARD_LIMIT_S = 60  # an input that not even the signal of tools/fuzz.py ends
DAMAGED_OF_32 = 8  # of 32 mutated inputs, so many are damage to what our encoders sent; one is of random bytes


def guide(name: str, arguments: list[str]) -> None:
    """LibFuzzer leads one target's inputs to new code, in a process of its own, which it ends."""
    import atheris

    with atheris.instrument_imports(include=["drivers"], exclude=["drivers.encode"]):
        fuzz = import_module("tools.fuzz")
    target = fuzz.TARGETS[name]

    def mutate(data: bytes, bytes_max: int, seed: int) -> bytes:
        """Half of the inputs as they are, half through our encoders; some of what these made is then damaged."""
        choice = seed >> 1 & 0x1F
        if choice == 0:
            random = Random(seed)  # noqa: S311  inputs of a test, no secret
            data = random.randbytes(random.randrange(1, bytes_max))
        elif choice <= DAMAGED_OF_32:
            return b"\0" + bytes(atheris.Mutate(fuzz.sent(target, data)[: bytes_max - 1], bytes_max - 1))
        data = atheris.Mutate(data, bytes_max) or b"\0"
        return bytes((data[0] ^ seed & 1,)) + data[1:]

    atheris.Setup([sys.argv[0], *arguments], watched(target, fuzz.attempt, fuzz.sent), custom_mutator=mutate)
    atheris.Fuzz()


def spread(name: str, inputs: int, seconds: int, seed: int) -> None:
    """Changes to what was found to reach something new: without measuring the code, several times as many a second."""
    from tools import fuzz

    target, random = fuzz.TARGETS[name], Random(seed)  # noqa: S311  inputs of a test, no secret
    one = watched(target, fuzz.attempt, fuzz.sent)
    pool = [*target.seeds, *(path.read_bytes() for path in sorted((FOLDER / name / "corpus").iterdir()))]
    start_s, tried = time.monotonic(), 0
    while tried < inputs or (seconds and time.monotonic() - start_s < seconds):
        for _ in range(BATCH):
            one(fuzz.changed(random, pool, target.bytes_max))
        tried += BATCH
    say(f"spread {tried} inputs, {tried / (time.monotonic() - start_s):.0f} a second\n")


def watched(
    target: "Target",
    attempt: Callable[["Target", bytes], Exception | None],
    sent: Callable[["Target", bytes], bytes],
) -> Callable[[bytes], None]:
    """Tries an input; says each new find with the shortest input of its kind."""
    met: set[str] = set()

    def one(data: bytes) -> None:
        fault = attempt(target, data)
        if fault is not None and (where := place(fault)) not in met:
            met.add(where)
            shortest = shrunk(lambda shorter: attempt(target, shorter), data)
            reason = " ".join(str(fault).split())[:300]
            say(f"find {where}: {reason}\n  input {shortest.hex()}\n  sent {sent(target, shortest).hex()}\n")

    return one


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def place(fault: Exception) -> str:
    """What tells one find from another: its kind and where it was raised."""
    last = traceback.extract_tb(fault.__traceback__)[-1]
    return f"{type(fault).__name__} at {Path(last.filename).name}:{last.lineno}"


def shrunk(attempt: Callable[[bytes], Exception | None], data: bytes) -> bytes:
    """The shortest input found that fails in the same place: pieces left out, then bytes made 0."""
    fault = attempt(data)
    assert fault is not None, "an input that failed once fails again"
    wanted, tries = place(fault), 0

    def same(other: bytes) -> bool:
        met = attempt(other)
        return met is not None and place(met) == wanted

    size = len(data) // 2
    while size and tries < SHRINK_TRIES_MAX:
        for at in range(len(data) - size, 0, -max(1, size // 2)):
            tries += 1
            shorter = data[:at] + data[at + size :]
            if same(shorter):
                data = shorter
        size //= 2
    for at in range(1, len(data)):
        simpler = data[:at] + b"\0" + data[at + 1 :]
        if same(simpler):
            data = simpler
    return data


def run(name: str, inputs: int, seconds: float, seed: int) -> tuple[int, int, str]:
    """One target in its turn: inputs, finds, and its row."""
    from tools import fuzz

    corpus, seeds = FOLDER / name / "corpus", FOLDER / name / "seeds"
    corpus.mkdir(parents=True, exist_ok=True)
    seeds.mkdir(exist_ok=True)
    for number, data in enumerate(fuzz.TARGETS[name].seeds):
        (seeds / str(number)).write_bytes(data)
    guided, guided_s = inputs // GUIDED_ONE_OF, seconds / 2
    options = {
        "runs": guided or -1,
        "max_total_time": int(guided_s),
        "seed": seed,
        "max_len": fuzz.TARGETS[name].bytes_max,
        "timeout": HARD_LIMIT_S,
        "artifact_prefix": f"{FOLDER / name}/",
        "print_final_stats": 1,
    }
    steps = (
        ["--guide", name, *(f"-{key}={value}" for key, value in options.items()), str(corpus), str(seeds)],
        ["--spread", name, str(inputs - guided), str(int(seconds - guided_s)), str(seed)],
    )
    code, log = 0, FOLDER / name / "log"
    with log.open("w") as out:
        for step in steps:
            command = [sys.executable, "-m", "tools.guided", *step]
            done = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False)  # noqa: S603  this file
            code = code or done.returncode
    return judged(name, log.read_text(errors="replace"), code)


def judged(name: str, log: str, code: int) -> tuple[int, int, str]:
    """Inputs, finds, and the target's row with each find behind it."""

    def last(pattern: str) -> str:
        found: list[str] = re.findall(pattern, log)
        return found[-1] if found else "-"

    said = re.findall(r"^find .*\n.*\n.*\n", log, re.MULTILINE)
    finds = list({find.partition(": ")[0]: find for find in said}.values())  # both steps may find the same
    if code:
        finds.append(f"{name} ended with {code}; its last words:\n{log[-2000:]}\n")
    guided, chance = last(r"number_of_executed_units: (\d+)"), last(r"spread (\d+) inputs")
    row = ROW.format(
        name,
        guided,
        last(r"average_exec_per_sec: +(\d+)"),
        last(r"cov: (\d+)"),
        chance,
        last(r"inputs, (\d+) a second"),
        len(finds),
    )
    return sum(int(count) for count in (guided, chance) if count != "-"), len(finds), row + "".join(finds)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.guided", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=0, help="in all, each target its share")
    parser.add_argument(
        "--seconds", type=int, default=0, help="in all, each target as long as the others (default 260)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="write what was tried into docs/measured.md")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all of them by default")
    options = parser.parse_args()
    from tools import measured
    from tools.fuzz import TARGETS

    names = options.targets or list(TARGETS)
    if unknown := set(names) - TARGETS.keys():
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    shares = sum(TARGETS[name].share for name in names)
    seconds = options.seconds or (0 if options.inputs else 260)
    table = ROW.format("target", "guided", "a second", "branches", "spread", "a second", "finds")
    say(table)
    tried = found = 0
    start_s = time.monotonic()
    for name in names:
        inputs = options.inputs * TARGETS[name].share // shares
        done, finds, row = run(name, inputs, seconds / len(names), options.seed)
        say(row)
        table, tried, found = table + row, tried + done, found + finds
    end = f"{tried:,} inputs in {(time.monotonic() - start_s) / 60:.0f} minutes, {found} finds, seed {options.seed}\n"
    say(end)
    if options.keep:
        command = " ".join(argument for argument in sys.argv[1:] if argument != "--keep")
        measured.keep(f'make fuzz ARGS="{command}"', WHAT, table + end)
    return 1 if found else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--guide"]:
        guide(sys.argv[2], sys.argv[3:])
    elif sys.argv[1:2] == ["--spread"]:
        spread(sys.argv[2], *map(int, sys.argv[3:]))
    else:
        sys.exit(main())
