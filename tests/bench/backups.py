#!/usr/bin/env python3
"""Backups: a thousand webspaces with a builder that takes 50 ms for each, and one large project beside curl, sha256sum and sync.

    tests/bench/backups.py --prebuilt DIR [--webspaces N] [--bytes N] [--rounds N]

tests/bench/run brings its section. With --prebuilt, which takes the programs in DIR as they are (panelgate, examples/bench-backups), it only prints it. As root, as jobs
are run: for others the store waits for the disk in another way.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
AT_ONCE = 20
WORK_MS = 50
NEEDS = ("curl", "sha256sum", "sync")


class World:
    """The server of webspaces and its builder, in a directory on a disk."""

    def __init__(self, release, webspaces, size):
        self.panelgate = f"{release}/panelgate"
        # What is made in memory would never wait for a disk.
        self.dir = tempfile.mkdtemp(prefix="panelgate-bench-", dir="/var/tmp")
        words = [f"{release}/examples/bench-backups", self.dir, str(webspaces), str(size)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        try:
            self.facts = json.loads(self.process.stdout.readline())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        shutil.rmtree(self.dir, ignore_errors=True)

    def asked(self):
        """How many backups the builder was asked for."""
        print("asked", file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def run(self, *words):
        done = subprocess.run([self.panelgate, "--config", self.facts["config"], *words], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"panelgate {' '.join(words)}: {done.stderr}")
        return done.stdout

    def measured(self, words):
        """One run of a program: (ns, cpu us, KiB)."""
        subprocess.run(["sync"], check=True)
        done = subprocess.run([f"{HERE}/out/measure", "1", *words], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{words[0]}: {done.stderr}")
        return tuple(map(int, done.stdout.split()))

    def jobs(self):
        runs = self.measured([self.panelgate, "--config", self.facts["config"], "jobs", "--once"])
        bad = [job for job in json.loads(self.run("jobs", "list", "--json")) if job["state"] not in ("done", "cancelled")]
        if bad:
            sys.exit(f"{len(bad)} jobs were not done: {bad[0]}")
        return runs


def webspaces(world, count, rounds, *more):
    runs = []
    for _ in range(rounds):
        before = world.asked()
        sites = [f"site{number:05}.example" for number in range(count)]
        world.run("backup", "create", "--fresh", *more, *sites)
        runs.append(world.jobs())
        if world.asked() - before != count:
            sys.exit("not every webspace was backed up once")
    return runs


def large(world, rounds):
    """Our runs and the peer's, in turns."""
    facts, kept = world.facts, f"{world.dir}/state/backups/{world.facts['large']}"
    target = f"{world.dir}/peer.sitebuilder"
    body = json.dumps({"domain": facts["large"]})
    curl = f"curl -sS --fail --cacert {facts['ca']} -u bench:bench -H 'Content-Type: application/json' -d '{body}'"
    script = f"{curl} -o {target} {facts['url']}create-site-backup && sha256sum {target} && sync {target}"
    own, peer = [], []
    for _ in range(rounds):
        world.run("backup", "create", "--fresh", facts["large"])
        own.append(world.jobs())
        shutil.rmtree(kept)
        peer.append(world.measured(["/bin/sh", "-c", script]))
        os.remove(target)
    return own, peer


def line(name, runs, ratio, goal):
    ms = statistics.median(run[0] for run in runs) / 1e6
    cpu = statistics.median(run[1] for run in runs) / 1000
    peak = max(run[2] for run in runs) / 1024
    return f"| {name} | {ms:,.0f} ms | {cpu:,.0f} ms | {peak:.1f} MiB | {ratio} | {goal} |"


def section(release, here, rounds, count=1000, size=1 << 30):
    """A Markdown text."""
    missing = [name for name in NEEDS if not shutil.which(name)]
    if missing or os.geteuid() != 0:
        return f"(it needs root and {', '.join(NEEDS)}: not measured)"
    head = ["| work | median | CPU, median | peak memory | ratio | to be reached |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    with World(release, count, size) as world:
        print("backups", flush=True)
        # As many rounds as there are jobs to tell apart; the first one opens files and connections too, as every start does.
        there = webspaces(world, count, rounds, "--to", "builder")
        here_too = webspaces(world, count, rounds)
        own, peer = large(world, rounds)
    ideal = count / AT_ONCE * WORK_MS
    ratio = lambda runs: f"{statistics.median(run[0] for run in runs) / 1e6 / ideal:.2f}"
    beside = statistics.median(run[0] for run in own) / statistics.median(run[0] for run in peer)
    lines = [
        f"| {count:,} webspaces, {AT_ONCE} at once, ideal | {ideal:,.0f} ms | | | 1 | |",
        line("`panelgate jobs`, kept by the builder", there, ratio(there), "1.10, memory 32 MiB"),
        line("`panelgate jobs`, a file here for each", here_too, ratio(here_too), ""),
        line(f"`panelgate jobs`, a project of {size >> 20:,} MiB", own, f"{beside:.2f}", "1.10, memory 16 MiB"),
        line("curl, sha256sum, sync", peer, "1", ""),
    ]
    return "\n".join(head + lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prebuilt", required=True)
    parser.add_argument("--webspaces", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=1 << 30)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.makedirs(f"{HERE}/out", exist_ok=True)
    subprocess.run(["gcc", "-O2", "-o", f"{HERE}/out/measure", f"{HERE}/measure.c"], check=True)
    print(section(options.prebuilt, HERE, options.rounds, options.webspaces, options.bytes))


if __name__ == "__main__":
    main()
