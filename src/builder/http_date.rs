//! Dates in the heads of answers.

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
