#!/usr/bin/python3 -IB
"""Orders a backup and follows it to its end."""

import json
import os
import sys
import time
from typing import Any, Dict

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import script  # noqa: E402
from script import panelgate  # noqa: E402

DESCRIPTION = """\
Order a backup and follow it to its end.

The order is on the disk once it is given: a job with a number, done by the
program that runs jobs (panelgate jobs), whatever becomes of this script. A
second order for the same joins the first one.

Standard output gets one line of JSON when the backup has ended: id, state,
percent, queued, and for root reason. A deadline that passes is an error
[unavailable], and the job goes on: follow it again with --job.
"""

EPILOG = """\
Examples:
  python3 -I -B backup.py shop.example                the project at the builder
  python3 -I -B backup.py --deadline 60 shop.example  wait a minute at most
  python3 -I -B backup.py --job 17                    follow one ordered before
  python3 -I -B backup.py --account alice --scope all --destination panel
"""

ENDED = ("done", "failed", "cancelled")


def number(text: str) -> int:
    """A whole number from 0."""
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value


def follow(gate: panelgate.Gate, job: int, deadline: int, progress: bool) -> Dict[str, Any]:
    """Waits until the job has ended; says on standard error how far it is, if that is wanted."""
    end = time.monotonic() + deadline
    shown = None
    while True:
        # One second at a time, so that the script can be interrupted.
        state = gate.backup_wait(job, min(1, max(0, int(end - time.monotonic()))))
        percent = state.get("percent")
        line = "job {}: {}{}".format(job, state["state"], "" if percent is None else " {} %".format(percent))
        if progress and line != shown:
            script.note(line)
            shown = line
        if state["state"] in ENDED:
            return state
        left = end - time.monotonic()
        if left <= 0:
            message = "job {} is {} after {} seconds and goes on; follow it with --job {}, and see that panelgate jobs runs"
            raise panelgate.Error(panelgate.Status.UNAVAILABLE, message.format(job, state["state"], deadline, job))
        if left < 1:
            time.sleep(left)


def main() -> None:
    """The script."""
    parser = script.Parser(DESCRIPTION, EPILOG)
    script.add_site(parser)
    scopes = ["all", "hosting", "mail", "configuration", "project"]
    parser.add_argument("--scope", choices=scopes, help="what it holds; of a site its project, of an account all unless given")
    parser.add_argument("--destination", metavar="NAME", help="panel, directory, builder, or a name in the configuration")
    parser.add_argument("--prefix", metavar="TEXT", help="what the names of its files begin with")
    parser.add_argument("--description", metavar="TEXT", help="what is said about it")
    parser.add_argument("--split", metavar="MIB", type=number, default=0, help="largest size of one of its files, in MiB; one file unless given")
    parser.add_argument("--job", metavar="NUMBER", type=number, help="order nothing; follow this job")
    parser.add_argument("--deadline", metavar="SECONDS", type=number, default=3600, help="wait so long at most; 3600 unless given")
    parser.add_argument("--progress", action="store_true", help="say on standard error how far it is")
    arguments = parser.parse_args()
    if arguments.job is not None and (arguments.site or arguments.account):
        parser.error("--job follows a job that was ordered: without SITE and --account")
    with script.gate_of(arguments) as gate:
        job = arguments.job
        if job is None:
            job = gate.backup_start(
                account=arguments.account,
                site=arguments.site,
                scope=arguments.scope,
                destination=arguments.destination,
                prefix=arguments.prefix,
                description=arguments.description,
                split_size=arguments.split << 20,
            )
        state = follow(gate, job, arguments.deadline, arguments.progress)
        script.write(json.dumps(state, sort_keys=True).encode() + b"\n")
    if state["state"] != "done":
        reason = state.get("reason") or "see panelgate jobs list"
        raise panelgate.Error(panelgate.Status.BACKUP_FAILED, "job {} is {}: {}".format(job, state["state"], reason))


script.run(main)
