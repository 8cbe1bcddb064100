use super::*;
use crate::types::WebUrl;
use std::os::unix::fs::PermissionsExt;

fn parse(text: &str) -> Result<Config> {
    Config::parse(Path::new("p.ini"), text.as_bytes())
}

fn fault(text: &str) -> String {
    parse(text).err().expect("an error").to_string()
}

#[test]
fn an_empty_file_gives_the_documented_defaults() {
    let config = parse("").unwrap();
    assert_eq!(config.panel.kind, None);
    assert_eq!(config.panel.root, Path::new("/"));
    assert_eq!(config.panel.feature.as_str(), "panelgate");
    assert_eq!(config.builder.url.to_string(), "https://site.pro/api/");
    assert_eq!(config.builder.connect_timeout.as_secs(), 5);
    assert_eq!(config.builder.timeout.as_secs(), 30);
    assert_eq!(config.publish.kind, PublicationType::Http);
    assert_eq!(config.state_dir, Path::new("/var/lib/panelgate"));
    assert!(!config.session.send_client_id && !config.session.send_email && config.session.send_plan);
    let hosts: Vec<String> = config.builder.hosts.iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["site.pro", "*.site.pro"]);
    assert!(config.broker.panel_users.is_empty() && config.broker.web_users.is_empty());
}

#[test]
fn directadmin_settings_are_switches() {
    let panel = |text: &str| parse(text).unwrap().panel;
    let defaults = panel("[directadmin]\n");
    assert!(defaults.directadmin_missing_item && defaults.directadmin_fixed_layout);
    let set = panel("[directadmin]\nmissing_item = no\nfixed_layout = no\n");
    assert!(!set.directadmin_missing_item && !set.directadmin_fixed_layout);
    let want = "p.ini:2: [directadmin] fixed_layout: it must be yes or no";
    assert_eq!(fault("[directadmin]\nfixed_layout = maybe\n"), want);
}

#[test]
fn the_builder_address_is_taken_as_people_paste_it() {
    for (pasted, want) in [
        ("builder.example", "https://builder.example/api/"),
        ("https://builder.example", "https://builder.example/api/"),
        ("https://builder.example/api", "https://builder.example/api/"),
        ("https://builder.example/api/requestLogin", "https://builder.example/api/"),
        ("https://builder.example/custom/path/", "https://builder.example/custom/path/"),
    ] {
        let config = parse(&format!("[builder]\nurl = {pasted}\n")).unwrap();
        assert_eq!(config.builder.url.to_string(), want);
    }
    assert!(fault("[builder]\nurl = http://b.example/\n").contains("allow_http"));
    let config = parse("[builder]\nurl = http://b.example:8080/\nallow_http = yes\n").unwrap();
    assert_eq!(config.builder.url.to_string(), "http://b.example:8080/api/");
}

#[test]
fn faults_name_file_line_section_and_key() {
    for (text, want) in [
        (
            "[panel]\nkind = whm\n",
            "p.ini:2: [panel] kind: \"whm\" is not one of: auto, cpanel, directadmin, plesk, ini",
        ),
        ("[panel]\nroot = srv\n", "p.ini:2: [panel] root: it must be an absolute path"),
        ("[panel]\nroot = /a/../b\n", "p.ini:2: [panel] root: it must be an absolute path"),
        ("[builder]\n\nurll = x\n", "p.ini:3: [builder] urll: there is no such key"),
        ("[bulider]\n", "p.ini:1: there is no section \"bulider\""),
        (
            "[builder]\ntimeout = 0\n",
            "p.ini:2: [builder] timeout: it must be a number of seconds from 1 to 300",
        ),
        (
            "[builder]\nhosts = a.example, https://x\n",
            "p.ini:2: [builder] hosts: \"https://x\" is not a host",
        ),
        ("[publish]\nendpoint = http://h.example/\n", "p.ini:2: [publish] endpoint: it must be https"),
        ("[site *.x]\n", "p.ini:1: \"*.x\" is not a domain name"),
        (
            "[site a.example]\nftp_user = u\n",
            "p.ini:2: [site a.example] ftp_user: ftp_host, ftp_user and ftp_password belong",
        ),
        (
            "[session.extra]\ntype = x\n",
            "p.ini:2: [session.extra] type: Panelgate fills in this field itself",
        ),
        ("[session.extra]\nlogo = {\"a\n", "p.ini:2: [session.extra] logo: it begins like JSON but is not"),
        (
            "[session.languages]\npt_br = portuguese\n",
            "p.ini:2: [session.languages] pt_br: \"portuguese\" is not a two-letter",
        ),
        ("[broker]\npanel_users = ../x\n", "p.ini:2: [broker] panel_users: \"../x\" is not an account name"),
    ] {
        let fault = fault(text);
        assert!(fault.starts_with(want), "{fault}\n  wanted {want}");
    }
}

#[test]
fn extra_fields_keep_their_types() {
    let config =
        parse("[session.extra]\nn = 5\nb = true\nt = plain text\nq = \"5\"\nl = [1,\"a\"]\n").unwrap();
    let extra = serde_json::to_string(&config.session.extra).unwrap();
    assert_eq!(extra, r#"{"b":true,"l":[1,"a"],"n":5,"q":"5","t":"plain text"}"#);
}

#[test]
fn where_a_browser_may_go() {
    let config = parse("[builder]\nurl = https://b.example:8443/\n").unwrap();
    let allows = |config: &Config, url: &str| config.builder.allows(&WebUrl::parse(url).unwrap());
    assert!(allows(&config, "https://b.example:8443/?login_hash=x"));
    assert!(allows(&config, "https://eu.b.example/"));
    assert!(!allows(&config, "http://b.example:8443/"));
    assert!(!allows(&config, "https://b.example:9/"));
    assert!(!allows(&config, "https://evil.example/"));
    assert_eq!(
        config.builder.csp_sources(),
        ["https://*.b.example", "https://*.b.example:8443", "https://b.example", "https://b.example:8443"]
    );
    let config = parse("[builder]\nurl = https://b.example/\nhosts = edit.brand.example\n").unwrap();
    assert!(allows(&config, "https://edit.brand.example/"));
    assert!(!allows(&config, "https://b.example/"));
}

#[test]
fn a_file_that_others_can_read_or_replace_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("panelgate.ini");
    std::fs::write(&path, "[builder]\nusername = u\n").unwrap();
    let chmod =
        |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    chmod(&path, 0o640);
    assert!(Config::load(&path).err().unwrap().to_string().contains("mode 0640"));
    chmod(&path, 0o600);
    assert_eq!(Config::load(&path).unwrap().builder.username, "u");
    chmod(dir.path(), 0o770);
    assert!(Config::load(&path).err().unwrap().to_string().contains("others can replace this file"));
    chmod(dir.path(), 0o700);
    let link = dir.path().join("link.ini");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(Config::load(&link).err().unwrap().chain().contains("symbolic link"));
    assert!(Config::load(&dir.path().join("none")).err().unwrap().chain().contains("does not exist"));
    assert!(Config::load(dir.path()).err().unwrap().chain().contains("not a regular file"));
    std::fs::write(&path, vec![b'#'; 300 * 1024]).unwrap();
    assert!(Config::load(&path).err().unwrap().chain().contains("larger than"));
}

/// The sample is the manual of the file: it must be right, and it must be complete.
#[test]
fn the_sample_names_every_key_and_all_its_values_are_accepted() {
    let sample = include_str!("../../docs/panelgate-sample.ini");
    parse(sample).unwrap();
    let everything: String = sample
        .lines()
        .map(|line| match line.strip_prefix(';') {
            Some(setting) if setting.starts_with(|c: char| c.is_ascii_lowercase()) => format!("{setting}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    parse(&everything).unwrap();
    for section in SECTIONS {
        assert!(sample.contains(&format!("\n[{section}]\n")), "[{section}] is missing");
        // The message about an unknown key lists the known ones.
        let fault = parse(&format!("[{section}]\nzzz = 1\n"))
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        let known = fault.split_once("(there are: ").map(|(_, list)| list.trim_end_matches(')').to_owned());
        for key in known.iter().flat_map(|list| list.split(", ")).filter(|key| *key != "zzz") {
            let body = everything.split_once(&format!("\n[{section}]\n")).unwrap().1;
            let body = body.split("\n[").next().unwrap();
            assert!(
                body.lines().any(|line| line.starts_with(&format!("{key} = "))),
                "[{section}] {key} is missing"
            );
        }
    }
}

proptest::proptest! {
    #[test]
    fn never_panics_and_names_the_file(text in "(\\[(panel|builder|session|session.extra|publish|site a.example|site |store|log)\\]|(kind|root|url|hosts|ca_file|endpoint|ftp_host|dir|level|server_ip|x)[ =]{0,2}[ -~é/.:*]{0,20}|[;#].{0,5}|.{0,10}|\n){0,12}") {
        if let Err(error) = parse(&text) {
            proptest::prop_assert_eq!(error.kind(), ErrorKind::Config);
            proptest::prop_assert!(error.chain().starts_with("p.ini") || error.chain().contains(".ini"), "{:?}", error);
        }
    }
}
