//! Where Installatron keeps backups (`reference/installatron.md` 4.1).

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Secret, is_unprintable};

/// A place for backups: the account itself, a place that Installatron knows by an id, or an address of a storage.
///
/// An address carries a login, so it comes from the configuration only, and no message repeats it.
#[derive(Clone, Debug)]
pub enum BackupLocation {
    /// The account's own web space.
    Local,
    /// A place that was set up in Installatron. Opaque.
    Id(String),
    /// A storage by its address.
    Resource(Resource),
}

/// A storage that Installatron can use.
#[derive(Clone)]
pub enum Resource {
    /// Dropbox, which is set up in Installatron's own pages because it asks for a login there.
    Dropbox {
        /// The scheme with its version: `dropbox`, `dropbox3`.
        scheme: String,
        /// The account's id.
        account: String,
        /// The token.
        token: Secret,
        /// What stands for the folder.
        folder: String,
    },
    /// A directory of the server. For its administrator only.
    File {
        /// Absolute path.
        path: String,
    },
    /// A server that is logged in to.
    Login {
        /// How.
        protocol: Protocol,
        /// Name of the login.
        user: String,
        /// Its password.
        password: Secret,
        /// Host, with a port if it is not the usual one.
        host: String,
        /// Path below it, with a leading slash, or empty.
        folder: String,
    },
    /// Google Drive, which is set up in Installatron's own pages because it asks for a login there.
    GoogleDrive {
        /// The token.
        token: Secret,
    },
    /// Rackspace.
    Rackspace {
        /// The account's id.
        account: String,
        /// The key.
        key: Secret,
        /// The container.
        container: String,
    },
    /// Amazon S3, and what speaks like it.
    S3 {
        /// The access key.
        access_key: String,
        /// The secret key.
        secret_key: Secret,
        /// The host.
        endpoint: String,
        /// The region.
        region: String,
        /// The bucket.
        bucket: String,
        /// A folder in it, or empty.
        folder: String,
    },
}

/// A protocol in which one logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// FTP.
    Ftp,
    /// FTP over TLS.
    Ftps,
    /// SFTP.
    Sftp,
    /// WebDAV.
    Webdav,
}

impl Protocol {
    const ALL: [Self; 4] = [Self::Ftp, Self::Ftps, Self::Sftp, Self::Webdav];

    /// The word in an address.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ftp => "ftp",
            Self::Ftps => "ftps",
            Self::Sftp => "sftp",
            Self::Webdav => "webdav",
        }
    }
}

/// What stays as it is in a login or password (RFC 3986, unreserved).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl BackupLocation {
    /// Reads `local`, an id, or an address in which login and password may be percent-encoded.
    ///
    /// # Errors
    /// What is wrong, without any of the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > 4096 || text.contains(is_unprintable) {
            return Err("it must be \"local\", an id, or an address such as ftp://user:password@host/folder");
        }
        if text == "local" {
            return Ok(Self::Local);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
            return if fits {
                Ok(Self::Id(text.to_owned()))
            } else {
                Err("an id has letters and digits only")
            };
        };
        resource(scheme, rest).map(Self::Resource)
    }

    /// What is sent. It holds the login.
    pub fn to_secret(&self) -> Secret {
        Secret::new(match self {
            Self::Local => "local".to_owned(),
            Self::Id(id) => id.clone(),
            Self::Resource(resource) => resource.address(),
        })
    }
}

/// Without login and password.
impl fmt::Display for BackupLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Id(id) => f.write_str(id),
            Self::Resource(resource) => write!(f, "{resource:?}"),
        }
    }
}

impl Resource {
    fn address(&self) -> String {
        let pair = |user: &str, secret: &Secret| {
            format!(
                "{}:{}",
                utf8_percent_encode(user, ENCODED),
                utf8_percent_encode(secret.expose(), ENCODED)
            )
        };
        match self {
            Self::Dropbox { scheme, account, token, folder } => {
                format!("{scheme}://{}@{folder}", pair(account, token))
            }
            Self::File { path } => format!("file://localhost{path}"),
            Self::Login { protocol, user, password, host, folder } => {
                format!("{}://{}@{host}{folder}", protocol.name(), pair(user, password))
            }
            Self::GoogleDrive { token } => format!("gdrive://{}@drive.google.com", pair("google", token)),
            Self::Rackspace { account, key, container } => {
                format!("rackspace://{}@{container}", pair(account, key))
            }
            Self::S3 { access_key, secret_key, endpoint, region, bucket, folder } => {
                let folder = if folder.is_empty() { String::new() } else { format!("/{folder}") };
                format!("s3://{}@{endpoint}/{region}/{bucket}{folder}", pair(access_key, secret_key))
            }
        }
    }
}

/// Without login and password.
impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropbox { .. } => f.write_str("dropbox"),
            Self::File { path } => write!(f, "file://localhost{path}"),
            Self::Login { protocol, host, folder, .. } => write!(f, "{}://…@{host}{folder}", protocol.name()),
            Self::GoogleDrive { .. } => f.write_str("gdrive"),
            Self::Rackspace { container, .. } => write!(f, "rackspace://…@{container}"),
            Self::S3 { endpoint, region, bucket, .. } => write!(f, "s3://…@{endpoint}/{region}/{bucket}"),
        }
    }
}

fn resource(scheme: &str, rest: &str) -> Result<Resource, &'static str> {
    if scheme == "file" {
        let path = rest.strip_prefix("localhost").unwrap_or(rest);
        let climbs = path.split('/').any(|part| part == "..");
        let fits = path.starts_with('/') && !climbs;
        return if fits {
            Ok(Resource::File { path: path.to_owned() })
        } else {
            Err("it must be file://localhost/folder")
        };
    }
    let (login, after) = rest.rsplit_once('@').ok_or("there is no login before the host")?;
    let (user, secret) = login.split_once(':').ok_or("there is no password before the host")?;
    let decode = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .map(|text| text.into_owned())
            .map_err(|_| "the login is not UTF-8")
    };
    let (user, secret) = (decode(user)?, Secret::new(decode(secret)?));
    if user.is_empty() || secret.is_empty() || after.is_empty() {
        return Err("login, password and host must not be empty");
    }
    if after.contains([' ', '?', '#', '\\', '@']) || after.split('/').any(|part| part == "..") {
        return Err("host or folder holds a character that may not be there");
    }
    let (host, folder) = after.find('/').map_or((after, ""), |at| after.split_at(at));
    if let Some(protocol) = Protocol::ALL.into_iter().find(|protocol| protocol.name() == scheme) {
        let (host, folder) = (host.to_owned(), folder.to_owned());
        return Ok(Resource::Login { protocol, user, password: secret, host, folder });
    }
    match scheme {
        "s3" => {
            let mut parts = folder.trim_start_matches('/').splitn(3, '/').map(str::to_owned);
            let (region, bucket) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            if host.is_empty() || region.is_empty() || bucket.is_empty() {
                return Err("it must be s3://AccessKey:SecretKey@Endpoint/Region/Bucket/Folder");
            }
            let folder = parts.next().unwrap_or_default();
            Ok(Resource::S3 {
                access_key: user,
                secret_key: secret,
                endpoint: host.to_owned(),
                region,
                bucket,
                folder,
            })
        }
        "rackspace" => Ok(Resource::Rackspace { account: user, key: secret, container: after.to_owned() }),
        "gdrive" if user == "google" && after == "drive.google.com" => {
            Ok(Resource::GoogleDrive { token: secret })
        }
        "gdrive" => Err("it must be gdrive://google:RefreshToken@drive.google.com"),
        _ if scheme
            .strip_prefix("dropbox")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit())) =>
        {
            Ok(Resource::Dropbox {
                scheme: scheme.to_owned(),
                account: user,
                token: secret,
                folder: after.to_owned(),
            })
        }
        _ => Err("there are dropbox, file, ftp, ftps, sftp, gdrive, rackspace, s3, webdav"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_sample_of_the_vendors_page_comes_back_as_it_is() {
        for text in [
            "local",
            "1234567890abcdefghij12345",
            "dropbox3://AccountId:RefreshToken@vhfs35tzjvyhukc",
            "file://localhost/backup_test",
            "ftp://abcDEF:ghiJKL@website.com:21/backup_test",
            "ftps://abcDEF:ghiJKL@website.com:22/backup_test",
            "sftp://abcDEF:ghiJKL@website.com:22/backup_test",
            "gdrive://google:RefreshToken@drive.google.com",
            "rackspace://AccountId:SecretKey@Container",
            "s3://AccessKey:SecretKey@Endpoint/Region/Bucket/Folder",
            "s3://123ABC:12abAB@s3.us-east-1.amazonaws.com/us-east-1/s3.myhost.com/testprefix",
            "webdav://User:Pass@Endpoint/Folder",
        ] {
            let location = BackupLocation::parse(text).unwrap();
            assert_eq!(location.to_secret().expose(), text);
            for shown in [location.to_string(), format!("{location:?}")] {
                let login =
                    text.split_once("://").and_then(|(_, rest)| rest.split_once('@')).map(|(login, _)| login);
                for part in login.into_iter().flat_map(|login| login.split(':')) {
                    assert!(!shown.contains(part), "{shown}");
                }
            }
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "a b",
            "../x",
            "http://u:p@h/",
            "ftp://host/folder",
            "ftp://user@host",
            "ftp://:p@host",
            "ftp://u:p@",
            "ftp://u:p@h/../x",
            "ftp://u:p@h/a?b",
            "file://localhost",
            "file://localhost/../etc",
            "file://elsewhere/x",
            "s3://a:b@host/region",
            "gdrive://me:t@drive.google.com",
            "dropboxx://a:b@c",
            "ftp://u:%ff@h",
            "ftp://u:p@h/\n",
        ] {
            assert!(BackupLocation::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_password_survives_the_address(password in "\\PC{1,30}", user in "\\PC{1,30}") {
            let location = BackupLocation::Resource(Resource::Login {
                protocol: Protocol::Sftp,
                user,
                password: Secret::new(password.clone()),
                host: "h.example".into(),
                folder: "/x".into(),
            });
            let address = location.to_secret();
            prop_assert_eq!(address.expose().matches('@').count(), 1);
            let Ok(BackupLocation::Resource(Resource::Login { password: read, host, .. })) = BackupLocation::parse(address.expose())
            else { panic!("{}", address.expose()) };
            prop_assert_eq!(read.expose(), password);
            prop_assert_eq!(host, "h.example");
        }
    }
}
