#!/usr/bin/python3 -IB
"""Opens a builder session for a site and writes the answer that sends the browser there."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import script  # noqa: E402
from script import panelgate  # noqa: E402

DESCRIPTION = """\
Open a builder session for a site and write the answer that sends the browser
there, in the form that the panel's front needs. Pass standard output on as it
is, to the one browser that asked.

  cgi   a CGI answer with a Status header: cPanel's .cgi files, most servers
  nph   a whole HTTP response: DirectAdmin's .raw files, Webmin's nph- programs
  page  HTML with a link and a refresh, for a page that the panel builds: Plesk

After an error, standard output is empty: the front shows a page of its own.
"""

EPILOG = """\
Examples:
  python3 -I -B redirect.py --dialect cgi shop.example
  python3 -I -B redirect.py --dialect nph --account alice --language de
"""


def main() -> None:
    """The script."""
    parser = script.Parser(DESCRIPTION, EPILOG)
    script.add_site(parser)
    parser.add_argument("--dialect", choices=["cgi", "nph", "page"], default="cgi", help="form of the answer; cgi unless given")
    parser.add_argument("--language", metavar="LOCALE", help="language of builder and answer, such as de or pt_BR; the account's own unless given")
    arguments = parser.parse_args()
    dialect = panelgate.Dialect[arguments.dialect.upper()]
    with script.gate_of(arguments) as gate:
        with gate.session(arguments.account, arguments.site, arguments.language) as session:
            script.write(session.render(dialect))


script.run(main)
