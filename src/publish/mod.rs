//! What the builder may send us: the endpoint and the credentials that a session names, and the files that a publication puts into an account's
//! document root.

pub mod apply;
pub mod confine;
mod credentials;
pub mod journal;

pub use credentials::{EndpointAccess, endpoint_access, generation};
