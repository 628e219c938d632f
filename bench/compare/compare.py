#!/usr/bin/env python3
"""Deixis and other engines on ResNet-18, one picture at a time, in one run.

    DEIXIS_DATA=... bench/compare/compare.py [--threads 1,2] [--rounds 12] [--runs 5]

Every engine, precision and number of threads is a process of its own (engine.h says how it is
commanded), all alive at once and asked in turns: in each round each process runs a few times
uncounted, to fill the caches again, and then `--runs` times counted, in an order that is shuffled
anew. So what else the machine does meets all engines alike, and the ratios hold even where the
times drift. Prints a table; writes it and the numbers behind it into --out.

bench/compare/run builds first and adds the times of our layers. An engine that is not there is named
and left out.
"""

import argparse
import json
import os
import pathlib
import random
import sys

import models
import report
from worker import Worker, WorkerError

PAUSE_S = 0.02  # between turns: longer than any engine's threads spin after a run


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, help="the fp32 network "
                        "(default: imagenet_resnet18/resnet18.pth of DEIXIS_DATA)")
    parser.add_argument("--picture", type=pathlib.Path, help="the picture that is looked at "
                        "(default: the first of imagenet_sample of DEIXIS_DATA)")
    parser.add_argument("--int8", type=pathlib.Path, help="the network with int8 weights and "
                        "activation scales (default: compressed from --model, kept in --out)")
    parser.add_argument("--four-bit", type=pathlib.Path, help="the network with 16 centroids per "
                        "group and activation scales (default: likewise)")
    parser.add_argument("--threads", default="1,2", help="numbers of threads, with commas")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of a turn")
    parser.add_argument("--warmup", type=int, default=2, help="uncounted runs of a turn")
    parser.add_argument("--engines", default="", help="only those whose name contains one of "
                        "these words, with commas")
    parser.add_argument("--fresh", action="store_true", help="compress again, even when --out has "
                        "the models of an earlier run")
    parser.add_argument("--build", type=pathlib.Path, default=models.ROOT / "build/release")
    parser.add_argument("--out", type=pathlib.Path, default=models.ROOT / "out/compare")
    return parser.parse_args()


def start_workers(engines, threads, inputs):
    """One worker per engine and number of threads; those that fail are named on stderr."""
    workers, skipped = [], []
    for engine in engines:
        if engine.missing:
            skipped.append((engine.label, engine.missing))
            continue
        try:
            for count in threads:
                print(f"starting {engine.label}, {count} threads", file=sys.stderr)
                workers.append(Worker(engine, count, inputs))
        except WorkerError as error:
            workers = [worker for worker in workers if worker.engine is not engine]
            skipped.append((engine.label, str(error)))
    for label, reason in skipped:
        print(f"left out: {label}: {reason}", file=sys.stderr)
    return workers, skipped


def measure(workers, arguments):
    order = random.Random(1)
    for number in range(arguments.rounds):
        print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
        for worker in order.sample(workers, len(workers)):
            worker.take_turn(arguments.warmup, arguments.runs, PAUSE_S)


def main():
    arguments = parse_arguments()
    data = os.environ.get("DEIXIS_DATA")
    data = pathlib.Path(data) if data else None
    arguments.out.mkdir(parents=True, exist_ok=True)
    threads = [int(count) for count in arguments.threads.split(",")]
    inputs, engines = models.prepare(arguments, data)
    wanted = [word for word in arguments.engines.split(",") if word]
    if wanted:
        engines = [e for e in engines if any(word.lower() in e.label.lower() for word in wanted)]
    workers, skipped = start_workers(engines, threads, inputs)
    if not workers:
        sys.exit("no engine is there")
    measure(workers, arguments)
    results = [worker.finish() for worker in workers]
    document = report.document(results, skipped, arguments)
    table = report.markdown(document)
    (arguments.out / "compare.json").write_text(json.dumps(document, indent=1) + "\n")
    (arguments.out / "compare.md").write_text(table)
    print(table)


if __name__ == "__main__":
    main()
