use super::*;
use crate::store::Binding;
use crate::types::AccountId;

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

fn backup(subject: &str, lane: &str) -> NewJob {
    NewJob {
        kind: "backup".into(),
        lane: lane.into(),
        subject: subject.into(),
        arguments: "{}".into(),
        ..NewJob::default()
    }
}

/// Whoever has, or had, the name alice.
fn alice(mark: &str) -> AccountId {
    AccountId::new("cpanel", Username::new("alice").unwrap(), 1004, mark)
}

fn claim(store: &Store) -> Option<u64> {
    store.claim_job(clock::unix_seconds(), &["backup"], &[]).unwrap().map(|job| job.id)
}

#[test]
fn a_job_is_taken_once_and_goes_through_its_states() {
    let (_dir, store) = store();
    let first = store.queue_job(&backup("site a.example", "project")).unwrap();
    let second = store.queue_job(&backup("site b.example", "project")).unwrap();
    assert!(!first.joined && second.id > first.id);
    assert_eq!(claim(&store), Some(first.id));
    assert_eq!(claim(&store), Some(second.id));
    assert_eq!(claim(&store), None);

    store.report_job(first.id, Some(40), Some("half-way")).unwrap();
    store.keep_job_task(first.id, Some("17")).unwrap();
    let job = store.job(first.id).unwrap().unwrap();
    assert_eq!((job.state, job.attempts, job.percent), (JobState::Running, 1, Some(40)));
    assert_eq!((job.step.as_deref(), job.task.as_deref()), (Some("half-way"), Some("17")));

    store.end_job(first.id, JobState::Done, None, Some("{\"files\":[]}")).unwrap();
    store.end_job(first.id, JobState::Failed, Some("too late"), None).unwrap();
    let job = store.job(first.id).unwrap().unwrap();
    assert_eq!((job.state, job.percent, job.reason), (JobState::Done, Some(100), None));
    assert!(job.done.is_some() && job.result.is_some());
    assert_eq!(store.job_facts().unwrap(), JobFacts { running: 1, ..JobFacts::default() });
    let last = store.last_done_job("backup", "project", "site a.example", &alice("1")).unwrap();
    assert_eq!(last.map(|job| job.id), Some(first.id), "of a version that did not write down for whom");
}

#[test]
fn a_later_account_of_the_same_name_has_no_part_in_a_job() {
    let (_dir, store) = store();
    let of =
        |mark: &str| NewJob { join: Some(60), owner: Some(alice(mark)), ..backup("site a.example", "p") };
    let first = store.queue_job(&of("1")).unwrap();
    store.end_job(first.id, JobState::Done, None, None).unwrap();
    assert!(store.queue_job(&of("1")).unwrap().joined);
    let second = store.queue_job(&of("2")).unwrap();
    assert!(!second.joined, "what was done for somebody else a moment ago");
    let last = |mark| store.last_done_job("backup", "p", "site a.example", &alice(mark)).unwrap();
    assert_eq!(last("1").map(|job| job.id), Some(first.id));
    assert_eq!(last("2"), None);
    let seen = |mark: &str| {
        let query = JobQuery { owner: Some(alice(mark).to_string()), limit: 9, ..JobQuery::default() };
        store.jobs(&query).unwrap().into_iter().map(|job| job.id).collect::<Vec<u64>>()
    };
    assert_eq!((seen("1"), seen("2"), seen("3")), (vec![first.id], vec![second.id], vec![]));
}

#[test]
fn equal_jobs_are_joined_and_others_are_not() {
    let (_dir, store) = store();
    let joining = |lane: &str| NewJob { join: Some(60), ..backup("site a.example", lane) };
    let first = store.queue_job(&joining("project")).unwrap();
    assert_eq!(store.queue_job(&joining("project")).unwrap(), Queued { id: first.id, joined: true });
    assert!(!store.queue_job(&joining("cpanel")).unwrap().joined, "another provider");
    assert!(!store.queue_job(&backup("site a.example", "project")).unwrap().joined, "not wanted");
    let newest = store.queue_job(&joining("project")).unwrap();
    store.end_job(newest.id, JobState::Failed, Some("x"), None).unwrap();
    assert_eq!(store.queue_job(&joining("project")).unwrap().id, first.id, "a failed one is not joined");
    store.end_job(first.id, JobState::Done, None, None).unwrap();
    assert!(store.queue_job(&joining("project")).unwrap().joined, "done a moment ago");
    store
        .with("test", |connection| connection.execute("UPDATE jobs SET done = 1 WHERE done > 1", []))
        .unwrap();
    assert!(!store.queue_job(&joining("project")).unwrap().joined, "done long ago");
}

#[test]
fn full_lanes_unknown_kinds_and_the_future_wait() {
    let (_dir, store) = store();
    let now = clock::unix_seconds();
    store.queue_job(&backup("a", "project")).unwrap();
    let other = store.queue_job(&backup("b", "cpanel")).unwrap();
    store.queue_job(&NewJob { kind: "of-tomorrow".into(), ..backup("c", "") }).unwrap();
    store.queue_job(&NewJob { next: now + 1000, ..backup("d", "") }).unwrap();
    let claimed = store.claim_job(now, &["backup"], &["project".to_owned()]).unwrap().unwrap();
    assert_eq!(claimed.id, other.id);
    assert!(store.claim_job(now, &["backup"], &["project".to_owned()]).unwrap().is_none());
    assert_eq!(store.next_job_at(&["backup"]).unwrap(), Some(0));
    assert!(claim(&store).is_some() && claim(&store).is_none());
    assert_eq!(store.next_job_at(&["backup"]).unwrap(), Some(now + 1000));
    let facts = store.job_facts().unwrap();
    assert_eq!((facts.waiting, facts.due, facts.running), (2, 1, 2));
}

#[test]
fn what_was_interrupted_waits_again_and_an_interruption_that_was_meant_does_not_count() {
    let (dir, store) = store();
    let id = store.queue_job(&backup("a", "")).unwrap().id;
    assert_eq!(claim(&store), Some(id));
    store.keep_job_task(id, Some("17")).unwrap();
    drop(store);
    // As if the process had been killed.
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.resume_jobs().unwrap(), 1);
    let job = store.claim_job(clock::unix_seconds(), &["backup"], &[]).unwrap().unwrap();
    assert_eq!((job.attempts, job.task.as_deref()), (2, Some("17")));
    store.put_job_off(id, 0, None).unwrap();
    assert_eq!(claim(&store), Some(id));
    store.put_job_off(id, clock::unix_seconds() + 100, Some("it hangs")).unwrap();
    let job = store.job(id).unwrap().unwrap();
    assert_eq!((job.attempts, job.state, job.reason.as_deref()), (2, JobState::Waiting, Some("it hangs")));
    assert_eq!(claim(&store), None);
    assert_eq!(store.retry_job(id).unwrap().map(|job| job.attempts), Some(0));
    assert_eq!(claim(&store), Some(id));
}

#[test]
fn cancelling_ends_what_has_not_begun_and_asks_what_has() {
    let (_dir, store) = store();
    let (first, second) =
        (store.queue_job(&backup("a", "")).unwrap().id, store.queue_job(&backup("b", "")).unwrap().id);
    assert_eq!(claim(&store), Some(first));
    let asked = store.cancel_job(first).unwrap().unwrap();
    assert_eq!((asked.state, asked.cancelled), (JobState::Running, true));
    assert_eq!(store.cancel_job(second).unwrap().unwrap().state, JobState::Cancelled);
    assert_eq!(store.cancel_job(99).unwrap(), None);
    store.end_job(first, JobState::Cancelled, Some("cancelled"), None).unwrap();
    assert_eq!(store.cancel_job(first).unwrap().unwrap().state, JobState::Cancelled);
    assert_eq!(store.forget_jobs(1).unwrap(), 0);
    store.with("test", |connection| connection.execute("UPDATE jobs SET done = 1", [])).unwrap();
    assert_eq!(store.forget_jobs(1).unwrap(), 2);
    let next = store.queue_job(&backup("a", "")).unwrap().id;
    assert!(next > second, "a number is never given twice");
}

#[test]
fn another_connection_is_noticed() {
    let (dir, store) = store();
    let before = store.data_version().unwrap();
    assert_eq!(store.data_version().unwrap(), before);
    Store::open(dir.path()).unwrap().queue_job(&backup("a", "")).unwrap();
    assert_ne!(store.data_version().unwrap(), before);
}

#[test]
fn rows_of_the_first_version_survive_and_follow_their_key() {
    let dir = tempfile::tempdir().unwrap();
    let connection = Connection::open(dir.path().join("panelgate.sqlite")).unwrap();
    connection.execute_batch(include_str!("../schema-1.sql")).unwrap();
    let rows = "INSERT INTO sites VALUES ('shop.example', 'shop.example', 'cpanel', 'alice', 1004, '1', 't1', 9223372036854775807, 5, 6);
                INSERT INTO sites VALUES ('77', 'shop.example', 'cpanel', 'bob', 1005, '2', 't2', 0, 6, NULL);
                INSERT INTO jobs VALUES (3, 'close-site', 'shop.example', 9223372036854775807, 6, NULL);
                INSERT INTO jobs VALUES (4, 'close-site', 'shop.example', 9223372036854775807, 6, 9);
                PRAGMA user_version = 1;";
    connection.execute_batch(rows).unwrap();
    drop(connection);
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let store = Store::open(dir.path()).unwrap();
    let jobs = store.jobs(&JobQuery { limit: 10, ..JobQuery::default() }).unwrap();
    assert_eq!(
        jobs.iter().map(|job| (job.id, job.state)).collect::<Vec<_>>(),
        [(4, JobState::Done), (3, JobState::Waiting)]
    );
    let old = &jobs[1];
    assert_eq!((old.kind.as_str(), old.queued, old.floor), ("close-site", 6, Some(i64::MAX as u64)));
    assert_eq!(old.key.as_ref().map(SiteKey::as_str), Some("shop.example"));
    assert_eq!(store.facts().unwrap().waiting, 1);
}

#[test]
fn a_claimed_key_takes_its_jobs_along() {
    let (_dir, store) = store();
    let shop = Domain::new("shop.example").unwrap();
    let alice = AccountId::new("cpanel", Username::new("alice").unwrap(), 1004, "1");
    let row = store.bind(&shop, &alice, None, Binding::Numeric).unwrap();
    let job = NewJob { key: Some((row.key.clone(), row.floor)), ..backup("a", "") };
    let id = store.queue_job(&job).unwrap().id;
    store.claim(&shop).unwrap();
    assert_eq!(store.job(id).unwrap().unwrap().key.unwrap().as_str(), "shop.example");
}

#[test]
fn what_an_account_has_open_is_counted() {
    let (_dir, store) = store();
    let (alice, bob) = (Username::new("alice").unwrap(), Username::new("bob").unwrap());
    let of = |account: &Username, subject: &str, lane: &str| {
        store.queue_job(&NewJob { account: Some(account.clone()), ..backup(subject, lane) }).unwrap().id
    };
    let first = of(&alice, "site a.example", "project");
    of(&alice, "site b.example", "project");
    of(&alice, "account alice", "cpanel");
    of(&bob, "site c.example", "project");
    let open = |account, but| store.open_jobs("backup", "project", account, but).unwrap();
    assert_eq!((open(&alice, ""), open(&alice, "site a.example"), open(&bob, "")), (2, 1, 1));
    assert_eq!(claim(&store), Some(first));
    assert_eq!(open(&alice, ""), 2, "what runs counts");
    store.end_job(first, JobState::Failed, Some("why"), None).unwrap();
    assert_eq!(open(&alice, ""), 1);
}
