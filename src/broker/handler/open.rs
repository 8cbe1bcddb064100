//! An opening: the one operation that waits for the builder while somebody waits for a page, and therefore takes its turn.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::value::RawValue;

use crate::broker::lane::Whose;
use crate::broker::protocol::Answer;
use crate::broker::shares::Share;
use crate::broker::wire::{OpenArgs, Opened};
use crate::error::Result;
use crate::ops::{self, Context, OpenRequest, Principal};

use super::{Desk, Done, Logged, read, told, value};

/// An opening that somebody may ask for.
pub(in crate::broker) struct Opening {
    context: Arc<Context>,
    principal: Principal,
    request: OpenRequest,
    _share: Option<Share>,
}

impl Opening {
    /// Whose turn it takes.
    pub(in crate::broker) fn whose(&self) -> Whose {
        self.principal.own_account().or(self.request.account.as_ref()).cloned()
    }
}

impl Desk {
    /// Reads what is to be opened.
    pub(super) fn prepare_opening(
        &self,
        context: &Arc<Context>,
        logged: &Logged<'_>,
        args: Option<&RawValue>,
    ) -> Result<Done<'_>> {
        let args: OpenArgs = logged.end(read(args))?;
        let share = logged.end(self.shares.take(logged.principal, args.account()))?;
        let request = logged.end(args.into_request(logged.reference))?;
        let (context, principal) = (Arc::clone(context), logged.principal.clone());
        Ok(Done::Opening(Box::new(Opening { context, principal, request, _share: share })))
    }

    /// Opens a site when its turn has come. What the panel says of account and site is read now.
    pub(in crate::broker) fn open_site(&self, opening: &Opening) -> Answer {
        let Opening { context, principal, request, .. } = opening;
        // This one logs itself, for callers in this process too.
        match ops::open(context, principal, request).and_then(|session| value(&Opened::of(&session))) {
            Ok(opened) => {
                self.counts.opened.fetch_add(1, Ordering::Relaxed);
                Answer::ok(opened)
            }
            Err(error) => self.refused(told(principal, request.reference, &error)),
        }
    }
}
