//! An account that was made anew under an old name.

use panelgate::config::PanelKind::{CPanel, DirectAdmin, Ini, Plesk};

use crate::common::SITE_MAIN;
use crate::stage::{Caller, Named, Stage, uid_of_a};
/// What the builder gets to publish with goes with the account, not with its name or its site.
#[test]
fn an_account_made_anew_gets_other_credentials() {
    for panel in [CPanel, DirectAdmin, Plesk, Ini] {
        let stage = Stage::new(panel, Caller::PanelUser, &[]);
        let mut seen = Vec::new();
        let changes: [&dyn Fn(); 4] = [
            &|| {},
            &|| {},
            &|| match panel {
                CPanel => stage.set("STARTDATE", "1800000000"),
                DirectAdmin => stage.set("date_created", "Wed Sep 09 05:31:00 2026"),
                Plesk => stage.set_column(SITE_MAIN, 8, "another-guid"),
                Ini => stage.set("created", "another day"),
            },
            &|| {
                let old = format!(":x:{}:", uid_of_a(&stage));
                stage.edit("etc/passwd", |text| text.replace(&old, ":x:45678:"));
            },
        ];
        for change in changes {
            change();
            stage.settle();
            assert_eq!(stage.page(stage.name(Named::Own), SITE_MAIN), Some(None), "{panel:?}");
            let body = stage.trial.builder.requests().pop().unwrap().body;
            seen.push(["apiUrl", "username", "password"].map(|key| body[key].as_str().unwrap().to_owned()));
        }
        assert_eq!(seen[0], seen[1], "{panel:?}: the same account");
        for (earlier, later) in [(0, 2), (0, 3), (2, 3)] {
            for (one, other) in seen[earlier].iter().zip(&seen[later]) {
                assert_ne!(one, other, "{panel:?}: {earlier} and {later}");
            }
        }
    }
}
