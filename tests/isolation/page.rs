//! What a request to the page may say besides, and what it gives away.

use panelgate::config::PanelKind::{CPanel, DirectAdmin, Ini, Plesk};
use panelgate::error::ErrorKind;

use crate::common::{NAME_OF_B, SITE_ALIAS, SITE_MAIN, SITE_OF_B, SITE_SUB};
use crate::rows::{Wanted, foreign};
use crate::stage::{Caller, Named, Stage, page_end, text};
/// Whatever names somebody else in a request is no identity: the page runs as the account, and that is who it serves.
#[test]
fn no_variable_makes_the_page_act_for_another_account() {
    let home = format!("/home/{NAME_OF_B}");
    let cookie = format!("cpsession={NAME_OF_B}%3aXYZ");
    let mut as_b = vec![("HOME", home.as_str()), ("HTTP_COOKIE", &cookie)];
    as_b.extend(
        ["REMOTE_USER", "USER", "LOGNAME", "REMOTE_IDENT", "HTTP_X_FORWARDED_USER"]
            .map(|name| (name, NAME_OF_B)),
    );
    as_b.extend([("SESSION_SELECTED_DOMAIN", SITE_OF_B), ("REQUEST_URI", "/~pgtestb/?site=bob.example")]);
    let directadmin = [("SESSION_ID", "a"), ("SESSION_KEY", "b"), ("DA_VERSION", "1.7")];
    for panel in [CPanel, DirectAdmin, Ini] {
        let stage = Stage::new(panel, Caller::Account, &[]);
        let program = stage.trial.dir.path().join("bin/panelgate.cgi");
        let run = |more: &[(&str, &str)]| {
            let variables = [&[("REQUEST_METHOD", "GET")], as_b.as_slice(), more].concat();
            stage.trial.run(&program, &[], &variables, b"")
        };
        let Wanted::Refused(not_yours) = foreign(panel, Caller::Account) else { unreachable!() };
        let site = ("QUERY_STRING", "site=bob.example");
        assert_eq!(page_end(&run(&[site])), Some(not_yours), "{panel:?}");
        assert_eq!(page_end(&run(&[&directadmin[..], &[site]].concat())), Some(not_yours), "{panel:?}");
        // DirectAdmin's own variable, with and without what marks an administrator who looks at a customer's page.
        for name in
            [NAME_OF_B, &format!("{}|{NAME_OF_B}", stage.trial.account), &format!("admin|{NAME_OF_B}")]
        {
            let output = run(&[&directadmin[..], &[("USERNAME", name), site]].concat());
            assert_eq!(page_end(&output), Some(ErrorKind::Forbidden), "{panel:?} {name}");
        }
        // Outside DirectAdmin it means nothing.
        assert_eq!(page_end(&run(&[("USERNAME", NAME_OF_B), site])), Some(not_yours), "{panel:?}");
        let chooser = text(&run(&[]).stdout);
        assert!(chooser.contains(SITE_MAIN) && !chooser.contains(SITE_OF_B), "{panel:?}: {chooser}");
        assert_eq!(stage.trial.sessions(), 0, "{panel:?}");
    }
}

/// A form is good for the site, the session and the user that it was made for.
#[test]
fn a_token_opens_the_site_that_it_was_made_for_and_no_other() {
    for panel in [CPanel, DirectAdmin, Plesk, Ini] {
        let caller = if panel == Plesk { Caller::PanelUser } else { Caller::Account };
        let stage = Stage::new(panel, caller, &[]);
        let program = stage.trial.dir.path().join("bin/panelgate.cgi");
        let run = |method: &str, cookie: &str, account: Option<&str>, body: &str| {
            let length = body.len().to_string();
            let mut variables = vec![
                ("REQUEST_METHOD", method),
                ("HTTP_COOKIE", cookie),
                ("CONTENT_LENGTH", &length),
                ("CONTENT_TYPE", "application/x-www-form-urlencoded"),
            ];
            variables.extend(account.map(|name| ("PANELGATE_ACCOUNT", name)));
            stage.trial.run(&program, &[], &variables, body.as_bytes())
        };
        let own = stage.name(Named::Own);
        let page = text(&run("GET", "s=1", own, "").stdout);
        let token = |site: &str| {
            let form =
                page.split("<form").find(|form| form.contains(&format!("value=\"{site}\""))).expect("a form");
            form.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
        };
        let post = |cookie: &str, account: Option<&str>, site: &str, token: &str| {
            page_end(&run("POST", cookie, account, &format!("site={site}&token={token}")))
        };
        let Wanted::Refused(not_yours) = foreign(panel, caller) else { unreachable!() };
        let rejected = Some(ErrorKind::TokenRejected);
        let (main, sub) = (token(SITE_MAIN), token(SITE_SUB));
        assert_eq!(post("s=1", own, SITE_OF_B, &main), Some(not_yours), "{panel:?}: a site of B");
        assert_eq!(post("s=1", own, SITE_SUB, &main), rejected, "{panel:?}: another site");
        assert_eq!(post("s=2", own, SITE_MAIN, &main), rejected, "{panel:?}: another session");
        assert_eq!(post("", own, SITE_MAIN, &main), rejected, "{panel:?}: no session");
        assert_eq!(post("s=1", own, SITE_ALIAS, &main), rejected, "{panel:?}: an alias");
        if caller == Caller::PanelUser {
            assert_eq!(post("s=1", Some(NAME_OF_B), SITE_MAIN, &main), Some(not_yours), "another account");
            assert_eq!(post("s=1", Some(NAME_OF_B), SITE_OF_B, &main), rejected, "another account and site");
        }
        assert_eq!(stage.trial.sessions(), 0, "{panel:?}");
        assert_eq!(post("s=1", own, SITE_SUB, &sub), None, "{panel:?}: its own");
        assert_eq!(stage.trial.sessions(), 1, "{panel:?}");
    }
}

/// The visitor is not told that a site is somebody else's: the pages are the same but for the reference number.
#[test]
fn a_site_of_another_account_looks_like_one_that_is_not_there() {
    for panel in [CPanel, DirectAdmin, Ini] {
        let stage = Stage::new(panel, Caller::Account, &[]);
        let program = stage.trial.dir.path().join("bin/panelgate.cgi");
        let page = |query: &str| {
            let variables = [("REQUEST_METHOD", "GET"), ("QUERY_STRING", query)];
            let page = text(&stage.trial.run(&program, &[], &variables, b"").stdout);
            let (before, after) = page.split_once("<dd><bdi dir=\"ltr\">").expect("a reference number");
            format!("{before}{}", &after[9..])
        };
        assert_eq!(page("site=bob.example"), page("site=none.example"), "{panel:?}");
    }
}
