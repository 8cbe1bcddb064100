//! The builder's SSH key, as sshd asks for it: what `AuthorizedKeysCommand` prints.
//!
//! Nothing is written below a home. sshd asks at every login, so that a suspension, a plan without the builder or another publication type ends the
//! access at once. The key opens SFTP and nothing else; what it can reach is what the account can read and write, which only `ChrootDirectory` of sshd
//! bounds further.

use std::path::Path;

use crate::config::PublicationType;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sys::{file, identity};
use crate::types::{Username, quote};

use super::Context;
use super::policy::{self, Operation, Principal};

/// The lines for a user of the system; empty if the builder does not log in as that user now.
///
/// # Errors
/// [`ErrorKind::Config`] if `[publish] ssh_key` names no usable file; what reading the account can fail with.
pub fn lines(context: &Context, user: &Username) -> Result<String> {
    let Some(path) = &context.config.publish.ssh_key else { return Ok(String::new()) };
    let account = match context.panel.account(user) {
        Ok(account) => account,
        // sshd asks for everybody who tries.
        Err(error) if error.kind() == ErrorKind::AccountNotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    if policy::allow_account(&Principal::Root, Operation::OpenSite, context.panel.kind(), &account).is_err() {
        return Ok(String::new());
    }
    let store = context.store()?;
    let is_ours = |site: &crate::panel::Site| -> Result<bool> {
        if context.config.publication_of(&site.domain) != PublicationType::Ssh
            || policy::allow_site(Operation::OpenSite, site).is_err()
        {
            return Ok(false);
        }
        // Whoever had the site before does not count, and who has never opened it does not need it.
        Ok(store.current(&site.domain)?.is_some_and(|row| row.owner == account.id))
    };
    for site in &account.sites {
        if is_ours(site)? {
            return Ok(format!("restrict,command=\"internal-sftp\" {} panelgate\n", public_key(path)?));
        }
    }
    Ok(String::new())
}

/// Type and key of the one line of the file, without its comment.
fn public_key(path: &Path) -> Result<String> {
    let fail =
        |what: String| Error::new(ErrorKind::Config, format!("[publish] ssh_key {}: {what}", path.display()));
    let content = file::read(path, limits::SSH_KEY_BYTES, &[0, identity::uids().effective])
        .map_err(|error| fail("it cannot be read".into()).with_source(error))?;
    if content.mode & 0o022 != 0 {
        return Err(fail(format!(
            "others can change this file (mode {:04o}): run chmod go-w on it",
            content.mode
        )));
    }
    let text = String::from_utf8_lossy(&content.bytes).into_owned();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Err(fail("it must hold one line with a public key".into()));
    };
    let mut parts = line.split_ascii_whitespace();
    let plain =
        |part: &&str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-@.".contains(&byte));
    let (kind, key) = (parts.next().filter(plain), parts.next().filter(plain));
    match (kind, key) {
        // Options before the key would be taken as such: a line that begins with anything but a type is none.
        (Some(kind), Some(key)) if is_type(kind) && key.starts_with("AAAA") => Ok(format!("{kind} {key}")),
        _ => Err(fail(format!("{} is not a public key", quote(line)))),
    }
}

fn is_type(kind: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|begin| kind.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_one_plain_public_key_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("builder.pub");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            public_key(&path)
        };
        assert_eq!(
            read("# of the builder\nssh-ed25519 AAAAC3Nz builder@x\n").unwrap(),
            "ssh-ed25519 AAAAC3Nz"
        );
        assert_eq!(read("ecdsa-sha2-nistp256 AAAAE2Vj").unwrap(), "ecdsa-sha2-nistp256 AAAAE2Vj");
        for bad in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 BBBB",
            "command=\"x\" ssh-rsa AAAA",
            "ssh-rsa AAAA\nssh-rsa AAAB",
            "ssh-rsa,restrict AAAA",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA",
        ] {
            assert_eq!(read(bad).unwrap_err().kind(), ErrorKind::Config, "{bad}");
        }
        read("ssh-rsa AAAA").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(public_key(&path).unwrap_err().to_string().contains("others can change"));
    }
}
