//! Every row of the table on every panel, and the rows that do not fit into it: who is named, and by whom.

use panelgate::config::PanelKind::{self, CPanel, DirectAdmin, Ini, Plesk};
use panelgate::error::ErrorKind;
use panelgate::panel::SiteKind;
use panelgate::sandbox::tree::TreeSite;

use crate::common::{self, SITE_MAIN, SITE_OF_B, Sites, TestUser, Trial};
use crate::rows::{ROWS, Wanted, foreign};
use crate::stage::{Caller, Named, Stage};
fn walk(panel: PanelKind) {
    let mut faults = Vec::new();
    for caller in Caller::all() {
        for row in ROWS {
            let wanted = match (row.wanted)(panel, caller) {
                Wanted::NotHere => continue,
                // On Plesk processes of an account are nobody, whatever they ask.
                _ if panel == Plesk && caller == Caller::Account => Some(ErrorKind::Forbidden),
                Wanted::Opens => None,
                Wanted::Refused(kind) => Some(kind),
            };
            let stage = Stage::new(panel, caller, &[]);
            (row.change)(&stage);
            faults.extend(stage.expect(row.what, Named::Own, row.site, wanted));
        }
        faults.extend(names(panel, caller));
        if caller == Caller::PanelUser {
            faults.extend(no_account_is_a_panel_user(panel));
        }
        if panel != Plesk || caller != Caller::Account {
            faults.extend(bare_name(panel, caller));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// Which account is named decides nothing that the caller may not decide.
fn names(panel: PanelKind, caller: Caller) -> Vec<String> {
    let stage = Stage::new(panel, caller, &[]);
    let not_yours = match foreign(panel, caller) {
        Wanted::Refused(kind) => Some(kind),
        _ => None,
    };
    let forbidden = Some(ErrorKind::Forbidden);
    let unknown = Some(ErrorKind::AccountNotFound);
    let nobody = (caller == Caller::PanelUser).then_some(ErrorKind::InvalidArgument);
    let rows: &[(Named, &str, Option<ErrorKind>)] = match caller {
        Caller::Account => &[
            (Named::B, SITE_OF_B, forbidden),
            (Named::B, SITE_MAIN, forbidden),
            (Named::Unknown, SITE_OF_B, forbidden),
            (Named::Unknown, SITE_MAIN, forbidden),
        ],
        Caller::PanelUser | Caller::Root => &[
            (Named::B, SITE_OF_B, None),
            (Named::B, SITE_MAIN, not_yours),
            (Named::Own, SITE_OF_B, not_yours),
            (Named::Unknown, SITE_MAIN, unknown),
            (Named::Nobody, SITE_MAIN, nobody),
        ],
    };
    rows.iter().flat_map(|(named, site, wanted)| stage.expect(site, *named, site, *wanted)).collect()
}

/// An account in `[broker] panel_users` would act for everybody: it is refused, and so is one of which nobody can say whether it is an account.
fn no_account_is_a_panel_user(panel: PanelKind) -> Vec<String> {
    let stage = || {
        let config = format!("[broker]\npanel_users = {}", TestUser::get().name);
        Stage::on(Trial::with(panel, Sites::Several, &config), Caller::PanelUser)
    };
    let what = "an account as a panel user";
    let mut faults = stage().expect(what, Named::B, SITE_OF_B, Some(ErrorKind::Config));
    let broken = stage();
    broken.edit(&broken.own_file(), |_| "broken\n".to_owned());
    let what = "a broken account as a panel user";
    faults.extend(broken.expect(what, Named::B, SITE_OF_B, Some(ErrorKind::PanelData)));
    faults
}

/// For the builder a name with `www.` and the one without are one website: who has only the former must not get into the latter.
fn bare_name(panel: PanelKind, caller: Caller) -> Vec<String> {
    let www = |name: &str| [TreeSite::new(common::domain(name), SiteKind::Addon, "other")];
    let stage = Stage::new(panel, caller, &www("www.bob.example"));
    let conflict = Some(ErrorKind::SiteConflict);
    let mut faults = stage.expect("www. of a site of B", Named::Own, "www.bob.example", conflict);
    let stage = Stage::new(panel, caller, &www("www.free.example"));
    faults.extend(stage.expect("www. of a site of nobody", Named::Own, "www.free.example", None));
    let call = stage.trial.builder.requests().pop().unwrap();
    let names = (&call.body["domain"], &call.body["baseDomain"]);
    assert_eq!(names, (&"free.example".into(), &"www.free.example".into()));
    faults
}

#[test]
fn on_cpanel_nobody_gets_a_session_for_a_site_of_another_account() {
    walk(CPanel);
}

#[test]
fn on_directadmin_nobody_gets_a_session_for_a_site_of_another_account() {
    walk(DirectAdmin);
}

#[test]
fn on_plesk_nobody_gets_a_session_for_a_site_of_another_account() {
    walk(Plesk);
}

#[test]
fn on_custom_hosting_nobody_gets_a_session_for_a_site_of_another_account() {
    walk(Ini);
}
