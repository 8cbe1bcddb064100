//! From the start of the program to the last byte of its one answer.

use std::cell::Cell;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::dialect::{self, Dialect};
use super::endpoint;
use super::guard::{self, Method, Request};
use super::live_api;
use super::messages::{Preference, Text};
use super::meta::{Meta, Variables};
use super::page::{self, Visit};
use super::response::Response;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway;
use crate::limits;
use crate::sys::identity;
use crate::sys::logging::{self, Target};
use crate::types::Reference;

/// Answers a request of which method, query string and body were read. To be called once.
pub type Answer<'a> = &'a mut dyn FnMut(&str, &str, Vec<u8>) -> Response;

/// What reads the plain parts of a request from the process and writes its answer.
///
/// The page brings its own, which knows every [`Dialect`]. Another one may take over the dialects that it can write. When it is called, the
/// process is clean: the environment was rebuilt from checked values, and standard input holds exactly the bounded body.
pub trait Front {
    /// Whether it can write this dialect.
    fn writes(&self, dialect: Dialect) -> bool;

    /// Reads the request, has it answered, writes the answer.
    fn serve(&self, answer: Answer<'_>);
}

/// The front that needs nobody else's.
struct PlainFront {
    dialect: Dialect,
    request: Request,
}

impl Front for PlainFront {
    fn writes(&self, dialect: Dialect) -> bool {
        dialect == self.dialect
    }

    fn serve(&self, answer: Answer<'_>) {
        let Request { method, query, body } = self.request.clone();
        write(self.dialect, &answer(method.name(), &query, body));
    }
}

/// Answers the one request that this process was started for. `other` is asked first whether it can write the answer.
///
/// Whatever happens, one well-formed answer is written, or none if nobody listens any more.
pub fn run(other: Option<&dyn Front>) {
    if endpoint::is_this_program() {
        return endpoint::run();
    }
    let names = dialect::program_names();
    let dialect = Dialect::of_program(&names);
    let (reference, preference) = (Reference::random(), Preference::default());
    let mut visit = Visit { dialect, reference, preference, head: false, about: Text::FailureTitle };
    // What the panic says may hold what a visitor sent; where it was is enough to find it.
    std::panic::set_hook(Box::new(move |panic| match panic.location() {
        Some(place) => log::error!("{reference}: stopped half-way at {}:{}", place.file(), place.line()),
        None => log::error!("{reference}: stopped half-way"),
    }));
    let target = if gateway::is_private_trial() { Target::Stderr } else { Target::System };
    logging::start(target, log::LevelFilter::Info);
    identity::forbid_core_dumps();

    // Nothing that root would read for a visitor is read before this.
    if let Err(error) = guard::refuse_root() {
        write(dialect, &visit.finish(visit.failure(&error, None)));
        return;
    }
    // Before anything that takes time: the panel waits for it.
    live_api::end(&names);
    let admitted = caught(|| {
        let variables = Variables::of_process();
        (visit.preference, visit.head) = (variables.preference(), variables.is_head());
        let (meta, request) = guard::admit(variables, rustix::stdio::stdin(), limits::PAGE_BODY_TIME)?;
        guard::clean_environment(&meta, &request)?;
        Ok((meta, request))
    });
    match admitted {
        Ok((meta, request)) => serve(other, visit, &meta, request),
        Err(error) => write(dialect, &visit.finish(visit.failure(&error, None))),
    }
}

fn serve(other: Option<&dyn Front>, visit: Visit, meta: &Meta, request: Request) {
    let answered = Cell::new(false);
    let mut answer = |method: &str, query: &str, body: Vec<u8>| {
        let response = caught(|| {
            let request = Request { method: Method::parse(method)?, query: query.to_owned(), body };
            let gateway = gateway::for_page()?;
            Ok(page::answer(gateway.as_ref(), visit, meta, &request))
        });
        let response = response.unwrap_or_else(|error| visit.finish(visit.failure(&error, Some(meta))));
        answered.set(true);
        response
    };
    let plain = PlainFront { dialect: visit.dialect, request };
    // Another front has the body of its answer in memory; a file is more than that.
    let other = other.filter(|front| front.writes(visit.dialect) && !page::wants_file(&plain.request));
    let served = caught(|| match other {
        Some(front) => {
            guard::body_to_stdin(&plain.request.body)?;
            front.serve(&mut answer);
            Ok(())
        }
        None => {
            plain.serve(&mut answer);
            Ok(())
        }
    });
    // After an answer only writing it can have failed, and there is nobody to tell.
    if let Err(error) = served
        && !answered.get()
    {
        write(visit.dialect, &visit.finish(visit.failure(&error, Some(meta))));
    }
}

/// Turns a panic into an error.
fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Panic, "a function stopped half-way: see the line before"))
    })
}

/// Writes an answer at once. A visitor who has gone away is no fault.
fn write(dialect: Dialect, response: &Response) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout
        .write_all(&dialect.render(response))
        .and_then(|()| stdout.flush())
        .and_then(|()| response.write_part(&mut stdout));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let error = caught::<()>(|| panic!("what a visitor sent")).unwrap_err();
        std::panic::set_hook(hook);
        assert_eq!(error.kind(), ErrorKind::Panic);
        assert!(!error.chain().contains("visitor"));
    }
}
