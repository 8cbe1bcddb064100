//! Plesk for Linux: one subscription is one account, named by its system user.
//!
//! Plesk keeps its data in a database that its own program `plesk db` opens for root. Each look-up is one run of that program ([`query`]), whose
//! output is believed only if it is complete and holds nothing else ([`rows`]). Where it fails, hangs or prints anything unexpected, the
//! answer is "the panel's data cannot be read", never "there is no such account". Uid and home come from the system's user database.
//!
//! A click reaches Plesk through the panel's own user, so that processes of an account are no principals here. There are no demonstration accounts.

mod ftp;
mod psa_conf;
mod query;
mod rows;
mod subscription;

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::limits;
use crate::sys::process::{self, Output};
use crate::types::quote_bytes;

use query::marker;
use subscription::Subscription;

/// A Plesk server.
pub(super) struct Plesk {
    tree: Tree,
    config: PanelConfig,
}

impl Plesk {
    pub(super) fn new(tree: Tree, config: &PanelConfig) -> Self {
        Self { tree, config: config.clone() }
    }

    fn ask(&self, question: &str) -> Result<Vec<u8>> {
        psa_conf::check(&self.tree)?;
        ask(&self.tree.path(&self.config.plesk_command), question, limits::COMMAND_TIME)
    }

    /// Asks for system users.
    fn logins(&self, question: &str) -> Result<Vec<Username>> {
        let answer = self.ask(question)?;
        let rows = rows::parse(&answer, &[(marker::LOGIN, 2)])?;
        let mut logins = rows.iter().map(|row| row.username(1)).collect::<Result<Vec<Username>>>()?;
        logins.sort();
        logins.dedup();
        Ok(logins)
    }
}

impl Panel for Plesk {
    fn kind(&self) -> PanelKind {
        PanelKind::Plesk
    }

    fn tree(&self) -> &Tree {
        &self.tree
    }

    fn account(&self, name: &Username) -> Result<Account> {
        let answer = self.ask(&query::account(name))?;
        let Some(subscription) = Subscription::parse(&answer, name)? else {
            return Err(Error::new(
                ErrorKind::AccountNotFound,
                format!("Plesk has no subscription of the system user {name}"),
            ));
        };
        let user = self.tree.account_user(name)?;
        let feature = plan_allows(&self.config, subscription.plan.as_deref());
        subscription.account(name, user, feature, self.config.public_ip)
    }

    fn owners(&self, domain: &Domain) -> Result<Vec<Username>> {
        self.logins(&query::owners(domain))
    }

    fn accounts(&self) -> Result<Vec<Username>> {
        self.logins(&query::accounts())
    }

    /// It is another run of the program; and [`Panel::account`] has already made sure that no other subscription has one of its names.
    fn owners_are_cheap(&self) -> bool {
        false
    }

    fn ftp_accounts(&self) -> Option<&dyn FtpAccounts> {
        Some(self)
    }
}

/// Runs Plesk's program with one question.
fn ask(program: &Path, question: &str, deadline: Duration) -> Result<Vec<u8>> {
    const CHECK: &str = "check that \"plesk db 'SELECT 1'\" works as root";
    let arguments = ["db", "-Ne", question];
    let Output { status, stdout, stderr } =
        process::run(program, &arguments, limits::COMMAND_OUTPUT_BYTES, deadline).map_err(|error| {
            let what = format!("Plesk's program gave no answer: {CHECK}, or set [plesk] command");
            data_error(program.display(), what).with_source(error)
        })?;
    if status.success() {
        return Ok(stdout);
    }
    let said = quote_bytes(stderr.trim_ascii());
    Err(data_error(program.display(), format!("\"plesk db\" failed ({status}) and said {said}: {CHECK}")))
}

#[cfg(test)]
mod tests;
