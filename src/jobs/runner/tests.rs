use super::*;

fn job(attempts: u32) -> Job {
    let dir = tempfile::tempdir().unwrap();
    let store = crate::store::Store::open(dir.path()).unwrap();
    let new = crate::store::NewJob { kind: super::super::CLOSE_SITE.into(), ..Default::default() };
    let id = store.queue_job(&new).unwrap().id;
    Job { attempts, ..store.job(id).unwrap().unwrap() }
}

fn fault(kind: ErrorKind) -> Result<Verdict> {
    Err(Error::new(kind, "why"))
}

fn state(end: &End) -> Option<JobState> {
    match end {
        End::Final { state, .. } => Some(*state),
        End::Wait { .. } => None,
    }
}

#[test]
fn what_becomes_of_a_job() {
    let kind = &KINDS[0];
    let now = clock::unix_seconds();
    let settle = |attempts, result, stop| settle(kind, &job(attempts), result, stop);
    let done = || Ok(Verdict::Done(serde_json::Value::Null));
    assert_eq!(state(&settle(1, done(), None)), Some(JobState::Done));
    assert_eq!(state(&settle(1, done(), Some(Stop::Cancelled))), Some(JobState::Done), "done is done");
    assert_eq!(state(&settle(1, Ok(Verdict::Stopped), Some(Stop::Cancelled))), Some(JobState::Cancelled));
    assert_eq!(state(&settle(1, Ok(Verdict::Stopped), Some(Stop::Deadline))), Some(JobState::Failed));
    assert_eq!(settle(1, Ok(Verdict::Later(77)), None), End::Wait { next: 77, again: None });
    for result in [Ok(Verdict::Stopped), fault(ErrorKind::BuilderUnreachable)] {
        let End::Wait { next, again: None } = settle(1, result, Some(Stop::Shutdown)) else {
            panic!("it waits")
        };
        assert!(next >= now && next < now + 5);
    }
    let End::Wait { next, again: Some(_) } = settle(3, fault(ErrorKind::BuilderUnreachable), None) else {
        panic!("it is tried again")
    };
    assert!(next >= now + 4 * 60, "{next}");
    assert_eq!(
        state(&settle(kind.attempts, fault(ErrorKind::BuilderUnreachable), None)),
        Some(JobState::Failed)
    );
    assert_eq!(
        state(&settle(1, fault(ErrorKind::BuilderAuth), None)),
        None,
        "an administrator may repair it"
    );
    assert_eq!(state(&settle(1, fault(ErrorKind::SiteConflict), None)), Some(JobState::Failed));
}

#[test]
fn the_loop_hears_of_a_settled_row_while_others_run() {
    let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap());
    let running: Lanes = Arc::default();
    *lock(&running) = Running { lanes: HashMap::from([("project".into(), 2)]), threads: 2 };
    let woken = || rustix::io::read(&*wake, &mut [0_u8; 8]).is_ok();
    let mut place =
        Place { lane: Some("project".into()), running: Arc::clone(&running), wake: Arc::clone(&wake) };
    place.leave_lane();
    assert!(woken() && !woken());
    // Here the row is written.
    drop(place);
    assert!(woken(), "it may wait for its next attempt now");
    assert_eq!(lock(&running).threads, 1);
}
