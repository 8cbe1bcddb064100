//! Whether cPanel gives an account the feature that switches the builder on.
//!
//! - The list `disabled` takes a feature away from everybody.
//! - `FEATURE-name` in the account's file stands above the account's list.
//! - The account's list says `name=0` or `name=1`. What a list means that does not name the feature is `[cpanel] missing_feature`.

use crate::config::{Feature, MissingFeature, PanelConfig};
use crate::error::Result;
use crate::panel::Tree;
use crate::panel::keyvalue::KeyValue;

use super::account::{UserFile, zero_or_one};

const LISTS: &str = "/var/cpanel/features";

/// Whether the account has the feature.
///
/// # Errors
/// [`crate::error::ErrorKind::PanelData`] if a list that matters cannot be read.
pub(super) fn has_feature(tree: &Tree, config: &PanelConfig, user: &UserFile) -> Result<bool> {
    if user.feature_override == Some(false) || entry(tree, "disabled", &config.feature)? == Some(false) {
        return Ok(false);
    }
    if user.feature_override == Some(true) {
        return Ok(true);
    }
    let listed = entry(tree, &user.feature_list, &config.feature)?;
    Ok(listed.unwrap_or(match config.cpanel_missing_feature {
        MissingFeature::On => true,
        MissingFeature::Off => false,
        MissingFeature::DefaultList => user.feature_list == "default",
    }))
}

/// What a list says about the feature. `list` has been checked to be one plain file name. A list without a file says nothing.
fn entry(tree: &Tree, list: &str, feature: &Feature) -> Result<Option<bool>> {
    let path = format!("{LISTS}/{list}");
    let Some(content) = tree.read_account_file(&path)? else { return Ok(None) };
    let path = tree.path(&path);
    let file = KeyValue::parse(&path, &content.bytes, '=')?;
    let Some(value) = file.one(feature.as_str())? else { return Ok(None) };
    let line = file.pairs().iter().find(|pair| pair.key == feature.as_str()).map_or(0, |pair| pair.line);
    zero_or_one(value).map(Some).map_err(|fault| file.error(line, format!("{}: {fault}", feature.as_str())))
}
