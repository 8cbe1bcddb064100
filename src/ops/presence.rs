//! Which calls this builder has, looked for once a day.

use serde::Serialize;

use crate::builder::Presence;
use crate::calls::{Call, Effective, Way};
use crate::error::Result;
use crate::limits;
use crate::store::PresenceRow;
use crate::sys::clock;

use super::Context;

/// What is known of one call.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Its name.
    pub call: &'static str,
    /// Whether the builder has it; `None` if it is off here, so that there is nothing to look for.
    pub presence: Option<Presence>,
    /// The HTTP status that said so.
    pub status: Option<u16>,
    /// When that was, in Unix seconds.
    pub at: Option<u64>,
}

/// Looks which calls the builder has; what was found within a day is taken again unless `again`.
///
/// There is no operation of the broker's for it: only who has the configuration can ask.
///
/// # Errors
/// The error of the first call if the builder cannot be asked at all; [`crate::error::ErrorKind::Store`].
pub fn look(context: &Context, again: bool) -> Result<Vec<Found>> {
    let (store, now) = (context.store()?, clock::unix_seconds());
    let builder = context.config.builder.url.to_string();
    let since = if again { now } else { now.saturating_sub(limits::PROBE_TIME.as_secs()) };
    let mut known = store.presences(&builder, since)?;
    for call in context.builder.findable() {
        if !again && known.iter().any(|row| row.call == call.name()) {
            continue;
        }
        let (presence, status) = context.builder.presence(call)?;
        let row = PresenceRow { call: call.name().into(), presence: presence.name().into(), status, at: now };
        store.note_presence(&builder, &row)?;
        known.retain(|old| old.call != row.call);
        known.push(row);
    }
    Ok(Call::ALL.iter().map(|call| found(context, *call, &known)).collect())
}

/// What is known of a call: that of its path, under whichever name it was looked for.
fn found(context: &Context, call: Call, known: &[PresenceRow]) -> Found {
    let path = |call: Call| Effective::of(call, context.config.builder.calls.get(&call)).path();
    let same = |row: &&PresenceRow| {
        let other = Call::by_name(&row.call);
        path(call).is_some() && other.is_some_and(|other| path(other) == path(call))
    };
    let row = known.iter().find(same);
    let session = call.entry().way == Way::Own("panelgate open");
    Found {
        call: call.name(),
        presence: row.and_then(|row| Presence::by_name(&row.presence)).filter(|_| !session),
        status: row.map(|row| row.status),
        at: row.map(|row| row.at),
    }
}
