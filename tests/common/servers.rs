//! A user of their own for a test, and the servers that let them in: vsftpd and OpenSSH's sshd, on loopback ports.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::users::SystemUser;

/// A system user with a home and a document root; both are removed at the end. Needs root.
pub struct Account {
    pub user: SystemUser,
    pub document_root: PathBuf,
}

impl Account {
    /// `public_html` below the home is the document root.
    pub fn make() -> Self {
        // Every folder above must be root's, or sshd would not lock anybody into it: not below the folder for temporary files.
        let user = SystemUser::make(Path::new("/srv"), "/bin/bash");
        // The top is root's, as a jail's must be.
        std::fs::create_dir_all(&user.home).expect("made");
        super::chmod(&user.home, 0o755);
        let document_root = user.home.join("public_html");
        user.make_dir(&document_root);
        Self { user, document_root }
    }

    pub fn set_password(&self, password: &str) {
        set_password(&self.user.name, password);
    }

    pub fn home(&self) -> &Path {
        &self.user.home
    }

    /// What is in the document root at a path.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.document_root.join(path))
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.user.home);
    }
}

/// Sets a system user's password; it is read from standard input, so that no list of processes shows it.
pub fn set_password(name: &str, password: &str) {
    use std::io::Write;
    let mut child = Command::new("chpasswd").stdin(Stdio::piped()).spawn().expect("chpasswd runs");
    writeln!(child.stdin.take().expect("a pipe"), "{name}:{password}").expect("written");
    assert!(child.wait().expect("it ends").success());
}

/// A server of a test. It ends when it is dropped.
pub struct Server {
    child: Process,
    pub port: u16,
    dir: tempfile::TempDir,
    pam: Option<PamService>,
}

/// A process that ends when it is dropped.
struct Process(Child);

impl Server {
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM lets it end its children too.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// An FTP server that locks every local user into `root`.
pub fn vsftpd(root: &Path) -> Server {
    let dir = tempfile::tempdir().expect("a directory");
    let port = super::free_port();
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).expect("made");
    let text = format!(
        "listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\nanonymous_enable=NO\nlocal_enable=YES\n\
         write_enable=YES\nlocal_umask=022\nchroot_local_user=YES\nallow_writeable_chroot=YES\nlocal_root={}\n\
         secure_chroot_dir={}\npam_service_name=vsftpd\nseccomp_sandbox=NO\nxferlog_enable=NO\ndelay_failed_login=0\n",
        root.display(),
        empty.display(),
    );
    start_vsftpd(dir, port, &text)
}

fn start_vsftpd(dir: tempfile::TempDir, port: u16, text: &str) -> Server {
    let config = dir.path().join("vsftpd.conf");
    std::fs::write(&config, text).expect("written");
    let child = Command::new("/usr/sbin/vsftpd")
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("vsftpd starts");
    let server = Server { child: Process(child), port, dir, pam: None };
    super::wait_for("vsftpd", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    server
}

/// `write_users(directory, {name: {"home": ..., "hash": ...}})`
pub const WRITE_USERS: &str = r#"
import os, subprocess
def write_users(directory, accounts):
    new = os.path.join(directory, "new.db")
    pairs = [text for login, account in accounts.items() for text in (login, account["hash"])]
    script = 'use DB_File; tie(my %h, "DB_File", shift, O_RDWR|O_CREAT, 0600, $DB_HASH) or die; while (@ARGV) { my $k = shift; $h{$k} = shift } untie %h'
    if os.path.exists(new):
        os.unlink(new)
    subprocess.run(["/usr/bin/perl", "-e", script, new] + pairs, check=True)
    os.rename(new, os.path.join(directory, "users.db"))
    for login, account in accounts.items():
        with open(os.path.join(directory, "users", login), "w") as file:
            file.write("local_root=%s\n" % account["home"])
"#;

/// A file of a test below `/etc/pam.d`, removed when it is dropped.
pub struct PamService(PathBuf);

impl Drop for PamService {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// An FTP server whose users stand in the Berkeley database `users.db` of its directory, with their passwords' hashes, each locked into what `users/NAME`
/// says. All of them are, to the system, the user of the account. [`WRITE_USERS`] is Python that writes both.
pub fn vsftpd_of_list(account: &Account) -> Server {
    let dir = tempfile::tempdir().expect("a directory");
    let here = dir.path().to_str().expect("a name");
    for name in ["empty", "users"] {
        std::fs::create_dir(dir.path().join(name)).expect("made");
    }
    let service = PamService(PathBuf::from("/etc/pam.d").join(&account.user.name));
    let pam = format!(
        "auth required pam_userdb.so crypt=crypt db={here}/users\naccount required pam_userdb.so db={here}/users\n"
    );
    std::fs::write(&service.0, pam).expect("written");
    let port = super::free_port();
    let text = format!(
        "listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\nanonymous_enable=NO\nlocal_enable=YES\n\
         write_enable=YES\nlocal_umask=022\nchroot_local_user=YES\nallow_writeable_chroot=YES\nguest_enable=YES\n\
         guest_username={}\nvirtual_use_local_privs=YES\nuser_config_dir={here}/users\nsecure_chroot_dir={here}/empty\n\
         pam_service_name={}\nseccomp_sandbox=NO\nxferlog_enable=NO\ndelay_failed_login=0\n",
        account.user.name, account.user.name,
    );
    let server = start_vsftpd(dir, port, &text);
    Server { pam: Some(service), ..server }
}

/// An SSH server that takes the keys in `authorized_keys` of its own directory for a user. `more` is added to its configuration.
pub fn sshd(more: &str) -> Server {
    let dir = tempfile::tempdir().expect("a directory");
    super::chmod(dir.path(), 0o755);
    let port = super::free_port();
    keygen(&dir.path().join("host"));
    let config = dir.path().join("sshd.conf");
    let here = dir.path().display();
    let text = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {here}/host\nPidFile none\nUsePAM no\nPasswordAuthentication no\n\
         StrictModes no\nAuthorizedKeysFile {here}/authorized_keys\nSubsystem sftp internal-sftp\nLogLevel VERBOSE\n{more}\n"
    );
    std::fs::write(&config, text).expect("written");
    // It wants this folder whatever its configuration says.
    std::fs::create_dir_all("/run/sshd").expect("made");
    let log = std::fs::File::create(dir.path().join("log")).expect("a log");
    let child = Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("sshd starts");
    let server = Server { child: Process(child), port, dir, pam: None };
    super::wait_for("sshd", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    server
}

/// A pair of keys without a passphrase: `path` and `path.pub`.
pub fn keygen(path: &Path) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
    assert!(made.expect("ssh-keygen runs").success());
}

/// The file by which a client knows the server.
pub fn known_hosts(server: &Server) -> PathBuf {
    let key = std::fs::read_to_string(server.dir().join("host.pub")).expect("the host's key");
    let path = server.dir().join("known_hosts");
    std::fs::write(&path, format!("[127.0.0.1]:{} {key}", server.port)).expect("written");
    path
}

/// The mode of a file.
pub fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}
