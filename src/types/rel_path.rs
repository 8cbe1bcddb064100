//! The name of a file or directory below a directory that somebody else decides about.

use std::fmt;

use crate::limits;

/// What every name begins with that Panelgate itself makes in an account's directories.
const OWN_NAME: &str = ".panelgate";

/// A relative path: segments of UTF-8 joined by single slashes. The empty path is the directory itself.
///
/// No segment is `.` or `..`, longer than [`limits::PATH_SEGMENT_BYTES`], or holds a control character, NUL or a backslash; the whole has at most
/// [`limits::PATH_BYTES`] and [`limits::PATH_DEPTH`] segments. It says nothing about links: [`crate::publish::confine`] does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct RelPath(Box<str>);

/// Why bytes are not a [`RelPath`]. `Display` is a reason that a customer can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathFault {
    /// Not UTF-8.
    NotUtf8,
    /// A control character or NUL.
    Control,
    /// A backslash.
    Backslash,
    /// It begins with a slash.
    Absolute,
    /// A segment `.` or `..`.
    Dots,
    /// A segment longer than [`limits::PATH_SEGMENT_BYTES`].
    SegmentTooLong,
    /// Longer than [`limits::PATH_BYTES`].
    TooLong,
    /// More than [`limits::PATH_DEPTH`] segments.
    TooDeep,
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => write!(f, "the name of the file is not UTF-8"),
            Self::Control => write!(f, "the name of the file holds a control character"),
            Self::Backslash => write!(f, "the name of the file holds a backslash"),
            Self::Absolute => write!(f, "the name of the file begins with a slash"),
            Self::Dots => write!(f, "the name of the file holds \".\" or \"..\" as a folder"),
            Self::SegmentTooLong => {
                write!(f, "a part of the file's name is longer than {} bytes", limits::PATH_SEGMENT_BYTES)
            }
            Self::TooLong => write!(f, "the name of the file is longer than {} bytes", limits::PATH_BYTES),
            Self::TooDeep => write!(f, "the file lies more than {} folders deep", limits::PATH_DEPTH),
        }
    }
}

impl std::error::Error for PathFault {}

impl RelPath {
    /// The directory itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// Checks a path as it came from outside. Slashes that follow each other count as one, and one at the end as none; percent signs mean nothing.
    ///
    /// # Errors
    /// See [`PathFault`].
    pub fn from_wire(bytes: &[u8]) -> Result<Self, PathFault> {
        if bytes.first() == Some(&b'/') {
            return Err(PathFault::Absolute);
        }
        Self::below_route(bytes)
    }

    /// Like [`RelPath::from_wire`], for what follows the route of an endpoint: slashes at its beginning count as none.
    ///
    /// # Errors
    /// See [`PathFault`].
    pub fn below_route(bytes: &[u8]) -> Result<Self, PathFault> {
        // Collapsing first would let a path of slashes without end cost more than the refusal is worth.
        if bytes.len() > 2 * limits::PATH_BYTES {
            return Err(PathFault::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| PathFault::NotUtf8)?;
        let mut path = String::with_capacity(text.len());
        let mut depth = 0;
        for segment in text.split('/').filter(|segment| !segment.is_empty()) {
            check_segment(segment)?;
            depth += 1;
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(segment);
        }
        match () {
            () if path.len() > limits::PATH_BYTES => Err(PathFault::TooLong),
            () if depth > limits::PATH_DEPTH => Err(PathFault::TooDeep),
            () => Ok(Self(path.into_boxed_str())),
        }
    }

    /// The path with single slashes and none at either end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the directory itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The segments, from the outermost; none for the directory itself.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// How many segments it has.
    pub fn depth(&self) -> usize {
        self.segments().count()
    }

    /// The path without its last segment; `None` for the directory itself.
    pub fn parent(&self) -> Option<Self> {
        match self.0.rsplit_once('/') {
            Some((parent, _)) => Some(Self(parent.into())),
            None if self.is_root() => None,
            None => Some(Self::root()),
        }
    }

    /// The last segment; `None` for the directory itself.
    pub fn file_name(&self) -> Option<&str> {
        self.segments().next_back()
    }

    /// The path of something below this one, under the same rules.
    ///
    /// # Errors
    /// See [`PathFault`]: `below` is checked, and so is the length of the whole.
    pub fn join(&self, below: &str) -> Result<Self, PathFault> {
        let below = Self::from_wire(below.as_bytes())?;
        match (self.is_root(), below.is_root()) {
            (true, _) => Ok(below),
            (_, true) => Ok(self.clone()),
            _ => Self::from_wire(format!("{}/{}", self.0, below.0).as_bytes()),
        }
    }

    /// Whether this path is `other` or lies below it.
    pub fn is_within(&self, other: &RelPath) -> bool {
        self.below(other).is_some()
    }

    /// What is left of this path below `other`; `None` if it is not within it.
    pub fn below(&self, other: &RelPath) -> Option<RelPath> {
        if other.is_root() {
            return Some(self.clone());
        }
        let rest = self.0.strip_prefix(other.as_str())?;
        match rest.strip_prefix('/') {
            Some(rest) => Some(Self(rest.into())),
            None => rest.is_empty().then(Self::root),
        }
    }

    /// Whether a segment is a name that Panelgate keeps for itself: `.panelgate`, or anything that begins with `.panelgate-`, in any case of letters.
    /// Such a path is never listed, written or removed for anybody outside.
    pub fn is_reserved(&self) -> bool {
        self.segments().any(is_reserved_name)
    }
}

/// Whether a name is one that Panelgate keeps for itself. See [`RelPath::is_reserved`].
fn is_reserved_name(name: &str) -> bool {
    let Some(start) = name.get(..OWN_NAME.len()) else { return false };
    start.eq_ignore_ascii_case(OWN_NAME) && matches!(name.as_bytes().get(OWN_NAME.len()), None | Some(b'-'))
}

fn check_segment(segment: &str) -> Result<(), PathFault> {
    match segment {
        "." | ".." => Err(PathFault::Dots),
        _ if segment.contains(char::is_control) => Err(PathFault::Control),
        _ if segment.contains('\\') => Err(PathFault::Backslash),
        _ if segment.len() > limits::PATH_SEGMENT_BYTES => Err(PathFault::SegmentTooLong),
        _ => Ok(()),
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::printable(&self.0))
    }
}

impl<'de> serde::Deserialize<'de> for RelPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::from_wire(text.as_bytes()).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> RelPath {
        RelPath::from_wire(text.as_bytes()).unwrap()
    }

    #[test]
    fn one_spelling_for_one_path() {
        for (wire, expected) in [
            ("", ""),
            ("a", "a"),
            ("a/", "a"),
            ("a//b///c//", "a/b/c"),
            (".htaccess", ".htaccess"),
            ("...", "..."),
            ("a%2fb%2541.css", "a%2fb%2541.css"),
            ("a b/ü+?&.css", "a b/ü+?&.css"),
        ] {
            assert_eq!(path(wire).as_str(), expected);
            assert_eq!(RelPath::below_route(format!("//{wire}").as_bytes()).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn hostile_paths_are_refused_with_their_reason() {
        let long = "a".repeat(256);
        let deep = "a/".repeat(5000);
        let large = format!("{}/", "b".repeat(200)).repeat(30);
        for (wire, fault) in [
            (&b"../x"[..], PathFault::Dots),
            (b"a/../b", PathFault::Dots),
            (b"a/..", PathFault::Dots),
            (b"./a", PathFault::Dots),
            (b"a/./b", PathFault::Dots),
            (b"/etc/passwd", PathFault::Absolute),
            (b"//a", PathFault::Absolute),
            (b"a\\b", PathFault::Backslash),
            (b"..\\..\\x", PathFault::Backslash),
            (b"a\0b", PathFault::Control),
            (b"a\nb", PathFault::Control),
            (b"a\x7fb", PathFault::Control),
            ("a\u{85}b".as_bytes(), PathFault::Control),
            (b"a/\xff", PathFault::NotUtf8),
            (b"a/\xc0\xae\xc0\xae/b", PathFault::NotUtf8),
            (long.as_bytes(), PathFault::SegmentTooLong),
            (deep.as_bytes(), PathFault::TooLong),
            (&deep.as_bytes()[..1000], PathFault::TooDeep),
            (large.as_bytes(), PathFault::TooLong),
        ] {
            assert_eq!(RelPath::from_wire(wire), Err(fault), "{}", String::from_utf8_lossy(wire));
        }
        assert_eq!(path(&"a".repeat(255)).as_str().len(), 255);
    }

    #[test]
    fn our_own_names_are_known() {
        for own in [".panelgate", ".PanelGate/x", "a/.panelgate-tmp", "a/.panelgate-1/b"] {
            assert!(path(own).is_reserved(), "{own}");
        }
        for other in ["", "panelgate", ".panelgates", ".panelgat", "a.panelgate", ".htaccess", ".panelgaté"]
        {
            assert!(!path(other).is_reserved(), "{other}");
        }
    }

    #[test]
    fn parts_and_relations() {
        let file = path("a/b/c.css");
        assert_eq!((file.file_name(), file.depth()), (Some("c.css"), 3));
        assert_eq!(file.parent(), Some(path("a/b")));
        assert_eq!(path("a").parent(), Some(RelPath::root()));
        assert_eq!((RelPath::root().parent(), RelPath::root().file_name()), (None, None));
        assert_eq!(file.below(&path("a")), Some(path("b/c.css")));
        assert!(
            file.is_within(&file) && file.is_within(&RelPath::root()) && !path("ab").is_within(&path("a"))
        );
        assert_eq!(path("a").join("b//c").unwrap(), path("a/b/c"));
        assert_eq!(path("a").join(""), Ok(path("a")));
        assert_eq!(path("a").join("../b"), Err(PathFault::Dots));
        assert_eq!(path("a").join("/b"), Err(PathFault::Absolute));
        assert_eq!(path("a\u{202e}b").to_string(), "a\\u{202e}b", "as a log line shows it");
    }

    proptest! {
        #[test]
        fn what_passes_is_stable_and_stays_below(bytes in any::<Vec<u8>>()) {
            if let Ok(path) = RelPath::from_wire(&bytes) {
                prop_assert_eq!(RelPath::from_wire(path.as_str().as_bytes()), Ok(path.clone()));
                prop_assert!(path.segments().all(|segment| !segment.is_empty() && segment != "." && segment != ".."));
                prop_assert!(!path.as_str().starts_with('/') && !path.as_str().ends_with('/'));
                prop_assert_eq!(path.segments().collect::<Vec<_>>().join("/"), path.as_str());
                let json = serde_json::to_string(&path).unwrap();
                prop_assert_eq!(serde_json::from_str::<RelPath>(&json).unwrap(), path);
            }
        }

        #[test]
        fn segments_made_of_dots_and_slashes_never_climb(text in "[./a\\\\]{0,24}") {
            if let Ok(path) = RelPath::from_wire(text.as_bytes()) {
                let mut depth = 0_i32;
                for segment in path.as_str().split('/') {
                    depth += if segment == ".." { -1 } else { 1 };
                    prop_assert!(depth > 0);
                }
            }
        }
    }
}
