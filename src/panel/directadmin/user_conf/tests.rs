use super::*;
use proptest::prelude::*;

fn parse(bytes: &[u8]) -> Result<UserConf> {
    let name = Username::new("alice").unwrap();
    UserConf::parse(Path::new("user.conf"), bytes, &name, &Feature::default())
}

#[test]
fn missing_keys_are_absent_facts() {
    let conf = parse(b"username=alice\n").unwrap();
    assert_eq!((conf.owner, conf.plan, conf.locale, conf.main_domain), (None, None, None, None));
    assert_eq!((conf.suspended, conf.feature, conf.plugin_allowed), (false, None, true));
    assert_eq!(conf.created, "");
}

#[test]
fn the_package_item() {
    for (line, want) in [
        ("panelgate=ON", Some(true)),
        ("panelgate=yes", Some(true)),
        ("panelgate=1", Some(true)),
        ("panelgate=OFF", Some(false)),
        ("panelgate=0", Some(false)),
        ("panelgate=", Some(false)),
        ("panelgate2=ON", None),
    ] {
        assert_eq!(parse(line.as_bytes()).unwrap().feature, want, "{line}");
    }
}

#[test]
fn plugin_lists() {
    for (lines, want) in [
        ("plugins_allow=", false),
        ("plugins_allow=a:panelgate:b", true),
        ("plugins_allow=panelgate2", false),
        ("plugins_deny=", true),
        ("plugins_deny=a:panelgate", false),
        ("plugins_allow=panelgate\nplugins_deny=panelgate", false),
    ] {
        assert_eq!(parse(lines.as_bytes()).unwrap().plugin_allowed, want, "{lines}");
    }
}

#[test]
fn faults_name_file_and_line() {
    for (bytes, want) in [
        (&b""[..], "user.conf: the file is empty"),
        (b"a=1\nsuspended=perhaps\n", "user.conf:2: suspended: \"perhaps\" is neither yes nor no"),
        (b"suspended=no\nsuspended=yes\n", "user.conf:2: \"suspended\" differs from the one in line 1"),
        (b"suspended=\nsuspended=yes\n", "user.conf:2: \"suspended\" differs from the one in line 1"),
        (b"panelgate=many\n", "user.conf:1: panelgate: \"many\" is neither yes nor no"),
        (b"username=bob\n", "user.conf: it is the file of \"bob\", not of alice"),
        (b"a=1\nusern", "user.conf:2: there is no \"=\" in \"usern\""),
        (b"a=1\nb=\xff", "user.conf:2: it is not UTF-8 text at \"\u{fffd}\""),
        (b"a=\0\n", "user.conf:1: there is a NUL byte"),
    ] {
        assert_eq!(parse(bytes).unwrap_err().to_string(), want);
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
    }
}
