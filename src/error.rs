//! One error type for the whole house.
//!
//! An [`Error`] has a [kind](ErrorKind), a message for the administrator (what is wrong, where, what to do) and the error it came
//! from. The sentence for the panel user is not here: it is the message `error.<kind>` of the catalogues in
//! [`crate::web::messages`], so that it comes in their language.
//!
//! Each kind has an explicit C code, process exit code and HTTP status. The three are known in this file only.
//! No message ever holds a secret: what is secret has a type that cannot be printed ([`crate::types::Secret`]).

use std::fmt;

/// Result with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! kinds {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal, exit $exit:literal, http $http:literal, retry $retry:literal, $key:literal; )+) => {
        /// What went wrong, as a stable code for programs.
        ///
        /// Codes come in blocks of a hundred: 1xx caller and configuration, 2xx account data, 3xx builder, 4xx publication,
        /// 5xx page request, 6xx store, 7xx backups, 9xx faults of Panelgate itself. They are never renumbered.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind { $( $(#[doc = $doc])+ $name, )+ }

        impl ErrorKind {
            /// All kinds, in the order of their codes.
            pub const ALL: &'static [ErrorKind] = &[ $( ErrorKind::$name, )+ ];

            /// The number that the C ABI (`pgate_status`) and JSON output use.
            pub const fn code(self) -> i32 { match self { $( ErrorKind::$name => $code, )+ } }

            /// The exit code of the command line program; always below 126.
            pub const fn exit_code(self) -> u8 { match self { $( ErrorKind::$name => $exit, )+ } }

            /// The HTTP status of the page that reports it.
            pub const fn http_status(self) -> u16 { match self { $( ErrorKind::$name => $http, )+ } }

            /// Whether the same request may succeed later without anybody changing anything.
            pub const fn is_retryable(self) -> bool { match self { $( ErrorKind::$name => $retry, )+ } }

            /// A stable name in lower case with dashes: JSON output, log lines, message keys.
            pub const fn name(self) -> &'static str { match self { $( ErrorKind::$name => $key, )+ } }

            /// The kind of that name.
            pub fn by_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.name() == name)
            }
        }
    };
}

kinds! {
    /// A value given by the caller is malformed.
    InvalidArgument = 101, exit 2, http 400, retry false, "invalid-argument";
    /// The configuration is missing, unreadable, unsafe or wrong.
    Config = 102, exit 3, http 500, retry false, "config";
    /// The caller may not do this.
    Forbidden = 103, exit 4, http 403, retry false, "forbidden";
    /// The part of Panelgate that would do this is not running or not reachable.
    Unavailable = 104, exit 5, http 503, retry true, "unavailable";
    /// The two sides of the broker's socket are of versions that do not understand each other.
    Upgrade = 105, exit 6, http 503, retry false, "upgrade";
    /// The caller asks for more than its share.
    TooMany = 106, exit 7, http 429, retry true, "too-many";

    /// The panel's data about the account is missing, unreadable or contradictory.
    PanelData = 201, exit 10, http 500, retry true, "panel-data";
    /// The panel has no such account.
    AccountNotFound = 202, exit 11, http 403, retry false, "account-not-found";
    /// The account has no such site.
    SiteNotFound = 203, exit 12, http 404, retry false, "site-not-found";
    /// The site belongs to another account.
    SiteNotYours = 204, exit 13, http 404, retry false, "site-not-yours";
    /// Two accounts claim the site.
    SiteConflict = 205, exit 14, http 409, retry false, "site-conflict";
    /// The account or the site is suspended.
    Suspended = 206, exit 15, http 403, retry false, "suspended";
    /// The account is a demonstration account.
    DemoAccount = 207, exit 16, http 403, retry false, "demo-account";
    /// The account's plan does not include the builder.
    FeatureOff = 208, exit 17, http 403, retry false, "feature-off";
    /// The name is an alias of another site.
    SiteAlias = 209, exit 18, http 403, retry false, "site-alias";
    /// The site has no web hosting, so there is nothing to publish to.
    SiteWithoutHosting = 210, exit 19, http 403, retry false, "site-without-hosting";

    /// The builder cannot be reached or did not answer in time.
    BuilderUnreachable = 301, exit 30, http 502, retry true, "builder-unreachable";
    /// The builder's certificate cannot be verified.
    BuilderTls = 302, exit 31, http 502, retry false, "builder-tls";
    /// The builder does not accept the credentials.
    BuilderAuth = 303, exit 32, http 502, retry false, "builder-auth";
    /// The builder does not accept this server: address not on the licence, or wrong brand.
    BuilderLicence = 304, exit 33, http 502, retry false, "builder-licence";
    /// The builder refused the request.
    BuilderRefused = 305, exit 34, http 502, retry false, "builder-refused";
    /// The builder's answer is not what its documentation says.
    BuilderProtocol = 306, exit 35, http 502, retry true, "builder-protocol";
    /// The address that the builder gave may not be opened.
    BuilderUrl = 307, exit 36, http 502, retry false, "builder-url";

    /// The publication of this site is not set up.
    Publication = 401, exit 40, http 500, retry false, "publication";
    /// The archive with the website is damaged, or holds what may not be published.
    Archive = 411, exit 41, http 403, retry false, "archive";
    /// The archive with the website cannot be downloaded.
    Download = 412, exit 42, http 502, retry true, "download";
    /// The website is being published already.
    PublicationBusy = 413, exit 43, http 409, retry true, "publication-busy";
    /// The publication was broken off before its end.
    PublicationInterrupted = 414, exit 44, http 503, retry true, "publication-interrupted";

    /// The builder shows no valid credentials for the site.
    CredentialsRejected = 431, exit 65, http 401, retry false, "credentials-rejected";
    /// The builder sends a file without saying how long it is.
    LengthRequired = 432, exit 66, http 411, retry false, "length-required";
    /// What the builder asks for cannot be done with a file or directory of that name.
    PathRefused = 433, exit 67, http 403, retry false, "path-refused";
    /// The disk or the account's quota is full.
    NoSpace = 434, exit 68, http 507, retry true, "no-space";
    /// The site's document root cannot be published to.
    DocumentRoot = 435, exit 69, http 403, retry false, "document-root";
    /// Nothing of the site is published that could be taken back.
    NothingPublished = 436, exit 61, http 409, retry false, "nothing-published";

    /// The form has expired or was not made for this visitor.
    TokenRejected = 501, exit 50, http 403, retry false, "token-rejected";
    /// The request is malformed.
    BadRequest = 502, exit 51, http 400, retry false, "bad-request";
    /// The request is larger than allowed.
    TooLarge = 503, exit 52, http 413, retry false, "too-large";
    /// The request's method is not offered here.
    MethodNotAllowed = 504, exit 53, http 405, retry false, "method-not-allowed";
    /// A browser asked ahead of time for a page that must only be opened on purpose.
    Prefetch = 505, exit 54, http 403, retry false, "prefetch";

    /// The store cannot be read or written.
    Store = 600, exit 60, http 500, retry true, "store";

    /// What makes the backup cannot do this.
    BackupUnsupported = 701, exit 80, http 501, retry false, "backup-unsupported";
    /// What makes the backup has tried, or refuses.
    BackupFailed = 702, exit 81, http 502, retry false, "backup-failed";
    /// What makes the backup cannot be reached, hangs, or answers what is not documented.
    BackupProvider = 703, exit 82, http 502, retry true, "backup-provider";
    /// There is no such backup, or no such job that makes one.
    BackupNotFound = 704, exit 83, http 404, retry false, "backup-not-found";
    /// There is no such job.
    JobNotFound = 705, exit 89, http 404, retry false, "job-not-found";
    /// What makes the backup cannot be reached or did not answer in time.
    BackupUnreachable = 712, exit 84, http 502, retry true, "backup-unreachable";
    /// The certificate of what makes the backup cannot be verified.
    BackupTls = 713, exit 85, http 502, retry false, "backup-tls";
    /// What makes the backup does not accept the credentials, or does not allow the operation.
    BackupAuth = 714, exit 86, http 502, retry false, "backup-auth";
    /// What makes the backup refused the request.
    BackupRefused = 715, exit 87, http 502, retry false, "backup-refused";
    /// What makes the backup gave an answer that is not what its documentation says.
    BackupProtocol = 716, exit 88, http 502, retry true, "backup-protocol";

    /// A fault of Panelgate or of the system below it.
    Internal = 900, exit 70, http 500, retry false, "internal";
    /// A fault of Panelgate that stopped a function half-way.
    Panic = 901, exit 71, http 500, retry false, "panic";
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error with its kind and a message for the administrator.
///
/// `Display` is the administrator's message without its sources; [`Error::chain`] is the message with all sources.
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Makes an error. `message` says what is wrong, where, and what to do, in one or two sentences without a final full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Adds the error that this one comes from.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says where it happened: `context: message`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message for the administrator, followed by the messages of all sources.
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            let part = error.to_string();
            if !text.ends_with(&part) {
                text.push_str(": ");
                text.push_str(&part);
            }
            next = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.kind, self.chain())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_names_and_exit_codes_are_distinct_and_in_range() {
        let codes: HashSet<i32> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
        let names: HashSet<&str> = ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
        let exits: HashSet<u8> = ErrorKind::ALL.iter().map(|kind| kind.exit_code()).collect();
        assert_eq!(codes.len(), ErrorKind::ALL.len());
        assert_eq!(names.len(), ErrorKind::ALL.len());
        assert_eq!(exits.len(), ErrorKind::ALL.len());
        for kind in ErrorKind::ALL {
            assert!(kind.exit_code() > 1 && kind.exit_code() < 126, "{kind}");
            assert!(kind.code() > 0 && kind.http_status() >= 400, "{kind}");
        }
    }

    #[test]
    fn chain_names_every_source_once() {
        let io = std::io::Error::other("disk on fire");
        let error = Error::new(ErrorKind::Config, "cannot read x").with_source(io).context("start");
        assert_eq!(error.chain(), "start: cannot read x: disk on fire");
        assert_eq!(error.to_string(), "start: cannot read x");
        assert_eq!(format!("{error:?}"), "[config] start: cannot read x: disk on fire");
    }
}
