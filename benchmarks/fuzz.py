"""Does anything but an error of ours come out of what strangers write: options, tables, bundles, run directories?

    make fuzz        # or, with atheris installed:
    PYTHONPATH=tests/helpers python benchmarks/fuzz.py [--seconds 60] [--targets quantise,table] [--out build/fuzz]

For so many seconds each, atheris (libFuzzer) changes contents that are right, and keeps the changes that reach new
lines of robustq. An input counts as found if it raises an error that is not ours, takes longer than 10 s, or lets the
process grow beyond 2 GiB. Each kind of error is printed once, with the input in a file below `--out`; when the fault
is mended, give the input to the test of the same reader in tests/test_fuzz.py, as an `@example`. The script ends with
status 1 if anything was found, or if a target stopped early.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

SECONDS, MEGABYTES = 10, 2048
"""What reading one input may take."""

WATCHED = ["robustq", "robustq_data", "robustq_metrics", "robustq_noise", "robustq_unet", "robustq_vq"]
"""Packages whose lines guide the search."""


def fuzz(name: str, seconds: int, out: Path) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    folder, seeds = Path(tempfile.mkdtemp(prefix="fuzz-")), Path(tempfile.mkdtemp(prefix="fuzz-seeds-"))
    with atheris.instrument_imports(include=WATCHED):
        from fuzz_targets import TARGETS

        target = TARGETS[name](folder)
        for number, content in enumerate(target.seeds):
            target(content)  # imports what is imported late
            (seeds / str(number)).write_bytes(content)
    kinds = set[str]()

    def one_input(content: bytes) -> None:
        try:
            target(content)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} in {place.filename}:{place.lineno}"
            if kind not in kinds:
                kinds.add(kind)
                file = out / f"error-{hashlib.sha256(content).hexdigest()[:12]}"
                file.write_bytes(content)
                sys.stderr.write(f"{file}: {kind}\n{traceback.format_exc()}\n")

    limits = [f"-max_total_time={seconds}", f"-timeout={SECONDS}", f"-rss_limit_mb={MEGABYTES}", "-max_len=65536"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={out}/", str(seeds)], one_input)
    atheris.Fuzz()


def tried(log: Path) -> str:
    """What libFuzzer says at its end, such as "Done 12345 runs in 61 second(s)"; nothing if it did not come so far."""
    lines = log.read_text(errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.startswith("Done ")), "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help="names; by default all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"), help="folder of inputs and logs")
    parser.add_argument("--here", action="store_true", help="fuzz the target in this process")
    asked = parser.parse_args()
    if asked.here:
        fuzz(asked.targets[0], asked.seconds, asked.out)
    from fuzz_targets import TARGETS

    faults = 0
    for name in asked.targets or TARGETS:
        out, log = asked.out / name, asked.out / f"{name}.log"
        out.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, __file__, name, "--here", "--seconds", str(asked.seconds), "--out", str(out)]
        with log.open("wb") as stream:
            subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=stream, check=False)
        inputs = sorted(file.name for file in out.iterdir())
        ended = tried(log)
        faults += len(inputs) + (not ended)
        print(f"{name}: {ended or f'stopped early, see {log}'}; {len(inputs)} found {' '.join(inputs)}", flush=True)
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
