//! TODO
use super::*;
pub(super) struct Plesk {
    tree: Tree,
}
impl Plesk {
    pub(super) fn new(tree: Tree, _config: &PanelConfig) -> Self {
        Self { tree }
    }
}
impl Panel for Plesk {
    fn kind(&self) -> PanelKind {
        PanelKind::Plesk
    }
    fn tree(&self) -> &Tree {
        &self.tree
    }
    fn account(&self, name: &Username) -> Result<Account> {
        Err(Error::new(ErrorKind::AccountNotFound, name.to_string()))
    }
    fn owners(&self, _domain: &Domain) -> Result<Vec<Username>> {
        Ok(Vec::new())
    }
    fn accounts(&self) -> Result<Vec<Username>> {
        Ok(Vec::new())
    }
    fn owners_are_cheap(&self) -> bool {
        true
    }
}
