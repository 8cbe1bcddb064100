//! Which provider makes what on this server.

use crate::backup::cpanel::CpanelProvider;
use crate::backup::directadmin::DirectAdminProvider;
use crate::backup::installatron::Installatron;
use crate::backup::project::ProjectProvider;
use crate::backup::{BackupProvider, ProviderKind, Scope, Subject};
use crate::config::PanelKind;
use crate::error::{Error, ErrorKind, Result};
use crate::ops::Context;

/// The provider for a backup: the builder for a project; Installatron, where it is configured, for the websites of one site, which no panel backs up by itself,
/// and for custom hosting, which has no panel; the panel for all else.
pub(super) fn choose<'a>(
    context: &'a Context,
    subject: &Subject,
    scope: Scope,
) -> Result<Box<dyn BackupProvider + 'a>> {
    let applications = context.config.installatron.is_some();
    let one_site = scope == Scope::Hosting && subject.site().is_some();
    let kind = match (scope, context.panel.kind()) {
        (Scope::Project, _) => ProviderKind::Project,
        (_, PanelKind::Ini) if applications => ProviderKind::Installatron,
        _ if applications && one_site => ProviderKind::Installatron,
        (_, PanelKind::CPanel) => ProviderKind::Cpanel,
        (_, PanelKind::DirectAdmin) => ProviderKind::DirectAdmin,
        (_, PanelKind::Plesk) => context.plesk()?.kind()?,
        (_, PanelKind::Ini) => {
            let text = "custom hosting has no backups that Panelgate could order: only projects, with the scope project";
            return Err(Error::new(ErrorKind::BackupUnsupported, text));
        }
    };
    by_kind(context, kind)
}

pub(super) fn by_kind(context: &Context, kind: ProviderKind) -> Result<Box<dyn BackupProvider + '_>> {
    let config = &context.config;
    match kind {
        ProviderKind::Project => {
            Ok(Box::new(ProjectProvider::new(&context.builder, context.store()?, &config.backup)))
        }
        ProviderKind::Cpanel => {
            Ok(Box::new(CpanelProvider::new(context.panel.tree(), &config.panel, &config.backup)))
        }
        ProviderKind::DirectAdmin => {
            Ok(Box::new(DirectAdminProvider::new(context.panel.tree(), &config.panel, &config.backup)))
        }
        ProviderKind::PleskXml => match context.plesk()?.xml() {
            Some(provider) => Ok(Box::new(provider)),
            None => Err(unused(kind, "[backup.plesk] url is not set")),
        },
        ProviderKind::PleskCli => Ok(Box::new(context.plesk()?.program())),
        ProviderKind::Installatron => match &config.installatron {
            Some(settings) => Ok(Box::new(Installatron::new(settings))),
            None => Err(unused(kind, "[backup.installatron] way is not set")),
        },
    }
}

fn unused(kind: ProviderKind, why: &str) -> Error {
    Error::new(ErrorKind::BackupUnsupported, format!("{kind} makes no backups here: {why}"))
}
