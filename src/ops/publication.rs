//! Which publication a session names, and with what.

use std::path::Path;

use crate::builder::Publication;
use crate::config::{FtpAccount, PublicationType};
use crate::error::{Error, ErrorKind, Result};
use crate::panel::{Account, Site};
use crate::publish::{EndpointAccess, endpoint_access};
use crate::store::SiteRow;
use crate::sys::clock;
use crate::types::{AccountId, SiteKey};

use super::{Context, technical};

/// Puts together what the builder needs to publish a site.
///
/// # Errors
/// [`ErrorKind::Publication`] with the setting that is missing.
pub(super) fn publication(
    context: &Context,
    account: &Account,
    site: &Site,
    row: &SiteRow,
) -> Result<Publication> {
    let own = context.config.site(&site.domain);
    let kind = context.config.publication_of(&site.domain);
    if falls_back(context, kind)? {
        match technical::external(context, account, site, row) {
            Ok(publication) => return Ok(publication),
            Err(error) => log::warn!(
                "{}: no FTP account until the endpoint is reached, so its own type {} is used: {}",
                site.domain,
                kind.name(),
                error.chain()
            ),
        }
    }
    match kind {
        PublicationType::Http => {
            let access = access(context, row, kind)?;
            Ok(Publication::Http {
                endpoint: access.url,
                username: access.username,
                password: access.password,
            })
        }
        PublicationType::Internal => {
            let access = access(context, row, kind)?;
            let number = site_number(context, &account.id, &row.key)?;
            Ok(Publication::Internal {
                endpoint: access.url,
                username: access.username,
                password: access.password,
                account: number,
            })
        }
        PublicationType::External => match own.and_then(|own| own.ftp.as_ref()) {
            Some(ftp) => Ok(configured(ftp)),
            None => technical::external(context, account, site, row),
        },
        PublicationType::Ssh => Ok(Publication::Ssh {
            host: ssh_host(context, account, site)?,
            username: account.name().to_string(),
            password: None,
            upload_dir: upload_dir(site)?,
        }),
        PublicationType::Local => Ok(Publication::Local { upload_dir: upload_dir(site)? }),
    }
}

/// Whether sites of a type are published by an FTP account of the panel's, because the endpoint was not reached by its public name yet.
///
/// # Errors
/// [`ErrorKind::Store`].
fn falls_back(context: &Context, kind: PublicationType) -> Result<bool> {
    let publish = &context.config.publish;
    let by_endpoint = matches!(kind, PublicationType::Http | PublicationType::Internal);
    if !publish.fallback || !by_endpoint || context.panel.ftp_accounts().is_none() {
        return Ok(false);
    }
    match &publish.endpoint {
        Some(endpoint) => Ok(!context.store()?.was_reached(endpoint)?),
        None => Ok(true),
    }
}

/// The number under which the builder knows a site, where it wants one.
pub(super) fn site_number(context: &Context, owner: &AccountId, key: &SiteKey) -> Result<u64> {
    let parts = [owner.to_string(), key.to_string()];
    Ok(context.key()?.number("site number", &[parts[0].as_bytes(), parts[1].as_bytes()]))
}

fn access(context: &Context, row: &SiteRow, kind: PublicationType) -> Result<EndpointAccess> {
    let Some(endpoint) = &context.config.publish.endpoint else {
        let text = format!(
            "publication type {} needs the public address of the publication endpoint: set [publish] endpoint in {}",
            kind.name(),
            context.config.path.display()
        );
        return Err(Error::new(ErrorKind::Publication, text));
    };
    Ok(endpoint_access(context.key()?, endpoint, row, clock::unix_seconds()))
}

/// The FTP account that the administrator has made.
fn configured(ftp: &FtpAccount) -> Publication {
    Publication::External {
        host: ftp.host.clone(),
        username: ftp.user.clone(),
        password: ftp.password.clone(),
        upload_dir: ftp.upload_dir.clone(),
    }
}

fn ssh_host(context: &Context, account: &Account, site: &Site) -> Result<String> {
    let configured = context.config.publish.ssh_host.clone();
    configured.or_else(|| account.public_ip.map(|address| address.to_string())).ok_or_else(|| {
        let text = format!(
            "publication type ssh of {} needs the server's address: set [publish] ssh_host",
            site.domain
        );
        Error::new(ErrorKind::Publication, text)
    })
}

fn upload_dir(site: &Site) -> Result<String> {
    site.document_root.as_deref().and_then(Path::to_str).map(str::to_owned).ok_or_else(|| {
        Error::new(
            ErrorKind::SiteWithoutHosting,
            format!("the site {} has no document root that can be sent", site.domain),
        )
    })
}
