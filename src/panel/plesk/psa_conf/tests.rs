use super::*;
use proptest::prelude::*;

#[test]
fn the_product_root() {
    let root = |text: &str| product_root(Path::new("psa.conf"), text.as_bytes());
    for (text, want) in [
        ("# Plesk\nDUMP_D /x\nPRODUCT_ROOT_D\t/usr/local/psa\n", Some("/usr/local/psa")),
        ("PRODUCT_ROOT_D   /opt/psa  \r\n", Some("/opt/psa")),
        ("#PRODUCT_ROOT_D /opt/psa\nPRODUCT_ROOT_D\nPRODUCT_ROOT_DX /x\n", None),
        ("", None),
    ] {
        assert_eq!(root(text).unwrap(), want.map(PathBuf::from), "{text:?}");
    }
    for bad in ["opt/psa", "/opt/../etc", "/opt\0"] {
        let error = root(&format!("\nPRODUCT_ROOT_D {bad}\n")).unwrap_err().to_string();
        assert_eq!(error, "psa.conf:2: PRODUCT_ROOT_D is not a plain absolute path");
    }
    let binary = product_root(Path::new("psa.conf"), b"a\n\xff").unwrap_err().to_string();
    assert!(binary.starts_with("psa.conf:2: it is not UTF-8"));
}

#[test]
fn versions_compare_as_numbers() {
    assert_eq!(version(b"18.0.60 Ubuntu 22.04 1800240501.13\n"), Some(vec![18, 0, 60]));
    assert_eq!(version(b"17.8.11"), Some(vec![17, 8, 11]));
    for none in [&b""[..], b"Plesk", b"18", b"..", b"99999999999.1"] {
        assert_eq!(version(none), None);
    }
    assert!(version(b"9.5.4").unwrap().as_slice() < OLDEST.as_slice());
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = product_root(Path::new("f"), &bytes);
        let _ = version(&bytes);
    }
}
