//! Where log lines go: standard error, or the system log under the identifier `panelgate`.
//!
//! Lines are one line: control characters are escaped, and what is too long is cut. Losing a line never stops anything.

use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::sync::OnceLock;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::limits::LOG_LINE_BYTES;
use crate::types::is_unprintable;

/// Where the lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard error: command line, demo, anything under systemd.
    Stderr,
    /// The socket `/dev/log` (RFC 3164): pages, whose standard error belongs to the web server or panel.
    System,
}

struct Logger {
    target: Target,
    socket: OnceLock<Option<UnixDatagram>>,
}

static LOGGER: OnceLock<Logger> = OnceLock::new();

/// Starts logging. Later calls only change the level. The C library never calls it: its log belongs to the program that loaded it.
pub fn start(target: Target, level: LevelFilter) {
    let logger = LOGGER.get_or_init(|| Logger { target, socket: OnceLock::new() });
    if log::set_logger(logger).is_ok() || log::max_level() != level {
        log::set_max_level(level);
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // What libraries say is for their developers, and some of it would be bodies and headers.
        metadata.target().starts_with("panelgate")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = one_line(&record.args().to_string());
        match self.target {
            Target::Stderr => {
                // In one piece: other processes write to the same log of the web server.
                let line = format!("panelgate: {}: {text}\n", word(record.level()));
                let _ = std::io::stderr().lock().write_all(line.as_bytes());
            }
            Target::System => self.send(record.level(), &text),
        }
    }

    fn flush(&self) {}
}

impl Logger {
    fn send(&self, level: Level, text: &str) {
        const DAEMON: u8 = 3 << 3;
        let socket = self.socket.get_or_init(|| {
            let socket = UnixDatagram::unbound().ok()?;
            socket.connect("/dev/log").ok()?;
            // A full log must not hold a page up.
            socket.set_nonblocking(true).ok()?;
            Some(socket)
        });
        if let Some(socket) = socket {
            let line = format!("<{}>panelgate[{}]: {text}", DAEMON | severity(level), std::process::id());
            let _ = socket.send(line.as_bytes());
        }
    }
}

fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "info",
        Level::Debug | Level::Trace => "debug",
    }
}

fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LOG_LINE_BYTES));
    for character in text.chars() {
        if line.len() >= LOG_LINE_BYTES {
            line.push('…');
            break;
        }
        if is_unprintable(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(one_line("a\nb\x1b[31m\u{202e}"), "a\\nb\\u{1b}[31m\\u{202e}");
        assert!(one_line(&"x".repeat(LOG_LINE_BYTES * 2)).len() < LOG_LINE_BYTES + 10);
    }
}
