use super::*;

fn storage_of(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("etc/psa")).unwrap();
    std::fs::write(root.path().join("etc/psa/psa.conf"), "PRODUCT_ROOT_D /usr/local/psa\nDUMP_D\t/dumps\n")
        .unwrap();
    std::fs::create_dir_all(root.path().join("dumps")).unwrap();
    for (path, content) in files {
        let path = root.path().join("dumps").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let tree = Tree::new(root.path());
    (root, tree)
}

#[test]
fn a_backup_is_its_description_with_all_files_below() {
    let (root, tree) = storage_of(&[
        ("domains/shop.example/pg-7_info_1703161100.xml", "<x/>"),
        ("domains/shop.example/pg-7_user-data_1703161100.tgz", "12345"),
        ("domains/shop.example/databases/wp_1/pg-7_sqldump_1703161100.tgz", "123"),
        ("domains/shop.example/sites/a.example/pg-7_info_1703161100.xml", "<y/>"),
        ("domains/shop.example/pg-7_info_1703171100.xml", "<x/>"),
        ("domains/other.example/pg-8_info_1703161100.xml", "<x/>"),
        ("domains/shop.example/notes.txt", ""),
    ]);
    std::os::unix::fs::symlink("/etc", root.path().join("dumps/domains/pg-7_link")).unwrap();
    let found = dumps(&tree, "pg-7_").unwrap();
    assert_eq!(found.len(), 2);
    let first = found.iter().find(|dump| dump.time == "1703161100").unwrap();
    assert_eq!((first.prefix.as_str(), first.files.len()), ("pg-7", 4));
    assert!(first.files[0].name.ends_with("domains/shop.example/pg-7_info_1703161100.xml"));
    assert_eq!(first.files.iter().filter_map(|file| file.size).sum::<u64>(), 4 + 5 + 3 + 4);
    assert_eq!(dumps(&tree, "").unwrap().len(), 3);
    assert!(dumps(&tree, "none_").unwrap().is_empty());
}

#[test]
fn a_storage_that_leads_elsewhere_is_refused() {
    let (root, tree) = storage_of(&[]);
    std::fs::write(root.path().join("etc/psa/psa.conf"), "DUMP_D ../../etc\n").unwrap();
    assert_eq!(dumps(&tree, "").unwrap_err().kind(), ErrorKind::PanelData);
    std::fs::remove_dir(root.path().join("dumps")).unwrap();
    std::fs::write(root.path().join("etc/psa/psa.conf"), "DUMP_D /dumps\n").unwrap();
    assert!(dumps(&tree, "").unwrap().is_empty(), "there is no storage before the first backup");
}
