//! What a provider can, and the refusal of what it cannot.

use crate::error::{Error, ErrorKind, Result};

use super::{BackupRequest, DestinationKind, ProviderKind, Scope, SubjectKind};

/// What one may ask a provider for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Make a backup.
    Create,
    /// End a run.
    Cancel,
    /// List what there is.
    List,
    /// Fetch a backup.
    Download,
    /// Take a file as a backup.
    Import,
    /// Take in backups that lie in its storage already, and that it does not list.
    Register,
    /// Restore a backup.
    Restore,
    /// Remove a backup.
    Remove,
}

impl Action {
    /// What one does, for errors: "cannot ...".
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Create => "make backups",
            Self::Cancel => "stop a backup that runs",
            Self::List => "list backups",
            Self::Download => "give backups out",
            Self::Import => "import backups",
            Self::Register => "take in backups that lie in its storage",
            Self::Restore => "restore backups",
            Self::Remove => "remove backups",
        }
    }
}

/// What a provider can.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// What one may ask for.
    pub actions: Vec<Action>,
    /// What a backup may be of.
    pub subjects: Vec<SubjectKind>,
    /// What a backup may hold.
    pub scopes: Vec<Scope>,
    /// Where it may go.
    pub destinations: Vec<DestinationKind>,
    /// Whether a file name's beginning can be chosen.
    pub prefix: bool,
    /// Whether it keeps a description.
    pub description: bool,
    /// Whether it makes several files of at most a given size.
    pub split_size: bool,
}

impl Capabilities {
    /// Refuses a request for a backup that the provider cannot make.
    ///
    /// # Errors
    /// [`ErrorKind::BackupUnsupported`] with what it cannot, and what it can instead.
    pub fn check(&self, provider: ProviderKind, request: &BackupRequest) -> Result<()> {
        self.allow(provider, Action::Create)?;
        let subject = request.subject.kind();
        one_of(provider, "a backup of", subject.name(), subject, &self.subjects, SubjectKind::name)?;
        let scope = request.scope;
        one_of(provider, "a backup with the scope", scope.name(), scope, &self.scopes, Scope::name)?;
        let place = request.destination.kind();
        one_of(provider, "a backup to", place.name(), place, &self.destinations, DestinationKind::name)?;
        let extras = [
            (request.prefix.is_some() && !self.prefix, "a prefix of its own"),
            (request.description.is_some() && !self.description, "a description"),
            (request.split_size.is_some() && !self.split_size, "several files of a given size"),
        ];
        match extras.into_iter().find(|(lacking, _)| *lacking) {
            Some((_, what)) => {
                Err(unsupported(format!("{provider} cannot make a backup with {what}: leave it out")))
            }
            None => Ok(()),
        }
    }

    /// Refuses what the provider cannot do at all.
    ///
    /// # Errors
    /// [`ErrorKind::BackupUnsupported`].
    pub fn allow(&self, provider: ProviderKind, action: Action) -> Result<()> {
        if self.actions.contains(&action) { Ok(()) } else { Err(Self::lacks(provider, action)) }
    }

    /// The refusal of [`Capabilities::allow`].
    pub fn lacks(provider: ProviderKind, action: Action) -> Error {
        let hint = Self::instead(provider, action).map(|hint| format!(": {hint}")).unwrap_or_default();
        unsupported(format!("{provider} cannot {} here{hint}", action.verb()))
    }

    /// What an administrator can do where a provider's interface has no such call.
    fn instead(provider: ProviderKind, action: Action) -> Option<&'static str> {
        Some(match (provider, action) {
            (ProviderKind::Project, Action::Restore) => {
                "the vendor does not document the call. [backup] restore = directory switches it on for a builder that has it; a file of this server \
                 can be loaded in the builder's own menu"
            }
            (ProviderKind::Project, Action::Register) => {
                "only Installatron's archives are taken in so, with --scope hosting. A file with a project is: panelgate backup import SITE --file FILE"
            }
            (ProviderKind::PleskXml, Action::Restore) => {
                "Plesk's XML API has no call for it. Restore in Plesk's Backup Manager, or with plesk bin pleskrestore on that server"
            }
            (ProviderKind::PleskCli, Action::Restore | Action::List) => {
                "Plesk's REST API has no list of backups. Use Plesk's Backup Manager, or Panelgate on that server"
            }
            (ProviderKind::PleskCli, Action::Download | Action::Import) => {
                "its files lie in Plesk's own storage; panelgate backup list names them. Plesk's Backup Manager downloads and uploads them"
            }
            (ProviderKind::Cpanel, Action::Restore | Action::Import) => {
                "cPanel offers programs no call for it. Restore the archive in WHM (Restore a cPanel Account)"
            }
            (ProviderKind::DirectAdmin, Action::Restore | Action::Import) => {
                "DirectAdmin does not say when a restore has ended, so that it could not be followed. Restore the archive in DirectAdmin (Admin \
                 Backup/Transfer, or the account's Create/Restore Backups)"
            }
            (ProviderKind::Installatron, Action::Download) => {
                "Installatron offers no call for it. Its archives lie in the locations that it was given"
            }
            (ProviderKind::Installatron, Action::Import) => {
                "Installatron takes no file. Put the archive into its location, then use panelgate backup import SITE --scope hosting --stored"
            }
            _ => return None,
        })
    }
}

fn one_of<T: Copy + PartialEq>(
    provider: ProviderKind,
    what: &str,
    wanted_name: &str,
    wanted: T,
    offered: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<()> {
    if offered.contains(&wanted) {
        return Ok(());
    }
    let names: Vec<&str> = offered.iter().map(|item| name(*item)).collect();
    let instead = if names.is_empty() { "nothing of the kind".to_owned() } else { names.join(", ") };
    Err(unsupported(format!("{provider} cannot make {what} {wanted_name}; it can: {instead}")))
}

fn unsupported(text: String) -> Error {
    Error::new(ErrorKind::BackupUnsupported, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{Destination, Prefix, Subject};
    use crate::types::Username;

    fn request() -> BackupRequest {
        BackupRequest {
            subject: Subject::Account { account: Username::new("alice").unwrap() },
            scope: Scope::All,
            destination: Destination::Panel,
            prefix: None,
            description: None,
            split_size: None,
        }
    }

    #[test]
    fn what_a_provider_cannot_is_refused_by_name() {
        let can = Capabilities {
            actions: vec![Action::Create],
            subjects: vec![SubjectKind::Account],
            scopes: vec![Scope::All, Scope::Hosting],
            destinations: vec![DestinationKind::Panel],
            ..Capabilities::default()
        };
        let check = |request: &BackupRequest| can.check(ProviderKind::Cpanel, request);
        check(&request()).unwrap();
        let refusal = |request: BackupRequest| {
            let error = check(&request).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BackupUnsupported);
            error.to_string()
        };
        let text = refusal(BackupRequest { scope: Scope::Mail, ..request() });
        assert_eq!(text, "cpanel cannot make a backup with the scope mail; it can: all, hosting");
        let text = refusal(BackupRequest { subject: Subject::Server, ..request() });
        assert!(text.contains("a backup of server"), "{text}");
        let text = refusal(BackupRequest { destination: Destination::Directory, ..request() });
        assert!(text.contains("a backup to directory"), "{text}");
        let text = refusal(BackupRequest { prefix: Some(Prefix::new("x").unwrap()), ..request() });
        assert!(text.contains("a prefix"), "{text}");
        let nothing = Capabilities::default().check(ProviderKind::Project, &request()).unwrap_err();
        assert_eq!(nothing.to_string(), "project cannot make backups here");
    }
}
