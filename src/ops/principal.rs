//! From a uid to a principal.

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::panel::Panel;
use crate::types::Username;

use super::Context;
use super::policy::Principal;

/// The system user to which a front drops that a panel started as root.
const WEB_FRONT: &str = "panelgate-web";

/// The uids of system users that the configuration names, looked up once.
pub struct SystemUids {
    panel_users: Vec<u32>,
    web_users: Vec<u32>,
    web_front: Option<u32>,
}

/// What a uid is on this panel.
///
/// # Errors
/// [`ErrorKind::PanelData`] if the uid has two names.
pub fn principal_of_uid(uid: u32, context: &Context) -> Result<Principal> {
    let uids = context.uids();
    if uid == 0 {
        return Ok(Principal::Root);
    }
    if uids.is_panel_user(uid) {
        return Ok(Principal::PanelUser { uid });
    }
    if uids.is_web_user(uid) {
        return Ok(Principal::WebServer { uid });
    }
    if uids.web_front == Some(uid) {
        return Ok(Principal::WebFront { uid });
    }
    let panel = context.panel.as_ref();
    let Some(user) = panel.tree().find_uid(uid)? else { return Ok(Principal::Stranger { uid }) };
    let Ok(name) = Username::new(&user.name) else { return Ok(Principal::Stranger { uid }) };
    if !panel.kind().has_account_peers() {
        return Ok(Principal::Stranger { uid });
    }
    // Refuses a uid that has two names: it does not say which of them is calling.
    let user = panel.tree().calling_user(&name, &user)?;
    Ok(Principal::Account { uid: user.uid, name })
}

impl SystemUids {
    /// Looks them up.
    pub(super) fn resolve(config: &Config, panel: &dyn Panel) -> Result<Self> {
        let all = |key: &str, names: &[Username]| {
            names.iter().map(|name| system_uid(config, panel, key, name)).collect::<Result<Vec<u32>>>()
        };
        let panel_users = all("panel_users", &config.broker.panel_users)?;
        let web_users = all("web_users", &config.broker.web_users)?;
        if let Some(uid) = panel_users.iter().find(|uid| web_users.contains(uid)) {
            let text =
                format!("{}: [broker] uid {uid} is both a panel user and a web user", config.path.display());
            return Err(Error::new(ErrorKind::Config, text));
        }
        let web_front = panel.tree().find_user(WEB_FRONT)?.map(|user| user.uid).filter(|uid| *uid != 0);
        Ok(Self { panel_users, web_users, web_front })
    }

    /// Whether it is one of `[broker] panel_users`.
    pub fn is_panel_user(&self, uid: u32) -> bool {
        self.panel_users.contains(&uid)
    }

    /// Whether it is one of `[broker] web_users`.
    pub fn is_web_user(&self, uid: u32) -> bool {
        self.web_users.contains(&uid)
    }
}

fn system_uid(config: &Config, panel: &dyn Panel, key: &str, name: &Username) -> Result<u32> {
    let fail = |what: &str| {
        let text = format!("{}: [broker] {key}: {name} {what}", config.path.display());
        Error::new(ErrorKind::Config, text)
    };
    let user = panel.tree().find_user(name.as_str())?.ok_or_else(|| fail("is no system user"))?;
    if user.uid == 0 {
        return Err(fail("is root, who needs no entry"));
    }
    panel.tree().check_only_name(&user)?;
    // An account that acted for whom it names would act for everybody. Only that there is none is good news: data that cannot be read are not.
    match panel.account(name) {
        Err(error) if error.kind() == ErrorKind::AccountNotFound => Ok(user.uid),
        Err(error) => Err(error.context(fail("may be an account: the panel's data do not say"))),
        Ok(_) => Err(fail("is an account of the panel")),
    }
}
