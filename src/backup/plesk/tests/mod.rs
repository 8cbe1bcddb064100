//! The providers against a stand-in for Plesk over real TLS.

mod faults;
mod program;
mod xml;

use std::path::Path;
use std::sync::Arc;

use super::standins::plesk::{Behaviour, KEY, PASSWORD, Plesk};
use crate::backup::{
    BackupProvider, BackupRequest, Control, Destination, Order, Progress, Scope, Stop, Subject,
};
use crate::config::Config;
use crate::error::Error;
use crate::panel::{Account, Site, SiteKind};
use crate::types::{AccountId, Domain, Username};

/// A job that nobody stops.
pub(super) struct Free;

impl Control for Free {
    fn report(&self, _: &Progress) {}

    fn stop(&self) -> Option<Stop> {
        None
    }
}

pub(super) fn config(text: &str) -> Config {
    Config::parse(Path::new("t.ini"), text.as_bytes()).unwrap()
}

/// Both providers of a server, the XML API's first.
pub(super) fn providers(plesk: &Plesk, lines: &str) -> Vec<Arc<dyn BackupProvider>> {
    let plesk = super::Plesk::new(&config(&format!("{}{lines}\n", plesk.settings()))).unwrap();
    vec![Arc::new(plesk.xml().unwrap()), Arc::new(plesk.program())]
}

/// The provider by the XML API, with the key.
pub(super) fn xml_provider(plesk: &Plesk) -> Arc<dyn BackupProvider> {
    providers(plesk, &format!("key = {KEY}")).remove(0)
}

pub(super) fn account(main: &str) -> Account {
    let site = Site {
        domain: Domain::new(main).unwrap(),
        kind: SiteKind::Main,
        document_root: None,
        suspended: false,
        alias_of: None,
    };
    let id = AccountId::new("plesk", Username::new("shopuser").unwrap(), 20_001, "mark");
    Account { home: "/var/www/vhosts/shop.example".into(), sites: vec![site], ..Account::plain(id) }
}

pub(super) fn of_account() -> Subject {
    Subject::Account { account: Username::new("shopuser").unwrap() }
}

pub(super) fn request() -> BackupRequest {
    BackupRequest {
        subject: of_account(),
        scope: Scope::Hosting,
        destination: Destination::Panel,
        prefix: None,
        description: None,
        split_size: None,
    }
}

pub(super) fn order<'a>(request: &'a BackupRequest, account: &'a Account) -> Order<'a> {
    Order { job: 42, label: "pg-42-a7", request, account: Some(account), site: None }
}

/// All that an error says holds no secret and no control character.
#[track_caller]
pub(super) fn assert_clean(error: &Error) {
    let text = format!("{error} | {error:?} | {}", error.chain());
    for secret in [KEY, PASSWORD, "hunter22"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

pub(super) fn legacy() -> Plesk {
    Plesk::start(Behaviour { looks: 1, ..Behaviour::default() })
}
