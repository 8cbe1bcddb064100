#!/usr/bin/python3 -IB
"""Opens a builder session for a site and prints its address."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import script  # noqa: E402
from script import panelgate  # noqa: E402

DESCRIPTION = """\
Open a builder session for a site and print its address.

Does what the button in the panel does: looks the site up in the panel, checks
that it is the account's and that its plan includes the builder, and asks the
builder for a session. Standard output gets the address alone. Whoever has it
is signed on to the site's builder: open it in one browser, do not pass it on
or write it down, and ask for a new one each time.

Run as root it serves every account; run as an account, that account alone.
"""

EPILOG = """\
Examples:
  python3 -I -B open.py shop.example
  python3 -I -B open.py --account alice           the account's only site
  python3 -I -B open.py --language de xn--bcher-kva.example
"""


def address(session: panelgate.Session) -> bytes:
    """The address of a session. The library gives it in an answer for a browser only; this takes it out of there."""
    head = session.render(panelgate.Dialect.CGI).split(b"\r\n\r\n", 1)[0]
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"location":
            return value.strip()
    raise panelgate.Error(panelgate.Status.INTERNAL, "the answer of the library has no address")


def main() -> None:
    """The script."""
    parser = script.Parser(DESCRIPTION, EPILOG)
    script.add_site(parser)
    parser.add_argument("--language", metavar="LOCALE", help="language of the builder, such as de or pt_BR; the account's own unless given")
    arguments = parser.parse_args()
    with script.gate_of(arguments) as gate:
        with gate.session(arguments.account, arguments.site, arguments.language) as session:
            script.write(address(session) + b"\n")


script.run(main)
