//! The page behind the icon.

pub mod dialect;
pub mod messages;
