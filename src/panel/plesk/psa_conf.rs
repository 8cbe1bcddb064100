//! `/etc/psa/psa.conf` and the version of Plesk: whether this is a Plesk that can be asked.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::limits;
use crate::panel::data_error;
use crate::panel::tree::{Tree, utf8};

const PSA_CONF: &str = "/etc/psa/psa.conf";

/// The oldest version whose database has what the questions name.
const OLDEST: [u32; 2] = [12, 0];

/// Makes sure that there is a Plesk, and none that is too old. A version that cannot be made out is no reason not to ask.
///
/// # Errors
/// [`PanelData`](crate::error::ErrorKind::PanelData) saying which file is wrong.
pub(super) fn check(tree: &Tree) -> Result<()> {
    let content = tree.require(PSA_CONF)?;
    let path = tree.path(PSA_CONF);
    let Some(product_root) = product_root(&path, &content.bytes)? else {
        let what = "it does not say PRODUCT_ROOT_D: is Plesk installed completely?";
        return Err(data_error(path.display(), what));
    };
    let file = product_root.join("version");
    // On some systems the product root is a link of Plesk's own; the file itself is not.
    let Ok(Some(content)) = tree.read(&file, limits::ACCOUNT_FILE_BYTES) else { return Ok(()) };
    match version(&content.bytes) {
        Some(version) if version.as_slice() < OLDEST.as_slice() => {
            let written: Vec<String> = version.iter().map(u32::to_string).collect();
            let what =
                format!("Plesk {} is too old: it must be {}.{}", written.join("."), OLDEST[0], OLDEST[1]);
            Err(data_error(tree.path(file).display(), what))
        }
        _ => Ok(()),
    }
}

/// `PRODUCT_ROOT_D`: lines of a key, blanks and a value; `#` begins a comment line.
fn product_root(path: &Path, bytes: &[u8]) -> Result<Option<PathBuf>> {
    for (index, line) in utf8(path, bytes)?.lines().enumerate() {
        let Some((key, value)) = line.trim().split_once([' ', '\t']) else { continue };
        if key != "PRODUCT_ROOT_D" {
            continue;
        }
        let root = PathBuf::from(value.trim());
        let plain = root
            .components()
            .all(|part| matches!(part, std::path::Component::RootDir | std::path::Component::Normal(_)));
        if !root.is_absolute() || !plain || value.contains('\0') {
            let place = format!("{}:{}", path.display(), index + 1);
            return Err(data_error(place, "PRODUCT_ROOT_D is not a plain absolute path"));
        }
        return Ok(Some(root));
    }
    Ok(None)
}

/// The number that the version file begins with: `18.0.60` of `18.0.60 Ubuntu 22.04 1800240501.13`.
fn version(bytes: &[u8]) -> Option<Vec<u32>> {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(bytes.len());
    let text = std::str::from_utf8(&bytes[..end]).ok()?.trim_end_matches('.');
    let parts: Vec<u32> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    (parts.len() >= 2).then_some(parts)
}

#[cfg(test)]
mod tests;
