//! What the builder may send us: the endpoint and its credentials, the processes of the account that take what it sends, and the files that a
//! publication puts into an account's document root.

pub mod apply;
pub mod archive;
pub mod carry;
pub mod confine;
mod credentials;
mod form;
pub mod journal;
pub mod worker;
pub mod workers;

pub use credentials::{EndpointAccess, endpoint_accepts, endpoint_access, generation};
pub use form::{StartForm, ZipField};
