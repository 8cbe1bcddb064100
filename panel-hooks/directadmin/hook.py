"""DirectAdmin's hooks. README.md beside it says what they are for and who starts them.

    panelgate-hook NAME        NAME is the hook's name without its ".sh"

Nothing is printed and the exit code is 0: whatever a hook prints or ends with, DirectAdmin shows to somebody or takes for a refusal. What goes wrong is
in the system's log. The variables have been picked out by the front; they go on as `NAME=value`, one after the other with a NUL between, as the bytes
that they are.
"""

import os
import sys
from typing import Callable

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import panelhook  # noqa: E402 (the line above says where it is)

#: The variables that go on. The front names the same.
VARIABLES = (
    "username reseller creator usertype package suspended ip domain newdomain defaultdomain user_creation skip_template subdomain contents from alias "
    "file filename success"
).split()

#: The hooks that are events.
EVENTS = (
    "user_create_post_confirmed user_modify_post user_suspend_post user_activate_post user_destroy_post domain_create_post domain_modify_post "
    "domain_change_post domain_destroy_post domain_pointer_create_post domain_pointer_destroy_post subdomain_create_post subdomain_destroy_post "
    "user_restore_post"
).split()


def payload() -> bytes:
    """The variables, as Panelgate takes them."""
    found = [(name.encode("ascii"), os.environb.get(name.encode("ascii"))) for name in VARIABLES]
    return b"\0".join(name + b"=" + value for name, value in found if value is not None)


def backup(work: Callable[[str], panelhook.Answer]) -> panelhook.Answer:
    """An account's data is about to be collected, or has been packed."""
    username = os.environ.get("username")
    if not panelhook.is_account_name(username):
        raise ValueError("the hook names no account")
    return work(str(username))


def main() -> None:
    """The hook."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in EVENTS:
        panelhook.answer(lambda: panelhook.deliver("directadmin/" + name, payload()))
    # Before, not between: when DirectAdmin asks user_backup_compress_pre, the home is packed.
    elif name == "user_backup_pre":
        panelhook.answer(lambda: backup(panelhook.attach), panelhook.BACKUP_SECONDS)
    elif name == "user_backup_post":
        panelhook.answer(lambda: backup(panelhook.detach))


main()
os._exit(0)
