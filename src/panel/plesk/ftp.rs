//! FTP accounts by Plesk's own program (`reference/plesk.md` 3.2, 6.5): `plesk bin ftpsubaccount`.
//!
//! The name is the login. The password goes there in `PSA_PASSWORD`, the way that Plesk documents for passwords: a process's arguments can be read by
//! everybody, the environment of a process of root's by root alone.

use std::ffi::OsString;
use std::path::Path;

use crate::error::Result;
use crate::limits;
use crate::panel::Account;
use crate::panel::ftp::{FtpAccounts, FtpOrder, below_home, main_domain, refused};
use crate::sys::process::{self, Task};
use crate::types::{Domain, Secret, quote_bytes};

use super::Plesk;

impl FtpAccounts for Plesk {
    fn login(&self, _account: &Account, _site: &Domain, name: &str) -> String {
        name.to_owned()
    }

    fn make(&self, order: &FtpOrder<'_>) -> Result<()> {
        // Relative to the subscription's home, with a slash before it.
        let home = format!("/{}", below_home(order.account, order.site)?);
        // An FTP account belongs to a subscription, which has the name of its main site.
        let domain = main_domain(order.account, &order.site.domain);
        let arguments = ["--create", order.name, "-domain", domain.as_str(), "-passwd", "", "-home", &home];
        let made = self.ftpsubaccount(order.account, &arguments, Some(order.password));
        made.or_else(|first| {
            // One with an old password, perhaps. If not, the first answer says more than the second.
            let _ = self.ftpsubaccount(
                order.account,
                &["--remove", order.name, "-domain", domain.as_str()],
                None,
            );
            self.ftpsubaccount(order.account, &arguments, Some(order.password)).map_err(|_| first)
        })
    }

    fn remove(&self, account: &Account, site: &Domain, name: &str) -> Result<()> {
        let domain = main_domain(account, site);
        self.ftpsubaccount(account, &["--remove", name, "-domain", domain.as_str()], None)
    }
}

impl Plesk {
    fn ftpsubaccount(&self, account: &Account, arguments: &[&str], password: Option<&Secret>) -> Result<()> {
        const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let program = self.tree.path(&self.config.plesk_command);
        let all = [&["bin", "ftpsubaccount"], arguments].concat();
        let mut environment: Vec<(OsString, OsString)> = [("PATH", PATH), ("LC_ALL", "C"), ("HOME", "/")]
            .map(|(name, value)| (name.into(), value.into()))
            .into();
        environment.extend(password.map(|password| ("PSA_PASSWORD".into(), password.expose().into())));
        let task = Task {
            program: &program,
            arguments: &all,
            environment: &environment,
            directory: Path::new("/"),
            input: b"",
        };
        let output = process::run_task(&task, limits::COMMAND_OUTPUT_BYTES, limits::FTP_ACCOUNT_TIME)
            .map_err(|error| {
                refused(account.name(), "Plesk's program gave no answer: check [plesk] command")
                    .with_source(error)
            })?;
        if output.status.success() {
            return Ok(());
        }
        let said = if output.stderr.trim_ascii().is_empty() { &output.stdout } else { &output.stderr };
        let verb = arguments.first().copied().unwrap_or_default();
        let what = format!(
            "plesk bin ftpsubaccount {verb} failed ({}) and said {}",
            output.status,
            quote_bytes(said.trim_ascii())
        );
        Err(refused(account.name(), what))
    }
}
