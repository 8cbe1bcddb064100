//! What the doctor finds, for those who may see it and may not read the configuration: the administrator's page of a panel.

use std::path::Path;
use std::sync::{Mutex, TryLockError};
use std::time::Instant;

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::doctor::{self, Check, Options, Watcher};

/// The last examination. It asks the builder and takes seconds: so there is one at a time, and its report is given out again for a while.
#[derive(Default)]
pub(super) struct Examination {
    last: Mutex<Option<(Instant, Value)>>,
}

impl Examination {
    /// The report, as `panelgate doctor --json` prints it.
    ///
    /// # Errors
    /// [`ErrorKind::TooMany`] while one is being made; [`ErrorKind::Internal`] if it cannot be written.
    pub(super) fn report(&self, config: &Path) -> Result<Value> {
        let mut last = match self.last.try_lock() {
            Ok(last) => last,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(
                    ErrorKind::TooMany,
                    "the server is being examined: ask again in a moment",
                ));
            }
        };
        if let Some((made, report)) = last.as_ref()
            && made.elapsed() < limits::EXAMINATION_LIFE
        {
            return Ok(report.clone());
        }
        let itself = || Ok("running: it says this itself".to_owned());
        let options = Options { config, deep: false, broker: Some(&itself) };
        let report = serde_json::to_value(doctor::run(&options, &mut Nobody)).map_err(|error| {
            Error::new(ErrorKind::Internal, "the report cannot be written").with_source(error)
        })?;
        *last = Some((Instant::now(), report.clone()));
        Ok(report)
    }
}

/// Nobody waits for each check.
struct Nobody;

impl Watcher for Nobody {
    fn begin(&mut self, _: &'static str) {}

    fn end(&mut self, _: &Check) {}
}
