//! The FTP account of a site: made for the broker (`ftp-account`), whose unit keeps it from what the panels' programs need, and removed when the credentials
//! that it belongs to have ended (`end-ftp-account`), however often the panel refuses.

use serde_json::json;

use crate::error::{Error, ErrorKind, Result};
use crate::ops::{self, Context};
use crate::store::Job;

use super::{Handle, Verdict};

pub(super) fn run(context: &Context, job: &Job, _handle: &Handle<'_>) -> Result<Verdict> {
    let row = job.key.as_ref().map(|key| context.store()?.by_key(key)).transpose()?.flatten();
    let Some(row) = row.filter(|row| !row.closed && Some(row.floor) == job.floor) else {
        let text = "the site's credentials have ended since: no FTP account is made";
        return Err(Error::new(ErrorKind::SiteConflict, text));
    };
    let login = ops::make_ftp_account(context, &row)?;
    Ok(Verdict::Done(json!({ "login": login })))
}

pub(super) fn end(context: &Context, job: &Job, _handle: &Handle<'_>) -> Result<Verdict> {
    let key = job.key.as_ref().ok_or_else(|| Error::new(ErrorKind::Internal, "the job names no key"))?;
    Ok(Verdict::Done(json!({ "removed": ops::end_ftp_account(context, key)? })))
}
