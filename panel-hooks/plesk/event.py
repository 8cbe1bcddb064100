"""Tells Panelgate of an event of Plesk's: `event.py EVENT`, started by panelgate-event with the values of the event in its environment.

Always ends with 0 and within a tenth of a second: Plesk has done what the event is about, and what became of it here is in the system's log.
"""

import os
import re
import sys

# -I leaves the script's own folder out of the search path. What is here is root's.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import panelhook  # noqa: E402 (the line above says where it is)

#: What is handed on, each as OLD_ and NEW_. Nothing else is looked at, whoever started this.
NAMES = (
    b"DOMAIN_NAME",
    b"DOMAIN_ID",
    b"SYSTEM_USER",
    b"SUBDOMAIN_NAME",
    b"DOMAIN_ALIAS_NAME",
    b"LOGIN_NAME",
    b"DOMAIN_STATUS",
    b"STATUS",
)


def payload() -> bytes:
    """The values of the event: `KEY=VALUE`, NUL between two of them."""
    parts = []
    for prefix in (b"OLD_", b"NEW_"):
        for name in NAMES:
            value = os.environb.get(prefix + name)
            if value is not None:
                parts.append(prefix + name + b"=" + value)
    return b"\0".join(parts)


def work() -> panelhook.Answer:
    """Hands the event over."""
    event = sys.argv[1] if len(sys.argv) == 2 else ""
    if re.match(r"[a-z][a-z0-9_]{0,63}\Z", event) is None:
        return False, "Plesk's event handler names no event: panelgate-event EVENT"
    values = payload()
    if not values:
        # The variables did not arrive, or none of them is on the list: something has changed, and nobody says where.
        return panelhook.deliver("plain", b'{"event": "reconcile"}')
    return panelhook.deliver("plesk/" + event, values)


if __name__ == "__main__":
    panelhook.answer(work)
