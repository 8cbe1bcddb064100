//! From what Panelgate is asked for to what Plesk is told.

use crate::backup::{self, BackupRequest, DestinationKind, EntryId, Order, ProviderKind, Scope};
use crate::error::{Error, ErrorKind, Result};
use crate::panel::{Account, SiteKind};

use super::values::*;
use super::xml;

/// The name of the destination that is Plesk's FTP storage.
pub(super) const FTP: &str = "ftp";

/// The object of a request. An account is a subscription, which has the name of its main site.
///
/// # Errors
/// [`ErrorKind::BackupUnsupported`] for a single site, [`ErrorKind::PanelData`] for an account without a main site.
pub(super) fn subject(
    provider: ProviderKind,
    wanted: &backup::Subject,
    account: Option<&Account>,
) -> Result<Subject> {
    match wanted {
        backup::Subject::Site { .. } => {
            let text =
                format!("{provider} backs up whole subscriptions: name the account instead of the site");
            Err(Error::new(ErrorKind::BackupUnsupported, text))
        }
        backup::Subject::Account { account: name } => {
            let main =
                account.and_then(|account| account.sites.iter().find(|site| site.kind == SiteKind::Main));
            let main = main.ok_or_else(|| {
                Error::new(ErrorKind::PanelData, format!("the subscription of {name} has no main domain"))
            })?;
            Ok(Subject::Webspace(Webspace::Name(main.domain.clone())))
        }
        backup::Subject::Customer { login } => {
            Ok(Subject::Customer(Customer::Login(Login::new(login.as_str())?)))
        }
        backup::Subject::Reseller { login } => {
            Ok(Subject::Reseller(Reseller::Login(Login::new(login.as_str())?)))
        }
        backup::Subject::Server => Ok(Subject::Server),
    }
}

/// What the files of an order's backup begin with. No other order has it.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] if it would be too long.
pub(super) fn prefix(order: &Order<'_>) -> Result<Prefix> {
    match &order.request.prefix {
        Some(prefix) => Prefix::new(&format!("{prefix}-{}", order.label)),
        None => Prefix::new(order.label),
    }
}

/// How an order's backup is made.
///
/// # Errors
/// [`ErrorKind::BackupUnsupported`] for what Plesk does not have.
pub(super) fn options(provider: ProviderKind, order: &Order<'_>) -> Result<Options> {
    let request = order.request;
    let said = request.description.as_ref().map(|text| xml::collapse(text.as_str())).unwrap_or_default();
    let description = if said.is_empty() { format!("Panelgate {}", order.label) } else { said };
    let (content, only_configuration) = match request.scope {
        Scope::All => (Content::All, false),
        Scope::Hosting => (Content::Hosting, false),
        Scope::Mail => (Content::Mail, false),
        Scope::Configuration => (Content::All, true),
        Scope::Project => return Err(unsupported(provider, "the builder's project")),
    };
    Ok(Options {
        storage: storage(provider, request)?,
        prefix: Some(prefix(order)?),
        description: Description::new(&description)?,
        split: match request.split_size {
            None => Split::Never,
            Some(size) => Split::Kilobytes(SplitSize::new(size.bytes() / 1024)?),
        },
        content,
        only_configuration,
    })
}

fn storage(provider: ProviderKind, request: &BackupRequest) -> Result<Storage> {
    match (&request.destination, request.destination.kind()) {
        (backup::Destination::Panel, _) => Ok(Storage::Local),
        (backup::Destination::Named(name), _) if name.as_str() == FTP => Ok(Storage::Ftp),
        (_, DestinationKind::Named) => {
            Err(unsupported(provider, "a destination of another name than \"ftp\""))
        }
        _ => Err(unsupported(provider, "this destination")),
    }
}

fn unsupported(provider: ProviderKind, what: &str) -> Error {
    Error::new(ErrorKind::BackupUnsupported, format!("{provider} does not know {what}"))
}

/// The name of a backup for the other calls: what it is of, and its file.
///
/// `webspace:shop.example:FILE`, `customer:LOGIN:FILE`, `reseller:LOGIN:FILE`, `server::FILE`. `None`: the file's name does not fit.
pub(super) fn entry(subject: &Subject, file: &FileName) -> Option<EntryId> {
    let (kind, name) = match subject {
        Subject::Webspace(Webspace::Name(name)) => ("webspace", name.to_string()),
        Subject::Webspace(Webspace::Id(id)) => ("webspace-id", id.to_string()),
        Subject::Customer(Customer::Login(login)) => ("customer", login.to_string()),
        Subject::Customer(Customer::Id(id)) => ("customer-id", id.to_string()),
        Subject::Reseller(Reseller::Login(login)) => ("reseller", login.to_string()),
        Subject::Reseller(Reseller::Id(id)) => ("reseller-id", id.to_string()),
        Subject::Server => ("server", String::new()),
    };
    EntryId::new(format!("{kind}:{name}:{file}")).ok()
}

/// The file of what [`entry`] made for this object.
///
/// # Errors
/// [`ErrorKind::BackupNotFound`] if it is of another object, or no name of a backup at all.
pub(super) fn read_entry(of: &Subject, wanted: &EntryId) -> Result<FileName> {
    let mut parts = wanted.as_str().splitn(3, ':').skip(2);
    let file = parts.next().and_then(|file| FileName::new(file).ok());
    // The name that this file would have for the object that is asked about.
    file.filter(|file| entry(of, file).as_ref() == Some(wanted)).ok_or_else(|| {
        Error::new(ErrorKind::BackupNotFound, format!("Plesk has no backup {wanted} of what is asked about"))
    })
}
