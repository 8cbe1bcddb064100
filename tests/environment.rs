//! A program with one thread, as the page is when it starts: its environment is replaced as a whole, or not at all.

use std::ffi::OsString;

use panelgate::sys::environment::replace_alone;

fn main() {
    let before: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    assert!(!before.is_empty(), "a test is started with an environment");

    let (stop, wait) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || wait.recv());
    assert!(replace_alone([]).is_err(), "another thread may be reading it");
    assert_eq!(std::env::vars_os().collect::<Vec<_>>(), before);
    drop(stop);
    assert!(other.join().expect("the thread ends").is_err());

    let hostile = [("A", "1"), ("B=", "2"), ("", "3"), ("C\0", "4"), ("D", "5\0")];
    replace_alone(hostile.map(|(name, value)| (name.into(), value.into()))).expect("one thread");
    let after: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    assert_eq!(after, [("A".into(), "1".into())], "nothing old is left, nothing impossible was set");
}
