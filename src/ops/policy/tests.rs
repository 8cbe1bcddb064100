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

/// Every principal, every panel, every state of account alice (uid 1004).
#[test]
fn who_may_open_what() {
    const PANELS: [PanelKind; 4] =
        [PanelKind::CPanel, PanelKind::DirectAdmin, PanelKind::Plesk, PanelKind::Ini];
    type Change = fn(&mut Account);
    let change: [(&str, Change); 4] = [
        ("ok", |_| {}),
        ("suspended", |account| account.suspended = true),
        ("demo-account", |account| account.demo = true),
        ("feature-off", |account| account.feature = false),
    ];
    for (state, change) in change {
        let mut alice = account("alice", 1004);
        change(&mut alice);
        for panel in PANELS {
            let own = if panel == PanelKind::Plesk { "forbidden" } else { state };
            const NO: &str = "forbidden";
            let want_open = [state, state, own, NO, NO, NO, NO, NO];
            let want_view = ["ok", state, own, NO, NO, NO, NO, NO];
            // Only the web server brings what the builder sends, and it may do nothing else; taking back is root's.
            let want_publish = [NO, NO, NO, NO, NO, state, NO, NO];
            let want_change = ["ok", NO, NO, NO, NO, NO, NO, NO];
            for (index, principal) in principals().iter().enumerate() {
                let place = format!("{principal} on {} with {state}", panel.name());
                assert_eq!(
                    verdict(principal, Operation::OpenSite, panel, &alice),
                    want_open[index],
                    "open: {place}"
                );
                assert_eq!(
                    verdict(principal, Operation::ViewAccount, panel, &alice),
                    want_view[index],
                    "view: {place}"
                );
                for (operation, want) in [
                    (Operation::Publish, want_publish),
                    (Operation::ViewPublication, want_view),
                    (Operation::ChangePublication, want_change),
                ] {
                    let name = operation.name();
                    assert_eq!(verdict(principal, operation, panel, &alice), want[index], "{name}: {place}");
                }
            }
        }
    }
}

#[test]
fn which_sites_can_be_opened() {
    let verdict = |site: &Site| {
        allow_site(Operation::OpenSite, site).map_or_else(|error| error.kind().name(), |()| "ok")
    };
    for kind in [SiteKind::Main, SiteKind::Addon, SiteKind::Sub] {
        assert_eq!(verdict(&site(kind)), "ok");
    }
    assert_eq!(verdict(&site(SiteKind::Alias)), "site-alias");
    assert_eq!(verdict(&Site { suspended: true, ..site(SiteKind::Main) }), "suspended");
    assert_eq!(verdict(&Site { document_root: None, ..site(SiteKind::Addon) }), "site-without-hosting");
    assert!(allow_site(Operation::ViewAccount, &site(SiteKind::Alias)).is_ok());
    let suspended = Site { suspended: true, ..site(SiteKind::Main) };
    assert!(allow_site(Operation::Publish, &suspended).is_err());
    assert!(allow_site(Operation::ChangePublication, &suspended).is_ok(), "what is there can be taken back");
    assert!(allow_site(Operation::ChangePublication, &site(SiteKind::Alias)).is_err());
}

#[test]
fn what_is_not_about_accounts_is_roots_and_status_the_panels_too() {
    for operation in [
        Operation::ViewStatus,
        Operation::Examine,
        Operation::ViewAudit,
        Operation::Revoke,
        Operation::ClaimSite,
        Operation::ManageJobs,
        Operation::ManageBackups,
        Operation::TellEvents,
    ] {
        for (index, principal) in principals().iter().enumerate() {
            let status = [Operation::ViewStatus, Operation::Examine].contains(&operation);
            let want = index == 0 || (status && [1, 6].contains(&index));
            let got = allow(principal, operation, PanelKind::CPanel).is_ok();
            assert_eq!(got, want, "{principal}: {}", operation.name());
        }
    }
}

#[test]
fn accounts_and_panel_users_may_have_the_panel_asked_anew() {
    for panel in [PanelKind::CPanel, PanelKind::DirectAdmin, PanelKind::Plesk, PanelKind::Ini] {
        for (index, principal) in principals().iter().enumerate() {
            let account = (2..=4).contains(&index) && panel.has_account_peers();
            let got = allow(principal, Operation::Refresh, panel).is_ok();
            assert_eq!(got, index < 2 || account, "{principal} on {}", panel.name());
        }
        // Also one that is suspended: that may be what is new.
        let mut alice = account("alice", 1004);
        alice.suspended = true;
        let own = verdict(&principals()[2], Operation::Refresh, panel, &alice);
        assert_eq!(own, if panel == PanelKind::Plesk { "forbidden" } else { "ok" });
    }
}

/// Every call of the table, every principal, every panel.
#[test]
fn who_may_make_which_call() {
    for call in Call::ALL.iter().copied() {
        let for_accounts = call.entry().callers == Callers::Accounts;
        for (index, principal) in principals().iter().enumerate() {
            for panel in [PanelKind::CPanel, PanelKind::Plesk] {
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
