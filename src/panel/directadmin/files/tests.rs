use super::*;

#[test]
fn switches() {
    for (text, want) in [("ON", true), ("yes", true), ("1", true), ("OFF", false), ("no", false), ("", false)]
    {
        assert_eq!(switch(text), Ok(want), "{text}");
    }
    assert_eq!(switch("perhaps"), Err("\"perhaps\" is neither yes nor no".to_owned()));
}

#[test]
fn lists_are_text() {
    let path = Path::new("domains.list");
    assert_eq!(lines(path, b" a \r\n\nb").unwrap(), [(1, "a"), (3, "b")]);
    assert_eq!(lines(path, b"a\nb\0").unwrap_err().to_string(), "domains.list:2: there is a NUL byte");
    assert!(lines(path, b"a\n\xff").unwrap_err().to_string().starts_with("domains.list:2: it is not UTF-8"));
}

#[test]
fn parents_of_a_name() {
    let parents = |name: &str| -> Vec<(String, String)> {
        let domain = Domain::new(name).unwrap();
        parents(&domain).map(|(label, parent)| (label.to_owned(), parent.to_string())).collect()
    };
    let pair = |label: &str, parent: &str| (label.to_owned(), parent.to_owned());
    assert_eq!(parents("a.b.example.com"), [pair("a", "b.example.com"), pair("a.b", "example.com")]);
    assert_eq!(parents("example.com"), []);
}
