//! TODO
use super::*;
pub(super) struct DirectAdmin {
    tree: Tree,
}
impl DirectAdmin {
    pub(super) fn new(tree: Tree, _config: &PanelConfig) -> Self {
        Self { tree }
    }
}
impl Panel for DirectAdmin {
    fn kind(&self) -> PanelKind {
        PanelKind::DirectAdmin
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
