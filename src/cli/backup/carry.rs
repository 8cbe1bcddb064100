//! Projects that travel with the panel's own backups.

use std::path::PathBuf;
use std::time::Duration;

use super::super::asking::confirm;
use super::super::output::{Cell, Output, Style};
use super::arguments::{Attach, Home, Import};
use super::size;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{Direct, Gateway};
use crate::ops::backup::Task;
use crate::ops::carry::{self, CarryRequest};
use crate::sys::clock;

pub(super) fn attach(attach: &Attach, direct: &Direct, output: &mut Output) -> Result<u8> {
    let wait = Duration::from_secs(attach.deadline.into());
    let done = direct.attach_backup(&request(&attach.home, wait)?)?;
    if attach.home.json {
        output.json(&done);
    } else if !done.carry {
        output.line(&[Cell::new("Projects do not travel with the panel's backups ([backup] carry = no).")]);
    } else {
        let row = |seen: &carry::AttachedSite| {
            vec![
                Cell::new(seen.site.as_str()),
                Cell::new(seen.state).style(if seen.state == "attached" { Style::Good } else { Style::Bad }),
                Cell::new(made(seen.made)),
                Cell::new(size(seen.size)),
                Cell::new(seen.note.as_deref().unwrap_or("-")),
            ]
        };
        let rows: Vec<Vec<Cell>> = done.sites.iter().map(row).collect();
        output.table(0, &["SITE", "STATE", "MADE (UTC)", "SIZE", "NOTE"], &rows);
    }
    Ok(0)
}

pub(super) fn detach(home: &Home, direct: &Direct, output: &mut Output) -> Result<u8> {
    let done = direct.detach_backup(&request(home, Duration::ZERO)?)?;
    if home.json {
        output.json(&done);
    } else if done.uses > 0 {
        output.line(&[Cell::new(format!("{} other backups of the panel need them still.", done.uses))]);
    } else {
        output.line(&[Cell::new(format!("{} removed.", done.removed))]);
    }
    Ok(0)
}

pub(super) fn carried(home: &Home, direct: &Direct, output: &mut Output) -> Result<u8> {
    let found = carry::carried(direct.context(), direct.principal(), &request(home, Duration::ZERO)?)?;
    if home.json {
        output.json(&found);
        return Ok(0);
    }
    let row = |seen: &carry::Carried| {
        vec![
            Cell::new(seen.site.as_str()),
            Cell::new(made(seen.made)),
            Cell::new(size(Some(seen.size))),
            Cell::new(if seen.genuine { "this server" } else { "unknown" }),
            Cell::new(seen.refused.as_deref().unwrap_or("-")),
        ]
    };
    let rows: Vec<Vec<Cell>> = found.iter().map(row).collect();
    output.table(0, &["SITE", "MADE (UTC)", "SIZE", "MADE BY", "REFUSED"], &rows);
    Ok(0)
}

/// What an import of a project that came back is told, once somebody has said yes: what lies in a home is the account's word.
pub(super) fn task(import: &Import, output: &mut Output) -> Result<Task> {
    let site = import.of.site.as_ref().map_or_else(|| "a site".to_owned(), ToString::to_string);
    let what =
        format!("The project of {site} that lies in the account's home becomes a backup of this server");
    confirm(&what, import.yes, output)?;
    Ok(Task::Carried(absolute(import.staging.as_ref())?))
}

fn request(home: &Home, wait: Duration) -> Result<CarryRequest> {
    Ok(CarryRequest { account: home.account.clone(), staging: absolute(home.staging.as_ref())?, wait })
}

fn absolute(path: Option<&PathBuf>) -> Result<Option<PathBuf>> {
    let absolute = path.map(std::path::absolute).transpose();
    absolute.map_err(|error| {
        Error::new(ErrorKind::InvalidArgument, "--staging: it cannot be found").with_source(error)
    })
}

fn made(at: Option<u64>) -> String {
    at.map_or_else(|| "-".to_owned(), clock::utc)
}
