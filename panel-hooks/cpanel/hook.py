"""cPanel's script hook. README.md beside it says what it is for and who starts it.

    panelgate-hook --describe          what manage_hooks registers, as JSON
    panelgate-hook event               an event: one JSON object on standard input
    panelgate-hook event-before        the same, before it happens
    panelgate-hook backup-attach       an account is about to be packed
    panelgate-hook backup-detach       an account has been packed
    panelgate-hook upcp                cPanel was updated

Standard output gets one line, "1 text" or "0 text", and the exit code is 0. Events are handed on as the bytes that they are; only for a backup the
account's name is taken out of them.
"""

import os
import sys
from typing import Callable

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import panelhook  # noqa: E402 (the line above says where it is)

#: What manage_hooks is told to start: the front beside this file.
FRONT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "panelgate-hook")

#: Category, event, stage, word. A Cpanel event runs as the account; all others run as root. What some versions do not know never happens there.
EVENTS = [
    ("Whostmgr", "Accounts::Create", "post", "event"),
    # While the account's data is still there, and when it is gone: one of the two may be all that happens.
    ("Whostmgr", "Accounts::Remove", "pre", "event-before"),
    ("Whostmgr", "Accounts::Remove", "post", "event"),
    # Before: the old main domain is still known.
    ("Whostmgr", "Accounts::Modify", "pre", "event-before"),
    ("Whostmgr", "Accounts::Modify", "post", "event"),
    ("Whostmgr", "Accounts::suspendacct", "post", "event"),
    ("Whostmgr", "Accounts::unsuspendacct", "post", "event"),
    ("Whostmgr", "Accounts::change_package", "post", "event"),
    ("Whostmgr", "Accounts::SiteIP::set", "post", "event"),
    ("Whostmgr", "Domain::park", "post", "event"),
    ("Whostmgr", "Domain::unpark", "post", "event"),
    ("Whostmgr", "Domain::addsubdomain", "post", "event"),
    ("Whostmgr", "Domain::delsubdomain", "post", "event"),
    ("Whostmgr", "ParkAdmin::park", "post", "event"),
    ("Whostmgr", "ParkAdmin::unpark", "post", "event"),
    ("Whostmgr", "ConvertAddon::convert_addon", "post", "event"),
    ("Cpanel", "Api2::AddonDomain::addaddondomain", "post", "event"),
    ("Cpanel", "Api2::AddonDomain::deladdondomain", "post", "event"),
    ("Cpanel", "Api2::SubDomain::addsubdomain", "post", "event"),
    ("Cpanel", "Api2::SubDomain::delsubdomain", "post", "event"),
    ("Cpanel", "Api2::Park::park", "post", "event"),
    ("Cpanel", "Api2::Park::unpark", "post", "event"),
    ("Cpanel", "UAPI::SubDomain::addsubdomain", "post", "event"),
    ("PkgAcct", "Create", "pre", "backup-attach"),
    ("PkgAcct", "Create", "postFinalize", "backup-detach"),
    ("PkgAcct", "Restore", "post", "event"),
    ("System", "upcp", "post", "upcp"),
]


def describe() -> bytes:
    """What manage_hooks registers."""
    import json

    entries = [
        {"category": category, "event": event, "stage": stage, "hook": FRONT + " " + word, "exectype": "script"}
        for category, event, stage, word in EVENTS
    ]
    return json.dumps(entries, indent=1).encode("ascii") + b"\n"


def account_of(payload: bytes) -> str:
    """The account that a payload is about: `data.user`, or `data.args.user` as other versions have it."""
    import json

    data = json.loads(payload.decode("utf-8", "replace")).get("data")
    inner = data.get("args") if isinstance(data, dict) else None
    for place in (data, inner):
        name = place.get("user") if isinstance(place, dict) else None
        if panelhook.is_account_name(name):
            return str(name)
    raise ValueError("the payload names no account")


def event() -> panelhook.Answer:
    """An event."""
    return panelhook.deliver("cpanel", panelhook.read_payload())


def backup(work: Callable[[str], panelhook.Answer]) -> panelhook.Answer:
    """A backup begins or is done. One that the account itself makes runs as the account, which has no right to its projects' files at the builder."""
    payload = panelhook.read_payload()
    if os.geteuid() != 0:
        return True, "nothing to do: this is the account's own backup"
    return work(account_of(payload))


def backup_attach() -> panelhook.Answer:
    """A backup begins."""
    return backup(panelhook.attach)


def backup_detach() -> panelhook.Answer:
    """A backup is done."""
    return backup(panelhook.detach)


def upcp() -> panelhook.Answer:
    """cPanel was updated, and may have taken the icon or the hooks away."""
    panelhook.read_payload()
    if os.geteuid() != 0:
        return True, "nothing to do"
    return panelhook.start([panelhook.PROGRAM, "setup", "--repair"])


#: The words, with the time for an answer, and whether a failure is one for cPanel, too. What it makes of one before the event is not known: there it
#: stands in the log alone.
WORDS = {
    "event": (event, panelhook.ANSWER_SECONDS, True),
    "event-before": (event, panelhook.ANSWER_SECONDS, False),
    "backup-attach": (backup_attach, panelhook.BACKUP_SECONDS, False),
    "backup-detach": (backup_detach, panelhook.ANSWER_SECONDS, True),
    "upcp": (upcp, panelhook.ANSWER_SECONDS, True),
}


def main() -> bytes:
    """What is printed."""
    word = sys.argv[1] if len(sys.argv) > 1 else "event"
    if word == "--describe":
        return describe()
    if word not in WORDS:
        return b"1 Panelgate: nothing done: the hook is registered with a word that it does not know\n"
    work, seconds, counts = WORDS[word]
    well, said = panelhook.answer(work, seconds)
    return "{} Panelgate: {}\n".format(1 if well or not counts else 0, said).encode("ascii", "replace")


try:
    os.write(1, main())
except OSError:
    pass  # Nobody listens.
os._exit(0)
