use super::*;
use proptest::prelude::*;

fn ask(map: &[u8], domain: &str) -> Result<Vec<String>> {
    let owners = owners(Path::new("map"), map, &[&Domain::new(domain).unwrap()])?;
    Ok(owners.iter().flatten().map(|owner| owner.as_str().to_owned()).collect())
}

/// Gives at most so many bytes at a time.
struct Dripping<'a>(&'a [u8], usize);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = self.1.min(buffer.len());
        self.0.read(&mut buffer[..most])
    }
}

#[test]
fn a_map_of_many_pieces_is_searched_whole_and_for_several_names_at_once() {
    let mut map = String::new();
    for number in 0..20_000 {
        map.push_str(&format!("site{number}.example: user{number}\n"));
    }
    assert!(map.len() > 5 * limits::DOMAIN_MAP_LINE_BYTES);
    for number in [0, 1, 2_500, 5_000, 9_999, 10_000, 19_999] {
        assert_eq!(ask(map.as_bytes(), &format!("site{number}.example")).unwrap(), [format!("user{number}")]);
    }
    let names = ["site19999.example", "none.example", "site3.example"].map(|name| Domain::new(name).unwrap());
    let found = owners(Path::new("map"), map.as_bytes(), &names.each_ref()).unwrap();
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 1]);
    assert_eq!(found[2][0].as_str(), "user3");
    map.push_str("a.example: -\n");
    assert!(ask(map.as_bytes(), "a.example").unwrap_err().to_string().starts_with("map:20001: a.example"));
}

#[test]
fn a_line_without_an_end_is_not_waited_for() {
    let line = vec![b'x'; limits::DOMAIN_MAP_LINE_BYTES - 1];
    assert!(ask(&[b"a.example: bob\n", line.as_slice()].concat(), "a.example").is_ok());
    let error = owners(Path::new("map"), std::io::repeat(b'x'), &[]).unwrap_err();
    assert_eq!(error.to_string(), "map:1: the line is longer than 65536 bytes");
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
    fn agrees_with_a_reading_line_by_line(
        lines in proptest::collection::vec(("(a|b|x)\\.?(a|b)\\.example", "[a-c]{1,2}"), 1..30),
        most in 1_usize..50,
    ) {
        let map: String = lines.iter().map(|(name, owner)| format!("{name}: {owner}\n")).collect();
        let mut want: Vec<String> =
            lines.iter().filter(|(name, _)| name == "a.b.example").map(|(_, owner)| owner.clone()).collect();
        want.sort();
        want.dedup();
        prop_assert_eq!(ask(map.as_bytes(), "a.b.example").unwrap(), want);
        let whole = owners(Path::new("map"), map.as_bytes(), &[&Domain::new("a.b.example").unwrap()]).unwrap();
        let dripping = Dripping(map.as_bytes(), most);
        prop_assert_eq!(owners(Path::new("map"), dripping, &[&Domain::new("a.b.example").unwrap()]).unwrap(), whole);
    }
}
