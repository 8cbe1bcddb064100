use super::*;

fn directory() -> (tempfile::TempDir, Directory) {
    let dir = tempfile::tempdir().unwrap();
    let directory = Directory::open(&dir.path().join("backups")).unwrap();
    (dir, directory)
}

fn write(directory: &Directory, job: u64, bytes: &[u8]) -> BackupFile {
    let mut draft = directory.begin("shop.example", job, "sitebuilder", 1 << 20).unwrap();
    draft.begin(Some(bytes.len() as u64)).unwrap();
    draft.piece(bytes).unwrap();
    draft.finish("site shop.example", Some("cpanel alice")).unwrap()
}

#[test]
fn a_file_has_its_name_only_when_it_is_whole() {
    let (_dir, directory) = directory();
    let folder = directory.path.join("shop.example");
    let mut draft = directory.begin("shop.example", 3, "sitebuilder", 10).unwrap();
    draft.piece(b"12345").unwrap();
    assert_eq!(entries(&folder).unwrap().len(), 1);
    assert!(names(&folder).unwrap().is_empty() && directory.list("shop.example").unwrap().is_empty());
    drop(draft);
    assert!(entries(&folder).unwrap().is_empty());

    let file = write(&directory, 3, b"hello");
    assert_eq!(file.size, Some(5));
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(file.sha256.as_deref(), Some(sha256));
    let kept = directory.list("shop.example").unwrap();
    assert_eq!((kept.len(), kept[0].manifest.job, kept[0].manifest.size), (1, 3, 5));
    let (mut read, _) = directory.read("shop.example", &kept[0].name).unwrap();
    assert_eq!(io::read_to_string(&mut read).unwrap(), "hello");
}

#[test]
fn too_large_too_short_and_damaged_files_are_refused() {
    let (_dir, directory) = directory();
    let begin = || directory.begin("shop.example", 1, "sitebuilder", 10).unwrap();
    assert_eq!(begin().begin(Some(11)).unwrap_err().kind(), ErrorKind::BackupFailed);
    assert_eq!(begin().piece(&[0; 11]).unwrap_err().kind(), ErrorKind::BackupFailed);
    let mut short = begin();
    short.begin(Some(10)).unwrap();
    short.piece(b"123").unwrap();
    assert_eq!(short.finish("x", None).unwrap_err().kind(), ErrorKind::BackupProvider);
    assert!(directory.list("shop.example").unwrap().is_empty());

    let file = write(&directory, 2, b"hello");
    std::fs::write(&file.name, b"jello").unwrap();
    let name = directory.list("shop.example").unwrap()[0].name.clone();
    let error = directory.read("shop.example", &name).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error:?}");
    std::fs::write(&file.name, b"hell").unwrap();
    assert!(directory.list("shop.example").unwrap().is_empty(), "a file of another size is no backup");
    assert_eq!(directory.read("shop.example", &name).unwrap_err().kind(), ErrorKind::BackupNotFound);
}

#[test]
fn the_last_good_one_is_never_removed() {
    let (_dir, directory) = directory();
    let files: Vec<BackupFile> = (1..=4).map(|job| write(&directory, job, b"hello")).collect();
    // The newest is damaged: it counts for nothing.
    std::fs::write(&files[3].name, b"hell").unwrap();
    assert_eq!(directory.prune("shop.example", 2).unwrap().len(), 1);
    assert_eq!(directory.prune("shop.example", 0).unwrap().len(), 1);
    let left = directory.list("shop.example").unwrap();
    assert_eq!((left.len(), left[0].manifest.job), (1, 3));
    let error = directory.remove("shop.example", &left[0].name).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    assert_eq!(directory.remove("shop.example", "none").unwrap_err().kind(), ErrorKind::BackupNotFound);
    write(&directory, 9, b"hello");
    directory.remove("shop.example", &left[0].name).unwrap();
}

#[test]
fn many_new_ones_do_not_push_out_the_one_of_the_day_before() {
    let (_dir, directory) = directory();
    for job in 1..=6 {
        let file = write(&directory, job, b"hello");
        if job <= 3 {
            let manifest = format!("{}.json", file.name);
            let mut value: serde_json::Value =
                serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
            value["made"] = (value["made"].as_u64().unwrap() - (10 - job) * 24 * 60 * 60).into();
            std::fs::write(&manifest, value.to_string()).unwrap();
        }
    }
    let jobs =
        || directory.list("shop.example").unwrap().iter().map(|kept| kept.manifest.job).collect::<Vec<_>>();
    assert_eq!(directory.prune("shop.example", 2).unwrap().len(), 3);
    assert_eq!(jobs(), [6, 5, 3], "the newest, and the newest of the days before");
    assert!(directory.prune("shop.example", 2).unwrap().is_empty());
    // With one of them among the newest there is nothing to save.
    directory.remove("shop.example", &directory.list("shop.example").unwrap()[0].name).unwrap();
    assert!(directory.prune("shop.example", 2).unwrap().is_empty());
    assert_eq!(directory.prune("shop.example", 1).unwrap().len(), 0);
    assert_eq!(jobs(), [5, 3]);
}

#[test]
fn what_was_taken_in_from_elsewhere_pushes_out_nothing_that_was_made_here() {
    let (_dir, directory) = directory();
    write(&directory, 1, b"hello");
    for job in 2..5 {
        let mut draft = directory.begin("shop.example", job, "sitebuilder", 1 << 20).unwrap();
        draft.mark_imported();
        draft.piece(b"the account's word").unwrap();
        draft.finish("site shop.example", None).unwrap();
    }
    assert_eq!(directory.prune("shop.example", 1).unwrap().len(), 2);
    let left = directory.list("shop.example").unwrap();
    assert!(left.len() == 2 && left.iter().any(|kept| kept.manifest.job == 1 && !kept.manifest.imported));
}

#[test]
fn a_backup_does_not_fill_the_disk() {
    let (_dir, directory) = directory();
    let mut draft = directory.begin("shop.example", 1, "sitebuilder", u64::MAX).unwrap();
    assert_eq!(draft.begin(Some(u64::MAX / 2)).unwrap_err().kind(), ErrorKind::NoSpace);
    draft.begin(Some(5)).unwrap();
}

#[test]
fn what_a_killed_run_leaves_is_swept_and_nothing_else() {
    let (_dir, directory) = directory();
    let draft = directory.begin("shop.example", 1, "sitebuilder", 10).unwrap();
    std::mem::forget(draft);
    write(&directory, 2, b"hello");
    assert_eq!(directory.sweep(|_| true).unwrap(), 1);
    assert_eq!(directory.sweep(|_| true).unwrap(), 0);
    assert_eq!(directory.list("shop.example").unwrap().len(), 1);
    let (ended, goes_on) =
        (directory.staging("shop.example", 3).unwrap(), directory.staging("shop.example", 4).unwrap());
    std::fs::write(ended.join("cpmove-bob.tar.gz"), b"half").unwrap();
    assert_eq!(directory.sweep(|job| job == 4).unwrap(), 1);
    assert!(!ended.exists() && goes_on.exists());
}

#[test]
fn what_is_removed_takes_no_room_though_somebody_reads_it_and_further_names_keep_it() {
    let (dir, directory) = directory();
    for job in 1..=3 {
        write(&directory, job, b"hello");
    }
    let names: Vec<String> =
        directory.list("shop.example").unwrap().into_iter().map(|kept| kept.name).collect();
    let (held, _) = directory.open_kept("shop.example", &names[0]).unwrap();
    directory.remove("shop.example", &names[0]).unwrap();
    assert_eq!(held.metadata().unwrap().len(), 0);
    let copy = dir.path().join("copy");
    let (_, kept) = directory.open_kept("shop.example", &names[1]).unwrap();
    std::fs::hard_link(&kept.path, &copy).unwrap();
    directory.remove("shop.example", &names[1]).unwrap();
    assert_eq!(std::fs::read(&copy).unwrap(), b"hello");
}

#[test]
fn a_folder_is_one_plain_name_and_the_place_is_ones_own() {
    let (dir, directory) = directory();
    for bad in ["", ".", "..", "a/b", ".x"] {
        assert!(directory.begin(bad, 1, "x", 1).is_err(), "{bad:?}");
    }
    let open = dir.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    assert_eq!(Directory::open(&open).err().unwrap().kind(), ErrorKind::Config);
}

#[test]
fn stamps_sort_as_times_do() {
    assert_eq!(stamp(1_795_253_400), "20261121T093000Z");
}
