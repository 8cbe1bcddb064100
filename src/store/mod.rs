//! State below `[store] dir`. So far: the install key.

mod install_key;

pub use install_key::InstallKey;
