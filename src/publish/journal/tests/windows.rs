//! Publication type `http`.

use std::os::unix::fs::{MetadataExt, symlink};

use super::*;

/// Two publications by single files.
fn publish_twice(home: &Home) -> Site {
    let mut site = home.open();
    put(&mut site, "index.php", "one").unwrap();
    put(&mut site, "sitepro/1.php", "page").unwrap();
    put(&mut site, "sitepro/css/a.css", "a").unwrap();
    assert_eq!(site.close_window().unwrap().map(|closed| (closed.number, closed.files)), Some((1, 3)));
    put(&mut site, "index.php", "two").unwrap();
    put(&mut site, "index.php", "two again").unwrap();
    put(&mut site, "sitepro/2.php", "new").unwrap();
    site.delete(&path("sitepro/css/a.css")).unwrap();
    site.delete(&path("sitepro/css")).unwrap();
    assert_eq!(site.close_window().unwrap().map(|closed| (closed.number, closed.files)), Some((2, 3)));
    site
}

#[test]
fn a_window_opens_by_itself_and_closing_makes_the_manifest() {
    let home = Home::new();
    let mut site = home.open();
    assert!(!site.window_open() && site.close_window().unwrap().is_none());
    put(&mut site, "index.php", "one").unwrap();
    assert!(site.window_open());
    assert_eq!(site.status().unwrap().window, Some(2), "the panel's page went aside");
    assert_eq!(home.contents(), files(&[("index.php", "one"), ("blog/post", "customer's")]));
    site.close_window().unwrap();
    let status = site.status().unwrap();
    assert_eq!((status.published, status.files, status.bytes, status.can_undo), (true, 1, 3, true));
    assert_eq!(site.history().unwrap().len(), 1);
    let metadata = std::fs::metadata(home.web("index.php")).unwrap();
    assert_eq!((metadata.mode() & 0o7777, metadata.nlink()), (0o644, 1));
    assert_eq!(std::fs::metadata(home.state("")).unwrap().mode() & 0o7777, 0o700);
    home.assert_clean();
}

#[test]
fn undo_goes_back_one_publication() {
    let home = Home::new();
    let mut site = publish_twice(&home);
    assert_eq!(home.contents()["index.php"], "two again");
    let undone = site.undo().unwrap();
    assert_eq!((undone.removed, undone.restored, undone.set_aside), (1, 2, 0));
    let first = [("index.php", "one"), ("sitepro/1.php", "page"), ("sitepro/css/a.css", "a")];
    assert_eq!(home.contents(), files(&[&first[..], &[("blog/post", "customer's")]].concat()));
    assert_eq!(site.status().unwrap().files, 3);
    assert_eq!(kind(site.undo()), Some(FaultKind::Nothing));
    // The site is as publishable as ever.
    put(&mut site, "index.php", "three").unwrap();
    assert_eq!(site.close_window().unwrap().unwrap().number, 3);
    home.assert_clean();
}

#[test]
fn undoing_the_first_publication_leaves_what_was_there() {
    let home = Home::new();
    let before = home.contents();
    let mut site = home.open();
    put(&mut site, "index.php", "one").unwrap();
    put(&mut site, "blog/post", "overwritten").unwrap();
    put(&mut site, "a/b/c", "deep").unwrap();
    site.make_dir(&path("d/e")).unwrap();
    site.undo().unwrap();
    assert_eq!(home.contents(), before);
    assert!(!home.web("a").exists() && !home.web("d").exists());
    assert!(!site.status().unwrap().published);
    home.assert_clean();
}

#[test]
fn an_aborted_window_leaves_what_was_there() {
    let home = Home::new();
    let mut site = publish_twice(&home);
    let before = home.contents();
    put(&mut site, "index.php", "three").unwrap();
    put(&mut site, "sitepro/3.php", "three").unwrap();
    site.abort_window().unwrap();
    assert_eq!(home.contents(), before);
    assert!(!site.window_open());
    site.undo().unwrap();
    assert_eq!(home.contents()["index.php"], "one", "the publication before can still be taken back");
}

#[test]
fn unpublishing_removes_exactly_what_was_published() {
    let home = Home::new();
    let before = home.contents();
    let mut site = home.open();
    put(&mut site, "blog/post", "overwritten").unwrap();
    site.close_window().unwrap();
    drop(site);
    let mut site = publish_twice_more(&home);
    std::fs::write(home.web("sitepro/store.dat"), "orders").unwrap();
    std::fs::write(home.web("own.html"), "customer's").unwrap();
    std::fs::write(home.web("sitepro/1.php"), "changed by the customer").unwrap();
    let undone = site.unpublish().unwrap();
    assert_eq!((undone.removed, undone.restored, undone.set_aside, undone.kept), (3, 2, 1, 0));
    let mut expected = before;
    expected.insert("own.html".into(), "customer's".into());
    expected.insert("sitepro/store.dat".into(), "orders".into());
    assert_eq!(home.contents(), expected);
    assert_eq!(contents(&home.state("changed"))["sitepro/1.php"], "changed by the customer");
    assert_eq!(kind(site.unpublish()), Some(FaultKind::Nothing));
    assert_eq!(site.history().unwrap().last().unwrap().kind, Kind::Unpublish);
    home.assert_clean();
}

fn publish_twice_more(home: &Home) -> Site {
    let mut site = home.open();
    put(&mut site, "index.php", "one").unwrap();
    put(&mut site, "index.html", "ours").unwrap();
    put(&mut site, "sitepro/1.php", "page").unwrap();
    site.close_window().unwrap();
    put(&mut site, "index.php", "two").unwrap();
    site.close_window().unwrap();
    // The first publication put no index.php: the panel's page was replaced by the second one.
    assert_eq!(std::fs::read_to_string(home.state("first/index.html")).unwrap(), "panel's default");
    site
}

#[test]
fn what_somebody_changed_since_is_set_aside_and_not_lost() {
    let home = Home::new();
    let mut site = publish_twice(&home);
    std::fs::write(home.web("index.php"), "customer's change").unwrap();
    std::fs::write(home.web("sitepro/2.php"), "customer's change").unwrap();
    let undone = site.undo().unwrap();
    assert_eq!(undone.set_aside, 2);
    assert_eq!(home.contents()["index.php"], "one");
    assert_eq!(contents(&home.state("changed")).len(), 2);
}

#[test]
fn the_edge_cases_of_the_contract() {
    let home = Home::new();
    let mut site = home.open();
    put(&mut site, "empty", "").unwrap();
    put(&mut site, "a%2541.css", "x").unwrap();
    assert!(home.web("a%2541.css").exists());
    site.delete(&path("none/at/all")).unwrap();
    site.make_dir(&path("blog")).unwrap();
    site.make_dir(&RelPath::root()).unwrap();
    assert_eq!(kind(put(&mut site, "blog", "x")), Some(FaultKind::IsDirectory));
    assert_eq!(kind(put(&mut site, "", "x")), Some(FaultKind::IsDirectory));
    assert_eq!(kind(put(&mut site, "empty/x", "x")), Some(FaultKind::NotDirectory));
    assert_eq!(kind(site.make_dir(&path("empty"))), Some(FaultKind::NotDirectory));
    assert_eq!(kind(site.delete(&path("blog"))), Some(FaultKind::NotEmpty));
    assert_eq!(kind(site.delete(&RelPath::root())), Some(FaultKind::Name));
    for reserved in [".panelgate/x", ".panelgate-shop.example/manifest", "a/.Panelgate"] {
        assert_eq!(kind(put(&mut site, reserved, "x")), Some(FaultKind::Reserved));
        assert_eq!(kind(site.delete(&path(reserved))), Some(FaultKind::Reserved));
        assert_eq!(kind(site.make_dir(&path(reserved))), Some(FaultKind::Reserved));
        assert_eq!(kind(site.list(&path(reserved))), Some(FaultKind::Reserved));
    }
    symlink("/etc", home.web("link")).unwrap();
    let names = |site: &Site, dir: &str| -> Vec<String> {
        site.list(&path(dir)).unwrap().into_iter().map(|item| item.name).collect()
    };
    assert_eq!(names(&site, ""), ["a%2541.css", "blog", "empty", "index.html"]);
    assert!(names(&site, "none").is_empty());
    assert_eq!(kind(site.list(&path("link"))), Some(FaultKind::Link));
    assert_eq!(kind(put(&mut site, "link/passwd", "x")), Some(FaultKind::Link));
    site.undo().unwrap();
    assert_eq!(home.contents().len(), 2);
}

#[test]
fn a_file_may_become_a_directory_and_the_other_way_round() {
    let home = Home::new();
    let mut site = home.open();
    put(&mut site, "a", "file").unwrap();
    put(&mut site, "d/x", "in a directory").unwrap();
    site.close_window().unwrap();
    let before = home.contents();
    site.delete(&path("a")).unwrap();
    put(&mut site, "a/b", "below").unwrap();
    site.delete(&path("d/x")).unwrap();
    site.delete(&path("d")).unwrap();
    put(&mut site, "d", "now a file").unwrap();
    site.close_window().unwrap();
    assert_eq!(site.status().unwrap().files, 2);
    site.undo().unwrap();
    assert_eq!(home.contents(), before);
}

#[test]
fn the_persistent_block_of_an_htaccess_stays() {
    let home = Home::new();
    let mut site = home.open();
    let text = |inside: &str, rest: &str| {
        format!(
            "# Powered by Website Builder\n# PERSISTENT CONTENT\n{inside}# END PERSISTENT CONTENT\n{rest}\n"
        )
    };
    put(&mut site, ".htaccess", &text("", "one")).unwrap();
    site.close_window().unwrap();
    std::fs::write(home.web(".htaccess"), text("Deny from all\n", "one")).unwrap();
    put(&mut site, ".htaccess", &text("", "two")).unwrap();
    assert_eq!(home.contents()[".htaccess"], text("Deny from all\n", "two"));
    site.close_window().unwrap();
    assert_eq!(site.unpublish().unwrap().removed, 1, "what was written is what was merged");
}

#[test]
fn one_process_has_a_site_at_a_time() {
    let home = Home::new();
    let site = home.open();
    assert_eq!(kind(home.try_open()), Some(FaultKind::Busy));
    drop(site);
    home.open();
}

#[test]
fn forged_records_lead_nowhere_and_do_not_stop_publishing() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let escape = format!("../../../..{}/secret", outside.path().display());
    let record = |path: &str| {
        format!(
            "{{\"put\":{{\"path\":\"{path}\",\"before\":\"nothing\",\"entry\":{{\"size\":6,\"sha256\":\"{}\"}}}}}}\n",
            "0".repeat(64)
        )
    };
    let open = "{\"open\":{\"number\":1,\"kind\":\"http\",\"time\":1}}\n";
    for forged in [
        String::new(),
        "\n".to_owned(),
        "nonsense\n".to_owned(),
        format!("{open}{}", record(&escape)),
        format!("{open}{}", record("/etc/passwd")),
        format!("{open}{}", record(".panelgate/shop.example/lock")),
        format!("{open}{}", record("")),
        format!("{open}{}", "[".repeat(crate::limits::JOURNAL_LINE_BYTES + 10)),
        "{\"open\":{\"number\":1,\"kind\":\"archive\",\"time\":1}}\n\"ready\"\n".to_owned(),
    ] {
        for place in ["open", "last"] {
            let home = Home::new();
            drop(publish_twice(&home));
            let dir = home.state(place);
            std::fs::create_dir_all(dir.join("old")).unwrap();
            std::fs::write(dir.join("undoing"), "").unwrap();
            std::fs::write(dir.join("journal"), &forged).unwrap();
            let mut site = home.open();
            assert_eq!(std::fs::read_to_string(outside.path().join("secret")).unwrap(), "secret", "{forged}");
            put(&mut site, "index.php", "three").unwrap();
            site.close_window().unwrap();
            assert_eq!(home.contents()["index.php"], "three");
        }
    }
    for (name, forged) in [
        ("manifest", format!("{{\"manifest\":{{\"version\":1}}}}\n{{\"dir\":{{\"path\":\"{escape}\"}}}}\n")),
        ("manifest", "{\"manifest\":{\"version\":2}}\n".to_owned()),
        ("history", "{}\n".to_owned()),
    ] {
        let home = Home::new();
        drop(publish_twice(&home));
        std::fs::write(home.state(name), forged).unwrap();
        let mut site = home.open();
        put(&mut site, "index.php", "three").unwrap();
        site.close_window().unwrap();
        site.unpublish().unwrap();
    }
}

#[test]
fn a_state_directory_that_is_a_link_is_refused() {
    let (home, outside) = (Home::new(), tempfile::tempdir().unwrap());
    symlink(outside.path(), home.dir.path().join(".panelgate")).unwrap();
    assert_eq!(kind(home.try_open()), Some(FaultKind::Link));
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn only_so_many_publications_are_remembered() {
    let home = Home::new();
    let mut site = home.open();
    for number in 0..crate::limits::PUBLICATIONS_KEPT + 3 {
        put(&mut site, "index.php", &number.to_string()).unwrap();
        site.close_window().unwrap();
    }
    let history = site.history().unwrap();
    assert_eq!((history.len(), history[0].number), (crate::limits::PUBLICATIONS_KEPT, 4));
}
