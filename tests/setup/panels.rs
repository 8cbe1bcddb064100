//! What is on each panel's server after setup, repair and removal: exactly the files that should be there.

use crate::tree::{Kind, Listing, PANELS, SECRET, Server, states};

/// The files that setup adds, without what they hold. `hooks.json` and the like are the stand-ins' idea of a panel's memory.
fn expected(kind: Kind) -> Vec<&'static str> {
    let common = [
        "etc/panelgate/panelgate.ini",
        "etc/systemd/system/panelgate.service.d/homes.conf",
        "units.json",
        "var/lib/panelgate/setup/installed",
        "var/lib/panelgate/setup/lock",
    ];
    let own: &[&str] = match kind {
        Kind::CPanel => &[
            "etc/apache2/conf.d/panelgate.conf",
            "hooks.json",
            "usr/lib/panelgate/cpanel/install.json",
            "usr/lib/panelgate/cpanel/jupiter/index.live.cgi",
            "usr/lib/panelgate/cpanel/panelgate.conf",
            "usr/lib/panelgate/cpanel/panelgate.svg",
            "usr/lib/panelgate/cpanel/root/usr/local/cpanel/whostmgr/docroot/addon_plugins/panelgate.png",
            "usr/lib/panelgate/cpanel/root/var/cpanel/packages/extensions/old-name",
            "usr/lib/panelgate/cpanel/whm/index.cgi",
            "usr/local/cpanel/base/frontend/jupiter/assets/application_icons/panelgate.svg",
            "usr/local/cpanel/base/frontend/jupiter/dynamicui/dynamicui_panelgate.conf",
            "usr/local/cpanel/base/frontend/jupiter/panelgate",
            "usr/local/cpanel/whostmgr/docroot/addon_plugins/panelgate.png",
            "usr/local/cpanel/whostmgr/docroot/cgi/panelgate",
            "var/cpanel/apps/panelgate.conf",
            "var/cpanel/packages/extensions/old-name",
            "var/lib/panelgate/setup/cpanel-application",
            "var/lib/panelgate/setup/cpanel-files",
            "var/lib/panelgate/setup/cpanel-hooks",
            "var/lib/panelgate/setup/cpanel-icon",
            "var/lib/panelgate/setup/endpoint-apache",
        ],
        Kind::DirectAdmin => &[
            "etc/panelgate/apache.conf",
            "usr/local/directadmin/plugins/panelgate/hooks/user_destroy_post.sh",
            "usr/local/directadmin/plugins/panelgate/plugin.conf",
            "usr/local/directadmin/plugins/panelgate/scripts/install.sh",
            "usr/local/directadmin/plugins/panelgate/scripts/uninstall.sh",
            "usr/local/directadmin/plugins/panelgate/user/index.raw",
            "var/lib/panelgate/setup/directadmin-plugin",
            "var/lib/panelgate/setup/endpoint-apache",
        ],
        Kind::Plesk => &[
            "etc/httpd/conf.d/panelgate.conf",
            "extensions.json",
            "var/lib/panelgate/setup/endpoint-apache",
            "var/lib/panelgate/setup/plesk-extension",
        ],
        Kind::Ini => &[
            "etc/httpd/conf.d/panelgate.conf",
            "etc/panelgate/accounts.d/",
            "var/lib/panelgate/setup/endpoint-apache",
        ],
    };
    let mut all: Vec<&str> = common.iter().chain(own).copied().collect();
    all.sort_unstable();
    all
}

/// The calls of a first setup.
fn expected_calls(kind: Kind) -> Vec<&'static str> {
    const HOOK: &str = "script /usr/share/panelgate/panel-hooks/cpanel/panelgate-hook";
    let mut calls: Vec<&str> = match kind {
        Kind::CPanel => vec![
            "install_plugin /usr/lib/panelgate/cpanel --theme=jupiter",
            "register_appconfig /usr/lib/panelgate/cpanel/panelgate.conf",
        ],
        Kind::DirectAdmin => vec!["install.sh"],
        Kind::Plesk => vec!["plesk bin extension --install /usr/share/panelgate/bundles/panelgate-plesk.zip"],
        Kind::Ini => vec![],
    };
    if kind == Kind::CPanel {
        let [delete, add] = ["delete", "add"].map(|verb| &*format!("manage_hooks {verb} {HOOK}").leak());
        calls.extend([delete, add]);
    }
    calls.extend([
        "apachectl configtest",
        "apachectl configtest",
        "apachectl graceful",
        "systemctl daemon-reload",
        "systemctl try-restart panelgate.service",
        "systemctl enable --now --quiet panelgate.socket panelgate-jobs.service panelgate-backup.timer panelgate-reconcile.timer",
        "systemctl try-reload-or-restart panelgate.service panelgate-jobs.service",
    ]);
    calls
}

fn added(before: &Listing, after: &Listing) -> Vec<String> {
    let folders = |name: &&String| {
        name.ends_with('/')
            && after.keys().any(|other| other.len() > name.len() && other.starts_with(name.as_str()))
    };
    for (name, content) in before {
        // A folder that was empty may not be any more; DirectAdmin's shared file gets a line.
        if after.get(name) != Some(content) && !folders(&name) && !name.ends_with("httpd-includes.conf") {
            panic!("{name} was {content:?} and is {:?}", after.get(name));
        }
    }
    after.keys().filter(|name| !before.contains_key(*name)).cloned().collect()
}

#[test]
fn setup_leaves_exactly_the_files_it_should_and_removal_takes_them_away() {
    for kind in PANELS {
        let server = Server::new(kind);
        let before = server.listing();
        let report = server.install();
        assert_eq!(report["ok"], true, "{report:#}");
        assert!(states(&report).values().all(|state| state == "done" || state == "ok"), "{report:#}");
        let after = server.listing();
        assert_eq!(added(&before, &after), expected(kind), "{kind:?}");
        assert_eq!(server.calls(), expected_calls(kind), "{kind:?}");

        // Again, and by the panel's update: nothing is done, nothing is said.
        let again = server.json(&server.setup(&["--json", "--no-doctor"]));
        assert!(states(&again).values().all(|state| state == "ok"), "{again:#}");
        for arguments in [&["--repair"][..], &["--repair", "120.0", "122.0"]] {
            let repair = server.setup(arguments);
            assert!(
                repair.status.success() && repair.stdout.is_empty() && repair.stderr.is_empty(),
                "{repair:?}"
            );
        }
        assert_eq!(server.listing(), after, "{kind:?}");
        assert!(server.calls().is_empty(), "{kind:?}");

        let report = server.json(&server.setup(&["--uninstall", "--json"]));
        assert_eq!(report["ok"], true, "{report:#}");
        let mut kept = vec!["etc/panelgate/panelgate.ini", "units.json", "var/lib/panelgate/setup/lock"];
        kept.extend(match kind {
            Kind::CPanel => Some("hooks.json"),
            Kind::DirectAdmin => None,
            Kind::Plesk => Some("extensions.json"),
            Kind::Ini => Some("etc/panelgate/accounts.d/"),
        });
        kept.sort_unstable();
        let gone = server.listing();
        let left: Vec<String> =
            added(&before, &gone).into_iter().filter(|name| !kept.contains(&name.as_str())).collect();
        // Folders that cPanel did not have stay, empty.
        assert!(
            left.iter().all(|name| [
                "etc/systemd/system/",
                "usr/lib/panelgate/",
                "var/cpanel/packages/extensions/"
            ]
            .contains(&name.as_str())),
            "{kind:?} {left:?}"
        );
        assert_eq!(
            server.read("etc/httpd/conf/extra/httpd-includes.conf").trim_end(),
            if kind == Kind::DirectAdmin { "# the administrator's own\nInclude conf/other.conf" } else { "" }
        );
        for memory in ["hooks.json", "extensions.json"] {
            assert!(["", "[]"].contains(&&*server.read(memory)), "{memory}");
        }
        assert!(server.calls().ends_with(&["apachectl configtest".into(), "apachectl graceful".into()][..0]));

        // Once more takes nothing away, and no update brings anything back.
        for arguments in [&["--uninstall"][..], &["--repair"]] {
            assert!(server.setup(arguments).status.success(), "{kind:?}");
            assert_eq!(server.listing(), gone, "{kind:?}");
        }
        assert!(server.calls().is_empty(), "{kind:?}");
    }
}

#[test]
fn a_dry_run_says_what_and_why_and_changes_nothing() {
    for kind in PANELS {
        let server = Server::new(kind);
        let before = server.listing();
        let panel: &[&str] =
            if kind == Kind::Ini { &["--dry-run", "--panel", "ini"] } else { &["--dry-run"] };
        let output = server.setup(panel);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("because") && text.contains("This would be done."),
            "{text}"
        );
        let report = server.json(&server.setup(&[panel, &["--json"]].concat()));
        for step in report["steps"].as_array().unwrap() {
            assert!(
                !step["why"].as_str().unwrap().is_empty() && !step["what"].as_str().unwrap().is_empty(),
                "{step}"
            );
        }
        assert_eq!(states(&report)["configuration"], "todo");
        assert_eq!((server.listing(), server.calls()), (before, Vec::<String>::new()), "{kind:?}");
        server.install();
        let installed = server.listing();
        server.calls();
        let would = server.json(&server.setup(&["--uninstall", "--dry-run", "--json"]));
        let asked = server.calls();
        assert!(asked.iter().all(|call| call.contains("list")), "{kind:?}: {asked:?}");
        assert_eq!(server.listing(), installed, "{kind:?}");
        // It names exactly what the removal takes away, and then nothing.
        let done = server.json(&server.setup(&["--uninstall", "--json"]));
        let in_state = |report: &serde_json::Value, state: &str| -> Vec<String> {
            states(report).into_iter().filter(|(_, now)| now == state).map(|(name, _)| name).collect()
        };
        let would = in_state(&would, "todo");
        assert!(!would.is_empty() && would == in_state(&done, "done"), "{kind:?}: {would:?}");
        let output = server.setup(&["--uninstall", "--dry-run"]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.ends_with("There is nothing to take away.\n") && !text.contains("to do"), "{text}");
    }
}

#[test]
fn a_repair_brings_back_what_an_update_of_the_panel_took() {
    let lost: [(Kind, &[&str]); 4] = [
        (
            Kind::CPanel,
            &[
                "usr/local/cpanel/base/frontend/jupiter/panelgate",
                "usr/local/cpanel/base/frontend/jupiter/dynamicui/dynamicui_panelgate.conf",
                "usr/local/cpanel/whostmgr/docroot/cgi/panelgate",
                "usr/local/cpanel/whostmgr/docroot/addon_plugins/panelgate.png",
                "var/cpanel/apps/panelgate.conf",
                "hooks.json",
                "etc/apache2/conf.d/panelgate.conf",
            ],
        ),
        (
            Kind::DirectAdmin,
            &["usr/local/directadmin/plugins/panelgate/plugin.conf", "etc/panelgate/apache.conf"],
        ),
        (Kind::Plesk, &["extensions.json", "etc/httpd/conf.d/panelgate.conf", "units.json"]),
        (Kind::Ini, &["etc/httpd/conf.d/panelgate.conf"]),
    ];
    for (kind, files) in lost {
        let server = Server::new(kind);
        server.install();
        let whole = server.listing();
        for file in files {
            std::fs::remove_file(server.at(file)).unwrap();
            let repair = server.setup(&["--repair"]);
            assert!(
                repair.status.success() && repair.stdout.is_empty() && repair.stderr.is_empty(),
                "{repair:?}"
            );
            assert_eq!(server.listing(), whole, "{kind:?} {file}");
        }
    }
}

#[test]
fn a_new_version_replaces_the_old_one_and_keeps_what_the_administrator_chose() {
    for kind in [Kind::CPanel, Kind::DirectAdmin, Kind::Plesk] {
        let server = Server::new(kind);
        server.install();
        server.calls();
        if kind == Kind::DirectAdmin {
            let conf = "usr/local/directadmin/plugins/panelgate/plugin.conf";
            server.file(conf, &server.read(conf).replace("active=yes", "active=no"));
        }
        server.new_version();
        assert!(server.setup(&["--repair"]).status.success());
        let calls = server.calls().join("\n");
        match kind {
            Kind::CPanel => {
                assert_eq!(
                    server.read("usr/local/cpanel/base/frontend/jupiter/panelgate/index.live.cgi"),
                    "2"
                );
                assert!(calls.contains("install_plugin") && calls.contains("register_appconfig"), "{calls}");
                assert!(server.at("var/cpanel/packages/extensions/new-name").exists());
                assert!(
                    !server.at("var/cpanel/packages/extensions/old-name").exists(),
                    "nobody would ever find it again"
                );
            }
            Kind::DirectAdmin => {
                let conf = server.read("usr/local/directadmin/plugins/panelgate/plugin.conf");
                assert!(
                    conf.contains("version=2")
                        && conf.contains("active=no")
                        && conf.contains("installed=yes"),
                    "{conf}"
                );
            }
            _ => assert!(calls.contains("plesk bin extension --upgrade"), "{calls}"),
        }
        assert!(!calls.contains("apachectl"), "{calls}");
    }
}

#[test]
fn a_program_that_fails_stops_its_part_and_the_next_run_goes_on_there() {
    let cases = [
        (Kind::CPanel, "install_plugin /", "icon", "endpoint-apache"),
        (Kind::CPanel, "manage_hooks add", "hooks", "programs"),
        (Kind::Plesk, "plesk bin", "extension", "endpoint-apache"),
        (Kind::Ini, "apachectl graceful", "endpoint-apache", "programs"),
    ];
    for (kind, program, failing, going) in cases {
        let server = Server::new(kind);
        let way = if program.ends_with('/') {
            format!("install_plugin {}/usr/lib/panelgate/cpanel", server.root().display())
        } else {
            program.into()
        };
        server.behave(&format!("{{\"{way}\": \"fail\"}}"));
        let panel: &[&str] = if kind == Kind::Ini { &["--panel", "ini"] } else { &[] };
        let output = server.answered(&crate::tree::credentials(), &[panel, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(70), "{output:?}");
        let report = server.json(&output);
        let states = states(&report);
        assert_eq!((states[failing].as_str(), states[going].as_str()), ("fail", "done"), "{report:#}");
        let step = report["steps"].as_array().unwrap().iter().find(|step| step["name"] == failing).unwrap();
        assert!(step["text"].as_str().unwrap().contains("this panel is out of order"), "{step}");
        let repair = server.setup(&["--repair"]);
        assert!(!repair.status.success() && repair.stdout.is_empty());
        assert!(String::from_utf8_lossy(&repair.stderr).contains(failing), "{repair:?}");
        server.behave("{}");
        assert!(server.setup(&["--repair"]).status.success());
        assert_eq!(server.install()["ok"], true);
    }
}

#[test]
fn noise_is_no_answer_and_a_hanging_program_is_stopped() {
    let server = Server::new(Kind::Plesk);
    server
        .behave(r#"{"plesk bin": "noise", "apachectl configtest": "noise", "apachectl graceful": "noise"}"#);
    assert_eq!(server.install()["ok"], true);
    let server = Server::new(Kind::Ini);
    server.behave(r#"{"apachectl configtest": "hang"}"#);
    let output = server.answered("[setup]\nprogram_time = 10\n", &["--panel", "ini", "--json"]);
    let report = server.json(&output);
    let text = report.to_string();
    assert!(text.contains("ran longer than 10 seconds"), "{text}");
    assert!(
        !server.at("etc/httpd/conf.d/panelgate.conf").exists(),
        "nothing is put behind a server that cannot be asked"
    );
}

#[test]
fn no_secret_is_printed_or_given_to_a_program() {
    let server = Server::new(Kind::CPanel);
    for arguments in [&["--dry-run"][..], &["--json", "--dry-run"], &[], &["--json"]] {
        let output = server.answered(&crate::tree::credentials(), arguments);
        let text = format!("{output:?}{:?}", server.calls());
        assert!(output.status.success() && !text.contains("Pa55word"), "{text}");
    }
    assert!(server.read("etc/panelgate/panelgate.ini").contains(SECRET));
}

#[test]
fn event_handlers_of_plesk_are_made_where_they_are_wanted() {
    let server = Server::new(Kind::Plesk);
    let output = server.answered("[plesk]\nevent_handlers = yes\n", &["--json"]);
    let report = server.json(&output);
    assert_eq!(states(&report)["event-handlers"], "done", "{report:#}");
    let front = "/usr/share/panelgate/panel-hooks/plesk/panelgate-event";
    let created: Vec<String> = server.calls().into_iter().filter(|call| call.contains("--create")).collect();
    let want = ["domain_create", "domain_delete", "site_create", "site_delete"].map(|event| {
        format!(
            "plesk bin event_handler --create -command {front} {event} -priority 50 -user root -event {event}"
        )
    });
    assert_eq!(created, want, "those that this Plesk knows");
    assert!(server.setup(&["--repair"]).status.success());
    assert!(server.calls().is_empty());
    assert!(server.setup(&["--uninstall"]).status.success());
    assert_eq!(server.read("handlers.json"), "[[1, \"/bin/true\"]]", "those of others stay");
}
