"""WHM's page: how the broker is, and what doctor finds. README.md beside it says how it is registered.

WHM starts it as root, for every reseller whom AppConfig lets through. So it asks for the right itself, from WHM's own list, and then becomes the system
user panelgate-web for good, before anything else: as that it may ask the broker for these two things, and nothing more.
"""

import base64
import hashlib
import html
import json
import os
import pwd
import subprocess
import sys
from typing import Any, Dict, List, Optional

#: The program that asks the broker.
PROGRAM = "/usr/bin/panelgate"
#: WHM's list of its resellers and their rights.
RESELLERS = "/var/cpanel/resellers"
#: Whom the page becomes.
USER = "panelgate-web"
#: How long each question may take; doctor asks the builder.
SECONDS = 50

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem;color:#1f2937;background:#fff}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #d1d5db;overflow-wrap:anywhere}"
    ".ok{color:#166534}.fail{color:#991b1b;font-weight:700}.warning{color:#92400e;font-weight:700}"
)


class Refused(Exception):
    """A page that is not shown: the status line, and why."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status = status


def check_right(login: Optional[str]) -> None:
    """Root, and resellers who may do everything."""
    if login == "root":
        return
    try:
        with open(RESELLERS, "rb") as file:
            lines = file.read(1 << 20).decode("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, colon, rights = line.partition(":")
        if login and colon and name.strip() == login and "all" in [right.strip() for right in rights.split(",")]:
            return
    raise Refused("403 Forbidden", "This page is for root and for resellers who have all rights.")


def drop() -> None:
    """Becomes panelgate-web, and makes sure that there is no way back."""
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        raise Refused("503 Service Unavailable", "The system user {} is missing: install the package again.".format(USER)) from None
    if user.pw_uid == 0 or user.pw_gid == 0:
        raise Refused("503 Service Unavailable", "The system user {} is root.".format(USER))
    os.chdir("/")
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    try:
        os.setuid(0)
    except PermissionError:
        return
    raise Refused("503 Service Unavailable", "The page could become root again.")


def ask(words: List[str]) -> Any:
    """What the program prints as JSON; a text if it does not."""
    try:
        done = subprocess.run(
            [PROGRAM] + words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "{}: {}".format(PROGRAM, error)
    try:
        return json.loads(done.stdout.decode("utf-8", "replace"))
    except ValueError:
        return done.stderr.decode("utf-8", "replace").strip() or "{} says nothing".format(PROGRAM)


def shown(value: Any) -> str:
    """A value as text for HTML."""
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join("{}: {}".format(html.escape(str(name)), shown(part)) for name, part in value.items())
    return html.escape("" if value is None else str(value))


def status_part(status: Any) -> str:
    """The broker's counters."""
    if not isinstance(status, dict):
        return "<p class=fail>{}</p>".format(shown(status))
    rows = ["<tr><th scope=row>{}<td>{}".format(shown(name), shown(value)) for name, value in status.items()]
    return "<table>{}</table>".format("".join(rows))


def doctor_part(report: Any) -> str:
    """What doctor found."""
    checks = report.get("checks") if isinstance(report, dict) else None
    if not isinstance(checks, list):
        return "<p class=fail>{}</p>".format(shown(report))
    rows = []
    for check in checks:
        found = check if isinstance(check, dict) else {}  # type: Dict[str, Any]
        state = found.get("state")
        name = state if state in ("ok", "fail", "warning") else "other"
        advice = "<br>&rarr; " + shown(found["advice"]) if found.get("advice") else ""
        rows.append(
            "<tr><td class={}>{}<th scope=row>{}<td>{}{}".format(
                name, shown(state), shown(found.get("name")), shown(found.get("text")), advice
            )
        )
    return "<table>{}</table>".format("".join(rows))


def page() -> str:
    """The page's parts."""
    if os.environ.get("REQUEST_METHOD", "GET") not in ("GET", "HEAD"):
        raise Refused("405 Method Not Allowed", "This page only shows something.")
    if os.geteuid() != 0:
        raise Refused("503 Service Unavailable", "WHM must start this page as root: it is registered wrongly.")
    check_right(os.environ.get("REMOTE_USER"))
    drop()
    return "<h2>Broker</h2>{}<h2>Doctor</h2>{}".format(
        status_part(ask(["status", "--json"])), doctor_part(ask(["doctor", "--json"]))
    )


def main() -> bytes:
    """The answer."""
    try:
        status, body = "200 OK", page()
    except Refused as refused:
        status, body = refused.status, "<p class=fail>{}</p>".format(html.escape(str(refused)))
    policy = base64.b64encode(hashlib.sha256(STYLE.encode("ascii")).digest()).decode("ascii")
    head = [
        "Status: " + status,
        "Content-Type: text/html; charset=utf-8",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Referrer-Policy: no-referrer",
        "Content-Security-Policy: default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'".format(policy),
    ]
    document = (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">"
        "<title>Website Builder</title><style>{}</style><main><h1>Website Builder (Panelgate)</h1>{}</main></html>\n"
    ).format(STYLE, body)
    return "\r\n".join(head).encode("ascii") + b"\r\n\r\n" + document.encode("utf-8", "replace")


try:
    sys.stdout.buffer.write(main())
    sys.stdout.buffer.flush()
except OSError:
    pass  # Nobody listens.
os._exit(0)
