//! A program with one thread, as the page is when it starts: its environment is replaced as a whole, or not at all.

use std::ffi::OsString;

use panelgate::sys::environment::replace_alone;

fn variables() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

fn main() -> std::io::Result<()> {
    assert!(!variables().is_empty(), "a test is started with an environment");
    let hostile = [("A", "1"), ("B=", "2"), ("", "3"), ("C\0", "4"), ("D", "5\0")];
    replace_alone(hostile.map(|(name, value)| (name.into(), value.into())))?;
    let left = [("A".into(), "1".into())];
    assert_eq!(variables(), left, "nothing old is left, nothing impossible was set");

    let (stop, wait) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || wait.recv());
    assert!(replace_alone([]).is_err(), "another thread may be reading it");
    assert_eq!(variables(), left);
    drop(stop);
    assert!(matches!(other.join(), Ok(Err(_))), "it only waited");
    Ok(())
}
