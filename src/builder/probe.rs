//! Two harmless calls, for the doctor: is somebody there, and does he take our credentials.

use serde::Deserialize;
use ureq::http::header;

use crate::error::{ErrorKind, Result};

use super::replies::Secrets;
use super::{Client, faults};

/// What any answer of the builder tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The HTTP status.
    pub status: u16,
    /// The time in the `Date` field, in Unix seconds, if it can be read.
    pub date: Option<u64>,
}

/// What the builder said to a call that says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its objection, which is the documented answer: the input is missing.
    pub objection: Option<String>,
}

/// A reply of which nothing is used.
#[derive(Deserialize)]
struct Anything {}

impl Client {
    /// Asks for the API's address itself, without credentials. Any answer will do: it means that the way is open and the certificate good.
    ///
    /// # Errors
    /// [`ErrorKind::BuilderUnreachable`], [`ErrorKind::BuilderTls`], [`ErrorKind::BuilderProtocol`], or [`ErrorKind::Config`] where `ca_file`
    /// is wrong.
    pub fn greet(&self) -> Result<Greeting> {
        let url = &self.config.url;
        let response = self
            .agent()?
            .get(url.to_string())
            .call()
            .map_err(|fault| faults::describe(fault, url, &self.config, self.config.timeout))?;
        let date = response.headers().get(header::DATE).and_then(|value| value.to_str().ok());
        Ok(Greeting { status: response.status().as_u16(), date: date.and_then(unix_seconds) })
    }

    /// Asks for a session with the credentials, but without saying for which site or how to publish it: no session can be made of that, and the
    /// documented answer is an objection to the input. (`reference/builder-api.md` 4.1 limits the calls that only read.)
    ///
    /// # Errors
    /// [`ErrorKind::BuilderAuth`] or [`ErrorKind::BuilderLicence`] if the builder objects to whom it is asked by; otherwise as
    /// [`Client::request_login`].
    pub fn probe(&self) -> Result<Probe> {
        let nothing = serde_json::Map::new();
        let (url, time) = (&self.config.url, self.config.timeout);
        match self.post::<Anything>(url, "requestLogin", &nothing, Secrets::default(), time) {
            Ok(Anything {}) => Ok(Probe { objection: None }),
            Err(error) if error.kind() == ErrorKind::BuilderRefused => {
                Ok(Probe { objection: Some(error.chain()) })
            }
            Err(error) => Err(error),
        }
    }
}

/// Reads an HTTP date in the form that senders must use (RFC 9110 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn unix_seconds(date: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = date.split_once(", ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let [day, month, year, time, "GMT"] = fields.as_slice() else { return None };
    let clock: Vec<u64> = time.split(':').map(|part| number(part, 2)).collect::<Option<_>>()?;
    let [hour, minute, second] = clock.as_slice() else { return None };
    let (day, year) = (number(day, 2)?, number(year, 4)?);
    let month = MONTHS.iter().position(|name| name == month)? as u64;
    if !(1970..=9999).contains(&year)
        || !(1..=31).contains(&day)
        || *hour > 23
        || *minute > 59
        || *second > 60
    {
        return None;
    }
    // Days from 1970 to the first of the month; years count from March, so that a leap day is the last of its year.
    let march_year = if month < 2 { year - 1 } else { year };
    let march_month = (month + 10) % 12;
    let leap_days = march_year / 4 - march_year / 100 + march_year / 400;
    let days = march_year * 365 + leap_days + (march_month * 153 + 2) / 5 + day - 1;
    const TO_1970: u64 = 719_468;
    Some((days - TO_1970) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn number(text: &str, digits: usize) -> Option<u64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates() {
        for (date, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Fri, 31 Dec 2100 00:00:00 GMT", 4_133_894_400),
        ] {
            assert_eq!(unix_seconds(date), Some(seconds), "{date}");
        }
        for bad in [
            "",
            "now",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 0001 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
        ] {
            assert_eq!(unix_seconds(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_date_is_too_odd(date in "[A-Z][a-z]{2}, \\PC{0,40}") {
            let _ = unix_seconds(&date);
        }
    }
}
