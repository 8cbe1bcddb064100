//! How an answer is written for the front that started the page.

use super::messages::Language;
use crate::ops::Session;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// RFC 3875: `Status:` and headers.
    Cgi,
    /// A whole HTTP response with its status line (DirectAdmin `.raw`, Webmin).
    Nph,
    /// HTML that a panel puts into a page of its own: no redirect, but a link and a refresh.
    Page,
}

/// The bytes of the answer that sends a browser to a session.
pub fn redirect(_session: &Session, _dialect: Dialect, _language: Language) -> Vec<u8> {
    Vec::new()
}
