//! FTP accounts by cPanel's own program `uapi` (`reference/cpanel.md` 5.1, 5.2).
//!
//! The account's name is `NAME@MAIN-DOMAIN`. Its password goes there as a hash. Error texts are in the account's language, so none is looked at: what
//! counts is whether the list of FTP accounts has the account afterwards, with the right directory.

use std::path::Path;

use serde_json::Value;

use crate::error::Result;
use crate::limits;
use crate::panel::Account;
use crate::panel::ftp::{FtpAccounts, FtpOrder, below_home, main_domain, refused};
use crate::sys::{process, random};
use crate::types::{Domain, Username, quote, quote_bytes};

use super::{CPanel, crypt};

impl FtpAccounts for CPanel {
    fn login(&self, account: &Account, site: &Domain, name: &str) -> String {
        format!("{name}@{}", main_domain(account, site))
    }

    fn make(&self, order: &FtpOrder<'_>) -> Result<()> {
        let (owner, site) = (order.account.name(), main_domain(order.account, &order.site.domain));
        let directory = below_home(order.account, order.site)?;
        let hash = crypt::sha512(order.password.expose(), &random::bytes());
        let arguments = [
            format!("user={}", order.name),
            format!("domain={site}"),
            format!("homedir={directory}"),
            format!("pass_hash={hash}"),
            "quota=0".to_owned(),
        ];
        if let Err(first) = self.uapi(owner, "add_ftp", &arguments) {
            // One with an old password, perhaps. If not, the first answer says more than the second.
            let _ = self.uapi(owner, "delete_ftp", &names(order.name, site));
            self.uapi(owner, "add_ftp", &arguments).map_err(|_| first)?;
        }
        let wanted = order.account.home.join(&directory);
        match self.listed(owner, site, order.name)? {
            Some(Some(home)) if Path::new(&home) != wanted => {
                let _ = self.uapi(owner, "delete_ftp", &names(order.name, site));
                let what = format!("cPanel locks it into {} instead of {}", quote(&home), wanted.display());
                Err(refused(owner, what))
            }
            Some(_) => Ok(()),
            None => Err(refused(owner, "cPanel says that it was made, and does not list it")),
        }
    }

    fn remove(&self, account: &Account, site: &Domain, name: &str) -> Result<()> {
        let site = main_domain(account, site);
        let removed = self.uapi(account.name(), "delete_ftp", &names(name, site));
        match self.listed(account.name(), site, name)? {
            None => Ok(()),
            Some(_) => Err(removed.err().unwrap_or_else(|| refused(account.name(), "cPanel still lists it"))),
        }
    }
}

fn names(name: &str, site: &Domain) -> [String; 3] {
    // Without destroying: the directory is the document root.
    [format!("user={name}"), format!("domain={site}"), "destroy=0".to_owned()]
}

impl CPanel {
    /// Whether cPanel lists an FTP account; inside, its directory where the list names one as an absolute path.
    fn listed(&self, owner: &Username, site: &Domain, name: &str) -> Result<Option<Option<String>>> {
        let data = self.uapi(owner, "list_ftp", &[])?;
        let items = data.as_array().ok_or_else(|| refused(owner, "cPanel's list of FTP accounts is none"))?;
        let login = format!("{name}@{site}");
        let ours = |item: &&Value| item["user"].as_str().is_some_and(|user| user == login || user == name);
        Ok(items.iter().find(ours).map(|item| {
            item["homedir"]
                .as_str()
                .filter(|home| home.starts_with('/'))
                .map(|home| home.trim_end_matches('/').to_owned())
        }))
    }

    /// Calls a function of the module `Ftp` for an account; gives its data.
    fn uapi(&self, owner: &Username, function: &str, arguments: &[String]) -> Result<Value> {
        let program = self.tree.path(&self.config.cpanel_uapi);
        let user = format!("--user={owner}");
        let mut all = vec![user.as_str(), "--output=json", "Ftp", function];
        all.extend(arguments.iter().map(String::as_str));
        let output = process::run(&program, &all, limits::COMMAND_OUTPUT_BYTES, limits::FTP_ACCOUNT_TIME)
            .map_err(|error| {
                let what = format!("{} gave no answer: check [cpanel] uapi", program.display());
                refused(owner, what).with_source(error)
            })?;
        let answer = envelope(&output.stdout).ok_or_else(|| {
            let said = quote_bytes(if output.stdout.is_empty() { &output.stderr } else { &output.stdout });
            refused(owner, format!("uapi Ftp {function} printed no answer ({}) but {said}", output.status))
        })?;
        // An exit code says nothing here; 1 may be a text.
        if answer["status"] == 1 || answer["status"] == "1" {
            return Ok(answer["data"].clone());
        }
        let errors: Vec<&str> = answer["errors"]
            .as_array()
            .map_or_else(Vec::new, |all| all.iter().filter_map(Value::as_str).collect());
        Err(refused(owner, format!("cPanel refuses {function}: {}", quote(&errors.join("; ")))))
    }
}

/// The result in what the program printed: behind warnings, and with or without the outer object.
fn envelope(stdout: &[u8]) -> Option<Value> {
    let begin = memchr::memchr(b'{', stdout)?;
    let mut outer: Value = serde_json::from_slice(stdout[begin..].trim_ascii_end()).ok()?;
    let inner = outer.get_mut("result").map(Value::take).filter(Value::is_object);
    Some(inner.unwrap_or(outer)).filter(|result| result.get("status").is_some())
}

#[cfg(test)]
mod tests {
    use super::envelope;

    #[test]
    fn envelopes_of_either_shape_behind_warnings() {
        for text in [
            r#"{"apiversion":3,"result":{"status":1,"data":null}}"#,
            "warning: x\n{\"result\":{\"status\":1}}\n",
            r#"{"status":1}"#,
        ] {
            assert_eq!(envelope(text.as_bytes()).unwrap()["status"], 1, "{text}");
        }
        for bad in ["", "no", "{", "{}", r#"{"result":[]}"#, r#"{"result":{"data":1}}"#] {
            assert!(envelope(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
