//! `panelgate open`: a session for a site.

use clap::Args;
use log::LevelFilter;
use serde::Serialize;

use super::output::{Cell, Output, Style};
use super::progress::Progress;
use crate::error::Result;
use crate::gateway::{self, Reach};
use crate::ops::OpenRequest;
use crate::types::{Domain, Username};

/// Open a builder session for a site and print its address
///
/// Does what the button in the panel does: reads the account from the panel, checks that the site is its own and that its plan includes the builder,
/// and asks the builder for a session. Use it to sign on for a customer, from a script, or to see why the button does not work.
///
/// Standard output gets the address alone. Whoever has the address is signed on to the site's builder: open it, and do not pass it on. Ask for a
/// new one each time.
#[derive(Args)]
#[command(after_long_help = "Examples:
  panelgate open shop.example              look up the account that has the site
  panelgate open --account alice           the only site of an account
  panelgate open --account alice bücher.example
  xdg-open \"$(panelgate open shop.example)\"
  panelgate open --json shop.example | jq -r .url

JSON:
  {\"url\", \"site\", \"account\", \"reference\"}
  The reference is the number of this opening in the log.")]
pub(super) struct Arguments {
    /// The site, as people write it or in punycode; may be left out if the account has only one
    #[arg(value_parser = |text: &str| Domain::new(text))]
    site: Option<Domain>,

    /// The account that has the site; looked up by the site if left out
    #[arg(long, value_name = "ACCOUNT", value_parser = |text: &str| Username::new(text))]
    account: Option<Username>,

    /// Language of the builder, such as de or pt_BR, instead of the account's own
    #[arg(long, value_name = "LOCALE")]
    language: Option<String>,

    /// Print a JSON object instead of the address alone
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Serialize)]
struct Opened<'a> {
    url: &'a str,
    site: &'a Domain,
    account: &'a Username,
    reference: String,
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let gateway = gateway::for_program(reach)?;
    let request = OpenRequest {
        account: arguments.account.clone(),
        site: arguments.site.clone(),
        language: arguments.language.clone(),
        ..OpenRequest::new()
    };
    // The gateway logs how it went, and a failure is printed below: without -v the same would be said twice.
    if log::max_level() == LevelFilter::Warn {
        log::set_max_level(LevelFilter::Error);
    }
    let progress = Progress::start("asking the builder for a session");
    let result = gateway.open(&request);
    drop(progress);
    let session = result?;
    let opened = Opened {
        url: session.url.expose(),
        site: &session.site,
        account: &session.account,
        reference: session.reference.to_string(),
    };
    if arguments.json {
        output.json(&opened);
    } else {
        let text = format!(
            "Session for {} of account {} (reference {}). Whoever has this address is signed on: keep it to yourself.",
            session.site.to_unicode(),
            session.account,
            session.reference
        );
        output.note(&[Cell::new(text).style(Style::Faint)]);
        output.line(&[Cell::new(opened.url)]);
    }
    Ok(0)
}
