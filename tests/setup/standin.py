#!/usr/bin/python3 -IB
"""A panel's registration program: a stand-in that knows what its reference says of its arguments, and nothing else.

A copy of this file lies where the panel has the program; which one it is, it tells from its own path. Every call is a line of calls.log in the
tree's root. behave.json there makes a program fail, hang or talk.
"""

import json
import os
import shutil
import subprocess
import sys
import time

PATH = os.path.abspath(__file__)
PROGRAMS = [
    "usr/local/cpanel/scripts/install_plugin",
    "usr/local/cpanel/scripts/uninstall_plugin",
    "usr/local/cpanel/bin/register_appconfig",
    "usr/local/cpanel/bin/unregister_appconfig",
    "usr/local/cpanel/bin/manage_hooks",
    "usr/sbin/plesk",
    "usr/sbin/apachectl",
    "usr/sbin/nginx",
    "usr/bin/systemctl",
]
OWN = next(program for program in PROGRAMS if PATH.endswith("/" + program))
ROOT = PATH[: -len(OWN) - 1]
NAME = os.path.basename(PATH)
ARGUMENTS = sys.argv[1:]


def at(path):
    return os.path.join(ROOT, path.lstrip("/"))


def wrong(why):
    print(NAME + ": wrong use: " + why, file=sys.stderr)
    with open(at("wrong.log"), "a") as log:
        log.write(json.dumps([NAME] + ARGUMENTS) + ": " + why + "\n")
    sys.exit(97)


def load(name, default):
    try:
        with open(at(name)) as file:
            return json.load(file)
    except FileNotFoundError:
        return default


def save(name, value):
    with open(at(name) + ".tmp", "w") as file:
        json.dump(value, file)
    os.replace(at(name) + ".tmp", at(name))


def plugin(path, theme):
    if theme != "--theme=jupiter" or not os.path.isabs(path):
        wrong("PATH [--theme=jupiter]")
    file = os.path.join(path, "install.json")
    if not os.path.isfile(file):
        wrong("PATH must hold install.json")
    entries = json.load(open(file))
    entries = entries if isinstance(entries, list) else [entries]
    theme = at("usr/local/cpanel/base/frontend/jupiter")
    for entry in entries:
        for key in ("type", "id", "name", "order", "icon", "uri"):
            if key not in entry:
                wrong("install.json lacks " + key)
        yield (
            os.path.join(path, entry["icon"]),
            os.path.join(theme, "dynamicui", "dynamicui_%s.conf" % entry["id"]),
            os.path.join(theme, "assets/application_icons", entry["icon"]),
        )


def install_plugin(path, theme):
    for icon, conf, place in plugin(path, theme):
        shutil.copyfile(icon, place)
        open(conf, "w").write("registered\n")


def uninstall_plugin(path, theme):
    for _, conf, place in plugin(path, theme):
        for file in (conf, place):
            if os.path.exists(file):
                os.remove(file)


def register_appconfig(path):
    keys = dict(line.strip().split("=", 1) for line in open(path) if "=" in line and not line.startswith("#"))
    for key in ("name", "service", "url", "acls"):
        if not keys.get(key):
            wrong("the file lacks " + key)
    place = at("var/cpanel/apps/%s.conf" % keys["name"])
    shutil.copyfile(path, place)
    os.chmod(place, 0o600)
    print(keys["name"] + " registered")


def unregister_appconfig(name):
    place = at("var/cpanel/apps/%s.conf" % name)
    if not os.path.exists(place):
        sys.exit("not registered")
    os.remove(place)


def manage_hooks(*arguments):
    hooks = load("hooks.json", [])
    if arguments == ("list", "--output=JSON"):
        print(json.dumps({"Whostmgr": hooks}).replace("/", "\\/"))
        return
    verb, kind, script = arguments
    if kind != "script" or verb not in ("add", "delete") or not os.path.isabs(script):
        wrong("add|delete script PATH")
    if verb == "delete":
        kept = [hook for hook in hooks if hook["hook"].split(" ")[0] != script]
        save("hooks.json", kept)
        sys.exit(0 if len(kept) < len(hooks) else "nothing to delete")
    described = json.loads(subprocess.check_output([script, "--describe"], stdin=subprocess.DEVNULL))
    for hook in described:
        for key in ("category", "event", "stage", "hook", "exectype"):
            if key not in hook:
                wrong("--describe lacks " + key)
    save("hooks.json", hooks + described)


def plesk(*arguments):
    if arguments[:2] == ("bin", "extension"):
        extension(*arguments[2:])
    elif arguments[:2] == ("bin", "event_handler"):
        event_handler(*arguments[2:])
    else:
        wrong("bin extension|event_handler")


def extension(verb, *rest):
    there = load("extensions.json", [])
    if verb == "--list" and not rest:
        print("\n".join("%s - Something" % name for name in ["advisor"] + there))
    elif verb in ("--install", "--upgrade") and len(rest) == 1:
        if not rest[0].endswith(".zip") or not os.path.isfile(rest[0]):
            wrong(verb + " FILE.zip")
        if (verb == "--install") == ("panelgate" in there):
            sys.exit("The extension is already installed, or not yet")
        save("extensions.json", ["panelgate"])
        print("The extension was successfully installed.")
    elif verb == "--uninstall" and rest == ("panelgate",):
        if "panelgate" not in there:
            sys.exit("There is no such extension")
        save("extensions.json", [])
    else:
        wrong("extension " + verb)


EVENTS = ["domain_create", "domain_delete", "site_create", "site_delete", "client_update"]


def event_handler(verb, *rest):
    handlers = load("handlers.json", [[1, "/bin/true"]])
    if verb == "--list-events":
        print("\n".join("%s    Something happened" % event for event in EVENTS))
    elif verb == "--list":
        block = "   Id               %d\n   Name             Etwas\n   Priority         50\n   User             root\n   Command          %s\n"
        print("\n".join(block % tuple(handler) for handler in handlers))
    elif verb == "--create":
        keys = dict(zip(rest[::2], rest[1::2]))
        if sorted(keys) != ["-command", "-event", "-priority", "-user"] or keys["-event"] not in EVENTS:
            wrong("--create -command C -priority N -user U -event E")
        save("handlers.json", handlers + [[max(handler[0] for handler in handlers) + 1, keys["-command"]]])
    elif verb == "--delete" and len(rest) == 1:
        save("handlers.json", [handler for handler in handlers if str(handler[0]) != rest[0]])
    else:
        wrong("event_handler " + verb)


def web_server(test, reload):
    def run(*arguments):
        if arguments == test:
            real = at("real-" + NAME)
            if os.path.exists(real):
                sys.exit(subprocess.call([real]))
            print("Syntax OK", file=sys.stderr)
        elif arguments != reload:
            wrong("neither test nor reload")

    return run


def systemctl(verb, *rest):
    units = load("units.json", [])
    names = [word for word in rest if not word.startswith("--")]
    if verb in ("is-enabled", "is-active"):
        sys.exit(0 if set(names) <= set(units) else 1)
    elif verb == "enable":
        save("units.json", sorted(set(units) | set(names)))
    elif verb not in ("try-reload-or-restart", "daemon-reload", "try-restart"):
        wrong(verb)


def main():
    # What is only asked for is of no interest to the tests.
    questions = [["list", "--output=JSON"], ["bin", "extension", "--list"], ["bin", "event_handler", "--list"]]
    if ARGUMENTS not in questions + [["bin", "event_handler", "--list-events"]] and ARGUMENTS[:1] not in (["is-enabled"], ["is-active"]):
        with open(at("calls.log"), "a") as log:
            log.write(" ".join([NAME] + ARGUMENTS).replace(ROOT, "") + "\n")
    if [name for name in os.environ if name not in ("PATH", "LC_ALL", "HOME", "LC_CTYPE", "PWD", "SHLVL", "_")]:
        wrong("the environment is not clean")
    if os.read(0, 1) != b"":
        wrong("there is something to read")
    way = load("behave.json", {}).get(" ".join([NAME] + ARGUMENTS[:1]))
    if way == "fail":
        print("first line\nthis panel is out of order", file=sys.stderr)
        sys.exit(3)
    if way == "hang":
        time.sleep(600)
    if way == "noise":
        print("Use of uninitialized value {in} line 7\n" * 1000)
        print("warning: \x1b[31mred\x1b[0m\n" * 1000, file=sys.stderr)
    programs = dict(globals(), apachectl=web_server(("configtest",), ("graceful",)), nginx=web_server(("-t",), ("-s", "reload")))
    programs[NAME](*ARGUMENTS)


main()
