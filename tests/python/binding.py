"""The binding panel-hooks/panelgate.py against the header and the library.

Arguments: FOLDER HEADER LIBRARY, then "header", or "use" with CONFIG ACCOUNT SITE OTHER_SITE, or "leaks" with the same.
"""

import ast
import ctypes
import os
import pwd
import re
import sys
import threading

FOLDER, HEADER, LIBRARY, MODE = sys.argv[1:5]
sys.path.insert(0, FOLDER)

import panelgate  # noqa: E402

STRUCTURES = {
    "pgate_options": panelgate._Options,
    "pgate_session_options": panelgate._SessionOptions,
    "pgate_backup_options": panelgate._BackupOptions,
}
OBJECTS = ["pgate", "pgate_account", "pgate_error", "pgate_session", "pgate_site"]
VALUES = {
    "pgate_status": ctypes.c_int32,
    "pgate_kind": ctypes.c_int32,
    "pgate_dialect": ctypes.c_int32,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "bool": ctypes.c_bool,
    "void": None,
}


def ctype(declared):
    """What ctypes calls a C type of the header: "const pgate *", "char **", "size_t"."""
    lent = declared.startswith("const ")
    base = declared.replace("const ", "").replace("*", "").strip()
    stars = declared.count("*")
    if stars == 0:
        return VALUES[base]
    if base == "uint8_t" and lent and stars == 1:
        # Bytes by their address; their length goes beside them.
        return ctypes.c_char_p
    if base == "char" and stars == 1:
        return ctypes.c_char_p if lent else ctypes.c_void_p
    if base in OBJECTS + ["char"]:
        return ctypes.c_void_p if stars == 1 else ctypes.POINTER(ctypes.c_void_p)
    assert stars == 1, declared
    return ctypes.POINTER(STRUCTURES.get(base) or VALUES[base])


def declared_type(text):
    """The type in "const char *name"."""
    found = re.match(r"^(.*?)(\w+)$", text.strip(), re.S)
    return re.sub(r"\s+", " ", found.group(1)).strip()


def header():
    with open(HEADER, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/|//[^\n]*", "", file.read(), flags=re.S)
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    wanted = {}
    for result, name, arguments in re.findall(r"([\w ]+?[ *]+)(pgate_\w+)\(([^)]*)\);", code):
        arguments = [] if arguments.strip() == "void" else arguments.split(",")
        wanted[name] = (ctype(" ".join(result.split())), [ctype(declared_type(one)) for one in arguments])
    assert len(wanted) > 50, len(wanted)
    assert sorted(wanted) == sorted(panelgate.SIGNATURES), set(wanted) ^ set(panelgate.SIGNATURES)
    library = panelgate.Library(LIBRARY)
    for name, (result, arguments) in wanted.items():
        bound = library._functions[name]
        assert bound.restype is result, (name, bound.restype, result)
        assert list(bound.argtypes) == arguments, (name, bound.argtypes, arguments)

    bodies = re.findall(r"typedef struct \{(.*?)\} (\w+);", code, re.S)
    assert sorted(name for _, name in bodies) == sorted(STRUCTURES)
    for body, name in bodies:
        members = [one for one in body.split(";") if one.strip()]
        fields = [(re.search(r"(\w+)$", one.strip()).group(1), ctype(declared_type(one))) for one in members]
        assert STRUCTURES[name]._fields_ == fields, (name, fields)

    numbers = {name: int(value) for name, value in re.findall(r"#define PGATE_(\w+) (\d+)\n", text)}
    assert numbers["ABI_VERSION"] == panelgate.ABI_VERSION
    statuses = {"OK": 0}
    statuses.update((name[4:], value) for name, value in numbers.items() if name.startswith("ERR_"))
    kinds = {name[5:]: value for name, value in numbers.items() if name.startswith("SITE_")}
    dialects = {name[8:]: value for name, value in numbers.items() if name.startswith("DIALECT_")}
    for names, members in [(statuses, panelgate.Status), (kinds, panelgate.SiteKind), (dialects, panelgate.Dialect)]:
        assert names == {one.name: int(one) for one in members}, members
    assert set(panelgate.EXIT_CODES) == set(statuses.values())
    for code in sorted(panelgate.EXIT_CODES):
        print(code, panelgate.EXIT_CODES[code], panelgate.Error(panelgate.Status(code), "").kind)
    syntax()


def syntax():
    """Every file is Python 3.6: its grammar, and none of the later names."""
    files = [os.path.join(folder, name) for folder, _, names in os.walk(FOLDER) for name in names if name.endswith(".py")]
    assert len(files) >= 5, files
    later = ["from __future__", ":=", "removeprefix", "removesuffix", "capture_output", "dataclass", "functools.cache"]
    later += ["typing.Literal", "Protocol", "Final", "required=True", "exit_on_error", "math.prod", "shlex.join"]
    for path in files:
        with open(path, encoding="utf-8") as file:
            source = file.read()
        tree = ast.parse(source, path, feature_version=(3, 6)) if sys.version_info >= (3, 8) else ast.parse(source)
        for word in later:
            assert word not in source, (path, word)
        for node in ast.walk(tree):
            assert not isinstance(node, ast.JoinedStr), (path, node.lineno)
            # Built-in types take no brackets before 3.9, and types no bar before 3.10.
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
                assert node.value.id not in ("list", "dict", "tuple", "set", "type"), (path, node.lineno)
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                assert ast.get_docstring(node), (path, node.name)
            if isinstance(node, ast.FunctionDef):
                assert node.returns is not None, (path, node.name)
                for argument in node.args.args:
                    assert argument.annotation is not None or argument.arg == "self", (path, node.name, argument.arg)


def fails(code, function, *arguments, **named):
    """Calls what must raise an Error with this code."""
    try:
        function(*arguments, **named)
    except panelgate.Error as error:
        assert error.code == code, (code, error.code, str(error))
        assert len(str(error)) > 5 and error.user_message("de") and error.user_message(None)
        return error
    raise AssertionError("no error {}".format(code))


def is_closed(function, *arguments):
    """Calls what must say that its object is closed."""
    try:
        function(*arguments)
    except ValueError:
        return
    raise AssertionError("it is closed, and nothing was said")


def use(config, name, site, other):
    status = panelgate.Status
    fails(status.INVALID_ARGUMENT, panelgate.Library, "libpanelgate.so.1")
    fails(status.UNAVAILABLE, panelgate.Library, "/nonexistent/libpanelgate.so.1")
    library = panelgate.Library(LIBRARY)
    assert library.version.count(".") == 2 and library.abi_version == 1
    assert any(call["name"] == "website/get-settings" for call in library.calls())
    error = fails(status.CONFIG, library.open, b"/nonexistent/\xff.ini")
    assert (error.kind, error.retryable, error.reference, error.exit_code) == ("config", False, None, 3)

    gate = library.open(config)
    with gate.account(name.encode()) as account:
        assert account.username == name and account.home.startswith(b"/") and account.has_builder
        assert not account.suspended and not account.demo
        for value in (account.owner, account.plan, account.locale, account.public_ip):
            assert value is None or isinstance(value, str)
        sites = account.sites
        names = [one.domain for one in sites]
        assert names == [one["domain"] for one in account.json()["entries"]] and site in names
        assert sites[0].kind is panelgate.SiteKind.MAIN and sites[0].refused is status.OK
        assert sites[0].document_root.startswith(account.home) and sites[0].alias_of is None
        assert [one for one in sites if one.domain_unicode != one.domain] and not sites[0].suspended
        alias = [one for one in sites if one.kind is panelgate.SiteKind.ALIAS][0]
        assert alias.refused is status.SITE_ALIAS and alias.alias_of in names
    is_closed(lambda: account.username)
    is_closed(lambda: sites[0].domain)
    account.close()

    fails(status.INVALID_ARGUMENT, gate.account, "../alice")
    fails(status.INVALID_ARGUMENT, gate.account_of_site, "a\0b.example")
    fails(status.INVALID_ARGUMENT, gate.account_of_site, b"\xff")
    fails(status.INVALID_ARGUMENT, gate.account_of_site, "\udcff")
    fails(status.INVALID_ARGUMENT, gate.account_of_site, "\ud800")
    fails(status.INVALID_ARGUMENT, gate.account_of_site, None)
    fails(status.INVALID_ARGUMENT, gate.call, "website/no-such-call", {})
    fails(status.INVALID_ARGUMENT, gate.call, "website/get-settings", b"not json \xff")
    for job in (-1, 1 << 64):
        fails(status.INVALID_ARGUMENT, gate.backup_poll, job)
    fails(status.INVALID_ARGUMENT, gate.backup_wait, 1, 1 << 32)
    # An account tells of itself, whatever it says; root and panel users name somebody.
    for source, payload in [("cpanel", b""), ("plain", b"\xff\0{"), ("directadmin/x", b"a=b\0"), ("nowhere", b"{}")]:
        try:
            answer = gate.event(source, payload)
            assert set(answer) == {"event", "account", "job", "ignored"}, answer
        except panelgate.Error as error:
            assert error.code in (status.INVALID_ARGUMENT, status.TOO_MANY, status.FORBIDDEN), error
    for function in (gate.backup_poll, gate.backup_cancel):
        try:
            function(987654)
            raise AssertionError("there is no such job")
        except panelgate.Error as error:
            assert error.code in (status.BACKUP_NOT_FOUND, status.FORBIDDEN), str(error)
    fails(status.INVALID_ARGUMENT, gate.backup_attach, "../alice")
    fails(status.INVALID_ARGUMENT, gate.backup_attach, name, b"not/absolute")
    fails(status.INVALID_ARGUMENT, gate.backup_attach, name, None, 1 << 32)
    fails(status.INVALID_ARGUMENT, gate.backup_detach, None)
    if os.geteuid() == 0:
        # The configuration does not say that projects travel.
        assert gate.backup_attach(name, b"/nonexistent\xff", 5) == {"account": name, "carry": False, "place": None, "sites": []}
        assert gate.backup_detach(name) == {"account": name, "removed": 0, "uses": 0}
    else:
        fails(status.FORBIDDEN, gate.backup_attach, name)
        fails(status.FORBIDDEN, gate.backup_detach, name, "/home/x")
    # A panel's user must say for whom it speaks, which these calls cannot.
    speaks_for_others = os.geteuid() != 0 and pwd.getpwuid(os.geteuid()).pw_name != name
    denied = (status.INVALID_ARGUMENT, status.FORBIDDEN) if speaks_for_others else (status.SITE_NOT_YOURS, status.SITE_NOT_FOUND, status.FORBIDDEN)
    for function in (gate.account_of_site, gate.delete_project, gate.publication_status, gate.publication_history):
        try:
            function("nobodys.example")
            raise AssertionError("nobody has it")
        except panelgate.Error as error:
            assert error.code in denied, (function, str(error))
    for arguments in [(gate.publication_undo, "nobodys.example"), (gate.publication_unpublish, "nobodys.example")]:
        try:
            arguments[0](*arguments[1:])
            raise AssertionError("nobody has it")
        except panelgate.Error as error:
            assert error.code in denied, str(error)
    error = fails(status.SITE_ALIAS, gate.session, name, alias_name(names))
    assert error.reference is not None and len(error.reference) == 9 and error.kind == "site-alias"
    if os.geteuid() != 0:
        try:
            gate.session(name, other)
            raise AssertionError("the site of another account")
        except panelgate.Error as error:
            assert error.code in (status.SITE_NOT_YOURS, status.SITE_NOT_FOUND), str(error)

    session = gate.session(name, site, "de")
    assert (session.site, session.account, len(session.reference)) == (site, name, 9)
    assert session.render().startswith(b"Status: 303 ")
    assert session.render(panelgate.Dialect.NPH).startswith(b"HTTP/1.1 303 ")
    fails(status.INVALID_ARGUMENT, session.render, 99)
    fails(status.INVALID_ARGUMENT, session.render, -1)

    failures = []

    def work():
        try:
            for _ in range(10):
                with gate.account(name) as mine:
                    assert mine.sites[0].domain == names[0]
                assert session.site == site
        except BaseException as error:  # Shown by the main thread.
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures

    # Closed while a call is on its way: the call ends well, the next one is refused.
    with gate.pointer():
        gate.close()
        assert gate.closed and gate._pointer is not None
        is_closed(gate.account, name)
    assert gate._pointer is None
    assert session.site == site, "it outlives its gate"
    child = os.fork()
    if child == 0:
        try:
            is_closed(lambda: session.site)
            session.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    session.close()
    is_closed(session.render)
    print("ok")


def alias_name(names):
    """The alias of the tree."""
    return [one for one in names if "alias" in one][0]


def resident():
    """What this process has in memory, in KiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def counted(library):
    """Counts what the library's functions make and free, by the name of the function that frees it."""
    counts = {}

    def count(function, bound, result):
        def call(*arguments):
            found = bound(*arguments)
            if result is None:
                counts[function] = counts.get(function, 0) - 1
            elif result is ctypes.c_int32 and function in MAKES or function == "pgate_error_user_message":
                made = "pgate_error_free" if result is ctypes.c_int32 and found else MAKES[function]
                counts[made] = counts.get(made, 0) + 1
            return found

        return call

    for function, (result, _) in panelgate.SIGNATURES.items():
        library._functions[function] = count(function, library._functions[function], result)
    return counts


MAKES = {
    "pgate_open": "pgate_close",
    "pgate_account_find": "pgate_account_free",
    "pgate_session_create": "pgate_session_free",
    "pgate_account_json": "pgate_string_free",
    "pgate_session_render": "pgate_string_free",
    "pgate_calls_json": "pgate_string_free",
    "pgate_error_user_message": "pgate_string_free",
}


def leaks(config, name, site, other):
    library = panelgate.Library(LIBRARY)
    counts = counted(library)
    gate = library.open(config)
    session = gate.session(site=site)

    def once(number):
        with gate.account(name) as account:
            account.json()
            assert account.sites[0].domain
        for _ in range(4):
            try:
                gate.account("../" + "x" * 200)
                raise AssertionError("that is no name")
            except panelgate.Error as error:
                assert error.user_message("de")
        session.render(panelgate.Dialect.PAGE)
        if number % 100 == 0:
            # Without close(): the last reference frees it.
            library.open(config).account(name)

    for number in range(500):
        once(number)
    before = resident()
    for number in range(2500):  # Seven calls that make something each, and those of properties.
        once(number)
    grown = resident() - before
    # A hundred bytes lost in each call would be more.
    assert grown < 1024, "{} KiB more after 17,500 calls".format(grown)
    for _ in range(3):
        library.open(config).session(name, site)
        library.calls()
    gate.close()
    session.close()
    del gate, session
    assert len(counts) == 5 and not any(counts.values()), counts
    print("ok {} KiB".format(grown))


{"header": header, "use": use, "leaks": leaks}[MODE](*sys.argv[5:])
