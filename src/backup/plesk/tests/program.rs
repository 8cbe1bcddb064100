use super::*;
use crate::backup::plesk::standins::plesk::LOGIN;
use crate::backup::{Action, DestinationName, EntryId, Outcome, Polled, Started};
use crate::error::{ErrorKind, Result};
use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn done(started: Result<Started>) -> Outcome {
    match started.unwrap() {
        Started::Done(outcome) => outcome,
        task => panic!("{task:?}"),
    }
}

#[test]
fn a_plesk_of_today_is_told_by_its_rest_api() {
    let plesk = Plesk::start(Behaviour { obsidian: true, ..Behaviour::default() });
    let lines = "export = ftp://bk@ftp.example.net/plesk/\nexport_password = hunter22\nbackup_password = hunter22-too";
    let account = account("shop.example");
    for login in [format!("key = {KEY}"), format!("login = {LOGIN}\npassword = {PASSWORD}")] {
        let provider = providers(&plesk, &format!("{login}\n{lines}")).remove(1);
        let request = BackupRequest {
            destination: Destination::Named(DestinationName::new("ftp").unwrap()),
            ..request()
        };
        provider.capabilities().unwrap().check(provider.kind(), &request).unwrap();
        assert_eq!(done(provider.start(&order(&request, &account), &Free)), Outcome::default());
    }
    let runs = plesk.state.lock().unwrap().runs.clone();
    assert_eq!(runs.len(), 4, "the help, then the backup");
    let wanted = [
        "--domains-name",
        "shop.example",
        "-prefix",
        "pg-42-a7",
        "-description",
        "Panelgate pg-42-a7",
        "-exclude-mail",
        "-output-file",
        "ftp://bk@ftp.example.net/plesk/",
    ];
    assert_eq!(runs[1]["params"], serde_json::json!(wanted));
    assert_eq!(
        runs[1]["env"],
        serde_json::json!({"FTP_PASSWORD": "hunter22", "PLESK_BACKUP_PASSWORD": "hunter22-too"})
    );
    let provider = providers(&plesk, &format!("key = {KEY}\n{lines}")).remove(1);
    let here = request();
    let outcome = done(provider.start(&order(&here, &account), &Free));
    assert!(outcome.files.is_empty() && outcome.warnings[0].contains("pg-42-a7"));
    plesk.behave(|behaviour| behaviour.program_fails = Some((1, "noise\nlogin bk:hunter22-too failed")));
    let error = provider.start(&order(&here, &account), &Free).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BackupFailed);
    assert_clean(&error);
    assert_eq!(provider.find(&order(&here, &account)).unwrap_err().kind(), ErrorKind::BackupFailed);
}

/// A Plesk on this server: a tree, and a program that checks its arguments, notes them with its environment, and then does `work`.
struct Here {
    root: tempfile::TempDir,
}

impl Here {
    fn new(work: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["etc/psa", "usr/sbin", "var/lib/psa/dumps"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        std::fs::write(root.path().join("etc/psa/psa.conf"), "PRODUCT_ROOT_D /usr/local/psa\n").unwrap();
        let here = Self { root };
        let script = format!(
            r#"#!/bin/sh
T='{tree}'
if [ "$1 $2" = "bin pleskrestore" ]; then
    printf '%s\n' "$@" > "$T/restored"; env > "$T/environment"; [ -f "$4" ] || {{ echo "no such dump" >&2; exit 1; }}; exit 0
fi
[ "$1 $2" = "bin pleskbackup" ] || {{ echo "unknown command $*" >&2; exit 2; }}
if [ "$3" = --help ]; then
    echo "Usage: pleskbackup <command> [<arguments>]"; echo " --server"; echo " --domains-name <n>"; echo " -prefix <p>"
    exit 0
fi
printf '%s\n' "$@" > "$T/arguments"; env > "$T/environment"
[ "$3" = --domains-name ] && [ -n "$4" ] && [ "$5" = -prefix ] || {{ echo "bad arguments" >&2; exit 1; }}
D="$T/var/lib/psa/dumps/domains/$4"; P="$6"
{work}
"#,
            tree = here.root.path().display()
        );
        let program = here.path("usr/sbin/plesk");
        super::super::standins::program(&program, &script);
        here
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn provider(&self) -> impl BackupProvider + use<> {
        let text = format!(
            "[panel]\nroot = {}\n[backup.plesk]\nbackup_password = hunter22\n",
            self.root.path().display()
        );
        super::super::Plesk::new(&config(&text)).unwrap().program()
    }
}

const MAKES: &str = r#"mkdir -p "$D" && echo '<x/>' > "$D/${P}_info_2611212300.xml" && echo data > "$D/${P}_user-data_2611212300.tgz"
echo "PHP Notice: noise"; echo "more noise" >&2"#;

#[test]
fn a_plesk_on_this_server_is_run_and_its_backup_found() {
    let here = Here::new(MAKES);
    let provider = here.provider();
    let (request, account) = (request(), account("shop.example"));
    let order = order(&request, &account);
    provider.capabilities().unwrap().check(provider.kind(), &request).unwrap();
    assert_eq!(provider.find(&order).unwrap(), None);
    let outcome = done(provider.start(&order, &Free));
    assert_eq!(outcome.files.len(), 2);
    assert!(outcome.files[0].name.ends_with("dumps/domains/shop.example/pg-42-a7_info_2611212300.xml"));
    let listed = provider.list(&of_account(), Some(&account)).unwrap();
    assert_eq!(Some(&listed[0].id), outcome.entry.as_ref());
    assert!(provider.list(&Subject::Server, None).unwrap().is_empty());
    let arguments = std::fs::read_to_string(here.path("arguments")).unwrap();
    assert!(arguments.ends_with("-exclude-mail\n") && !arguments.contains("hunter22"), "{arguments}");
    let environment = std::fs::read_to_string(here.path("environment")).unwrap();
    assert!(
        environment.contains("PLESK_BACKUP_PASSWORD=hunter22\n") && !environment.contains("CARGO"),
        "{environment}"
    );
    // What was made is found by whoever comes later, too.
    let task = provider.find(&order).unwrap().unwrap();
    assert!(matches!(provider.poll(&order, &task).unwrap(), Polled::Done(_)));
}

#[test]
fn a_plesk_on_this_server_restores_what_lies_in_the_subscriptions_own_folder() {
    let here = Here::new(MAKES);
    let provider = here.provider();
    let (request, account) = (request(), account("shop.example"));
    let order = order(&request, &account);
    provider.capabilities().unwrap().allow(provider.kind(), Action::Restore).unwrap();
    let entry = done(provider.start(&order, &Free)).entry.unwrap();
    done(provider.restore(&order, &entry, &Free));
    let told = std::fs::read_to_string(here.path("restored")).unwrap();
    let words: Vec<&str> = told.lines().collect();
    assert_eq!(words[..3], ["bin", "pleskrestore", "--restore"]);
    assert_eq!(words[3..], [entry.as_str(), "-level", "domains", "-filter", "list:shop.example"]);
    let environment = std::fs::read_to_string(here.path("environment")).unwrap();
    assert!(environment.contains("PLESK_BACKUP_PASSWORD=hunter22\n"), "{environment}");
    // Another subscription's, another path's, or what would be an option.
    let folder = here.path("var/lib/psa/dumps/domains/bank.example");
    std::fs::create_dir_all(&folder).unwrap();
    let foreign = folder.join("backup_info_2611212300.xml");
    std::fs::write(&foreign, "<x/>").unwrap();
    std::fs::remove_file(here.path("restored")).unwrap();
    for name in [foreign.to_str().unwrap(), "/etc/passwd", "../bank.example/backup_info_2611212300.xml"] {
        let error = provider.restore(&order, &EntryId::new(name).unwrap(), &Free).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BackupNotFound, "{name}: {error}");
    }
    let server = BackupRequest { subject: Subject::Server, ..request.clone() };
    let whole = Order { request: &server, ..order };
    assert_eq!(provider.restore(&whole, &entry, &Free).unwrap_err().kind(), ErrorKind::BackupUnsupported);
    assert!(!here.path("restored").exists());
}

#[test]
fn a_program_that_fails_or_lies_is_a_failure_with_its_reason() {
    let account = account("shop.example");
    let request = request();
    for (work, part) in [
        ("echo noise >&2; echo 'Unable to find hunter22 domain' >&2; exit 1", "not shown"),
        ("echo 'The domain is busy'; exit 3", "The domain is busy"),
        ("exit 0", "has no backup"),
        ("kill -9 $$", "signal: 9"),
    ] {
        let error = Here::new(work).provider().start(&order(&request, &account), &Free).unwrap_err();
        assert!(
            error.kind() == ErrorKind::BackupFailed && error.to_string().contains(part),
            "{work}: {error}"
        );
        assert_clean(&error);
    }
    let mute = Here::new(MAKES);
    super::super::standins::program(&mute.path("usr/sbin/plesk"), "#!/bin/sh\necho 'Permission denied'\n");
    let error = mute.provider().start(&order(&request, &account), &Free).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BackupProtocol, "{error}");
    std::fs::remove_file(mute.path("usr/sbin/plesk")).unwrap();
    let error = mute.provider().start(&order(&request, &account), &Free).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BackupProvider, "{error}");
    let mail = BackupRequest { scope: Scope::Mail, ..request };
    let lively = Here::new(MAKES);
    let error = lively.provider().start(&order(&mail, &account), &Free).unwrap_err();
    assert!(error.kind() == ErrorKind::BackupUnsupported && !lively.path("arguments").exists(), "{error}");
}

/// A job that is cancelled after a while.
struct Cancelled(Instant, Cell<bool>);

impl Control for Cancelled {
    fn report(&self, _: &Progress) {
        self.1.set(true);
    }

    fn stop(&self) -> Option<Stop> {
        (self.0.elapsed() > Duration::from_millis(300)).then_some(Stop::Cancelled)
    }
}

#[test]
fn a_program_that_hangs_ends_with_its_job() {
    let here = Here::new("sleep 60");
    let (request, account) = (request(), account("shop.example"));
    let begin = Instant::now();
    let control = Cancelled(begin, Cell::new(false));
    let error = here.provider().start(&order(&request, &account), &control).unwrap_err();
    assert!(error.kind() == ErrorKind::BackupProvider && error.chain().contains("stopped"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(60) && control.1.get());
}

#[test]
fn a_run_that_outlived_us_is_followed() {
    let here = Here::new(&format!("while [ -d \"$T\" ] && [ ! -e \"$T/go\" ]; do sleep 0.05; done\n{MAKES}"));
    let (request, account) = (request(), account("shop.example"));
    let order = Order { label: "pg-43-orphan", ..order(&request, &account) };
    let prefix = order.label;
    let mut orphan = std::process::Command::new(here.path("usr/sbin/plesk"))
        .args(["bin", "pleskbackup", "--domains-name", "shop.example", "-prefix", prefix])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let provider = here.provider();
    let end = Instant::now() + Duration::from_secs(60);
    let task = loop {
        if let Some(task) = provider.find(&order).unwrap() {
            break task;
        }
        assert!(Instant::now() < end, "the run is seen");
    };
    assert!(matches!(provider.poll(&order, &task).unwrap(), Polled::Running(_)));
    std::fs::write(here.path("go"), "").unwrap();
    orphan.wait().unwrap();
    assert!(matches!(provider.poll(&order, &task).unwrap(), Polled::Done(_)));
}
