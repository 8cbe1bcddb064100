//! Files of one JSON value a line, which may have been written by anybody.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::limits;
use crate::publish::confine::{Fault, FaultKind, Outcome};
use crate::types::RelPath;

/// The values of a file of at most `limit` bytes. A last line without its end, as a crash or a full disk leaves it, does not count.
pub(crate) fn read<T: DeserializeOwned>(file: File, limit: u64) -> Lines<T> {
    Lines { from: BufReader::new(file.take(limit + 1)), left: limit, ended: false, kind: PhantomData }
}

/// See [`read`].
pub(crate) struct Lines<T> {
    from: BufReader<std::io::Take<File>>,
    left: u64,
    ended: bool,
    kind: PhantomData<T>,
}

impl<T: DeserializeOwned> Lines<T> {
    fn line(&mut self) -> Outcome<Option<T>> {
        let here = RelPath::root();
        let damaged = || Fault::new(FaultKind::Damaged, &here);
        let mut line = Vec::new();
        let most = limits::JOURNAL_LINE_BYTES as u64;
        (&mut self.from).take(most).read_until(b'\n', &mut line).map_err(|error| Fault::io(error, &here))?;
        self.left = self.left.checked_sub(line.len() as u64).ok_or_else(damaged)?;
        match line.last() {
            Some(b'\n') => serde_json::from_slice(&line).map(Some).map_err(|_| damaged()),
            _ if line.len() as u64 == most => Err(damaged()),
            _ => Ok(None),
        }
    }
}

impl<T: DeserializeOwned> Iterator for Lines<T> {
    type Item = Outcome<T>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.line().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}
