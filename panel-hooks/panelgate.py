"""Panelgate from Python: the whole of panelgate.h, by ctypes alone.

Python 3.6 or newer, standard library only, one file: copy it, or import it where it lies. The manual of every function is the C header,
include/panelgate.h; here stands what is different in Python.

    import sys

    import panelgate

    library = panelgate.Library("/usr/lib/libpanelgate.so.1")
    with library.open() as gate:
        with gate.account_of_site("shop.example") as account:
            print([site.domain for site in account.sites])
        with gate.session(site="shop.example") as session:
            sys.stdout.buffer.write(session.render(panelgate.Dialect.CGI))

Objects. A Gate, an Account and a Session are context managers with close(). One that is forgotten is freed with its last reference. A site
keeps its account's memory, so it must not be used after the account is closed. An object that is closed, or that came over a fork(), raises
ValueError. Strings that the library hands out are copied and freed at once.

Errors. A call that fails raises Error, with code, kind, retryable, reference and exit_code; str() of it is for the administrator and the log, and
user_message() is for the panel's user. What never reaches the library because C cannot carry it (a NUL, a number too large) is an Error too.

Threads. One Gate serves many threads; accounts, sites, sessions and errors may be shared too. ctypes lets other threads run during a call. An
object that is closed while another thread is in a call is freed when that call returns.

Text and bytes. Names are str, or bytes that are passed as they are; paths are str, bytes or os.PathLike; what a document root or home is comes
back as bytes, because it need not be UTF-8. JSON goes in as a dict, or as raw str or bytes, and comes out parsed.

A call that waits for the builder is not ended by Ctrl-C before it returns. Nothing here logs, reads the environment or changes global state.
"""

import contextlib
import ctypes
import enum
import json
import os
import threading
from typing import Any, Dict, Iterator, List, Optional, Tuple, Type, TypeVar, Union

__all__ = [
    "ABI_VERSION",
    "EXIT_CODES",
    "LIBRARY_PATHS",
    "Account",
    "Dialect",
    "Error",
    "Gate",
    "Library",
    "Session",
    "Site",
    "SiteKind",
    "Status",
    "find_library",
]

#: The version of the ABI that this file was written for; an older library is refused.
ABI_VERSION = 1

#: Where packages put the library; find_library() takes the first that is there.
LIBRARY_PATHS = (
    "/usr/lib/x86_64-linux-gnu/libpanelgate.so.1",
    "/usr/lib64/libpanelgate.so.1",
    "/usr/lib/libpanelgate.so.1",
)

Text = Union[str, bytes]
FilePath = Union[str, bytes, "os.PathLike[Any]"]
Json = Dict[str, Any]


class Status(enum.IntEnum):
    """What a function returns: PGATE_OK and PGATE_ERR_*. Later libraries may return numbers that are not here."""

    OK = 0
    INVALID_ARGUMENT = 101
    CONFIG = 102
    FORBIDDEN = 103
    UNAVAILABLE = 104
    UPGRADE = 105
    TOO_MANY = 106
    PANEL_DATA = 201
    ACCOUNT_NOT_FOUND = 202
    SITE_NOT_FOUND = 203
    SITE_NOT_YOURS = 204
    SITE_CONFLICT = 205
    SUSPENDED = 206
    DEMO_ACCOUNT = 207
    FEATURE_OFF = 208
    SITE_ALIAS = 209
    SITE_WITHOUT_HOSTING = 210
    BUILDER_UNREACHABLE = 301
    BUILDER_TLS = 302
    BUILDER_AUTH = 303
    BUILDER_LICENCE = 304
    BUILDER_REFUSED = 305
    BUILDER_PROTOCOL = 306
    BUILDER_URL = 307
    PUBLICATION = 401
    ARCHIVE = 411
    DOWNLOAD = 412
    PUBLICATION_BUSY = 413
    PUBLICATION_INTERRUPTED = 414
    CREDENTIALS_REJECTED = 431
    LENGTH_REQUIRED = 432
    PATH_REFUSED = 433
    NO_SPACE = 434
    DOCUMENT_ROOT = 435
    NOTHING_PUBLISHED = 436
    TOKEN_REJECTED = 501
    BAD_REQUEST = 502
    TOO_LARGE = 503
    METHOD_NOT_ALLOWED = 504
    PREFETCH = 505
    STORE = 600
    BACKUP_UNSUPPORTED = 701
    BACKUP_FAILED = 702
    BACKUP_PROVIDER = 703
    BACKUP_NOT_FOUND = 704
    JOB_NOT_FOUND = 705
    BACKUP_UNREACHABLE = 712
    BACKUP_TLS = 713
    BACKUP_AUTH = 714
    BACKUP_REFUSED = 715
    BACKUP_PROTOCOL = 716
    INTERNAL = 900
    PANIC = 901


class SiteKind(enum.IntEnum):
    """What a site is to its account: PGATE_SITE_*. Later libraries may return numbers that are not here."""

    MAIN = 1
    ADDON = 2
    SUB = 3
    ALIAS = 4


class Dialect(enum.IntEnum):
    """How a redirect is written: PGATE_DIALECT_*."""

    #: A CGI answer; the web server makes the status line.
    CGI = 1
    #: A whole HTTP response, for a front that passes bytes through (DirectAdmin's .raw files, Webmin).
    NPH = 2
    #: HTML with a link and a refresh, for a panel that cannot redirect.
    PAGE = 3


#: The exit code of the program `panelgate` for each status, so that a script can end as the program would.
EXIT_CODES = {
    0: 0,
    101: 2, 102: 3, 103: 4, 104: 5, 105: 6, 106: 7,
    201: 10, 202: 11, 203: 12, 204: 13, 205: 14, 206: 15, 207: 16, 208: 17, 209: 18, 210: 19,
    301: 30, 302: 31, 303: 32, 304: 33, 305: 34, 306: 35, 307: 36,
    401: 40, 411: 41, 412: 42, 413: 43, 414: 44,
    431: 65, 432: 66, 433: 67, 434: 68, 435: 69, 436: 61,
    501: 50, 502: 51, 503: 52, 504: 53, 505: 54,
    600: 60,
    701: 80, 702: 81, 703: 82, 704: 83, 705: 89, 712: 84, 713: 85, 714: 86, 715: 87, 716: 88,
    900: 70, 901: 71,
}  # type: Dict[int, int]


class _Options(ctypes.Structure):
    """pgate_options"""

    _fields_ = [("size", ctypes.c_size_t), ("config_path", ctypes.c_char_p), ("socket_path", ctypes.c_char_p)]


class _SessionOptions(ctypes.Structure):
    """pgate_session_options"""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("account", ctypes.c_char_p),
        ("site", ctypes.c_char_p),
        ("language", ctypes.c_char_p),
        ("create_from", ctypes.c_char_p),
    ]


class _BackupOptions(ctypes.Structure):
    """pgate_backup_options"""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("account", ctypes.c_char_p),
        ("site", ctypes.c_char_p),
        ("scope", ctypes.c_char_p),
        ("destination", ctypes.c_char_p),
        ("prefix", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("split_size", ctypes.c_uint64),
    ]


# Objects, and strings that are the caller's, are void *: as c_char_p, ctypes would copy a string and lose its address.
_OBJECT = ctypes.c_void_p
_OUT = ctypes.POINTER(ctypes.c_void_p)
_TEXT = ctypes.c_char_p
_STATUS = ctypes.c_int32

#: What every function of the header returns and takes.
SIGNATURES = {
    "pgate_abi_version": (ctypes.c_uint32, []),
    "pgate_version": (_TEXT, []),
    "pgate_open": (_STATUS, [ctypes.POINTER(_Options), _OUT, _OUT]),
    "pgate_close": (None, [_OBJECT]),
    "pgate_account_find": (_STATUS, [_OBJECT, _TEXT, _OUT, _OUT]),
    "pgate_account_of_site": (_STATUS, [_OBJECT, _TEXT, _OUT, _OUT]),
    "pgate_account_free": (None, [_OBJECT]),
    "pgate_account_username": (_TEXT, [_OBJECT]),
    "pgate_account_home": (_TEXT, [_OBJECT]),
    "pgate_account_owner": (_TEXT, [_OBJECT]),
    "pgate_account_plan": (_TEXT, [_OBJECT]),
    "pgate_account_locale": (_TEXT, [_OBJECT]),
    "pgate_account_public_ip": (_TEXT, [_OBJECT]),
    "pgate_account_suspended": (ctypes.c_bool, [_OBJECT]),
    "pgate_account_demo": (ctypes.c_bool, [_OBJECT]),
    "pgate_account_has_builder": (ctypes.c_bool, [_OBJECT]),
    "pgate_account_json": (_STATUS, [_OBJECT, _OUT, _OUT]),
    "pgate_account_site_count": (ctypes.c_size_t, [_OBJECT]),
    "pgate_account_site": (_OBJECT, [_OBJECT, ctypes.c_size_t]),
    "pgate_site_domain": (_TEXT, [_OBJECT]),
    "pgate_site_domain_unicode": (_TEXT, [_OBJECT]),
    "pgate_site_kind": (ctypes.c_int32, [_OBJECT]),
    "pgate_site_document_root": (_TEXT, [_OBJECT]),
    "pgate_site_suspended": (ctypes.c_bool, [_OBJECT]),
    "pgate_site_alias_of": (_TEXT, [_OBJECT]),
    "pgate_site_refused": (_STATUS, [_OBJECT]),
    "pgate_session_create": (_STATUS, [_OBJECT, ctypes.POINTER(_SessionOptions), _OUT, _OUT]),
    "pgate_session_site": (_TEXT, [_OBJECT]),
    "pgate_session_account": (_TEXT, [_OBJECT]),
    "pgate_session_reference": (_TEXT, [_OBJECT]),
    "pgate_session_render": (
        _STATUS,
        [_OBJECT, ctypes.c_int32, _TEXT, _OUT, ctypes.POINTER(ctypes.c_size_t), _OUT],
    ),
    "pgate_session_free": (None, [_OBJECT]),
    "pgate_call": (_STATUS, [_OBJECT, ctypes.c_char_p, ctypes.c_char_p, _OUT, _OUT]),
    "pgate_calls_json": (_STATUS, [_OUT, _OUT]),
    "pgate_site_block": (_STATUS, [_OBJECT, _TEXT, ctypes.c_bool, _OUT]),
    "pgate_site_rename": (_STATUS, [_OBJECT, ctypes.c_char_p, ctypes.c_char_p, _OUT]),
    "pgate_site_delete_project": (_STATUS, [_OBJECT, _TEXT, _OUT]),
    "pgate_publication_status": (_STATUS, [_OBJECT, ctypes.c_char_p, ctypes.c_char_p, _OUT, _OUT]),
    "pgate_publication_history": (_STATUS, [_OBJECT, ctypes.c_char_p, ctypes.c_char_p, _OUT, _OUT]),
    "pgate_publication_undo": (_STATUS, [_OBJECT, ctypes.c_char_p, ctypes.c_char_p, _OUT, _OUT]),
    "pgate_publication_unpublish": (_STATUS, [_OBJECT, ctypes.c_char_p, ctypes.c_char_p, _OUT, _OUT]),
    "pgate_backup_start": (
        _STATUS,
        [_OBJECT, ctypes.POINTER(_BackupOptions), ctypes.POINTER(ctypes.c_uint64), _OUT],
    ),
    "pgate_backup_poll": (_STATUS, [_OBJECT, ctypes.c_uint64, _OUT, _OUT]),
    "pgate_backup_wait": (_STATUS, [_OBJECT, ctypes.c_uint64, ctypes.c_uint32, _OUT, _OUT]),
    "pgate_backup_cancel": (_STATUS, [_OBJECT, ctypes.c_uint64, _OUT, _OUT]),
    "pgate_backup_attach": (_STATUS, [_OBJECT, _TEXT, _TEXT, ctypes.c_uint32, _OUT, _OUT]),
    "pgate_backup_detach": (_STATUS, [_OBJECT, _TEXT, _TEXT, _OUT, _OUT]),
    "pgate_event": (_STATUS, [_OBJECT, _TEXT, _TEXT, ctypes.c_size_t, _OUT, _OUT]),
    "pgate_error_code": (_STATUS, [_OBJECT]),
    "pgate_error_name": (_TEXT, [_OBJECT]),
    "pgate_error_message": (_TEXT, [_OBJECT]),
    "pgate_error_user_message": (_OBJECT, [_OBJECT, _TEXT]),
    "pgate_error_reference": (_TEXT, [_OBJECT]),
    "pgate_error_retryable": (ctypes.c_bool, [_OBJECT]),
    "pgate_error_free": (None, [_OBJECT]),
    "pgate_string_free": (None, [_OBJECT]),
}  # type: Dict[str, Tuple[Any, List[Any]]]


class Error(Exception):
    """A call that failed.

    str() says what is wrong, where, and what to do, in English, for the administrator and the log. It may name files and other accounts: a
    panel's user gets user_message().
    """

    #: The number: a Status, or a plain int that this file does not know.
    code: int
    #: The stable name, in lower case with dashes: "site-not-found".
    kind: str
    #: Whether the same call may succeed later without anybody changing anything.
    retryable: bool
    #: The request's reference number ("7K3M-9QXT") for user and log; None where the call gives none.
    reference: Optional[str]

    def __init__(self, code: int, message: str, native: Optional["_Owned"] = None) -> None:
        super().__init__(message)
        self.code = _member(Status, code)
        self.kind = code.name.lower().replace("_", "-") if isinstance(code, Status) else str(int(code))
        self.retryable = False
        self.reference = None
        self._native = native

    @property
    def exit_code(self) -> int:
        """The code that the program `panelgate` ends with for this error."""
        return EXIT_CODES.get(int(self.code), EXIT_CODES[int(Status.INTERNAL)])

    def user_message(self, language: Optional[Text] = None) -> str:
        """The sentence for the panel's user, as plain text (escape it for HTML), in the language of a locale such as "de" or "pt_BR"; English if
        there is no catalogue for it."""
        if self._native is None:
            return "The website builder cannot be opened at the moment."
        wanted = _text(language, "language")
        library = self._native.library
        with self._native.pointer() as pointer:
            return library._take(library.call("pgate_error_user_message", pointer, wanted)).decode()


class Library:
    """The loaded library. Any number of gates may be opened with it, by any thread."""

    def __init__(self, path: Optional[FilePath] = None) -> None:
        """Loads the library by its absolute path; None: find_library(). An Error of kind "unavailable" if that cannot be done, "upgrade" if the
        library is older than this file."""
        name = os.fsdecode(find_library() if path is None else path)
        if not os.path.isabs(name) or "\0" in name:
            raise Error(Status.INVALID_ARGUMENT, "the library must be given by its absolute path: " + repr(name))
        try:
            self._library = ctypes.CDLL(name)
            self._library.pgate_abi_version.restype = ctypes.c_uint32
            abi = self._library.pgate_abi_version()
            if abi < ABI_VERSION:
                found = "{} has version {} of the ABI, and {} is needed".format(name, abi, ABI_VERSION)
                raise Error(Status.UPGRADE, found + ": update the package")
            self._functions = {}  # type: Dict[str, Any]
            for function, (result, arguments) in SIGNATURES.items():
                bound = getattr(self._library, function)
                bound.restype, bound.argtypes = result, arguments
                self._functions[function] = bound
        except (OSError, AttributeError) as error:
            raise Error(Status.UNAVAILABLE, "the library cannot be loaded: {}".format(error)) from error
        #: The path that it was loaded from.
        self.path = name

    def call(self, function: str, *arguments: Any) -> Any:
        """Calls a function of the header by its name, with ctypes' own values: for what has no method here."""
        return self._functions[function](*arguments)

    @property
    def version(self) -> str:
        """The version of the library, such as "1.4.2"."""
        return str(self.call("pgate_version").decode())

    @property
    def abi_version(self) -> int:
        """The version of the library's ABI."""
        return int(self.call("pgate_abi_version"))

    def open(self, config_path: Optional[FilePath] = None, socket_path: Optional[FilePath] = None) -> "Gate":
        """pgate_open(): opens Panelgate. None: the default paths of the header."""
        options = _Options(
            ctypes.sizeof(_Options), _path(config_path, "config_path"), _path(socket_path, "socket_path")
        )
        out = ctypes.c_void_p()
        self._check("pgate_open", ctypes.byref(options), ctypes.byref(out))
        return Gate(self, out.value, "pgate_close")

    def calls(self) -> List[Json]:
        """pgate_calls_json(): all calls of the builder's that Gate.call() knows."""
        return _list(self._json("pgate_calls_json"))

    def _check(self, function: str, *arguments: Any) -> None:
        """Calls a function whose last argument is the place for an error, which is added here; raises what it says."""
        error = ctypes.c_void_p()
        status = self.call(function, *arguments, ctypes.byref(error))
        if status != Status.OK:
            # Not in a variable: the frame would hold the error that holds the frame, and memory would wait for the garbage collector.
            raise self._error(function, status, error.value)

    def _error(self, function: str, status: int, error: Optional[int]) -> Error:
        """The exception for a status; it owns the C object."""
        if not error:
            return Error(status, "{} failed with status {}".format(function, status))
        native = _Owned(self, error, "pgate_error_free")
        with native.pointer() as pointer:
            made = Error(_member(Status, status), self.call("pgate_error_message", pointer).decode(), native)
            made.code = _member(Status, self.call("pgate_error_code", pointer))
            made.kind = self.call("pgate_error_name", pointer).decode()
            made.retryable = self.call("pgate_error_retryable", pointer)
            made.reference = _decoded(self.call("pgate_error_reference", pointer))
        return made

    def _string(self, function: str, *arguments: Any) -> bytes:
        """Calls a function that gives a string, and takes the string."""
        out = ctypes.c_void_p()
        self._check(function, *arguments, ctypes.byref(out))
        return self._take(out.value)

    def _json(self, function: str, *arguments: Any) -> Any:
        return json.loads(self._string(function, *arguments).decode())

    def _take(self, string: Optional[int], length: int = -1) -> bytes:
        """Copies a string of the library's and frees it. NULL is empty."""
        if not string:
            return b""
        try:
            return ctypes.string_at(string, length)
        finally:
            self.call("pgate_string_free", string)


class _Owned:
    """An object of the library: freed once, and never while a call uses it."""

    def __init__(self, library: Library, pointer: Optional[int], free: str) -> None:
        self._library = library
        self._pointer = pointer
        self._free = free
        self._lock = threading.Lock()
        self._uses = 0
        self._closed = False
        self._process = os.getpid()

    @property
    def library(self) -> Library:
        """The library that the object is from."""
        return self._library

    @contextlib.contextmanager
    def pointer(self) -> Iterator[int]:
        """The C object, for Library.call(); it is not freed before the `with` ends."""
        with self._lock:
            if self._closed or self._pointer is None:
                raise ValueError("{} is closed".format(type(self).__name__))
            if self._process != os.getpid():
                raise ValueError("{} does not survive fork()".format(type(self).__name__))
            self._uses += 1
            pointer = self._pointer
        try:
            yield pointer
        finally:
            with self._lock:
                self._uses -= 1
            self._free_unused()

    def close(self) -> None:
        """Frees the object; more than once is allowed. If another thread is in a call, that call still ends well and frees it then."""
        self._closed = True
        self._free_unused()

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed

    def _free_unused(self) -> None:
        with self._lock:
            if not self._closed or self._uses > 0 or self._pointer is None:
                return
            pointer, self._pointer = self._pointer, None
        # What a child process has inherited, the parent frees.
        if self._process == os.getpid():
            self._library.call(self._free, pointer)

    def __enter__(self: "_Self") -> "_Self":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_process", None) is not None:
            self.close()

    def _lent(self, function: str) -> Optional[bytes]:
        with self.pointer() as pointer:
            found = self._library.call(function, pointer)
        return None if found is None else bytes(found)

    def _said(self, function: str) -> Optional[str]:
        return _decoded(self._lent(function))

    def _is(self, function: str) -> bool:
        with self.pointer() as pointer:
            return bool(self._library.call(function, pointer))


_Self = TypeVar("_Self", bound=_Owned)


class Gate(_Owned):
    """An open Panelgate (pgate): configuration, panel, and connections to the builder. Made by Library.open()."""

    def account(self, username: Optional[Text] = None) -> "Account":
        """pgate_account_find(): an account by its user name; None for a caller who is an account: its own."""
        return self._account("pgate_account_find", _text(username, "username"))

    def account_of_site(self, domain: Text) -> "Account":
        """pgate_account_of_site(): the account that has a site, named in Unicode or ASCII."""
        return self._account("pgate_account_of_site", _text(domain, "domain"))

    def session(
        self,
        account: Optional[Text] = None,
        site: Optional[Text] = None,
        language: Optional[Text] = None,
        create_from: Optional[Text] = None,
    ) -> "Session":
        """pgate_session_create(): opens a builder session for a site. Waits for the builder."""
        options = _SessionOptions(
            ctypes.sizeof(_SessionOptions),
            _text(account, "account"),
            _text(site, "site"),
            _text(language, "language"),
            _text(create_from, "create_from"),
        )
        out = ctypes.c_void_p()
        with self.pointer() as pointer:
            self._library._check("pgate_session_create", pointer, ctypes.byref(options), ctypes.byref(out))
        return Session(self._library, out.value, "pgate_session_free")

    def call(self, name: Text, fields: Union[Json, Text, None] = None) -> Any:
        """pgate_call(): makes any call of the builder's. fields: a dict, or a JSON object as str or bytes, which is passed as it is; 1 MiB at most. Returns the
        builder's answer, parsed. Waits for the builder; what must not be made twice is sent once."""
        text = json.dumps({} if fields is None else fields) if not isinstance(fields, (str, bytes)) else fields
        return self._json("pgate_call", _text(name, "name"), _text(text, "fields"))

    def block(self, domain: Text, blocked: bool = True) -> None:
        """pgate_site_block(): blocks a published website in the brand's licence, or unblocks it. For root only."""
        self._do("pgate_site_block", _text(domain, "domain"), bool(blocked))

    def rename(self, domain: Text, new_domain: Text) -> None:
        """pgate_site_rename(): gives a site another domain at the builder, and here. For root only."""
        self._do("pgate_site_rename", _text(domain, "domain"), _text(new_domain, "new_domain"))

    def delete_project(self, domain: Text) -> None:
        """pgate_site_delete_project(): deletes a site's project at the builder. It cannot be brought back. For root only."""
        self._do("pgate_site_delete_project", _text(domain, "domain"))

    def publication_status(self, site: Text, account: Optional[Text] = None) -> Json:
        """pgate_publication_status(): what is published of a site."""
        return _dict(self._publication("pgate_publication_status", account, site))

    def publication_history(self, site: Text, account: Optional[Text] = None) -> List[Json]:
        """pgate_publication_history(): the publications of a site, the oldest first."""
        return _list(self._publication("pgate_publication_history", account, site))

    def publication_undo(self, site: Text, account: Optional[Text] = None) -> Json:
        """pgate_publication_undo(): goes back to what was published before. For root only."""
        return _dict(self._publication("pgate_publication_undo", account, site))

    def publication_unpublish(self, site: Text, account: Optional[Text] = None) -> Json:
        """pgate_publication_unpublish(): removes exactly what was published. For root only."""
        return _dict(self._publication("pgate_publication_unpublish", account, site))

    def backup_start(
        self,
        account: Optional[Text] = None,
        site: Optional[Text] = None,
        scope: Optional[Text] = None,
        destination: Optional[Text] = None,
        prefix: Optional[Text] = None,
        description: Optional[Text] = None,
        split_size: int = 0,
    ) -> int:
        """pgate_backup_start(): orders a backup; returns the number of its job."""
        options = _BackupOptions(
            ctypes.sizeof(_BackupOptions),
            _text(account, "account"),
            _text(site, "site"),
            _text(scope, "scope"),
            _text(destination, "destination"),
            _text(prefix, "prefix"),
            _text(description, "description"),
            _number(split_size, 64, "split_size"),
        )
        job = ctypes.c_uint64()
        self._do("pgate_backup_start", ctypes.byref(options), ctypes.byref(job))
        return job.value

    def backup_poll(self, job: int) -> Json:
        """pgate_backup_poll(): how far a backup is."""
        return _dict(self._json("pgate_backup_poll", _number(job, 64, "job")))

    def backup_wait(self, job: int, seconds: int) -> Json:
        """pgate_backup_wait(): waits until a backup has ended, at most so many seconds; then says how far it is. Ctrl-C works after that only: wait
        a second at a time where somebody sits in front of it."""
        return _dict(self._json("pgate_backup_wait", _number(job, 64, "job"), _number(seconds, 32, "seconds")))

    def backup_cancel(self, job: int) -> Json:
        """pgate_backup_cancel(): wants a backup to end. For root only."""
        return _dict(self._json("pgate_backup_cancel", _number(job, 64, "job")))

    def backup_attach(self, account: Text, staging: Optional[FilePath] = None, deadline_seconds: int = 0) -> Json:
        """pgate_backup_attach(): puts an account's projects where the panel's own backup takes them along. For root only; what fails is no reason not to
        make the panel's backup."""
        seconds = _number(deadline_seconds, 32, "deadline_seconds")
        return _dict(self._json("pgate_backup_attach", _text(account, "account"), _path(staging, "staging"), seconds))

    def backup_detach(self, account: Text, staging: Optional[FilePath] = None) -> Json:
        """pgate_backup_detach(): takes them away again, when the panel has packed the account or given up. For root only."""
        return _dict(self._json("pgate_backup_detach", _text(account, "account"), _path(staging, "staging")))

    def event(self, source: Text, payload: bytes = b"") -> Json:
        """pgate_event(): tells of an event of the panel's. source: "cpanel", "directadmin/NAME", "plesk/EVENT" or "plain"; payload: what the hook was given, as it is.
        Returns event, account, job and ignored. Waits for nothing but the disk."""
        if not isinstance(payload, bytes):
            raise TypeError("the payload must be bytes")
        # By address and length: it may hold NUL.
        return _dict(self._json("pgate_event", _text(source, "source"), payload, len(payload)))

    def _account(self, function: str, name: Optional[bytes]) -> "Account":
        out = ctypes.c_void_p()
        with self.pointer() as pointer:
            self._library._check(function, pointer, name, ctypes.byref(out))
        return Account(self._library, out.value, "pgate_account_free")

    def _do(self, function: str, *arguments: Any) -> None:
        with self.pointer() as pointer:
            self._library._check(function, pointer, *arguments)

    def _json(self, function: str, *arguments: Any) -> Any:
        with self.pointer() as pointer:
            return self._library._json(function, pointer, *arguments)

    def _publication(self, function: str, account: Optional[Text], site: Text) -> Any:
        return self._json(function, _text(account, "account"), _text(site, "site"))


class Account(_Owned):
    """One hosting account with its sites, as the panel had it when it was looked up. It stays valid when its gate is closed."""

    @property
    def username(self) -> str:
        """The user name."""
        return self._said("pgate_account_username") or ""

    @property
    def home(self) -> bytes:
        """The home directory, an absolute path."""
        return self._lent("pgate_account_home") or b""

    @property
    def owner(self) -> Optional[str]:
        """Reseller, administrator or customer, as the panel names them."""
        return self._said("pgate_account_owner")

    @property
    def plan(self) -> Optional[str]:
        """The plan (package, service plan)."""
        return self._said("pgate_account_plan")

    @property
    def locale(self) -> Optional[str]:
        """The locale as the panel writes it."""
        return self._said("pgate_account_locale")

    @property
    def public_ip(self) -> Optional[str]:
        """The address under which the world reaches the sites."""
        return self._said("pgate_account_public_ip")

    @property
    def suspended(self) -> bool:
        """Whether the panel has suspended the account."""
        return self._is("pgate_account_suspended")

    @property
    def demo(self) -> bool:
        """Whether it is a demonstration account."""
        return self._is("pgate_account_demo")

    @property
    def has_builder(self) -> bool:
        """Whether plan and features include the builder."""
        return self._is("pgate_account_has_builder")

    def json(self) -> Json:
        """pgate_account_json(): the account with all its sites and what can be opened, as one object."""
        with self.pointer() as pointer:
            return _dict(self._library._json("pgate_account_json", pointer))

    @property
    def sites(self) -> List["Site"]:
        """The sites: the main site first, the others by name."""
        with self.pointer() as pointer:
            count = self._library.call("pgate_account_site_count", pointer)
            found = [self._library.call("pgate_account_site", pointer, index) for index in range(count)]
        return [Site(self, site) for site in found if site]


class Site:
    """One site of an account. It is the account's memory: not to be used after the account is closed (ValueError)."""

    def __init__(self, account: Account, pointer: int) -> None:
        #: The account that has it.
        self.account = account
        self._pointer = pointer

    def _call(self, function: str) -> Any:
        with self.account.pointer():
            return self.account.library.call(function, self._pointer)

    @property
    def domain(self) -> str:
        """The name in lower case ASCII (punycode)."""
        return _decoded(self._call("pgate_site_domain")) or ""

    @property
    def domain_unicode(self) -> str:
        """The name in Unicode, to be shown to people."""
        return _decoded(self._call("pgate_site_domain_unicode")) or ""

    @property
    def kind(self) -> int:
        """What it is to its account: a SiteKind, or a plain int that this file does not know."""
        return _member(SiteKind, self._call("pgate_site_kind"))

    @property
    def document_root(self) -> Optional[bytes]:
        """The document root, an absolute path; None if the site has no web hosting."""
        found = self._call("pgate_site_document_root")
        return None if found is None else bytes(found)

    @property
    def suspended(self) -> bool:
        """Whether the panel has suspended this site alone."""
        return bool(self._call("pgate_site_suspended"))

    @property
    def alias_of(self) -> Optional[str]:
        """The name of the site that this one is an alias of, in ASCII."""
        return _decoded(self._call("pgate_site_alias_of"))

    @property
    def refused(self) -> int:
        """Why it cannot be opened in the builder: the Status that Gate.session() would raise; Status.OK if it can."""
        return _member(Status, self._call("pgate_site_refused"))


class Session(_Owned):
    """A signed-on session. What render() makes lets whoever has it into the site: send it to the one browser that asked, and close soon."""

    @property
    def site(self) -> str:
        """The site, in ASCII."""
        return self._said("pgate_session_site") or ""

    @property
    def account(self) -> str:
        """The account's user name."""
        return self._said("pgate_session_account") or ""

    @property
    def reference(self) -> str:
        """The request's reference number, for the log. It opens nothing."""
        return self._said("pgate_session_reference") or ""

    def render(self, dialect: int = Dialect.CGI, language: Optional[Text] = None) -> bytes:
        """pgate_session_render(): the answer that sends the browser to the session, headers included; write the bytes as they are."""
        out, length = ctypes.c_void_p(), ctypes.c_size_t()
        wanted = _number(dialect, 31, "dialect")
        with self.pointer() as pointer:
            self._library._check(
                "pgate_session_render",
                pointer,
                wanted,
                _text(language, "language"),
                ctypes.byref(out),
                ctypes.byref(length),
            )
        return self._library._take(out.value, length.value)


def find_library() -> str:
    """The library where packages put it; an Error of kind "unavailable" if it is in none of LIBRARY_PATHS."""
    for path in LIBRARY_PATHS:
        if os.path.exists(path):
            return path
    raise Error(Status.UNAVAILABLE, "libpanelgate.so.1 is not installed: it is in none of " + ", ".join(LIBRARY_PATHS))


_Number = TypeVar("_Number", bound=enum.IntEnum)


def _member(names: Type[_Number], number: int) -> int:
    """The member of that number; the number itself if a newer library has more of them."""
    try:
        return names(number)
    except ValueError:
        return int(number)


def _text(value: Optional[Text], name: str) -> Optional[bytes]:
    """A string argument. Bytes of the command line that were not UTF-8 reach the library as they were, and it says so."""
    if value is None:
        return None
    if not isinstance(value, (str, bytes)):
        raise TypeError("{} must be str or bytes, not {}".format(name, type(value).__name__))
    try:
        raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    except UnicodeEncodeError:
        raise Error(Status.INVALID_ARGUMENT, name + " is not Unicode text") from None
    # C would end the string there without a word.
    if b"\0" in raw:
        raise Error(Status.INVALID_ARGUMENT, name + " holds a NUL")
    return raw


def _path(value: Optional[FilePath], name: str) -> Optional[bytes]:
    return None if value is None else _text(os.fsencode(value), name)


def _number(value: int, bits: int, name: str) -> int:
    """A number argument: ctypes would cut off what does not fit."""
    if not 0 <= value < 1 << bits:
        raise Error(Status.INVALID_ARGUMENT, "{} is {}, and must be from 0 to {}".format(name, value, (1 << bits) - 1))
    return value


def _decoded(value: Optional[bytes]) -> Optional[str]:
    return None if value is None else value.decode("utf-8", "surrogateescape")


def _dict(value: Any) -> Json:
    if not isinstance(value, dict):
        raise Error(Status.INTERNAL, "the library did not answer with a JSON object")
    return value


def _list(value: Any) -> List[Json]:
    if not isinstance(value, list):
        raise Error(Status.INTERNAL, "the library did not answer with a JSON array")
    return value
