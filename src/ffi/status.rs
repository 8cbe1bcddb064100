//! The numbers of the ABI. They are never renumbered; [`crate::error`] is where they are decided, and a test compares the two.

/// What a fallible function returns: PGATE_OK, or one of the PGATE_ERR_ numbers.
///
/// The numbers come in blocks of a hundred: 1xx caller and configuration, 2xx account data,
/// 3xx builder, 4xx publication, 5xx page request, 6xx store, 7xx backups, 9xx faults of Panelgate
/// itself. They are never renumbered. Later versions may add some: treat every number you do not
/// know as a failure.
pub type pgate_status = i32;

/// Success.
pub const PGATE_OK: pgate_status = 0;

/// A value given by the caller is malformed.
pub const PGATE_ERR_INVALID_ARGUMENT: pgate_status = 101;

/// The configuration is missing, unreadable, unsafe or wrong.
pub const PGATE_ERR_CONFIG: pgate_status = 102;

/// The caller may not do this.
pub const PGATE_ERR_FORBIDDEN: pgate_status = 103;

/// The part of Panelgate that would do this is not running or not reachable.
pub const PGATE_ERR_UNAVAILABLE: pgate_status = 104;

/// The two sides of the broker's socket are of versions that do not understand each other.
pub const PGATE_ERR_UPGRADE: pgate_status = 105;

/// The caller asks for more than its share.
pub const PGATE_ERR_TOO_MANY: pgate_status = 106;

/// The panel's data about the account is missing, unreadable or contradictory.
pub const PGATE_ERR_PANEL_DATA: pgate_status = 201;

/// The panel has no such account.
pub const PGATE_ERR_ACCOUNT_NOT_FOUND: pgate_status = 202;

/// The account has no such site.
pub const PGATE_ERR_SITE_NOT_FOUND: pgate_status = 203;

/// The site belongs to another account.
pub const PGATE_ERR_SITE_NOT_YOURS: pgate_status = 204;

/// Two accounts claim the site.
pub const PGATE_ERR_SITE_CONFLICT: pgate_status = 205;

/// The account or the site is suspended.
pub const PGATE_ERR_SUSPENDED: pgate_status = 206;

/// The account is a demonstration account.
pub const PGATE_ERR_DEMO_ACCOUNT: pgate_status = 207;

/// The account's plan does not include the builder.
pub const PGATE_ERR_FEATURE_OFF: pgate_status = 208;

/// The name is an alias of another site.
pub const PGATE_ERR_SITE_ALIAS: pgate_status = 209;

/// The site has no web hosting, so there is nothing to publish to.
pub const PGATE_ERR_SITE_WITHOUT_HOSTING: pgate_status = 210;

/// The builder cannot be reached or did not answer in time.
pub const PGATE_ERR_BUILDER_UNREACHABLE: pgate_status = 301;

/// The builder's certificate cannot be verified.
pub const PGATE_ERR_BUILDER_TLS: pgate_status = 302;

/// The builder does not accept the credentials.
pub const PGATE_ERR_BUILDER_AUTH: pgate_status = 303;

/// The builder does not accept this server: address not on the licence, or wrong brand.
pub const PGATE_ERR_BUILDER_LICENCE: pgate_status = 304;

/// The builder refused the request.
pub const PGATE_ERR_BUILDER_REFUSED: pgate_status = 305;

/// The builder's answer is not what its documentation says.
pub const PGATE_ERR_BUILDER_PROTOCOL: pgate_status = 306;

/// The address that the builder gave may not be opened.
pub const PGATE_ERR_BUILDER_URL: pgate_status = 307;

/// The publication of this site is not set up.
pub const PGATE_ERR_PUBLICATION: pgate_status = 401;

/// The archive with the website is damaged, or holds what may not be published.
pub const PGATE_ERR_ARCHIVE: pgate_status = 411;

/// The archive with the website cannot be downloaded.
pub const PGATE_ERR_DOWNLOAD: pgate_status = 412;

/// The website is being published already.
pub const PGATE_ERR_PUBLICATION_BUSY: pgate_status = 413;

/// The publication was broken off before its end.
pub const PGATE_ERR_PUBLICATION_INTERRUPTED: pgate_status = 414;

/// The builder shows no valid credentials for the site.
pub const PGATE_ERR_CREDENTIALS_REJECTED: pgate_status = 431;

/// The builder sends a file without saying how long it is.
pub const PGATE_ERR_LENGTH_REQUIRED: pgate_status = 432;

/// What the builder asks for cannot be done with a file or directory of that name.
pub const PGATE_ERR_PATH_REFUSED: pgate_status = 433;

/// The disk or the account's quota is full.
pub const PGATE_ERR_NO_SPACE: pgate_status = 434;

/// The site's document root cannot be published to.
pub const PGATE_ERR_DOCUMENT_ROOT: pgate_status = 435;

/// Nothing of the site is published that could be taken back.
pub const PGATE_ERR_NOTHING_PUBLISHED: pgate_status = 436;

/// The form has expired or was not made for this visitor.
pub const PGATE_ERR_TOKEN_REJECTED: pgate_status = 501;

/// The request is malformed.
pub const PGATE_ERR_BAD_REQUEST: pgate_status = 502;

/// The request is larger than allowed.
pub const PGATE_ERR_TOO_LARGE: pgate_status = 503;

/// The request's method is not offered here.
pub const PGATE_ERR_METHOD_NOT_ALLOWED: pgate_status = 504;

/// A browser asked ahead of time for a page that must only be opened on purpose.
pub const PGATE_ERR_PREFETCH: pgate_status = 505;

/// The store cannot be read or written.
pub const PGATE_ERR_STORE: pgate_status = 600;

/// What makes the backup cannot do this.
pub const PGATE_ERR_BACKUP_UNSUPPORTED: pgate_status = 701;

/// What makes the backup has tried, or refuses.
pub const PGATE_ERR_BACKUP_FAILED: pgate_status = 702;

/// What makes the backup cannot be reached, hangs, or answers what is not documented.
pub const PGATE_ERR_BACKUP_PROVIDER: pgate_status = 703;

/// There is no such backup, or no such job that makes one.
pub const PGATE_ERR_BACKUP_NOT_FOUND: pgate_status = 704;

/// There is no such job.
pub const PGATE_ERR_JOB_NOT_FOUND: pgate_status = 705;

/// What makes the backup cannot be reached or did not answer in time.
pub const PGATE_ERR_BACKUP_UNREACHABLE: pgate_status = 712;

/// The certificate of what makes the backup cannot be verified.
pub const PGATE_ERR_BACKUP_TLS: pgate_status = 713;

/// What makes the backup does not accept the credentials, or does not allow the operation.
pub const PGATE_ERR_BACKUP_AUTH: pgate_status = 714;

/// What makes the backup refused the request.
pub const PGATE_ERR_BACKUP_REFUSED: pgate_status = 715;

/// What makes the backup gave an answer that is not what its documentation says.
pub const PGATE_ERR_BACKUP_PROTOCOL: pgate_status = 716;

/// A fault of Panelgate or of the system below it.
pub const PGATE_ERR_INTERNAL: pgate_status = 900;

/// A fault of Panelgate that stopped a function half-way.
pub const PGATE_ERR_PANIC: pgate_status = 901;

/// What a site is to its account: one of the PGATE_SITE_ numbers. Later versions may add some.
pub type pgate_kind = i32;

/// The account's main domain.
pub const PGATE_SITE_MAIN: pgate_kind = 1;

/// An add-on domain: a further domain with a document root of its own.
pub const PGATE_SITE_ADDON: pgate_kind = 2;

/// A subdomain.
pub const PGATE_SITE_SUB: pgate_kind = 3;

/// A further name of another site; it has no files of its own.
pub const PGATE_SITE_ALIAS: pgate_kind = 4;

/// How a redirect is written: one of the PGATE_DIALECT_ numbers.
pub type pgate_dialect = i32;

/// A CGI answer (RFC 3875): a Status header and further headers; the web server makes the
/// status line.
pub const PGATE_DIALECT_CGI: pgate_dialect = 1;

/// A whole HTTP response with its status line, for a front that passes bytes through as they are
/// (DirectAdmin's .raw files, Webmin).
pub const PGATE_DIALECT_NPH: pgate_dialect = 2;

/// HTML with a link and a refresh, for a panel that puts it into a page of its own and cannot
/// redirect.
pub const PGATE_DIALECT_PAGE: pgate_dialect = 3;
