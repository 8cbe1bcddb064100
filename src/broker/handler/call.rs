//! A call of the builder's: the one operation whose input and answer may be longer than a frame.

use std::os::unix::net::UnixStream;
use std::sync::Mutex;

use serde_json::value::RawValue;

use crate::broker::counts::Counts;
use crate::broker::long;
use crate::broker::wire::CallArgs;
use crate::calls::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::{self, Context, Principal, policy};
use crate::types::Username;

use super::{Desk, Done, Logged, lock, read};

/// What a frame holds besides the answer takes far less than the rest of it.
const FRAME_ROOM: usize = limits::FRAME_BYTES - 1024;

impl Desk {
    /// Makes a call. The use case logs how it ended; what keeps it from its beginning, or its answer from the caller, is logged here.
    pub(super) fn call_builder(
        &self,
        context: &Context,
        logged: &Logged<'_>,
        args: Option<&RawValue>,
        stream: &UnixStream,
    ) -> Result<Done<'_>> {
        let (principal, reference) = (logged.principal, logged.reference);
        let args: CallArgs = logged.end(read(args))?;
        let place = logged.end(self.place_for_call(principal, args.account()))?;
        let args = logged.end(with_input(context, principal, args, stream))?;
        let is_long = args.takes_long();
        let _share = logged.end(self.shares.take(principal, args.account().as_ref()))?;
        let request = logged.end(args.into_request(reference))?;
        let answer = ops::call(context, principal, &request)?;
        let text = answer.to_string();
        match text.len() {
            0..=FRAME_ROOM => Ok(Done::Value(answer)),
            ..=limits::CALL_ANSWER_BYTES if is_long => Ok(Done::Text(text.into_bytes(), place)),
            bytes => logged.end(Err(too_large(bytes, is_long))),
        }
    }

    /// How long the builder takes, or the caller over its input and its answer, may be up to an account; clicks need threads too, and texts are held in
    /// memory.
    fn place_for_call(
        &self,
        principal: &Principal,
        named: Option<Username>,
    ) -> Result<Option<CallPlace<'_>>> {
        if *principal == Principal::Root {
            return Ok(None);
        }
        self.calls.take(principal.own_account().cloned().or(named)).map(Some).ok_or_else(|| {
            Error::new(ErrorKind::TooMany, "as many calls of the builder's run as may at a time")
        })
    }
}

/// The calls that run for others than root, by account; together where a panel user's input, which names the account, has yet to come.
#[derive(Default)]
pub(super) struct Calls(Mutex<Counts<Option<Username>>>);

/// The place of one of them; given back however it ends.
pub(in crate::broker) struct CallPlace<'a> {
    calls: &'a Calls,
    whose: Option<Username>,
}

impl Calls {
    /// Takes a place if there is one. The last ones are only for those who have none, so that nobody who is slow on purpose has them all.
    fn take(&self, whose: Option<Username>) -> Option<CallPlace<'_>> {
        let mut running = lock(&self.0);
        if !running.has_place(&whose, limits::CALLS_AT_ONCE, limits::CALLS_FOR_OTHERS) {
            return None;
        }
        running.add(whose.clone());
        Some(CallPlace { calls: self, whose })
    }
}

impl Drop for CallPlace<'_> {
    fn drop(&mut self) {
        lock(&self.calls.0).remove(&self.whose);
    }
}

/// Takes the input that was only announced. Who may not make the call is not asked for it: the use case refuses, whatever the input would be.
fn with_input(
    context: &Context,
    principal: &Principal,
    args: CallArgs,
    stream: &UnixStream,
) -> Result<CallArgs> {
    let Some(bytes) = args.input_bytes() else { return Ok(args) };
    let may_call = |call| policy::allow_call(principal, call, context.panel.kind()).is_ok();
    if !Call::by_name(args.call()).is_some_and(may_call) {
        return Ok(args);
    }
    let fail = |what: String| Error::new(ErrorKind::InvalidArgument, format!("{}: {what}", args.call()));
    if bytes > limits::CALL_INPUT_BYTES {
        return Err(fail(format!("the input is larger than {} bytes", limits::CALL_INPUT_BYTES)));
    }
    let text = long::ask_for(stream, bytes).map_err(|error| {
        Error::new(ErrorKind::BadRequest, "the input did not come as it was announced").with_source(error)
    })?;
    let input = serde_json::from_slice(&text).map_err(|error| {
        fail(format!("the input is not JSON (line {}, column {})", error.line(), error.column()))
    })?;
    Ok(args.with_input(input))
}

fn too_large(bytes: usize, is_long: bool) -> Error {
    let why = if is_long {
        format!("more than the {} bytes that the broker passes on", limits::CALL_ANSWER_BYTES)
    } else {
        "more than a frame holds, and the program that asks takes no longer answer: upgrade it".to_owned()
    };
    Error::new(ErrorKind::TooLarge, format!("the call was made, but its answer has {bytes} bytes, {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_all_places_and_each_is_given_back() {
        let calls = Calls::default();
        let take = |name: &str| calls.take(Username::new(name).ok());
        let for_all = limits::CALLS_AT_ONCE - limits::CALLS_FOR_OTHERS;
        let own: Vec<CallPlace<'_>> = (0..for_all).map(|_| take("one").unwrap()).collect();
        assert!(take("one").is_none());
        let others: Vec<CallPlace<'_>> =
            (0..limits::CALLS_FOR_OTHERS).map(|number| take(&format!("other{number}")).unwrap()).collect();
        assert!(take("other0").is_none() && take("late").is_none(), "there is none left");
        drop(own);
        let late = take("late");
        assert!(late.is_some() && take("late").is_none() && calls.take(None).is_some());
        drop((others, late));
        assert!(lock(&calls.0).is_empty());
    }
}
