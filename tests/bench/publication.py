"""Publication, side by side with what people do instead: by archive beside unzip, by put beside the same endpoint in PHP, one large put beside cp.

It needs root, Apache (mod_cgid, mod_actions), php-cgi and unzip. The account, its home and the servers are its own and gone afterwards.
"""

import base64
import http.client
import http.server
import json
import os
import pwd
import random
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.parse
import zipfile

FILES = 2_000
FILE_BYTES = 30_000
PUTS = 1_000
PUT_BYTES = 20 * 1024
LARGE_BYTES = 1 << 30
READS_PER_SECOND = 500
NEEDS = ("apache2", "php-cgi", "unzip", "useradd", "runuser")
MODULES = "/usr/lib/apache2/modules"


def missing():
    """The programs that are not there."""
    return [name for name in NEEDS if not shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Builder(http.server.BaseHTTPRequestHandler):
    """As much of a builder as hands out a session and an archive. It keeps what it was told about the endpoint."""

    access = {}
    archives = {}

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.access[body["domain"]] = body
        answer = json.dumps({"url": f"http://127.0.0.1:{self.server.server_port}/?login_hash=x"}).encode()
        self.reply("application/json", len(answer))
        self.wfile.write(answer)

    def do_GET(self):
        path = self.archives[self.path]
        self.reply("application/zip", os.path.getsize(path))
        with open(path, "rb") as file:
            shutil.copyfileobj(file, self.wfile, 1 << 20)

    def reply(self, media, length):
        self.send_response(200)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_):
        pass


class Place:
    """An account, a broker and Apache in front of the endpoint and of the site."""

    def __init__(self, programs, here):
        self.programs, self.here = programs, here
        self.dir = tempfile.mkdtemp(prefix="panelgate-publication-")
        self.name = f"pgp{os.getpid()}"
        self.site = f"{self.name}.example"
        self.children = []

    def __enter__(self):
        try:
            self.make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def make(self):
        os.chmod(self.dir, 0o711)
        self.home = f"{self.dir}/home"
        subprocess.run(["useradd", "-m", "-s", "/usr/sbin/nologin", "-d", self.home, self.name], check=True)
        self.user = pwd.getpwnam(self.name)
        os.chmod(self.home, 0o711)
        self.docroot = f"{self.home}/public_html"
        self.peer_root = f"{self.home}/peer"
        for path in (self.docroot, self.peer_root):
            os.mkdir(path)
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
        self.builder = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Builder)
        threading.Thread(target=self.builder.serve_forever, daemon=True).start()
        self.configure()
        self.apache()
        program = f"{self.dir}/panelgate"
        shutil.copy(f"{self.programs}/panelgate", program)
        with open(f"{self.dir}/broker.log", "w", encoding="utf-8") as log:
            words = [program, "--config", f"{self.dir}/etc/panelgate.ini", "-v", "broker"]
            self.children.append(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={}))
        self.wait(lambda: os.path.exists("/run/panelgate/broker.sock"))
        subprocess.run([program, "--config", f"{self.dir}/etc/panelgate.ini", "open", self.site], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        access = Builder.access[self.site]
        self.path = urllib.parse.urlsplit(access["apiUrl"]).path
        self.login = f"{access['username']}:{access['password']}"

    def configure(self):
        for name in ("etc", "accounts.d", "endpoint", "run"):
            os.mkdir(f"{self.dir}/{name}")
        url = f"http://127.0.0.1:{self.builder.server_port}/api/"
        self.write("etc/panelgate.ini", 0o600, (
            f"[panel]\nkind = ini\naccounts_dir = {self.dir}/accounts.d\n"
            f"[builder]\nurl = {url}\nusername = bench\npassword = bench\nallow_http = yes\n"
            f"hosts = 127.0.0.1:{self.builder.server_port}\n"
            f"[publish]\ntype = internal\nendpoint = https://panel.example/panelgate/\ndownload_hosts = 127.0.0.1:{self.builder.server_port}\n"
            f"[store]\ndir = {self.dir}/state\n[broker]\nweb_users = www-data\n"
        ))
        self.write(f"accounts.d/{self.name}.ini", 0o644, (
            f"[account]\nuid = {self.user.pw_uid}\n[site {self.site}]\nkind = main\ndocument_root = {self.docroot}\n"
        ))

    def write(self, name, mode, text):
        with open(f"{self.dir}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(f"{self.dir}/{name}", mode)

    def apache(self):
        """One server for all: the endpoint, its peer in PHP as CGI, and the published site. PHP runs as the web server's user."""
        shutil.copy(f"{self.here}/put.php", f"{self.dir}/endpoint/put.php")
        shutil.copy(f"{self.here}/out/panelgate.cgi", f"{self.dir}/endpoint/publish.cgi")
        os.chmod(f"{self.dir}/endpoint/publish.cgi", 0o755)
        # The least that a program behind this server can do with a large body.
        script = f"#!/bin/sh\ncat > {self.peer_root}/large\nprintf 'Content-Type: text/plain\\n\\nok'\n"
        self.write("endpoint/cat.cgi", 0o755, script)
        os.chmod(f"{self.dir}/endpoint", 0o755)
        web = pwd.getpwnam("www-data")
        os.chown(f"{self.dir}/run", web.pw_uid, web.pw_gid)
        os.chown(self.peer_root, web.pw_uid, web.pw_gid)
        self.port = free_port()
        load = "".join(
            f"LoadModule {name}_module {MODULES}/mod_{name}.so\n"
            for name in ("mpm_event", "authz_core", "alias", "actions", "env", "mime", "dir", "cgid")
        )
        self.write("httpd.conf", 0o644, (
            f"ServerRoot {self.dir}/run\nServerName localhost\nListen 127.0.0.1:{self.port}\nPidFile {self.dir}/run/pid\n"
            f"ErrorLog {self.dir}/run/error.log\nMutex file:{self.dir}/run default\nTimeout 60\n{load}"
            f"ScriptSock {self.dir}/run/cgisock\nUser www-data\nGroup www-data\nTypesConfig /dev/null\n"
            "KeepAlive On\nMaxKeepAliveRequests 0\nKeepAliveTimeout 60\n"
            "<Directory />\nRequire all denied\n</Directory>\n"
            f"ScriptAlias /panelgate {self.dir}/endpoint/publish.cgi\n"
            f"ScriptAlias /cat {self.dir}/endpoint/cat.cgi\n"
            f"Alias /peer {self.dir}/endpoint/put.php\nScriptAlias /php-cgi {shutil.which('php-cgi')}\nAction peer-php /php-cgi\n"
            f"SetEnv PEER_ROOT {self.peer_root}\n"
            f"<Directory {self.dir}/endpoint>\nRequire all granted\nOptions +ExecCGI\nCGIPassAuth On\n"
            "<Files put.php>\nSetHandler peer-php\n</Files>\n</Directory>\n"
            "<Directory /usr/bin>\nRequire all granted\nOptions +ExecCGI +FollowSymLinks\nCGIPassAuth On\n</Directory>\n"
            f"DocumentRoot {self.docroot}\n<Directory {self.docroot}>\nRequire all granted\n</Directory>\n"
        ))
        words = ["apache2", "-d", self.dir, "-f", f"{self.dir}/httpd.conf", "-DFOREGROUND"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        self.children.append(subprocess.Popen(words, env=path, start_new_session=True, **quiet))
        self.wait(self.listens)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @staticmethod
    def wait(is_so):
        end = time.monotonic() + 60
        while not is_so():
            if time.monotonic() > end:
                raise RuntimeError("a server did not come up")
            time.sleep(0.05)

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.terminate()
            child.wait(timeout=90)
        if hasattr(self, "builder"):
            self.builder.shutdown()
        subprocess.run(["userdel", "-f", self.name], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def header(self, login):
        return {"Authorization": "Basic " + base64.b64encode(login.encode()).decode()}

    def worker_peak_mib(self):
        """The largest resident size that a worker of the account has had."""
        peaks = [0.0]
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                    lines = dict(line.split(":", 1) for line in file)
            except OSError:
                continue
            if lines["Uid"].split()[1] == str(self.user.pw_uid) and "VmHWM" in lines:
                peaks.append(int(lines["VmHWM"].split()[0]) / 1024)
        return max(peaks)


def make_archive(path, version):
    """A site as builders make it: pages, scripts and pictures, some of which compress and some do not."""
    source = random.Random(version)
    words = [source.randbytes(6).hex() for _ in range(500)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.php", "<?php include __DIR__ . '/sitepro/index.php';\n")
        archive.writestr("sitepro/version.txt", f"version {version}\n" * 100)
        for number in range(FILES - 2):
            if number % 2:
                content = source.randbytes(FILE_BYTES)
                name = f"sitepro/gallery/{number % 20}/picture{number}.jpg"
            else:
                content = " ".join(source.choices(words, k=FILE_BYTES // 13)).encode()
                name = f"sitepro/pages/{number % 20}/page{number}.html"
            archive.writestr(name, content)


def publish(place, archive):
    """From the start's form to FINISHED, in seconds."""
    connection = place.connection()
    headers = {**place.header(place.login), "Content-Type": "application/x-www-form-urlencoded"}
    # Each publication is a new one: the same address again within ten minutes is the same publication.
    name = f"/site{time.monotonic_ns()}.zip"
    Builder.archives[name] = archive
    address = f"http://127.0.0.1:{place.builder.server_port}{name}"
    begin = time.monotonic()
    connection.request("POST", f"{place.path}zyro/action", urllib.parse.urlencode({"url": address}), headers)
    answer = json.loads(connection.getresponse().read())
    if "id" not in answer:
        raise RuntimeError(f"no publication: {answer}")
    while True:
        connection.request("GET", f"{place.path}zyro/action/{answer['id']}", headers=place.header(place.login))
        status = json.loads(connection.getresponse().read())
        if status["status"] == "FINISHED":
            return time.monotonic() - begin
        if status["status"] == "FAILED":
            raise RuntimeError(f"failed: {status}")
        time.sleep(0.02)


def unzip(place, archive):
    target = f"{place.home}/unzipped"
    script = f"mkdir {target} && unzip -q {archive} -d {target} && sync -f {target}"
    begin = time.monotonic()
    subprocess.run(["runuser", "-u", place.name, "--", "sh", "-c", script], check=True)
    seconds = time.monotonic() - begin
    shutil.rmtree(target)
    return seconds


class Reader(threading.Thread):
    """Reads a file of the site again and again, and counts answers that are no publication's."""

    def __init__(self, place):
        super().__init__(daemon=True)
        self.place, self.stop = place, threading.Event()
        self.reads, self.bad, self.versions = 0, [], set()

    def run(self):
        connection = self.place.connection()
        due = time.monotonic()
        while not self.stop.is_set():
            connection.request("GET", "/sitepro/version.txt")
            response = connection.getresponse()
            lines = set(response.read().decode().splitlines())
            self.reads += 1
            if response.status != 200 or len(lines) != 1:
                self.bad.append((response.status, sorted(lines)[:3]))
            self.versions |= lines
            due = max(due + 1 / READS_PER_SECOND, time.monotonic() - 1)
            time.sleep(max(0, due - time.monotonic()))


def archives(place, rounds):
    paths = []
    for version in range(2):
        paths.append(f"{place.dir}/site{version}.zip")
        make_archive(paths[-1], version)
        os.chmod(paths[-1], 0o644)
    publish(place, paths[0])
    own, peer = [], []
    for number in range(rounds):
        own.append(publish(place, paths[number % 2]))
        peer.append(unzip(place, paths[number % 2]))
    peak = place.worker_peak_mib()
    reader = Reader(place)
    reader.start()
    begin = time.monotonic()
    for number in range(4):
        publish(place, paths[number % 2])
        time.sleep(0.3)
    reader.stop.set()
    reader.join()
    rate = reader.reads / (time.monotonic() - begin)
    ours, theirs = statistics.median(own), statistics.median(peer)
    return [
        f"| {FILES:,} files, {FILES * FILE_BYTES // 1_000_000} MB: from the start to FINISHED | {ours:.2f} s | `unzip -q` and `sync -f`: {theirs:.2f} s | {ours / theirs:.2f} | at most 1.3 |",
        f"| the worker's peak memory meanwhile | {peak:.1f} MiB | | | at most 24 MiB |",
        f"| reads during four switch-overs, {rate:.0f} a second | {reader.reads:,} | failed or mixed: {len(reader.bad)} | | 0 at {READS_PER_SECOND} a second |",
    ]


def put_many(place, path, login):
    content = os.urandom(PUT_BYTES)
    connection = place.connection()
    headers = {**place.header(login), "Content-Type": "application/octet-stream"}
    begin = time.monotonic()
    for number in range(PUTS):
        connection.request("POST", f"{path}css/{number % 20}/file{number}.css", content, headers)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"a put to {path} was answered with {response.status}")
    return time.monotonic() - begin


def send_large(place, source, path):
    """One put of a file, in seconds."""
    connection = place.connection()
    with open(source, "rb") as file:
        begin = time.monotonic()
        connection.putrequest("POST", path)
        for name, value in {**place.header(place.login), "Content-Length": str(LARGE_BYTES)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.sock.sendfile(file)
        response = connection.getresponse()
        response.read()
        seconds = time.monotonic() - begin
    if response.status != 200:
        raise RuntimeError(f"the large put to {path} was answered with {response.status}")
    return seconds


def put_large(place):
    source = f"{place.dir}/large"
    with open(source, "wb") as file:
        for _ in range(LARGE_BYTES >> 20):
            file.write(os.urandom(1 << 20))
    own = send_large(place, source, f"{place.path}large.bin")
    if os.path.getsize(f"{place.docroot}/large.bin") != LARGE_BYTES:
        raise RuntimeError("the large file has not arrived")
    least = send_large(place, source, "/cat")
    peak = place.worker_peak_mib()
    begin = time.monotonic()
    subprocess.run(["cp", source, f"{place.home}/copy"], check=True)
    copy = time.monotonic() - begin
    os.unlink(f"{place.home}/copy")
    os.unlink(source)
    return own, least, copy, peak


def puts(place, rounds):
    own, peer = [], []
    for _ in range(rounds):
        own.append(put_many(place, place.path, place.login))
        peer.append(put_many(place, "/peer/", "bench:bench"))
    ours, theirs = statistics.median(own), statistics.median(peer)
    one, least, copy, peak = put_large(place)
    return [
        f"| {PUTS:,} puts of {PUT_BYTES // 1024} KiB, keep-alive | {ours:.2f} s | the same endpoint in PHP: {theirs:.2f} s | {theirs / ours:.1f} times as fast | at least 4 |",
        f"| one put of 1 GiB | {one:.2f} s | `cp`: {copy:.2f} s | {copy / one:.2f} of its speed | at least 0.5 |",
        f"| the same | {one:.2f} s | `cat` behind the same Apache: {least:.2f} s | {least / one:.2f} of its speed | |",
        f"| the worker's peak memory with it | {peak:.1f} MiB | | | at most 16 MiB |",
    ]


def section(programs, here, rounds):
    """The table of publication, in Markdown."""
    lacking = missing()
    if os.geteuid() != 0 or lacking:
        return f"(needs root{', and ' + ', '.join(lacking) if lacking else ''}: not measured)"
    lines = ["| what | Panelgate | peer | ratio | to be reached |", "| --- | ---: | ---: | ---: | ---: |"]
    with Place(programs, here) as place:
        print("publication by put", flush=True)
        lines += puts(place, rounds)
    with Place(programs, here) as place:
        print("publication by archive", flush=True)
        lines += archives(place, rounds)
    return "\n".join(lines)
