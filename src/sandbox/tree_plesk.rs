//! A tree of files as a Plesk server has them, with a small program in place of `plesk`. See [`super::tree`].

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::panel::SiteKind;
use crate::sys::process;
use crate::sys::users::User;

use super::tree::{TreeSite, account, add_user, append, below, text};

const ANSWERS: &str = "usr/local/psa/answers";
const PROGRAM: &str = "usr/sbin/plesk";

/// Answers the questions of `panel/plesk/query.rs`, told apart by the name that they ask for, from the files that are written here.
const SCRIPT: &str = r#"#!/bin/sh
if [ "$#" -ne 3 ] || [ "$1" != db ] || [ "$2" != -Ne ]; then
    echo "usage: plesk db -Ne SQL" >&2
    exit 64
fi
quoted() { # the text in quotes after a word
    rest=${1#*"$2 = '"}
    printf '%s' "${rest%%"'"*}"
}
case $3 in
*"z.login = '"*) answer=account-$(quoted "$3" z.login) ;;
*"x.name = '"*) answer=owners-$(quoted "$3" x.name) ;;
*) answer=accounts ;;
esac
file=${0%/usr/sbin/plesk}/usr/local/psa/answers/$answer
if [ -f "$file" ]; then cat "$file"; fi
echo end
"#;

/// Adds a subscription to the tree below `root`, which is made a Plesk server if it is none yet.
///
/// The subscription's document roots are made below `root` too. The subscription has the plan `default`; an alias is one of the main site.
///
/// # Errors
/// If a file cannot be written, if the subscription has not exactly one main site, or if a name or path cannot stand in the files.
pub fn write_plesk_tree(root: &Path, user: &User, sites: &[TreeSite]) -> io::Result<()> {
    let (name, main) = account(user, sites)?;
    write_server(root)?;
    add_user(root, user, "/bin/false")?;
    let uid = user.uid;
    let login = format!("login\t{name}\n");
    append(root, &format!("{ANSWERS}/accounts"), &login)?;
    let mut answer = "plan\tdefault\tdomain\n".to_owned();
    for (index, site) in sites.iter().enumerate() {
        let domain = &site.domain;
        append(root, &format!("{ANSWERS}/owners-{domain}"), &login)?;
        if site.kind == SiteKind::Alias {
            answer.push_str(&format!("alias\t{domain}\t{}\n", main.domain));
            continue;
        }
        // The subscription has the number of its main site.
        let id = if site.kind == SiteKind::Main { uid.to_string() } else { format!("{uid}{:05}", index + 1) };
        let files = user.home.join(&site.folder);
        let written = text(&files)?.replace('\\', "\\\\");
        answer.push_str(&format!(
            "site\t{uid}\t{id}\t{domain}\t0\tvrt_hst\t{written}\t{name}\tguid-{id}\t2026-09-08\tcustomer-{name}\t{name}@mail.example\ten-US\t0\n"
        ));
        std::fs::create_dir_all(below(root, &files))?;
    }
    append(root, &format!("{ANSWERS}/account-{name}"), &answer)
}

/// What the server has whatever accounts there are.
fn write_server(root: &Path) -> io::Result<()> {
    if root.join("etc/psa/psa.conf").exists() {
        return Ok(());
    }
    append(root, "etc/psa/psa.conf", "PRODUCT_ROOT_D\t/usr/local/psa\nHTTPD_VHOSTS_D\t/var/www/vhosts\n")?;
    append(root, "usr/local/psa/version", "18.0.60 Debian 12\n")?;
    write_program(root)
}

/// The program comes into its place as a copy that another process makes: a file that this process has open for writing, in whichever thread,
/// cannot be started.
fn write_program(root: &Path) -> io::Result<()> {
    let source = format!("{PROGRAM}.sh");
    append(root, &source, SCRIPT)?;
    let (source, program) = (root.join(source), root.join(PROGRAM));
    let script = "cp -- \"$0\" \"$1\" && chmod 755 -- \"$1\"";
    let arguments = ["-c", script, text(&source)?, text(&program)?];
    let output = process::run(Path::new("/bin/sh"), &arguments, 4096, Duration::from_secs(20))
        .map_err(io::Error::other)?;
    if output.status.success() { Ok(()) } else { Err(io::Error::other("the program cannot be copied")) }
}
