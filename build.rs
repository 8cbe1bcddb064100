//! Gives the shared library its SONAME. It changes only with the ABI.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libpanelgate.so.1");
}
