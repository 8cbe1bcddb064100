//! The page `docs/operations.md`.

use std::fmt::Write;

use super::{Answer, Call, Callers, Certainty, Entry, Fixed, Kind, Session, Way};

const HEAD: &str = "\
# The builder's calls

Written from the table in `src/calls`; a test fails when this page is not what the table says. `panelgate call --list` shows the same on a server, with what its
configuration adds.

Every call goes with the brand's credentials. What it takes is a JSON object; the members below are all that there are, and any other is refused before
anything is sent. Two members are Panelgate's own: `domain` names the site in every call about one (on the wire it becomes the site's key at the builder), and
`account` may name the account that has it. `loginHash` is filled in by Panelgate: it makes a session for the site and uses its hash for 15 minutes.

- **Base**: `central` is `[builder] url`; `builder` is the `builderApiUrl` of the site's session, after it has passed the checks of `[builder] hosts`, and without a
  session `[builder] url`.
- **Who**: `root`, or `account` (root, the account itself for its own sites, and a panel user for the account that it names).
- **Again**: whether a call that failed on the way is made again, at most twice, and not sooner than the builder says (`Retry-After`). All others are sent once,
  whatever happens.
- **Asks**: it takes away or replaces something; the command line asks first (`--yes` for scripts).
- A field in *italics* has a name that the documentation does not show; `[call NAME]` with `name.FIELD = OTHER` corrects it.
- A call marked *off* is named by the documentation without its contract; `[call NAME]` with `path` (and `fields`) switches it on.
";

/// The whole page.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n| Call | Sent as | Base | Since | `loginHash` | Who | Again | Asks |\n");
    page.push_str("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for call in Call::ALL {
        row(&mut page, call.entry());
    }
    for call in Call::ALL {
        section(&mut page, call.entry());
    }
    page
}

fn yes(flag: bool) -> &'static str {
    if flag { "yes" } else { "" }
}

fn row(page: &mut String, entry: &Entry) {
    let sent = match entry.path {
        Some(path) => format!("{} `{path}`", entry.method.name()),
        None => "*off*".to_owned(),
    };
    let session = match entry.session {
        Session::Without => "",
        Session::Helpful => "where it can be had",
        Session::Needed => "yes",
    };
    let who = match entry.callers {
        Callers::Root => "root",
        Callers::Accounts => "account",
    };
    // Writing to a string does not fail.
    let _ = writeln!(
        page,
        "| `{}` | {sent} | {} | {} | {session} | {who} | {} | {} |",
        entry.name,
        entry.base.name(),
        entry.since.unwrap_or_default(),
        yes(entry.idempotent),
        yes(entry.destructive),
    );
}

fn section(page: &mut String, entry: &Entry) {
    let _ = writeln!(page, "\n## {}\n\n{}.", entry.name, entry.summary);
    match entry.way {
        Way::Own(command) => {
            let _ = writeln!(page, "Made by `{command}` only.");
            return;
        }
        Way::Configured => {
            let _ = writeln!(page, "Off until `[call {}]` says how it is made.", entry.name);
            return;
        }
        Way::Call => {}
    }
    let takes_site = entry.is_about_a_site() && !entry.fields.iter().any(|field| field.kind == Kind::Site);
    if takes_site || !entry.fields.is_empty() {
        page.push('\n');
    }
    if takes_site {
        page.push_str("- `domain` (site, needed): the site; not sent\n");
    }
    for field in entry.fields {
        let name = match field.certainty {
            Certainty::Seen => format!("`{}`", field.name),
            Certainty::Inferred => format!("*`{}`*", field.name),
        };
        let needed = if field.needed { ", needed" } else { "" };
        let _ = writeln!(page, "- {name} ({}{needed}): {}", field.kind.name(), field.meaning);
    }
    page.push('\n');
    for (name, value) in entry.fixed {
        let _ = match value {
            Fixed::Text(text) => writeln!(page, "Sends `{name}` = `\"{text}\"`."),
            Fixed::Flag(flag) => writeln!(page, "Sends `{name}` = `{flag}`."),
        };
    }
    page.push_str(match entry.answer {
        Answer::Ok | Answer::OkList => "Answers an object with `ok`, or `error`.\n",
        Answer::Object => "Answers an object, or `error`.\n",
        Answer::List => "Answers a list, or an object that holds one.\n",
        Answer::File => "Answers a file.\n",
    });
}
