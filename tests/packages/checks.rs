//! The distributions' own checks, and ours.

use std::process::Command;

use crate::made::{packages, source};
use crate::needs;
use crate::system::both;

#[test]
fn lintian_and_rpmlint_find_no_error() {
    needs!("dpkg-deb", "rpmbuild", "lintian", "rpmlint");
    let mut lintian = Command::new("lintian");
    lintian.args(["--allow-root", "--fail-on", "error"]).arg(&packages().deb).arg(&packages().deb_dev);
    let mut rpmlint = Command::new("rpmlint");
    rpmlint.arg("--config").arg(source().join("packaging/rpm/rpmlint.toml"));
    rpmlint.arg(&packages().rpm).arg(&packages().rpm_devel);
    for mut command in [lintian, rpmlint] {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", both(&output));
    }
}

/// `make packages` calls it without `--development`, and then it looks at what these packages cannot have.
#[test]
fn our_own_check_passes_and_finds_what_must_not_be() {
    needs!("dpkg-deb", "rpmbuild", "rpm2cpio", "objdump");
    let check = |words: &[&str]| {
        let directory = packages().deb.parent().unwrap();
        Command::new(source().join("packaging/check")).args(words).arg(directory).output().unwrap()
    };
    let output = check(&["--development"]);
    assert!(output.status.success(), "{}", both(&output));
    // A glibc that nothing here is old enough for.
    let output = check(&["--development", "--glibc", "2.1"]);
    assert!(!output.status.success() && both(&output).contains("newer than 2.1"), "{}", both(&output));
    // These programs do not say what they are made of, and hold more than they will.
    let output = check(&[]);
    assert!(!output.status.success() && both(&output).contains(".dep-v0"), "{}", both(&output));
}
