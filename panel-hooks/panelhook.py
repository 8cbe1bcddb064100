"""What the hook scripts of every panel share: they answer the panel at once, whatever happens to the work.

A hook takes three steps. It reads nothing and loads nothing before it has split in two: the panel waits for the parent, which answers within
ANSWER_SECONDS and ends; the child, out of the panel's process group and without its standard output, reads the payload, loads the library, does the
work. If the child is done in time, the answer says what it did, else that it goes on. So a disk that stands still, a library that is missing and a
caller that never closes its end hold up no panel.

Python 3.6 or newer, standard library only. Nothing here reads the environment; the shell fronts have emptied it. Nothing is printed but the one line.
"""

import os
import re
import select
import signal
import sys
import time
from typing import Any, Callable, List, Tuple

__all__ = ["PROGRAM", "Answer", "answer", "attach", "deliver", "detach", "errors_to_log", "is_account_name", "read_payload", "start"]

#: The library, by its absolute path; None: where packages put it.
LIBRARY = None
#: The configuration; None: /etc/panelgate/panelgate.ini.
CONFIG = None
#: The broker's socket, for an account's own process; None: where packages put it.
SOCKET = None
#: The program, for what takes longer than a hook may.
PROGRAM = "/usr/bin/panelgate"

#: How long the panel waits for an answer, from the moment this file runs. Python and the shell take some 20 ms before.
ANSWER_SECONDS = 0.06
#: How long the panel waits where it packs the home next, into which the projects come first.
BACKUP_SECONDS = 65.0
#: When a child that got stuck is ended by the kernel.
CHILD_SECONDS = 300
#: The largest payload that is looked at. What is larger is read to its end and dropped.
PAYLOAD_BYTES = 1 << 20
#: How long a caller may take to write it.
PAYLOAD_SECONDS = 30.0

#: What is said of a piece of work: whether it went well, and one line about it.
Answer = Tuple[bool, str]


def answer(work: Callable[[], Answer], seconds: float = ANSWER_SECONDS) -> Answer:
    """Does the work in a child; its answer, or that it goes on if it takes longer than so many seconds. Never raises."""
    end = time.monotonic() + seconds
    try:
        reader, writer = os.pipe()
        child = os.fork()
    except OSError as error:
        return False, "no process can be started: " + os.strerror(error.errno or 0)
    if child == 0:
        try:
            os.close(reader)
            _child(work, writer)
        finally:
            os._exit(0)
    os.close(writer)
    said = _read(reader, 4096, end)[0].decode("ascii", "replace")
    if said[:2] in ("1 ", "0 "):
        return said[0] == "1", said[2:]
    try:
        if os.waitpid(child, os.WNOHANG)[0] == child:
            return False, "the hook's work ended without a word"
    except OSError:
        pass  # The caller does not keep its children's ends, so nobody knows.
    return True, "taken; it goes on in the background"


def _child(work: Callable[[], Answer], writer: int) -> None:
    """The work, and what becomes of it."""
    # The panel ends its own processes, and counts on their standard output being closed.
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for number in (1, 2):
        os.dup2(null, number)
    # What else the panel left open is its own business. The number that is kept is the writer's.
    os.closerange(3, writer)
    os.closerange(writer + 1, 1024)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(CHILD_SECONDS)
    well, said = errors_to_log(work)
    # Nobody may be left to read it.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    os.write(writer, "{} {}".format(1 if well else 0, _line(said)).encode("ascii", "replace"))


def errors_to_log(work: Callable[[], Answer]) -> Answer:
    """Does the work. What goes wrong becomes an answer and a line in the system's log."""
    try:
        well, said = work()
    except Exception as error:  # Whatever it is, the panel goes on.
        well, said = False, "{}: {}".format(type(error).__name__, error)
    if not well:
        try:
            import syslog

            syslog.openlog("panelgate", 0, syslog.LOG_DAEMON)
            syslog.syslog(syslog.LOG_ERR, "hook: " + _line(said))
        except Exception:  # Without a log there is only the answer.
            pass
    return well, said


def _line(text: str) -> str:
    """One line of plain ASCII. The word by which a cPanel hook stops what its panel does is never said."""
    shown = "".join(char if " " <= char <= "~" else "?" for char in text)
    return re.sub("bailout", "bail-out", shown, flags=re.IGNORECASE)[:400].strip()


def _read(number: int, limit: int, end: float) -> Tuple[bytes, bool]:
    """What comes from a descriptor until its end, until `limit` bytes, or until the time is up; and whether that was its end."""
    parts = []  # type: List[bytes]
    size = 0
    while size < limit:
        rest = end - time.monotonic()
        if rest <= 0 or not select.select([number], [], [], rest)[0]:
            return b"".join(parts), False
        part = os.read(number, min(limit - size, 1 << 16))
        if not part:
            return b"".join(parts), True
        parts.append(part)
        size += len(part)
    return b"".join(parts), False


def read_payload() -> bytes:
    """Standard input to its end, as bytes, within PAYLOAD_SECONDS; empty if there is none or it is too large. A caller that still writes is never
    cut off."""
    end = time.monotonic() + PAYLOAD_SECONDS
    try:
        payload, whole = _read(0, PAYLOAD_BYTES + 1, end)
        if whole:
            return payload
        while len(_read(0, 1 << 20, end)[0]) == 1 << 20:
            pass
    except OSError:
        pass
    return b""


def is_account_name(name: Any) -> bool:
    """Whether something from a payload can be an account's name: what cannot never goes further."""
    return isinstance(name, str) and re.match(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z", name) is not None


def _gate() -> Any:
    """An open Panelgate."""
    # What is here is root's; -I leaves the script's own folder out of the search path.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import panelgate

    return panelgate.Library(LIBRARY).open(CONFIG, SOCKET)


def deliver(source: str, payload: bytes) -> Answer:
    """Hands an event to Panelgate, which writes it down and does the rest later. An account's own process can only say that something changed."""
    with _gate() as gate:
        said = gate.event(source, payload if os.geteuid() == 0 else b"")
    if said.get("ignored"):
        return True, "nothing to do: {}".format(said["ignored"])
    if said.get("job") is None:
        return True, "noted"
    return True, "queued as job {}".format(said["job"])


def attach(account: str) -> Answer:
    """Puts the projects of the account's sites into its home, where the panel packs them with its own backup; nothing unless `[backup] carry` says so."""
    with _gate() as gate:
        said = gate.backup_attach(account, None, int(BACKUP_SECONDS) - 5)
    return True, "added to the backup" if said.get("carry") else "nothing to do: [backup] carry is off"


def detach(account: str) -> Answer:
    """Takes away what attach() put there."""
    with _gate() as gate:
        gate.backup_detach(account, None)
    return True, "taken away after the backup"


def start(words: List[str]) -> Answer:
    """Becomes another program, in a child: for what may take minutes. It is not waited for."""
    signal.alarm(0)
    os.dup2(1, 0)
    os.execve(words[0], words, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"})
