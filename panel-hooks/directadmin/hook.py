"""DirectAdmin's hooks. README.md beside it says what they are for and who starts them.

    panelgate-hook NAME        NAME is the hook's name without its ".sh"

Nothing is printed and the exit code is 0: whatever a hook prints or ends with, DirectAdmin shows to somebody or takes for a refusal. What goes wrong is
in the system's log. The variables have been picked out by the front; they go on as `NAME=value`, one after the other with a NUL between, as the bytes
that they are.
"""

import os
import sys

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


def staging_of(file: bytes, username: str, home: bytes) -> bytes:
    """The folder that DirectAdmin packs next: beside the account's own archive it is `backup`, beside everybody else's it lies in a folder of the
    account's name."""
    folder = os.path.dirname(file)
    if not file.startswith(b"/") or os.path.normpath(folder) != folder:
        raise ValueError("the archive's path is not a plain one")
    if folder == home.rstrip(b"/") + b"/backups":
        return folder + b"/backup"
    return folder + b"/" + os.fsencode(username) + b"/backup"


def backup(attach: bool) -> panelhook.Answer:
    """A backup is about to be packed, or has been."""
    import pwd

    username = os.environ.get("username")
    if not panelhook.is_account_name(username):
        raise ValueError("the hook names no account")
    home = os.fsencode(pwd.getpwnam(str(username)).pw_dir)
    staging = staging_of(os.environb.get(b"file", b""), str(username), home)
    if os.path.islink(staging) or not os.path.isdir(staging):
        return True, "there is nothing to pack"
    return panelhook.attach(str(username), staging) if attach else panelhook.detach(str(username), staging)


def main() -> None:
    """The hook."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in EVENTS:
        panelhook.answer(lambda: panelhook.deliver("directadmin/" + name, payload()))
    elif name == "user_backup_compress_pre":
        panelhook.answer(lambda: backup(True), panelhook.BACKUP_SECONDS)
    elif name == "user_backup_post":
        panelhook.answer(lambda: backup(False))


main()
os._exit(0)
