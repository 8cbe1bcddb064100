//! What the builder may send us: the endpoint and its credentials, and the processes of the account that write what it sends.

mod credentials;
pub mod worker;
pub mod workers;

pub use credentials::{EndpointAccess, endpoint_access, endpoint_accepts, generation};
