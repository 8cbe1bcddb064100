//! The client and the provider against a stand-in over real TLS, as Server, as Plugin, and as a program.

use super::*;
use crate::backup::plesk::standins::https::Request;
use crate::backup::plesk::standins::installatron::{self as standin, DB_PASS, KEY, LOGIN, PASSWORD, Product};
use crate::backup::{
    Action, BackupProvider, BackupRequest, Control, Destination, EntryId, Order, Polled, Progress, Scope,
    Started, Stop, Subject, TaskId,
};
use crate::config::{Config, InstallatronConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::types::{BackupLocation, Domain, Secret, Username};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Of the page that describes `POST /backups/import`.
const SAMPLE: &str = include_str!("../../../tests/data/installatron/import.json");

struct Free;

impl Control for Free {
    fn report(&self, _: &Progress) {}

    fn stop(&self) -> Option<Stop> {
        None
    }
}

fn config(text: &str) -> InstallatronConfig {
    Config::parse(Path::new("t.ini"), text.as_bytes()).unwrap().installatron.unwrap()
}

fn server() -> (standin::Installatron, InstallatronConfig) {
    let server = standin::Installatron::start(Product::Server);
    let config = config(&format!("{}way = server\nkey = {KEY}\n", server.settings()));
    (server, config)
}

fn user() -> Username {
    Username::new(LOGIN).unwrap()
}

fn of_site(domain: &str) -> Subject {
    Subject::Site { account: user(), site: Domain::new(domain).unwrap() }
}

fn request(subject: Subject) -> BackupRequest {
    BackupRequest {
        subject,
        scope: Scope::Hosting,
        destination: Destination::Panel,
        prefix: None,
        description: None,
        split_size: None,
    }
}

fn order(request: &BackupRequest) -> Order<'_> {
    Order { job: 42, label: "pg-42-a7", request, account: None, site: None }
}

#[track_caller]
fn failure<T: std::fmt::Debug>(result: Result<T>) -> Error {
    let error = result.unwrap_err();
    let text = format!("{error} | {error:?} | {}", error.chain());
    for secret in [KEY, PASSWORD, DB_PASS, "hunter22"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(!text.chars().any(char::is_control), "{text:?}");
    error
}

fn last(server: &standin::Installatron) -> Request {
    server.with(|state| state.heard.last().cloned()).unwrap()
}

#[test]
fn the_sample_call_and_reply_of_the_vendors_page() {
    let (server, config) = server();
    server.with(|state| state.instead = Some((200, SAMPLE.to_owned())));
    let imported = Client::new(&config).import(&Work::default()).unwrap();
    let heard = last(&server);
    assert_eq!((heard.method.as_str(), heard.target.as_str()), ("POST", "/backups/import"));
    assert_eq!((heard.header("X-API-KEY"), heard.header("Accept")), (Some(KEY), Some("application/json")));
    assert!(heard.body.is_empty(), "the sample has no body");
    assert_eq!(imported.len(), 2);
    let backup = &imported[0];
    assert_eq!(backup.file.as_deref(), Some("app__My-blog_2020-12-31_23-59-59.tar.gz"));
    assert_eq!(backup.time, Some(1_234_567_890), "a number in quotes");
    assert_eq!((backup.user.as_deref(), backup.url_domain.as_deref()), (Some(LOGIN), Some("website.com")));
    assert_eq!((backup.location.as_deref(), backup.incomplete), (Some("local"), Some(true)));
    assert_eq!(backup.note.as_deref(), Some("This is my safest backup"));
    assert!(
        SAMPLE.contains(DB_PASS) && !format!("{imported:?}").contains(DB_PASS),
        "the password is not read"
    );
}

#[test]
fn every_parameter_of_an_import() {
    let (server, config) = server();
    let client = Client::new(&config);
    let location =
        BackupLocation::parse("s3://AccessKey:Secret%2FKey@Endpoint/Region/Bucket/Folder").unwrap();
    let work =
        Work { user: Some(user()), location: Some(location), background: true, dry_run: DryRun::Input };
    assert!(client.import(&work).unwrap().is_empty(), "a dry run that went well");
    let sent: serde_json::Value = serde_json::from_slice(&last(&server).body).unwrap();
    let wanted = serde_json::json!({
        "bkloc": "s3://AccessKey:Secret%2FKey@Endpoint/Region/Bucket/Folder", "user": LOGIN, "background": true, "dryrun": "input"
    });
    assert_eq!(sent, wanted);
    let wrong = BackupLocation::parse("ftp://u:hunter22@h.example/x").unwrap();
    let error = failure(client.import(&Work { location: Some(wrong), ..Work::default() }));
    assert!(error.kind() == ErrorKind::BackupRefused && error.to_string().contains("location"), "{error}");
    let nobody = Work { user: Some(Username::new("nobody").unwrap()), ..Work::default() };
    assert_eq!(failure(client.import(&nobody)).kind(), ErrorKind::BackupNotFound);
}

#[test]
fn a_plugin_is_called_behind_the_question_mark_by_post_alone() {
    for (panel, base) in [
        ("cpanel", "/3rdparty/installatron/index.cgi?"),
        ("whm", "/3rdparty/installatron/index.cgi?"),
        ("directadmin", "/CMD_PLUGINS/installatron/index.raw?"),
    ] {
        let server = standin::Installatron::start(Product::Plugin(base));
        server.with(|state| state.backups.push(standin::backup(1, LOGIN, "shop.example", 1_700_000_000)));
        let settings = format!("{}way = plugin\npanel = {panel}\nlogin = {LOGIN}\n", server.settings());
        let client = Client::new(&config(&format!("{settings}password = {PASSWORD}\n")));
        assert_eq!(client.version().unwrap().product.as_deref(), Some("Installatron Server"));
        assert_eq!(last(&server).target, format!("{base}/version"));
        let backups = client.backups(&user()).unwrap();
        assert_eq!(last(&server).header("X-HTTP-Method-Override"), Some("GET"));
        client.delete_backup(&Id::new(backups[0].id.as_deref().unwrap()).unwrap()).unwrap();
        assert!(client.backups(&user()).unwrap().is_empty());
        let stranger = Client::new(&config(&format!("{settings}password = hunter22\n")));
        let error = failure(stranger.version());
        assert!(
            error.kind() == ErrorKind::BackupProtocol && error.to_string().contains("login page"),
            "{error}"
        );
    }
}

#[test]
fn a_key_that_was_changed_is_read_again_once() {
    let server = standin::Installatron::start(Product::Server);
    let dir = tempfile::tempdir().unwrap();
    let settings = dir.path().join("settings.ini");
    let write = |text: &str| {
        std::fs::write(&settings, text).unwrap();
        std::fs::set_permissions(&settings, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write(&format!("key={KEY}\n"));
    let text = format!("{}way = server\nsettings = {}\n", server.settings(), settings.display());
    let client = Client::new(&config(&text));
    client.version().unwrap();
    server.with(|state| state.key = "another-key".into());
    write(&format!("key={KEY}\nkey2=another-key\n"));
    client.version().unwrap();
    assert_eq!(server.with(|state| state.heard.len()), 3, "one refusal, one more look at the file");
    server.with(|state| state.key = "a-third-key".into());
    let error = failure(client.version());
    assert!(error.kind() == ErrorKind::BackupAuth && error.to_string().contains("settings.ini"), "{error}");
    assert_eq!(server.with(|state| state.heard.len()), 5, "then it stops");
}

#[test]
fn lists_of_many_pages_and_lists_without_end() {
    let (server, config) = server();
    let client = Client::new(&config);
    server.with(|state| {
        state.backups =
            (0..120).map(|number| standin::backup(number, LOGIN, "shop.example", number as i64)).collect();
    });
    assert_eq!(client.backups(&user()).unwrap().len(), 120);
    assert!(
        last(&server).target.ends_with("offset=100&limit=50") || last(&server).target.contains("offset=100")
    );
    server.with(|state| state.endless = true);
    assert_eq!(
        client.backups(&user()).unwrap().len(),
        120,
        "it says that there is more, and brings nothing new"
    );
    server.with(|state| state.backups[7]["user"] = "intruder".into());
    let error = failure(client.backups(&user()));
    assert!(error.kind() == ErrorKind::BackupProtocol && error.to_string().contains("intruder"), "{error}");
}

#[test]
fn places_lose_their_logins_and_large_answers_are_read() {
    let (server, config) = server();
    let client = Client::new(&config);
    let places = client.locations().unwrap();
    assert_eq!(places[1].uri.as_deref(), Some("s3://…@s3.us-east-1.amazonaws.com/us-east-1/s3.myhost.com"));
    assert_eq!(
        (places[0].default, places[0].enabled, places[1].enabled),
        (Some(true), Some(true), Some(false))
    );
    assert_eq!(client.schedules().unwrap()[0].daily, Some(30));
    server.with(|state| {
        let mut backup = standin::backup(1, LOGIN, "shop.example", 5);
        backup["files"] = vec!["wp-content/uploads/some-file-name.jpg"; 150_000].into();
        state.backups.push(backup);
    });
    assert_eq!(client.backups(&user()).unwrap().len(), 1, "several megabytes of file names");
    for (status, body, kind) in [
        (200, "<html>login</html>", ErrorKind::BackupProtocol),
        (500, "", ErrorKind::BackupProvider),
        (200, "{\"result\":true,\"data\":\"https://x/?s=hunter22\"}", ErrorKind::BackupProtocol),
    ] {
        server.with(|state| state.instead = Some((status, body.into())));
        assert_eq!(failure(client.version()).kind(), kind, "{body}");
    }
}

fn with_sites() -> (standin::Installatron, Installatron) {
    let (server, config) = server();
    server.with(|state| {
        state.installs =
            vec![standin::install(LOGIN, "shop.example"), standin::install(LOGIN, "blog.example")];
        state.backups = vec![
            standin::backup(0, LOGIN, "shop.example", 1_700_000_000),
            standin::backup(1, LOGIN, "blog.example", 1_800_000_000),
        ];
    });
    (server, Installatron::new(&config))
}

fn start(provider: &Installatron, request: &BackupRequest) -> TaskId {
    match provider.start(&order(request), &Free).unwrap() {
        Started::Task(task) => task,
        done => panic!("{done:?}"),
    }
}

#[test]
fn a_backup_from_its_start_to_its_end() {
    let (server, provider) = with_sites();
    let request = request(Subject::Account { account: user() });
    provider.capabilities().unwrap().check(provider.kind(), &request).unwrap();
    assert_eq!(provider.find(&order(&request)).unwrap(), None);
    let task = start(&provider, &request);
    assert!(provider.find(&order(&request)).unwrap().is_some(), "it is among the tasks");
    server.with(|state| state.running.iter_mut().for_each(|(_, left)| *left = 1));
    let Polled::Running(progress) = provider.poll(&order(&request), &task).unwrap() else { panic!() };
    assert_eq!(progress.percent, Some(40));
    let Polled::Done(outcome) = provider.poll(&order(&request), &task).unwrap() else { panic!() };
    assert_eq!(outcome.files.len(), 2);
    let listed = provider.list(&of_site("blog.example"), None).unwrap();
    assert_eq!((listed.len(), listed[0].made), (2, Some(2_000_000_003)), "newest first");
    assert_eq!(provider.list(&of_site("other.example"), None).unwrap().len(), 0);
}

#[test]
fn a_backup_that_was_there_before_is_not_taken_for_the_new_one() {
    let (server, provider) = with_sites();
    server.with(|state| {
        state.backups[0] = standin::backup(0, LOGIN, "shop.example", 4_000_000_000);
        state.fails = true;
        state.looks = 0;
    });
    let request = request(of_site("shop.example"));
    let task = start(&provider, &request);
    let error = failure(provider.poll(&order(&request), &task));
    assert_eq!(error.kind(), ErrorKind::BackupFailed);
    let none = super::tests::request(of_site("none.example"));
    assert_eq!(failure(provider.start(&order(&none), &Free)).kind(), ErrorKind::BackupNotFound);
    let bad = TaskId::new("17").unwrap();
    assert_eq!(failure(provider.poll(&order(&request), &bad)).kind(), ErrorKind::BackupNotFound);
}

#[test]
fn what_cannot_be_undone_is_done_to_a_certain_backup_of_that_site_only() {
    let (server, provider) = with_sites();
    let id = |number: usize| EntryId::new(format!("{number:0>25}")).unwrap();
    let request = request(of_site("shop.example"));
    let restored = provider.restore(&order(&request), &id(0), &Free).unwrap();
    assert!(matches!(restored, Started::Done(_)));
    let calls: Vec<String> = server.with(|state| {
        let posts = state.heard.iter().filter(|heard| heard.method == "POST");
        posts.map(|heard| format!("{} {}", heard.target, heard.text())).collect()
    });
    assert_eq!(calls.len(), 2, "tried first");
    assert!(calls[0].contains("\"dryrun\":\"all\"") && !calls[1].contains("dryrun"), "{calls:?}");
    let foreign = provider.restore(&order(&request), &id(1), &Free);
    assert_eq!(failure(foreign).kind(), ErrorKind::BackupNotFound, "the other site's");
    for entry in [id(7), EntryId::new("../x").unwrap()] {
        assert_eq!(
            failure(provider.remove(&of_site("shop.example"), None, &entry)).kind(),
            ErrorKind::BackupNotFound
        );
    }
    server.with(|state| state.confused = true);
    let error = failure(provider.remove(&of_site("blog.example"), None, &id(1)));
    assert_eq!(error.kind(), ErrorKind::BackupProtocol, "list and view do not agree");
    server.with(|state| state.confused = false);
    provider.remove(&of_site("blog.example"), None, &id(1)).unwrap();
    assert_eq!(server.with(|state| state.backups.len()), 1);
}

#[test]
fn a_database_of_its_own_is_sent_in_the_body_alone() {
    let (server, config) = server();
    server.with(|state| state.backups.push(standin::backup(0, LOGIN, "shop.example", 1)));
    let database = Database {
        host: "localhost".into(),
        name: "db".into(),
        user: "dbu".into(),
        password: Secret::new("hunter22".into()),
    };
    let id = Id::new(&format!("{:0>25}", 0)).unwrap();
    Client::new(&config).restore(&id, Some(&database), &Work::default()).unwrap();
    let heard = last(&server);
    assert!(heard.text().contains("\"db_pass\":\"hunter22\"") && !heard.target.contains("hunter22"));
}

/// A program that answers as Installatron's own does.
fn program(script: &str, seconds: u32) -> (tempfile::TempDir, InstallatronConfig) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("installatron");
    crate::backup::plesk::standins::program(&path, &format!("#!/bin/sh\n{script}\n"));
    let config = config(&format!(
        "[backup.installatron]\nway = command\ntimeout = {seconds}\ncommand = {}\n",
        path.display()
    ));
    (dir, config)
}

#[test]
fn the_program_is_used_to_look_and_for_nothing_else() {
    let list = serde_json::json!({"result": true, "errcode": null, "has_more": false, "data": [
        standin::backup(0, LOGIN, "shop.example", 5), standin::backup(1, "other", "other.example", 6)
    ]});
    let script = format!(
        "[ \"$#\" = 2 ] && [ \"$1 $2\" = '--GET /backups' ] || {{ echo bad arguments >&2; exit 2; }}\necho 'PHP Notice: noise'\ncat <<'END'\n{list}\nEND"
    );
    let (_dir, config) = program(&script, 60);
    let provider = Installatron::new(&config);
    assert_eq!(provider.capabilities().unwrap().actions, [Action::List]);
    let listed = provider.list(&Subject::Account { account: user() }, None).unwrap();
    assert_eq!(listed.len(), 1, "what another user has is left out");
    let error = failure(provider.client().import(&Work::default()));
    assert!(
        error.kind() == ErrorKind::BackupUnsupported && error.to_string().contains("way = server"),
        "{error}"
    );
    for (script, kind) in [
        ("sleep 30", ErrorKind::BackupProvider),
        ("echo sorry; exit 1", ErrorKind::BackupProvider),
        ("yes", ErrorKind::BackupProvider),
        ("echo '{\"result\":false,\"errcode\":\"user_not_found\"}'; exit 1", ErrorKind::BackupNotFound),
        ("echo '{\"result\":true,\"has_more\":true,\"data\":[]}'", ErrorKind::BackupUnsupported),
        ("echo '{\"result\"'", ErrorKind::BackupProtocol),
    ] {
        let hangs = script.starts_with("sleep");
        let (_dir, config) = program(script, if hangs { 1 } else { 60 });
        assert_eq!(failure(Client::new(&config).backups(&user())).kind(), kind, "{script}");
    }
}
