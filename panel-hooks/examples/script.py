"""What the scripts beside this file share: arguments, one line for an error, exit codes.

A script is run as `python3 -I -B SCRIPT`: without the environment's and the user's Python settings, and without writing compiled files.
"""

import argparse
import os
import sys
from typing import Callable

# -I leaves the script's own folder out of the search path. What is here must be writable by its owner alone.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import panelgate  # noqa: E402 (the line above says where it is)

__all__ = ["Parser", "add_site", "gate_of", "note", "panelgate", "run", "write"]

EXIT_CODES = """\
Exit codes, as those of the program panelgate:
  0   done
  2   an argument is wrong [invalid-argument]
  4   the caller may not do this [forbidden]
  12  the account has no such site [site-not-found]
  30  the builder cannot be reached [builder-unreachable]
  Each kind of error has its own; the name in brackets at the end of the one
  line on standard error says which it is. 130: interrupted.
"""


class Parser(argparse.ArgumentParser):
    """Arguments of a script; what is wrong with them is said in one line, too."""

    def __init__(self, description: str, epilog: str) -> None:
        super().__init__(
            description=description,
            epilog=epilog + "\n" + EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument(
            "--library", metavar="PATH", help="libpanelgate.so.1, by its absolute path; where packages put it unless given"
        )
        self.add_argument(
            "--config", metavar="FILE", help="configuration file; /etc/panelgate/panelgate.ini unless given"
        )
        self.add_argument(
            "--socket", metavar="PATH", help="ask the broker behind this socket, even as root; no configuration is read then"
        )

    def error(self, message: str) -> None:  # type: ignore
        """Says what is wrong with the arguments."""
        raise panelgate.Error(panelgate.Status.INVALID_ARGUMENT, message + "; see --help")


def add_site(parser: Parser) -> None:
    """Adds the arguments that say which site."""
    parser.add_argument(
        "site", nargs="?", metavar="SITE", help="the site, as people write it or in punycode; may be left out if the account has only one"
    )
    parser.add_argument(
        "--account", metavar="NAME", help="the account that has the site; looked up by the site unless given"
    )


def gate_of(arguments: argparse.Namespace) -> panelgate.Gate:
    """Opens Panelgate as the arguments say."""
    return panelgate.Library(arguments.library).open(arguments.config, arguments.socket)


def write(data: bytes) -> None:
    """Writes to standard output, at once."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def note(text: str) -> None:
    """Writes one line to standard error; what a terminal would obey is escaped."""
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    sys.stderr.buffer.write(shown.encode("utf-8", "backslashreplace") + b"\n")
    sys.stderr.buffer.flush()


def run(main: Callable[[], None]) -> None:
    """Runs a script and ends the process with its exit code."""
    name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    try:
        main()
        code = 0
    except panelgate.Error as error:
        note("{}: {} [{}]".format(name, error, error.kind))
        code = error.exit_code
    except KeyboardInterrupt:
        code = 130
    except OSError as error:
        note("{}: {} [internal]".format(name, error))
        code = panelgate.EXIT_CODES[panelgate.Status.INTERNAL]
    except Exception as error:  # A fault of the script's: one line for the log all the same.
        note("{}: {}: {} [internal]".format(name, type(error).__name__, error))
        code = panelgate.EXIT_CODES[panelgate.Status.INTERNAL]
    # Standard output has been written; closing it once more could only fail a second time.
    sys.stderr.flush()
    os._exit(code)
