//! Which provider makes what on this server.

use crate::backup::cpanel::CpanelProvider;
use crate::backup::directadmin::DirectAdminProvider;
use crate::backup::project::ProjectProvider;
use crate::backup::{BackupProvider, ProviderKind, Scope};
use crate::config::PanelKind;
use crate::error::{Error, ErrorKind, Result};
use crate::ops::Context;

/// The provider for a scope: the builder for a project, the panel for all else.
pub(super) fn choose(context: &Context, scope: Scope) -> Result<Box<dyn BackupProvider + '_>> {
    let kind = match (scope, context.panel.kind()) {
        (Scope::Project, _) => ProviderKind::Project,
        (_, PanelKind::CPanel) => ProviderKind::Cpanel,
        (_, PanelKind::DirectAdmin) => ProviderKind::DirectAdmin,
        (_, PanelKind::Plesk) => ProviderKind::PleskCli,
        (_, PanelKind::Ini) => {
            let text = "custom hosting has no backups that Panelgate could order: only projects, with the scope project";
            return Err(Error::new(ErrorKind::BackupUnsupported, text));
        }
    };
    by_kind(context, kind)
}

pub(super) fn by_kind(context: &Context, kind: ProviderKind) -> Result<Box<dyn BackupProvider + '_>> {
    match kind {
        ProviderKind::Project => {
            Ok(Box::new(ProjectProvider::new(&context.builder, context.store()?, &context.config.backup)))
        }
        ProviderKind::Cpanel => {
            Ok(Box::new(CpanelProvider::new(context.panel.tree(), &context.config.backup)))
        }
        ProviderKind::DirectAdmin => Ok(Box::new(DirectAdminProvider::new(
            context.panel.tree(),
            &context.config.panel,
            &context.config.backup,
        ))),
        _ => Err(Error::new(ErrorKind::BackupUnsupported, format!("{kind} makes no backups here"))),
    }
}
