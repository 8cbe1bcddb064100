//! Checks of the ways by which the builder publishes.

use std::net::TcpStream;
use std::time::Instant;

use super::Finding;
use crate::config::{Config, PublicationType, SiteConfig};
use crate::error::ErrorKind;
use crate::limits;
use crate::ops::notices::{self, Question};
use crate::ops::reach::{self, Reached};
use crate::panel::Panel;
use crate::store::{InstallKey, Store};

/// Whether what the publication types need is there.
pub(super) fn settings(config: &Config) -> Finding {
    let publish = &config.publish;
    let needs_endpoint = |kind| matches!(kind, PublicationType::Http | PublicationType::Internal);
    let kind_of = |site: &SiteConfig| site.publish.unwrap_or(publish.kind);
    let by_endpoint =
        needs_endpoint(publish.kind) || config.sites.values().any(|site| needs_endpoint(kind_of(site)));
    if by_endpoint && publish.endpoint.is_none() && !publish.fallback {
        let text = "the address is missing at which the builder publishes, so sites cannot be opened";
        let advice = "set [publish] endpoint to the https address of the publication endpoint on this server";
        return Finding::fail(ErrorKind::Publication, text, advice);
    }
    let by_ssh = publish.kind == PublicationType::Ssh
        || config.sites.values().any(|site| kind_of(site) == PublicationType::Ssh);
    if by_ssh && publish.ssh_key.is_none() {
        return Finding::warning(
            "sites are published by SSH, and the builder's key is not named: sshd can let it in only by what others have set up",
            "set [publish] ssh_key, and AuthorizedKeysCommand in sshd_config: see panelgate ssh-keys --help",
        );
    }
    match (publish.kind, &publish.endpoint) {
        (PublicationType::Http | PublicationType::Internal, Some(endpoint)) => {
            let until = if publish.fallback { ", by FTP until it was reached" } else { "" };
            Finding::ok(format!("type {}, endpoint {endpoint}{until}", publish.kind.name()))
        }
        (kind, _) => Finding::ok(format!("type {}", kind.name())),
    }
}

/// Whether anything is published through the endpoint.
fn uses(config: &Config, kinds: &[PublicationType]) -> bool {
    kinds.contains(&config.publish.kind)
        || config.sites.values().any(|site| site.publish.is_some_and(|kind| kinds.contains(&kind)))
}

/// Calls the endpoint by its public name, as the builder will.
pub(super) fn endpoint(config: &Config) -> Finding {
    if !uses(config, &[PublicationType::Http, PublicationType::Internal]) {
        return Finding::ok("no site is published through it");
    }
    let Some(endpoint) = &config.publish.endpoint else { return Finding::skipped() };
    let key = match InstallKey::find(&config.state_dir) {
        Ok(Some(key)) => key,
        Ok(None) => return Finding::unknown("there is no install key yet; the first opening makes it"),
        Err(error) => return Finding::error(&error),
    };
    if config.broker.web_users.is_empty() {
        return Finding::warning(
            "the broker does not know the public web server's user, so it refuses the endpoint's program",
            "set [broker] web_users to the user that the public web server runs CGI programs as, then reload the broker",
        );
    }
    match reach::ask(&key, &config.publish, endpoint) {
        Ok(Reached::Yes(time)) => {
            Finding::ok(format!("{endpoint} answers by its public name in {} ms", time.as_millis()))
        }
        Ok(Reached::WithoutCredentials) => Finding::fail(
            ErrorKind::Publication,
            format!("{endpoint} answers, but the web server keeps the builder's password from it"),
            "Apache: set CGIPassAuth On for the endpoint; nginx: pass HTTP_AUTHORIZATION; see /usr/share/doc/panelgate/webserver",
        ),
        // Some networks let no server reach itself by its public name, though the world does.
        Err(error) => Finding::warning(
            error.chain(),
            "run panelgate setup, or set the web server up as in /usr/share/doc/panelgate/webserver; the builder must be able to reach this address from \
             outside",
        ),
    }
}

/// Whether the FTP server answers where logins are tried.
pub(super) fn ftp(config: &Config, panel: Option<&dyn Panel>) -> Finding {
    let by_panel = |site: &SiteConfig| site.publish == Some(PublicationType::External) && site.ftp.is_none();
    if config.publish.kind != PublicationType::External && !config.sites.values().any(by_panel) {
        return Finding::ok("no site is published by an FTP account that the panel makes");
    }
    if panel.is_some_and(|panel| panel.ftp_accounts().is_none()) {
        return Finding::fail(
            ErrorKind::Publication,
            "the builder publishes by FTP, and this panel makes no FTP accounts: only sites with one in [site DOMAIN] can be opened",
            "set ftp_host, ftp_user and ftp_password of these sites, or prefer [publish] type = http",
        );
    }
    let Some(server) = config.publish.ftp_check else {
        return Finding::warning(
            "FTP accounts are handed out untried ([publish] ftp_check = no), and made again at every opening",
            "set ftp_check to the address of this machine's FTP server",
        );
    };
    match TcpStream::connect_timeout(&server, limits::FTP_LOGIN_TIME) {
        Ok(_) => Finding::ok(format!("the FTP server answers at {server}; logins are tried there")),
        Err(error) => Finding::fail(
            ErrorKind::Publication,
            format!("the FTP server does not answer at {server}: {error}"),
            "start it, or set [publish] ftp_check; prefer [publish] type = http, which needs no FTP",
        ),
    }
}

/// Looks at sites that were opened as their visitors would.
pub(super) fn sites(config: &Config, panel: &dyn Panel, deep: bool) -> Finding {
    if !Store::exists(&config.state_dir) {
        return Finding::ok("no site was opened yet");
    }
    let store = Store::open(&config.state_dir);
    let rows = match store.as_ref().map(|store| store.current_rows(None, None)) {
        Ok(Ok(rows)) => rows,
        // The store has a check of its own.
        Ok(Err(_)) | Err(_) => return Finding::skipped(),
    };
    let (start, mut seen, mut faults) = (Instant::now(), 0, Vec::new());
    for row in &rows {
        if !deep && (seen >= limits::NOTICE_SITES || start.elapsed() >= limits::DOCTOR_SITES_TIME) {
            break;
        }
        let Ok(account) = panel.account(row.owner.name()) else { continue };
        let question = store.as_ref().ok().and_then(|store| Question::about(store, account.public_ip, row));
        let Some(question) = question else { continue };
        seen += 1;
        faults.extend(
            notices::look(&question).iter().map(|notice| format!("{}: {}", row.domain, notice.fault())),
        );
    }
    let looked = format!("{seen} of {} sites were looked at as visitors would", rows.len());
    if faults.is_empty() {
        return Finding::ok(looked);
    }
    let more = faults.len().saturating_sub(limits::DOCTOR_FAULTS);
    faults.truncate(limits::DOCTOR_FAULTS);
    if more > 0 {
        faults.push(format!("and {more} more"));
    }
    Finding::warning(
        format!("{looked}: {}", faults.join("; ")),
        "the chooser tells their owners; a name behind a proxy or content network leads elsewhere on purpose",
    )
}
