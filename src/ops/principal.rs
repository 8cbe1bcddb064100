//! From a uid to a principal.

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::panel::Panel;
use crate::types::Username;

use super::Context;
use super::policy::Principal;

/// What a uid is on this panel.
///
/// # Errors
/// [`ErrorKind::PanelData`] if the uid has two names.
pub fn principal_of_uid(uid: u32, context: &Context) -> Result<Principal> {
    if uid == 0 {
        return Ok(Principal::Root);
    }
    if context.is_panel_user(uid) {
        return Ok(Principal::PanelUser { uid });
    }
    let panel = context.panel.as_ref();
    let Some(user) = panel.tree().find_uid(uid)? else { return Ok(Principal::Stranger { uid }) };
    let Ok(name) = Username::new(&user.name) else { return Ok(Principal::Stranger { uid }) };
    if !panel.kind().has_account_peers() {
        return Ok(Principal::Stranger { uid });
    }
    // Refuses a uid that has two names: it does not say which of them is calling.
    let user = panel.tree().account_user(&name)?;
    Ok(Principal::Account { uid: user.uid, name })
}

/// The uids of `[broker] panel_users`.
pub(super) fn panel_uids(config: &Config, panel: &dyn Panel) -> Result<Vec<u32>> {
    let uid = |name: &Username| {
        let fail = |what: &str| {
            let text = format!("{}: [broker] panel_users: {name} {what}", config.path.display());
            Error::new(ErrorKind::Config, text)
        };
        let user = panel.tree().find_user(name.as_str())?.ok_or_else(|| fail("is no system user"))?;
        if user.uid == 0 {
            return Err(fail("is root, who needs no entry"));
        }
        // An account that could act for others would be the end of all borders.
        match panel.account(name) {
            Err(error) if error.kind() == ErrorKind::AccountNotFound => Ok(user.uid),
            Err(error) => Err(error.context("[broker] panel_users")),
            Ok(_) => Err(fail("is an account of the panel")),
        }
    };
    config.broker.panel_users.iter().map(uid).collect()
}
