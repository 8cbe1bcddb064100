//! The fuzz targets of `tests/fuzz` over their seeds, and over what comes of them by small changes.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

#[path = "fuzz/targets.rs"]
mod targets;

/// Runs a target over each of its seeds: whole, cut off at every place, and with each byte changed.
fn run(name: &str, target: fn(&[u8])) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(name);
    let mut count = 0;
    for entry in std::fs::read_dir(seeds).unwrap() {
        let seed = std::fs::read(entry.unwrap().path()).unwrap();
        target(&seed);
        for place in 0..seed.len() {
            target(&seed[..place]);
            for change in [0x01, 0x20, 0x80, 0xff] {
                let mut changed = seed.clone();
                changed[place] ^= change;
                target(&changed);
            }
        }
        count += 1;
    }
    assert!(count >= 5, "{name} has {count} seeds");
}

#[test]
fn archives() {
    run("archive", targets::archive);
}

#[test]
fn forms() {
    run("form", targets::form);
}

#[test]
fn paths() {
    run("path", targets::path);
}

#[test]
fn routes() {
    run("route", targets::route);
}
