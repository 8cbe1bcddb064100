"""The C ABI from Python, by ctypes alone.

Arguments: LIBRARY CONFIG root|account [open]; without "open" there is no builder, and opening must fail.
"""

import ctypes
import json
import sys

SITE_MAIN, DIALECT_CGI = 1, 1
OK, INVALID_ARGUMENT, FORBIDDEN, ACCOUNT_NOT_FOUND = 0, 101, 103, 202
SITE_ALIAS, BUILDER_UNREACHABLE = 209, 301


class Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("config_path", ctypes.c_char_p)]


class SessionOptions(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_size_t),
        ("account", ctypes.c_char_p),
        ("site", ctypes.c_char_p),
        ("language", ctypes.c_char_p),
        ("create_from", ctypes.c_char_p),
    ]


def load(path):
    """Loads the library and says what its functions take and return."""
    library = ctypes.CDLL(path)
    pointer, text, number, yes = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_bool
    # Strings that the caller owns come as void *, or ctypes would copy them and lose the address.
    for name, result, arguments in [
        ("pgate_abi_version", ctypes.c_uint32, []),
        ("pgate_version", text, []),
        ("pgate_open", number, [pointer, pointer, pointer]),
        ("pgate_close", None, [pointer]),
        ("pgate_account_find", number, [pointer, text, pointer, pointer]),
        ("pgate_account_of_site", number, [pointer, text, pointer, pointer]),
        ("pgate_account_free", None, [pointer]),
        ("pgate_account_username", text, [pointer]),
        ("pgate_account_plan", text, [pointer]),
        ("pgate_account_has_builder", yes, [pointer]),
        ("pgate_account_json", number, [pointer, pointer, pointer]),
        ("pgate_account_site_count", ctypes.c_size_t, [pointer]),
        ("pgate_account_site", pointer, [pointer, ctypes.c_size_t]),
        ("pgate_site_domain", text, [pointer]),
        ("pgate_site_domain_unicode", text, [pointer]),
        ("pgate_site_kind", number, [pointer]),
        ("pgate_site_refused", number, [pointer]),
        ("pgate_session_create", number, [pointer, pointer, pointer, pointer]),
        ("pgate_session_render", number, [pointer, number, text, pointer, pointer, pointer]),
        ("pgate_session_free", None, [pointer]),
        ("pgate_error_code", number, [pointer]),
        ("pgate_error_message", text, [pointer]),
        ("pgate_error_user_message", pointer, [pointer, text]),
        ("pgate_error_reference", text, [pointer]),
        ("pgate_error_retryable", yes, [pointer]),
        ("pgate_error_free", None, [pointer]),
        ("pgate_string_free", None, [pointer]),
    ]:
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Failure(Exception):
    """A status that is not OK, with what the error object said."""

    def __init__(self, library, status, error):
        assert library.pgate_error_code(error) == status
        self.status = status
        self.reference = library.pgate_error_reference(error)
        self.retryable = library.pgate_error_retryable(error)
        sentence = library.pgate_error_user_message(error, b"de")
        self.sentence = ctypes.string_at(sentence).decode()
        library.pgate_string_free(sentence)
        super().__init__(library.pgate_error_message(error).decode())
        library.pgate_error_free(error)


def call(library, function, *arguments):
    """Calls a fallible function that has one output; returns the output."""
    out, error = ctypes.c_void_p(), ctypes.c_void_p()
    status = function(*arguments, ctypes.byref(out), ctypes.byref(error))
    if status != OK:
        assert not out.value, "an output was written on failure"
        raise Failure(library, status, error)
    assert not error.value
    return out


def fails(status, library, function, *arguments):
    """Calls a function that must fail with this status."""
    try:
        call(library, function, *arguments)
    except Failure as failure:
        assert failure.status == status, (status, failure.status, str(failure))
        assert len(str(failure)) > 10 and failure.sentence
        return failure
    raise AssertionError(f"no failure, wanted {status}")


def render(library, session):
    """The CGI answer that redirects to a session."""
    out, length = ctypes.c_void_p(), ctypes.c_size_t()
    status = library.pgate_session_render(
        session, DIALECT_CGI, None, ctypes.byref(out), ctypes.byref(length), None
    )
    assert status == OK
    answer = ctypes.string_at(out, length.value).decode()
    library.pgate_string_free(out)
    return answer


def main():
    path, config, mode = sys.argv[1:4]
    library = load(path)
    assert library.pgate_abi_version() == 1
    assert library.pgate_version().count(b".") == 2
    options = Options(ctypes.sizeof(Options), config.encode())
    handle = call(library, library.pgate_open, ctypes.byref(options))

    account = call(library, library.pgate_account_find, handle, b"alice")
    assert library.pgate_account_username(account) == b"alice"
    assert library.pgate_account_plan(account).decode() == "Gold; #1 \N{BLACK STAR}"
    assert library.pgate_account_has_builder(account)
    sites = [library.pgate_account_site(account, i) for i in range(library.pgate_account_site_count(account))]
    names = [library.pgate_site_domain_unicode(site).decode() for site in sites]
    assert names[0] == "shop.example" and "bücher.example" in names, names
    assert library.pgate_site_kind(sites[0]) == SITE_MAIN
    refused = {name: library.pgate_site_refused(site) for name, site in zip(names, sites)}
    assert refused["shop.example"] == OK and refused["shop-alias.example"] == SITE_ALIAS, refused
    text = call(library, library.pgate_account_json, account)
    entries = json.loads(ctypes.string_at(text).decode())["entries"]
    library.pgate_string_free(text)
    assert [entry["domain"] for entry in entries] == [library.pgate_site_domain(site).decode() for site in sites]
    library.pgate_account_free(account)

    missing = ACCOUNT_NOT_FOUND if mode == "root" else FORBIDDEN
    fails(missing, library, library.pgate_account_find, handle, b"nobody-here")
    fails(INVALID_ARGUMENT, library, library.pgate_account_find, handle, b"../alice")
    fails(INVALID_ARGUMENT, library, library.pgate_account_of_site, handle, b"\xff")
    wanted = SessionOptions(ctypes.sizeof(SessionOptions), b"alice", b"shop.example", b"de", None)
    if sys.argv[4:] == ["open"]:
        session = call(library, library.pgate_session_create, handle, ctypes.byref(wanted))
        print(render(library, session))
        library.pgate_session_free(session)
    else:
        failure = fails(
            BUILDER_UNREACHABLE, library, library.pgate_session_create, handle, ctypes.byref(wanted)
        )
        assert failure.retryable and len(failure.reference) == 9
    library.pgate_close(handle)
    print("ok")


main()
