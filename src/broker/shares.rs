//! What one account that a panel user names may ask for at a time: as much as its own uid could.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::Principal;
use crate::ops::quota::Quota;
use crate::types::Username;

use super::counts::Counts;
use super::handler::lock;

/// The shares of all accounts that panel users have named lately.
pub(super) struct Shares {
    asked: Mutex<Quota<Username>>,
    running: Arc<Mutex<Counts<Username>>>,
}

/// A request for an account that a panel user named; given back when it is dropped.
pub(super) struct Share {
    running: Arc<Mutex<Counts<Username>>>,
    name: Username,
}

impl Shares {
    pub(super) fn new() -> Self {
        let asked = Mutex::new(Quota::new(limits::BUCKET_SIZE, limits::BUCKET_REFILL));
        Self { asked, running: Arc::default() }
    }

    /// One account that a panel user acts for must not use up the panel user's share of everybody. Others have no share here: their uid has one.
    ///
    /// # Errors
    /// [`ErrorKind::TooMany`].
    pub(super) fn take(&self, principal: &Principal, named: Option<&Username>) -> Result<Option<Share>> {
        let (Principal::PanelUser { .. }, Some(name)) = (principal, named) else { return Ok(None) };
        let too_many = |what| {
            Err(Error::new(ErrorKind::TooMany, format!("too many requests for account {name} {what}")))
        };
        if !lock(&self.asked).take(name, Instant::now()) {
            return too_many("at once");
        }
        if !lock(&self.running).add_below(name.clone(), limits::RUNNING_PER_ACCOUNT) {
            return too_many("are running");
        }
        Ok(Some(Share { running: Arc::clone(&self.running), name: name.clone() }))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.name);
    }
}
