//! A backup as an answer: the whole file, or the part of it that a browser still lacks (RFC 9110 14).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::response::Response;
use crate::error::Result;
use crate::ops::backup::ProjectFile;
use crate::types::Domain;

/// What is sent of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// All of it.
    Whole,
    /// So many bytes from this one on.
    Part(u64, u64),
    /// Nothing: what was asked for lies beyond its end.
    Beyond,
}

/// The answer with a backup of a site. `range` and `if_range` are the request's fields.
///
/// # Errors
/// [`crate::error::ErrorKind::Internal`] if a header cannot be written.
pub(super) fn answer(
    taken: ProjectFile,
    site: &Domain,
    range: Option<&str>,
    if_range: Option<&str>,
) -> Result<Response> {
    let ProjectFile { file, about } = taken;
    let (size, tag) = (about.size, format!("\"{}\"", about.sha256));
    // Of another file than the one that was begun, no part is of use. A date, or a tag that may be weak, says too little.
    let still = if_range.is_none_or(|condition| condition.trim() == tag);
    let extent = range.filter(|_| still).map_or(Extent::Whole, |range| extent(range, size));
    let media = "application/octet-stream";
    let response = match extent {
        Extent::Whole => Response::of_file(200, media, file, 0, size),
        Extent::Part(from, length) => Response::of_file(206, media, file, from, length)
            .with_header("Content-Range", format!("bytes {from}-{}/{size}", from + length - 1))?,
        Extent::Beyond => Response::plain(416, "text/plain; charset=utf-8", String::new())
            .with_header("Content-Range", format!("bytes */{size}"))?,
    };
    let response = response
        .with_header("Accept-Ranges", "bytes".to_owned())?
        .with_header("ETag", tag)?
        .with_header("Content-Disposition", format!("attachment; filename=\"{}\"", name(site, &about.name)))?
        .with_header("Content-Security-Policy", "default-src 'none'; sandbox".to_owned())?
        .with_header("Cross-Origin-Resource-Policy", "same-origin".to_owned())?;
    match digest(&about.sha256) {
        Some(digest) => response.with_header("Repr-Digest", digest),
        None => Ok(response),
    }
}

/// The part that a `Range` field asks for. One that cannot be read, or that asks for several parts, is passed over, as it may be (14.2).
fn extent(range: &str, size: u64) -> Extent {
    let Some((unit, set)) = range.split_once('=') else { return Extent::Whole };
    let Some((first, last)) = set.trim().split_once('-').filter(|_| !set.contains(',')) else {
        return Extent::Whole;
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than a number can have lie beyond every end.
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Extent::Whole;
    }
    let (first, last) = (first.trim_end(), last.trim_start());
    let (from, to) = match (is_number(first), is_number(last)) {
        (true, true) if number(first) <= number(last) => (number(first), number(last)),
        (true, false) if last.is_empty() => (number(first), u64::MAX),
        (false, true) if first.is_empty() && number(last) == 0 => return Extent::Beyond,
        (false, true) if first.is_empty() => (size.saturating_sub(number(last)), u64::MAX),
        _ => return Extent::Whole,
    };
    if from >= size { Extent::Beyond } else { Extent::Part(from, to.min(size - 1) - from + 1) }
}

/// A name that every system and every header takes: the site, and when the backup was made.
fn name(site: &Domain, backup: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let text = format!("{site}-{backup}");
    text.bytes().map(|byte| if plain(byte) { char::from(byte) } else { '_' }).collect()
}

/// The checksum as a header field says it (RFC 9530).
fn digest(sha256: &str) -> Option<String> {
    let pairs = sha256.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    (bytes.len() == 32).then(|| format!("sha-256=:{}:", STANDARD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::backup::SeenFile;
    use proptest::prelude::*;
    use std::io::Write;

    #[test]
    fn ranges_as_the_standard_has_them() {
        use Extent::{Beyond, Part, Whole};
        for (range, want) in [
            ("bytes=0-", Part(0, 10)),
            ("bytes=3-5", Part(3, 3)),
            ("Bytes = 3 - 5", Part(3, 3)),
            ("bytes=9-9", Part(9, 1)),
            ("bytes=4-999999999999999999999999", Part(4, 6)),
            ("bytes=-3", Part(7, 3)),
            ("bytes=-999", Part(0, 10)),
            ("bytes=10-", Beyond),
            ("bytes=99999999999999999999999-", Beyond),
            ("bytes=-0", Beyond),
            ("bytes=5-3", Whole),
            ("bytes=0-1,4-5", Whole),
            ("bytes=", Whole),
            ("bytes=-", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=a-b", Whole),
            ("bytes", Whole),
            ("lines=0-1", Whole),
            ("", Whole),
        ] {
            assert_eq!(extent(range, 10), want, "{range}");
        }
    }

    fn asked(range: Option<&str>, if_range: Option<&str>) -> Response {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let about =
            SeenFile { name: "20261121T093000Z-1.\"site".into(), made: 1, size: 10, sha256: "ab".repeat(32) };
        answer(ProjectFile { file, about }, &Domain::new("bücher.example").unwrap(), range, if_range).unwrap()
    }

    fn header(response: &Response, name: &str) -> Option<String> {
        response.headers().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
    }

    #[test]
    fn an_answer_says_what_it_is_and_holds_the_part() {
        let tag = format!("\"{}\"", "ab".repeat(32));
        let (weak, other) = (format!("W/{tag}"), tag.replace('a', "c"));
        for (range, if_range, status, part, body) in [
            (None, None, 200, None, &b"0123456789"[..]),
            (Some("bytes=4-"), None, 206, Some("bytes 4-9/10"), b"456789"),
            (Some("bytes=4-"), Some(tag.as_str()), 206, Some("bytes 4-9/10"), b"456789"),
            (Some("bytes=4-"), Some(weak.as_str()), 200, None, b"0123456789"),
            (Some("bytes=4-"), Some(other.as_str()), 200, None, b"0123456789"),
            (Some("bytes=4-"), Some("Sat, 21 Nov 2026 09:30:00 GMT"), 200, None, b"0123456789"),
            (Some("bytes=99-"), Some(other.as_str()), 200, None, b"0123456789"),
            (Some("bytes=99-"), None, 416, Some("bytes */10"), b""),
        ] {
            let response = asked(range, if_range);
            let mut bytes = Vec::new();
            response.write_part(&mut bytes).unwrap();
            let place = format!("{range:?} {if_range:?}");
            assert_eq!((response.status(), bytes.as_slice()), (status, body), "{place}");
            assert_eq!(header(&response, "Content-Range").as_deref(), part, "{place}");
            assert_eq!(header(&response, "ETag"), Some(tag.clone()), "{place}");
            for (name, value) in [
                (
                    "Content-Disposition",
                    "attachment; filename=\"xn--bcher-kva.example-20261121T093000Z-1._site\"",
                ),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
                ("Accept-Ranges", "bytes"),
            ] {
                assert_eq!(header(&response, name).as_deref(), Some(value), "{place}");
            }
        }
        assert_eq!(digest("ab"), None);
        assert_eq!(digest(&"é".repeat(32)), None);
        assert_eq!(digest(&"00".repeat(32)).unwrap(), format!("sha-256=:{}=:", "A".repeat(43)));
    }

    proptest! {
        #[test]
        fn no_range_leads_out_of_the_file(range in "(bytes=)?[0-9, -]{0,45}", size in 1_u64..1000) {
            if let Extent::Part(from, length) = extent(&range, size) {
                prop_assert!(length > 0 && from + length <= size);
            }
        }
    }
}
