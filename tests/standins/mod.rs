//! Stand-ins for the programs that make backups: they check what they are asked by the rules of their documentation, answer as it says, and can fail,
//! hang, lie and print noise. The library's own tests use them too.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

pub mod https;
pub mod installatron;
pub mod plesk;
pub mod plesk_schema;
