use super::*;
use crate::types::{AccountId, Domain};

fn account(name: &str, uid: u32) -> Account {
    Account::plain(AccountId::new("cpanel", Username::new(name).unwrap(), uid, "1"))
}

fn site(kind: SiteKind) -> Site {
    Site {
        domain: Domain::new("shop.example").unwrap(),
        kind,
        document_root: Some("/home/alice/public_html".into()),
        suspended: false,
        alias_of: (kind == SiteKind::Alias).then(|| Domain::new("main.example").unwrap()),
    }
}

fn principals() -> Vec<Principal> {
    let name = |name: &str| Username::new(name).unwrap();
    vec![
        Principal::Root,
        Principal::PanelUser { uid: 900 },
        Principal::Account { uid: 1004, name: name("alice") },
        Principal::Account { uid: 1005, name: name("bob") },
        // The name of one account with the uid of another: never both at once.
        Principal::Account { uid: 1005, name: name("alice") },
        Principal::WebServer { uid: 33 },
        Principal::WebFront { uid: 901 },
        Principal::Stranger { uid: 34 },
    ]
}

fn verdict(principal: &Principal, operation: Operation, panel: PanelKind, account: &Account) -> &'static str {
    allow_account(principal, operation, panel, account).map_or_else(|error| error.kind().name(), |()| "ok")
}

const PANELS: [PanelKind; 4] = [PanelKind::CPanel, PanelKind::DirectAdmin, PanelKind::Plesk, PanelKind::Ini];

/// What each of [`principals`] is told about an operation on account alice (uid 1004), who is in a state that has this name.
fn wanted(operation: Operation, panel: PanelKind, state: &'static str) -> [&'static str; 8] {
    const NO: &str = "forbidden";
    // On Plesk no process is an account's.
    let own = |state| if panel == PanelKind::Plesk { NO } else { state };
    match operation {
        Operation::OpenSite => [state, state, own(state), NO, NO, NO, NO, NO],
        // Root may look at an account, and help it, whatever its state.
        Operation::ViewAccount
        | Operation::CallBuilder
        | Operation::BackupProject
        | Operation::ViewBackups
        | Operation::DownloadProject
        | Operation::ViewPublication => ["ok", state, own(state), NO, NO, NO, NO, NO],
        // That it is suspended may be what is new.
        Operation::Refresh => ["ok", "ok", own("ok"), NO, NO, NO, NO, NO],
        Operation::ViewStatus | Operation::Examine => ["ok", "ok", NO, NO, NO, NO, "ok", NO],
        Operation::ViewAudit
        | Operation::Revoke
        | Operation::ClaimSite
        | Operation::ManageJobs
        | Operation::ManageBackups
        | Operation::ChangePublication
        | Operation::TellEvents => ["ok", NO, NO, NO, NO, NO, NO, NO],
        // Only the web server brings what the builder sends, and it may do nothing else.
        Operation::Publish => [NO, NO, NO, NO, NO, state, NO, NO],
    }
}

/// Every principal, every operation, every panel, every state of the account.
#[test]
fn who_may_do_what_to_whom() {
    type Change = fn(&mut Account);
    let changes: [(&str, Change); 4] = [
        ("ok", |_| {}),
        ("suspended", |account| account.suspended = true),
        ("demo-account", |account| account.demo = true),
        ("feature-off", |account| account.feature = false),
    ];
    for (state, change) in changes {
        let mut alice = account("alice", 1004);
        change(&mut alice);
        for panel in PANELS {
            for operation in Operation::ALL {
                let got: Vec<&str> = principals()
                    .iter()
                    .map(|principal| verdict(principal, operation, panel, &alice))
                    .collect();
                let place = format!("{} on {}, alice {state}", operation.name(), panel.name());
                assert_eq!(got, wanted(operation, panel, state), "{place}");
            }
        }
    }
}

/// Every operation, every kind of site, suspended or not, with hosting or without.
#[test]
fn to_which_sites() {
    let hosted = Some("/home/alice/public_html".into());
    for operation in Operation::ALL {
        for kind in [SiteKind::Main, SiteKind::Addon, SiteKind::Sub, SiteKind::Alias] {
            for (suspended, document_root) in
                [(false, hosted.clone()), (true, hosted.clone()), (false, None), (true, None)]
            {
                let is_hosted = document_root.is_some();
                let site = Site { suspended, document_root, ..site(kind) };
                let got = allow_site(operation, &site).map_or_else(|error| error.kind().name(), |()| "ok");
                // What is there can be taken back, though the site is suspended.
                let about_published =
                    matches!(operation, Operation::ViewPublication | Operation::ChangePublication);
                let want = match (operation, kind) {
                    (Operation::ViewAccount, _) => "ok",
                    (_, SiteKind::Alias) => "site-alias",
                    _ if suspended && !about_published => "suspended",
                    _ if !is_hosted => "site-without-hosting",
                    _ => "ok",
                };
                assert_eq!(got, want, "{}: {site:?}", operation.name());
            }
        }
    }
}

/// Every call of the table, every principal, every panel.
#[test]
fn who_may_make_which_call() {
    for call in Call::ALL.iter().copied() {
        let for_accounts = call.entry().callers == Callers::Accounts;
        for (index, principal) in principals().iter().enumerate() {
            for panel in PANELS {
                let account = (2..=4).contains(&index) && panel.has_account_peers();
                let want = index == 0 || (for_accounts && (index == 1 || account));
                let got = allow_call(principal, call, panel).is_ok();
                assert_eq!(got, want, "{principal} on {}: {}", panel.name(), call.name());
            }
        }
    }
}

#[test]
fn every_operation_has_one_rule_and_one_name() {
    let names: std::collections::HashSet<&str> =
        Operation::ALL.iter().map(|operation| operation.name()).collect();
    assert_eq!(names.len(), Operation::ALL.len());
    for operation in Operation::ALL {
        assert_eq!(Operation::by_name(operation.name()), Some(operation));
    }
    assert_eq!(Operation::by_name("publish-everything"), None);
}
