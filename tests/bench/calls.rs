//! What `tests/bench/calls` runs on: the embedded builder with many published websites, and a configuration for it.
//!
//! `bench-calls DIR PUBLISHED` makes both, prints one line of JSON, and ends with its standard input.

use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use panelgate::panel::SiteKind;
use panelgate::sandbox::tree::{TreeSite, write_cpanel_tree};
use panelgate::sandbox::{Builder, Options};
use panelgate::sys::users::User;
use panelgate::types::Domain;
use serde_json::json;

const LOGIN: (&str, &str) = ("brand", "a-password-of-usual-length");

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [dir, published] = words.as_slice() else {
        return Err(io::Error::other("usage: bench-calls DIR PUBLISHED"));
    };
    let (dir, published) = (Path::new(dir), published.parse().map_err(io::Error::other)?);
    let mut builder = Builder::start(Options { published, ..Options::new(LOGIN.0, LOGIN.1) })?;
    std::fs::write(dir.join("ca.pem"), builder.ca_pem())?;
    // A panel with one account: these calls are about none.
    let user = User { name: "alice".into(), uid: 20_001, gid: 20_001, home: "/home/alice".into() };
    let site = Domain::new("shop.example").map_err(io::Error::other)?;
    write_cpanel_tree(&dir.join("tree"), &user, &[TreeSite::new(site, SiteKind::Main, "public_html")])?;
    let place = dir.display();
    let settings = format!(
        "[panel]\nkind = cpanel\nroot = {place}/tree\n[builder]\nurl = {}\nusername = {}\npassword = {}\nca_file = {place}/ca.pem\n\
         [store]\ndir = {place}/state\n",
        builder.api_url(),
        LOGIN.0,
        LOGIN.1,
    );
    let config = dir.join("panelgate.ini");
    std::fs::write(&config, settings)?;
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600))?;
    let facts = json!({
        "url": builder.api_url(), "login": format!("{}:{}", LOGIN.0, LOGIN.1), "ca_file": dir.join("ca.pem"), "config": config,
    });
    writeln!(io::stdout(), "{facts}")?;
    io::stdin().read_to_end(&mut Vec::new())?;
    builder.stop();
    Ok(())
}
