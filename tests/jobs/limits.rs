//! How many backups run at a time, of one provider and in all.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use panelgate::store::{Binding, JobQuery, JobState};
use panelgate::types::Domain;

use crate::carry::world::Running;
use crate::common::{chmod, wait_for};
use crate::world::World;

#[test]
fn no_more_run_at_once_than_provider_and_server_allow() {
    crate::needs_root!();
    let world = World::start("");
    let blog = Domain::new("blog.shop.example").unwrap();
    world.store().bind(&blog, &world.bob(), None, Binding::Plain).unwrap();
    // A builder that never says a word, and a pkgacct that works as long as whoever has started it.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://127.0.0.1:{}/api/", silent.local_addr().unwrap().port());
    let pid = world.dir.path().join("pid");
    let program = world.dir.path().join("root/usr/local/cpanel/scripts/pkgacct");
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    // If that has ended before it begins, its parent is another program.
    let script = format!(
        "#!/bin/sh\necho $$ > {}\nwhile grep -qs panelgate /proc/$PPID/comm; do sleep 0.1; done\n",
        pid.display()
    );
    std::fs::write(&program, script).unwrap();
    chmod(&program, 0o755);
    for site in ["shop.example", "third.example", "blog.shop.example"] {
        assert!(world.run(&["backup", "create", site]).status.success());
    }
    let whole = ["backup", "create", "--account", "bob", "--to", "directory"];
    assert!(world.run(&whole).status.success());
    let running = || {
        let all = world.store().jobs(&JobQuery { limit: 100, ..JobQuery::default() }).unwrap();
        let all = all.into_iter().filter(|job| job.kind == "backup" && job.state == JobState::Running);
        let lanes: Vec<String> = all.map(|job| job.lane).collect();
        (lanes.iter().filter(|lane| *lane == "project").count(), lanes.len())
    };
    for (at_once, per_provider, projects, all) in [(4, 1, 1..=1, 2), (2, 4, 1..=2, 2), (64, 64, 3..=3, 4)] {
        world.configure(&format!("[backup]\nat_once = {at_once}\nper_provider = {per_provider}"));
        let text = std::fs::read_to_string(world.config()).unwrap();
        std::fs::write(world.config(), text.replace(&world.builder.api_url(), &url)).unwrap();
        let daemon = world.command(&["jobs"]).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let daemon = Running(daemon);
        wait_for("as many as may run", || running().1 == all);
        for _ in 0..20 {
            let (of_builder, in_all) = running();
            assert!(
                in_all <= all && (projects.contains(&of_builder) || in_all < all),
                "{of_builder} of {in_all}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(daemon);
        // As long as it runs, the next program only waits for it.
        wait_for("the end of pkgacct", || {
            let number = std::fs::read_to_string(&pid).unwrap_or_default();
            number.trim().is_empty() || !Path::new("/proc").join(number.trim()).exists()
        });
    }
}
