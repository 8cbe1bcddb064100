use super::*;
use crate::store::{Binding, JobQuery, JobState};
use crate::types::AccountId;

fn domain(name: &str) -> Domain {
    Domain::new(name).unwrap()
}

fn user(name: &str) -> Username {
    Username::new(name).unwrap()
}

/// A store in which alice has three sites and bob has two.
fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    for (name, uid, sites) in [
        ("alice", 2001, ["old.example", "blog.old.example", "other.example"].as_slice()),
        ("bob", 2002, ["bold.example", "x.bold.example"].as_slice()),
    ] {
        let owner = AccountId::new("ini", user(name), uid, "");
        for site in sites {
            store.bind(&domain(site), &owner, None, Binding::Plain).unwrap();
        }
    }
    (dir, store)
}

fn looks(store: &Store) -> Vec<String> {
    let query = JobQuery { kind: Some(SYNC_SITE.into()), open: true, limit: 100, ..JobQuery::default() };
    let mut keys: Vec<String> =
        store.jobs(&query).unwrap().into_iter().map(|job| job.key.unwrap().as_str().to_owned()).collect();
    keys.sort();
    keys
}

fn about(accounts: &[&str], whole: bool, domains: &[&str]) -> About {
    About {
        accounts: accounts.iter().map(|name| user(name)).collect(),
        whole,
        domains: domains.iter().map(|name| domain(name)).collect(),
        ..About::default()
    }
}

#[test]
fn an_event_is_about_the_sites_that_it_names_and_no_others() {
    let of_alice = ["blog.old.example", "old.example", "other.example"].as_slice();
    for (about, want) in [
        (about(&["alice"], true, &[]), of_alice),
        (about(&[], true, &["other.example"]), of_alice),
        (about(&["alice"], false, &["old.example"]), &["blog.old.example", "old.example"]),
        (about(&[], false, &["old.example"]), &["blog.old.example", "old.example"]),
        (about(&[], false, &["bold.example"]), &["bold.example", "x.bold.example"]),
        (about(&["carol"], false, &["other.example"]), &["other.example"]),
        (about(&["carol"], true, &[]), &[]),
        (about(&[], true, &[]), &[]),
        (about(&[], true, &["ld.example"]), &[]),
    ] {
        let (_dir, store) = store();
        let noted = store.note_event(&about, Marks::default()).unwrap();
        assert_eq!(looks(&store), want, "{about:?}");
        assert_eq!((noted.keys, noted.job.is_some()), (want.len(), !want.is_empty()));
    }
}

#[test]
fn an_event_that_names_a_site_alone_marks_nothing_else_of_whoever_had_it() {
    let (_dir, store) = store();
    let ends = Marks { revoke: Some(7), removed: true, ..Marks::default() };
    store.note_event(&about(&[], true, &["old.example"]), ends).unwrap();
    let floor = |name: &str| store.current(&domain(name)).unwrap().unwrap().floor;
    assert_eq!((floor("old.example"), floor("blog.old.example"), floor("other.example")), (8, 8, 0));
    assert_eq!(store.lifecycle(&SiteKey::of(&domain("other.example"))).unwrap().removed, None);
    assert_eq!(looks(&store).len(), 3, "they are looked at all the same");
    store.note_event(&about(&["carol"], true, &["other.example"]), ends).unwrap();
    assert_eq!(floor("other.example"), 0, "carol's event says nothing about alice");
}

#[test]
fn equal_events_wait_once_and_one_that_comes_while_a_look_runs_waits_again() {
    let (_dir, store) = store();
    let suspended = Marks { revoke: Some(7), ..Marks::default() };
    let alice = about(&["alice"], false, &["other.example"]);
    let first = store.note_event(&alice, suspended).unwrap().job;
    for _ in 0..100 {
        assert_eq!(store.note_event(&alice, Marks::default()).unwrap().job, first);
    }
    assert_eq!(looks(&store).len(), 1);
    assert_eq!(store.current(&domain("other.example")).unwrap().unwrap().floor, 8);
    let job = store.claim_job(u64::MAX / 2, &[SYNC_SITE], &[]).unwrap().unwrap();
    assert_eq!(Some(job.id), first);
    let second = store.note_event(&alice, Marks::default()).unwrap().job;
    assert_ne!(second, first);
    // Two looks at one key never run together.
    assert_eq!(store.claim_job(u64::MAX / 2, &[SYNC_SITE], &[]).unwrap(), None);
    store.end_job(job.id, JobState::Done, None, None).unwrap();
    assert_eq!(store.claim_job(u64::MAX / 2, &[SYNC_SITE], &[]).unwrap().map(|job| job.id), second);
}

#[test]
fn what_an_account_says_of_itself_waits_behind_what_others_tell() {
    let (_dir, store) = store();
    let owner = AccountId::new("ini", user("alice"), 2001, "");
    for number in 0..limits::REFRESH_LOOKS * 2 {
        store.bind(&domain(&format!("s{number}.example")), &owner, None, Binding::Plain).unwrap();
    }
    let all = limits::REFRESH_LOOKS * 2 + 3;
    let slowly = About { slowly: true, ..about(&["alice"], true, &[]) };
    let first = store.note_event(&slowly, Marks::default()).unwrap();
    assert_eq!(first.keys as u64, all);
    let queued = store.job(first.job.unwrap()).unwrap().unwrap().queued;
    let due = |now: u64| {
        let query = JobQuery { kind: Some(SYNC_SITE.into()), open: true, limit: 100, ..JobQuery::default() };
        store.jobs(&query).unwrap().into_iter().filter(|job| job.next <= now).count() as u64
    };
    assert_eq!((due(queued), due(queued + 1), due(queued + 2)), (all - 11, all - 3, all));
    // Saying it again makes nothing faster; what the panel itself tells is looked at now.
    store.note_event(&slowly, Marks::default()).unwrap();
    assert_eq!(due(queued), limits::REFRESH_LOOKS);
    store.note_event(&about(&["alice"], true, &[]), Marks::default()).unwrap();
    assert_eq!(due(clock::unix_seconds()), all);
}

#[test]
fn a_name_follows_from_the_names_told_before() {
    let (_dir, store) = store();
    let rename = |old: &str, new: &str| {
        let about = About { renamed: Some(domain(new)), ..about(&[], false, &[old]) };
        store.note_event(&about, Marks::default()).unwrap()
    };
    assert_eq!(rename("old.example", "second.example").keys, 2);
    assert!(rename("second.example", "third.example").keys >= 1);
    let key = |name: &str| SiteKey::of(&domain(name));
    let renamed = |name: &str| store.lifecycle(&key(name)).unwrap().renamed;
    assert_eq!(renamed("old.example"), Some(domain("third.example")));
    assert_eq!(renamed("blog.old.example"), Some(domain("blog.third.example")));
    assert_eq!((renamed("bold.example"), renamed("other.example")), (None, None));
    // A look that began before the third name was said has looked at the second one.
    store.forget_name(&key("old.example"), &domain("second.example")).unwrap();
    assert_eq!(renamed("old.example"), Some(domain("third.example")));
    store.forget_name(&key("old.example"), &domain("third.example")).unwrap();
    assert_eq!(renamed("old.example"), None);
}

#[test]
fn an_account_made_again_is_told_from_one_that_stayed() {
    let (_dir, store) = store();
    let alice = about(&["alice"], true, &[]);
    let key = SiteKey::of(&domain("old.example"));
    let created = Marks { created: true, ..Marks::default() };
    store.note_event(&alice, created).unwrap();
    assert_eq!(store.lifecycle(&key).unwrap().created, None);
    store.note_event(&alice, Marks { removed: true, ..Marks::default() }).unwrap();
    store.note_event(&alice, created).unwrap();
    let marks = store.lifecycle(&key).unwrap();
    assert!(marks.removed.is_some() && marks.created >= marks.removed, "{marks:?}");
}

#[test]
fn the_end_of_a_key_is_bound_to_one_absence() {
    let (_dir, store) = store();
    let row = store.current(&domain("old.example")).unwrap().unwrap();
    let since = store.note_absent(&row, 100).unwrap();
    assert_eq!(store.note_absent(&row, 100).unwrap(), since);
    let query = JobQuery { kind: Some(REMOVE_SITE.into()), limit: 9, ..JobQuery::default() };
    let jobs = store.jobs(&query).unwrap();
    assert_eq!((jobs.len(), jobs[0].next), (1, since + 100));
    store.note_present(&row.key, false).unwrap();
    assert_eq!(store.lifecycle(&row.key).unwrap().absent, None);
    assert!(store.close_gone(&row, since).unwrap());
    assert!(!store.close_gone(&row, since).unwrap(), "once");
    assert_eq!(store.current(&domain("old.example")).unwrap(), None);
}

#[test]
fn credentials_end_once_for_each_time_that_a_site_is_shut() {
    let (_dir, store) = store();
    let row = store.current(&domain("old.example")).unwrap().unwrap();
    assert!(store.shut(&row.key, 4).unwrap() && !store.shut(&row.key, 4).unwrap());
    assert_eq!(store.by_key(&row.key).unwrap().unwrap().floor, 5);
    store.note_present(&row.key, false).unwrap();
    assert!(store.shut(&row.key, 4).unwrap());
    assert_eq!(store.by_key(&row.key).unwrap().unwrap().floor, 6);
}

#[test]
fn a_site_keeps_its_key_under_another_name() {
    let (_dir, store) = store();
    let row = store.current(&domain("old.example")).unwrap().unwrap();
    assert!(!store.move_site(&row, &domain("other.example")).unwrap(), "somebody has that one");
    assert!(store.move_site(&row, &domain("new.example")).unwrap());
    assert_eq!(store.current(&domain("new.example")).unwrap().unwrap().key, row.key);
}

#[test]
fn ended_looks_are_bounded() {
    let (_dir, store) = store();
    let most = limits::EVENT_ROWS;
    store
        .with("test", |connection| {
            let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
                       INSERT INTO jobs (kind, state, queued, done) SELECT 'sync-site', 'done', 1, 1 FROM n";
            connection.execute(sql, [to_sql(most + 10)])
        })
        .unwrap();
    assert_eq!(store.forget_looks().unwrap(), 10);
    assert_eq!(store.forget_looks().unwrap(), 0);
    // Also without the daily sweep: an account may have very many made in a day.
    let row = store.current(&domain("old.example")).unwrap().unwrap();
    for _ in 0..LOOKS_BETWEEN {
        let id = store.queue_look(&row.key, false).unwrap();
        store.end_job_soon(id, "{}").unwrap();
    }
    let sql = "SELECT count(*) FROM jobs WHERE done IS NOT NULL";
    let count = store.with("test", |connection| connection.query_row(sql, [], |row| row.get::<_, i64>(0)));
    assert!(count.unwrap() < to_sql(most + LOOKS_BETWEEN));
}
