use super::*;
use proptest::prelude::*;

fn ask(map: &[u8], domain: &str) -> Result<Vec<String>> {
    let owners = owners(Path::new("map"), map, &Domain::new(domain).unwrap())?;
    Ok(owners.iter().map(|owner| owner.as_str().to_owned()).collect())
}

#[test]
fn only_the_whole_name_at_the_beginning_of_a_line_counts() {
    let map = b"shop.example: alice\nmyshop.example: bob\nshop.example.org: carol\nx: shop.example\nblog.shop.example: dave\n\
        # shop.example: eve\nshop.example.: frank\n*: nobody\nlast.example:gina";
    for (domain, want) in [
        ("shop.example", vec!["alice"]),
        ("myshop.example", vec!["bob"]),
        ("blog.shop.example", vec!["dave"]),
        ("last.example", vec!["gina"]),
        ("example.org", vec![]),
        ("none.example", vec![]),
    ] {
        assert_eq!(ask(map, domain).unwrap(), want, "{domain}");
    }
}

#[test]
fn a_name_with_two_owners_has_two_and_a_repeat_is_one() {
    let map = b"a.example: bob\r\na.example : alice\na.example:\tbob\n";
    assert_eq!(ask(map, "a.example").unwrap(), ["alice", "bob"]);
}

#[test]
fn faults_name_the_line() {
    for (map, want) in [
        (&b""[..], "map: the map of domains is empty"),
        (b" \n\n", "map: the map of domains is empty"),
        (b"b.example: x\n\0", "map:2: there is a NUL byte"),
        (b"b.example: x\na.example:\n", "map:2: a.example belongs to \"\", which is not an account name"),
        (b"a.example: ../etc\n", "map:1: a.example belongs to \" ../etc\", which is not an account name"),
        (b"a.example: \xff\n", "map:1: a.example belongs to \" \u{fffd}\", which is not an account name"),
        (b"a.example", ""),
    ] {
        match ask(map, "a.example") {
            Err(error) => assert_eq!(error.to_string(), want),
            Ok(owners) => assert!(owners.is_empty() && want.is_empty(), "{owners:?}"),
        }
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = ask(&bytes, "a.example");
    }

    #[test]
    fn agrees_with_a_reading_line_by_line(lines in proptest::collection::vec(("(a|b|x)\\.?(a|b)\\.example", "[a-c]{1,2}"), 1..30)) {
        let map: String = lines.iter().map(|(name, owner)| format!("{name}: {owner}\n")).collect();
        let mut want: Vec<String> =
            lines.iter().filter(|(name, _)| name == "a.b.example").map(|(_, owner)| owner.clone()).collect();
        want.sort();
        want.dedup();
        prop_assert_eq!(ask(map.as_bytes(), "a.b.example").unwrap(), want);
    }
}
