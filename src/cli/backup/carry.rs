//! Projects that travel with the panel's own backups.

use std::path::PathBuf;
use std::time::Duration;

use super::super::output::{Cell, Output, Style};
use super::arguments::{Attach, Carried, Detach, Import};
use super::{size, wait};
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{Direct, Gateway};
use crate::ops::backup::Task;
use crate::ops::carry::{self, CarryRequest};
use crate::sys::clock;
use crate::types::Username;

pub(super) fn attach(attach: &Attach, direct: &Direct, output: &mut Output) -> Result<u8> {
    let wait = Duration::from_secs(attach.deadline.into());
    let done = direct.attach_backup(&request(&attach.account, attach.staging.as_ref(), wait)?)?;
    if attach.json {
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

pub(super) fn detach(detach: &Detach, direct: &Direct, output: &mut Output) -> Result<u8> {
    let done = direct.detach_backup(&request(&detach.account, detach.staging.as_ref(), Duration::ZERO)?)?;
    if detach.json {
        output.json(&done);
    } else if done.uses > 0 {
        output.line(&[Cell::new(format!("{} other backups of the panel need them still.", done.uses))]);
    } else {
        output.line(&[Cell::new(format!("{} removed.", done.removed))]);
    }
    Ok(0)
}

pub(super) fn carried(carried: &Carried, direct: &Direct, output: &mut Output) -> Result<u8> {
    let request = request(&carried.account, carried.staging.as_ref(), Duration::ZERO)?;
    let found = carry::carried(direct.context(), direct.principal(), &request)?;
    if carried.json {
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

/// What an import of a project that came back is told, once somebody has said yes.
pub(super) fn task(import: &Import) -> Result<Task> {
    let site = import.site.as_ref().map_or_else(|| "a site".to_owned(), ToString::to_string);
    let question =
        format!("Take the project of {site} that lies in the account's home as a backup of this server?");
    if !import.yes && !wait::confirmed(&question) {
        return Err(Error::new(
            ErrorKind::Forbidden,
            "what lies in a home is the account's word: confirm it, or give --yes",
        ));
    }
    Ok(Task::Carried(absolute(import.staging.as_ref())?))
}

fn request(account: &Username, staging: Option<&PathBuf>, wait: Duration) -> Result<CarryRequest> {
    Ok(CarryRequest { account: account.clone(), staging: absolute(staging)?, wait })
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
