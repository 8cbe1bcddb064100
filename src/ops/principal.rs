//! From a uid to a principal.

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::panel::Panel;
use crate::types::Username;

use super::policy::Principal;

/// What a uid is on this panel.
///
/// # Errors
/// [`ErrorKind::Config`] if `[broker] panel_users` names an account of the panel; [`ErrorKind::PanelData`] if the uid has two names, or if nobody can
/// say whether a panel user is an account.
pub fn principal_of_uid(uid: u32, config: &Config, panel: &dyn Panel) -> Result<Principal> {
    if uid == 0 {
        return Ok(Principal::Root);
    }
    let Some(user) = panel.tree().find_uid(uid)? else { return Ok(Principal::Stranger { uid }) };
    let Ok(name) = Username::new(&user.name) else { return Ok(Principal::Stranger { uid }) };
    if is_panel_user(uid, config, panel)? {
        panel.tree().check_only_name(&user)?;
        check_no_account(&name, config, panel)?;
        return Ok(Principal::PanelUser { uid });
    }
    if !panel.kind().has_account_peers() {
        return Ok(Principal::Stranger { uid });
    }
    // Refuses a uid that has two names: it does not say which of them is calling.
    let user = panel.tree().calling_user(&name, &user)?;
    Ok(Principal::Account { uid: user.uid, name })
}

/// An account that acted for whom it names would act for everybody. Only that there is none is good news: data that cannot be read are not.
fn check_no_account(name: &Username, config: &Config, panel: &dyn Panel) -> Result<()> {
    let place = format!("{}: [broker] panel_users", config.path.display());
    match panel.account(name) {
        Err(error) if error.kind() == ErrorKind::AccountNotFound => Ok(()),
        Err(error) => Err(error.context(format!("{place}: it is not known whether {name} is an account"))),
        Ok(_) => Err(Error::new(ErrorKind::Config, format!("{place}: {name} is an account of the panel"))),
    }
}

fn is_panel_user(uid: u32, config: &Config, panel: &dyn Panel) -> Result<bool> {
    for name in &config.broker.panel_users {
        if panel.tree().find_user(name.as_str())?.is_some_and(|user| user.uid == uid) {
            return Ok(true);
        }
    }
    Ok(false)
}
