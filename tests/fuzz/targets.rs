//! What must hold whatever comes: each function takes any bytes, and panics if something does not.

use std::collections::HashSet;
use std::io::Read;

use panelgate::limits;
use panelgate::ops::endpoint::{self, Route};
use panelgate::publish::StartForm;
use panelgate::publish::apply::{Entries, EntryKind};
use panelgate::publish::archive::Archive;
use panelgate::types::RelPath;

/// The path of a request to the endpoint.
pub fn route(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let takes_form = endpoint::takes_form("POST", text);
    match endpoint::route(text) {
        Route::Site { token, rest } => {
            assert!(token.len() == 40 && token.bytes().all(|byte| byte.is_ascii_hexdigit()));
            assert!(text.contains(token) && text.ends_with(rest));
            let action = endpoint::action(rest);
            assert_eq!(action.is_some(), takes_form);
            assert!(action.is_none_or(|id| rest.contains(id) && !id.starts_with('/')));
            if let Ok(path) = RelPath::below_route(rest.as_bytes()) {
                check(&path);
            }
        }
        Route::Ping | Route::Unknown => assert!(!takes_form),
    }
}

/// The body that starts a publication; the first byte says of which type it is said to be.
pub fn form(data: &[u8]) {
    const TYPES: [&str; 5] = [
        "application/x-www-form-urlencoded",
        "application/json",
        "multipart/form-data; boundary=x",
        "multipart/form-data; boundary=\"--x\"",
        "",
    ];
    let Some((first, body)) = data.split_first() else { return };
    let Ok(form) = StartForm::parse(TYPES[usize::from(*first) % TYPES.len()], body) else { return };
    assert!(body.len() as u64 <= limits::ENDPOINT_FORM_BYTES);
    assert!(!form.names().chars().any(char::is_control));
    for named in [None, Some("url")] {
        match form.zip(named) {
            Ok(zip) => {
                assert!(zip.url.origin().starts_with("http") && named.is_none_or(|name| zip.name == name))
            }
            Err(error) => assert!(!error.chain().chars().any(char::is_control)),
        }
    }
    let _ = (form.account(), form.domain());
}

/// A name that a file shall have.
pub fn path(data: &[u8]) {
    if let Ok(path) = RelPath::from_wire(data) {
        assert_ne!(data.first(), Some(&b'/'));
        assert_eq!(RelPath::below_route(data).as_ref(), Ok(&path));
        check(&path);
    }
    if let Ok(path) = RelPath::below_route(data) {
        check(&path);
    }
}

fn check(path: &RelPath) {
    let text = path.as_str();
    assert!(text.len() <= limits::PATH_BYTES && path.depth() <= limits::PATH_DEPTH);
    assert!(!text.starts_with('/') && !text.ends_with('/') && !text.contains("//"));
    assert!(!text.chars().any(|character| character.is_control() || character == '\\'));
    assert!(path.segments().all(|segment| ![".", "..", ""].contains(&segment) && segment.len() <= limits::PATH_SEGMENT_BYTES));
    // What it became it stays.
    assert_eq!(RelPath::from_wire(text.as_bytes()).as_ref(), Ok(path));
    if let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
        assert_eq!(parent.join(name).as_ref(), Ok(path));
    }
}

/// An archive.
pub fn archive(data: &[u8]) {
    let Ok(archive) = Archive::open(data) else { return };
    let totals = archive.totals();
    let (mut contents, mut names, mut files, mut bytes) = (archive.contents(), HashSet::new(), 0, 0);
    while let Ok(Some(entry)) = contents.next() {
        check(&entry.path);
        assert!(!entry.path.is_reserved() && !entry.path.as_str().is_empty());
        let EntryKind::File { size } = entry.kind else {
            assert!(names.insert(entry.path));
            continue;
        };
        assert!(names.insert(entry.path));
        let mut content = entry.reader.take(1 << 22);
        let mut read = 0;
        let mut buffer = [0; 4096];
        loop {
            match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => read += count as u64,
                Err(_) => return,
            }
        }
        assert!(read == size || read == 1 << 22);
        (files, bytes) = (files + 1, bytes + size);
    }
    if names.len() as u64 == totals.files + totals.dirs {
        assert_eq!((files, bytes), (totals.files, totals.bytes));
    }
}
