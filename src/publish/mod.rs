//! What the builder may send us. So far: the endpoint and the credentials that a session names.

mod credentials;

pub use credentials::{EndpointAccess, endpoint_access, generation};
