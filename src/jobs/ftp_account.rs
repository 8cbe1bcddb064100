//! The FTP account of a site (`ftp-account`): the broker queues it, because its unit keeps it from what the panels' programs need.

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
