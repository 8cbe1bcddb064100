//! A site that two accounts claim.

use panelgate::config::PanelKind::Ini;
use panelgate::error::ErrorKind;
use panelgate::panel::SiteKind;
use panelgate::sandbox::tree::TreeSite;

use crate::common::{self, NAME_OF_B, SITE_MAIN};
use crate::programs;
use crate::stage::{Caller, Named, Stage, programs, text};
/// Custom hosting has no map of all sites, and a click does not read the files of all accounts. Whoever asks by the site is told.
#[test]
fn on_custom_hosting_a_site_claimed_twice_is_found_by_its_name_and_by_the_doctor() {
    for caller in Caller::all() {
        let stage = Stage::new(Ini, caller, &[]);
        let claim = format!("[site {SITE_MAIN}]\nkind = addon\ndocument_root = /home/{NAME_OF_B}/other\n");
        stage.edit(&stage.account_file(NAME_OF_B), |text| format!("{text}{claim}"));
        let mut faults =
            stage.expect("a site that B claims too, by the account", Named::Own, SITE_MAIN, None);
        if caller == Caller::Root {
            let conflict = Some(ErrorKind::SiteConflict);
            faults.extend(stage.expect(
                "a site that B claims too, by its name",
                Named::Nobody,
                SITE_MAIN,
                conflict,
            ));
        }
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
        let found = doctor(&stage);
        assert!(found.contains(&format!("{SITE_MAIN} is claimed by")), "{found}");
    }
    let stage = Stage::new(
        Ini,
        Caller::PanelUser,
        &[TreeSite::new(common::domain("www.bob.example"), SiteKind::Addon, "x")],
    );
    stage.settle();
    let found = doctor(&stage);
    assert!(
        found.contains(
            "www.bob.example of pgtesta is for the builder the same website as bob.example of pgtestb"
        ),
        "{found}"
    );
}

fn doctor(stage: &Stage) -> String {
    let config = stage.trial.config();
    let words = [
        programs().cli.to_str().unwrap(),
        "--config",
        config.to_str().unwrap(),
        "doctor",
        "--deep",
        "--json",
    ];
    text(&programs::output(&mut programs::run(words, stage.user())).stdout)
}
