//! The brand's published websites. The builder's documentation wants no more than one reading of the list in 3 hours, so that it is read into the store, by one
//! process at a time, and everybody looks there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::calls::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::store::PublishedRow;
use crate::sys::clock;

use super::Context;
use super::policy::{self, Principal};

/// Reads the list if the last reading is 3 hours old; gives when the list that counts was read, in Unix seconds. If it cannot be read, an old one still
/// counts.
///
/// # Errors
/// Those of the builder and the store if there is no list at all; [`ErrorKind::TooMany`] if a reading has just failed.
pub fn refresh(context: &Context) -> Result<u64> {
    let store = context.store()?;
    let now = clock::unix_seconds();
    let done_before = now.saturating_sub(limits::STATISTICS_TIME.as_secs());
    let tried_before = now.saturating_sub(limits::STATISTICS_RETRY.as_secs());
    let known = store.reading()?.and_then(|reading| reading.done);
    if let Some(known) = known.filter(|known| *known > done_before) {
        return Ok(known);
    }
    if !store.begin_reading(now, done_before, tried_before)? {
        return store.reading()?.and_then(|reading| reading.done).ok_or_else(|| {
            let text = format!(
                "the list of published websites is being read, or could not be read within the last {} minutes: see the log, and try later",
                limits::STATISTICS_RETRY.as_secs() / 60
            );
            Error::new(ErrorKind::TooMany, text)
        });
    }
    match read(context, now) {
        Ok(count) => {
            log::info!("the builder lists {count} published websites");
            Ok(now)
        }
        Err(error) => match known {
            Some(known) => {
                log::warn!("the list of published websites cannot be read, the old one counts: {error:?}");
                Ok(known)
            }
            None => Err(error),
        },
    }
}

/// Hands all published websites out in the order of their names, page by page: no more than one page is in memory. Reads the list first if it is old.
///
/// # Errors
/// [`ErrorKind::Forbidden`] for anybody but root; as [`refresh`]; what `each` says.
pub fn each(
    context: &Context,
    principal: &Principal,
    mut each: impl FnMut(Vec<PublishedRow>) -> Result<()>,
) -> Result<()> {
    policy::allow_call(principal, Call::GetDomains, context.panel.kind())?;
    refresh(context)?;
    let (store, mut after) = (context.store()?, String::new());
    loop {
        let page = store.published_after(&after, limits::DOMAINS_PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after.clone_from(&last.domain);
        each(page)?;
    }
}

/// Page by page into the store.
fn read(context: &Context, reading: u64) -> Result<u64> {
    let store = context.store()?;
    let count = context.builder.published_all(|page| {
        let rows: Vec<PublishedRow> = page
            .into_iter()
            // No name is that long, however it is written.
            .filter(|site| site.domain.len() <= limits::PUBLISHED_NAME_BYTES)
            .map(|site| PublishedRow { domain: site.domain, blocked: site.blocked, live: site.live })
            .collect();
        store.add_published(reading, &rows)
    })?;
    store.finish_reading(reading)?;
    Ok(count)
}

/// For the broker and the program that runs jobs: with `[builder] statistics`, whoever comes first after 3 hours has the list read in the background, and
/// does not wait for it. Whether it is time is looked at once a minute.
pub(crate) fn tend(context: &Arc<Context>) {
    const MINUTE: u64 = 60;
    static RUNNING: AtomicBool = AtomicBool::new(false);
    static LOOKED: AtomicU64 = AtomicU64::new(0);
    let now = clock::unix_seconds();
    if !context.config.builder.statistics
        || now.saturating_sub(LOOKED.load(Ordering::Relaxed)) < MINUTE
        || RUNNING.swap(true, Ordering::AcqRel)
    {
        return;
    }
    LOOKED.store(now, Ordering::Relaxed);
    let context = Arc::clone(context);
    let work = move || {
        if let Err(error) = refresh(&context)
            && error.kind() != ErrorKind::TooMany
        {
            log::warn!("the list of published websites cannot be read: {error:?}");
        }
        RUNNING.store(false, Ordering::Release);
    };
    if std::thread::Builder::new().name("statistics".into()).spawn(work).is_err() {
        RUNNING.store(false, Ordering::Release);
    }
}
