use super::*;
use crate::backup::plesk::standins::plesk::{End, LOGIN};
use crate::backup::plesk::{Directory, FtpStorage, Host, Login, PleskXml, Webspace};
use crate::backup::{DestinationName, EntryId, Outcome, Polled, Prefix, SplitSize, Started, TaskId};
use crate::error::ErrorKind;
use crate::types::Secret;
use std::io::Write;

fn started(provider: &dyn BackupProvider, order: &Order<'_>) -> TaskId {
    match provider.start(order, &Free).unwrap() {
        Started::Task(task) => task,
        done => panic!("{done:?}"),
    }
}

fn outcome(polled: Polled) -> Outcome {
    match polled {
        Polled::Done(outcome) => outcome,
        running => panic!("{running:?}"),
    }
}

#[test]
fn a_backup_from_its_start_to_its_end_and_back() {
    let plesk = legacy();
    let provider = xml_provider(&plesk);
    let (request, account) = (request(), account("shop.example"));
    let order = order(&request, &account);
    provider.capabilities().unwrap().check(provider.kind(), &request).unwrap();
    let task = started(&*provider, &order);
    assert!(matches!(provider.poll(&order, &task).unwrap(), Polled::Running(_)));
    let outcome = outcome(provider.poll(&order, &task).unwrap());
    assert_eq!(outcome.files[0].name, "pg-42-a7_info_1703161100.xml");
    assert!(outcome.warnings.is_empty());
    let entry = outcome.entry.unwrap();
    let listed = provider.list(&of_account(), Some(&account)).unwrap();
    assert_eq!((&listed[0].id, listed[0].made), (&entry, Some(1_489_662_000)));
    let mut file = Vec::new();
    let length = provider.download(&of_account(), Some(&account), &entry, &mut file, &Free).unwrap();
    assert!(
        file == plesk.state.lock().unwrap().stored[0].content,
        "the file comes as it is, though it is XML too"
    );
    assert_eq!(length, file.len() as u64);
    provider.remove(&of_account(), Some(&account), &entry).unwrap();
    assert!(provider.list(&of_account(), Some(&account)).unwrap().is_empty());
    for result in [
        provider.remove(&of_account(), Some(&account), &entry),
        provider.download(&of_account(), Some(&account), &entry, &mut file, &Free).map(drop),
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::BackupNotFound);
    }
    for other in [
        "customer:x:f",
        "webspace:other.example:pg-42-a7_info_1703161100.xml",
        "f",
        "webspace:shop.example:../f",
    ] {
        let wrong = EntryId::new(other).unwrap();
        assert_eq!(
            provider.remove(&of_account(), Some(&account), &wrong).unwrap_err().kind(),
            ErrorKind::BackupNotFound
        );
    }
    let wrong = EntryId::new("server::f").unwrap();
    assert_eq!(
        provider.remove(&of_account(), Some(&account), &wrong).unwrap_err().kind(),
        ErrorKind::BackupNotFound
    );
}

#[test]
fn every_kind_of_object_scope_and_place_is_said_in_plesks_words() {
    let plesk = legacy();
    let provider = xml_provider(&plesk);
    let account = account("shop.example");
    let login = || Username::new("jo").unwrap();
    let all = [
        BackupRequest { scope: Scope::Mail, ..request() },
        BackupRequest { subject: Subject::Customer { login: login() }, scope: Scope::All, ..request() },
        BackupRequest {
            subject: Subject::Reseller { login: login() },
            scope: Scope::Configuration,
            ..request()
        },
        BackupRequest {
            subject: Subject::Server,
            destination: Destination::Named(DestinationName::new("ftp").unwrap()),
            ..request()
        },
        BackupRequest {
            prefix: Some(Prefix::new("nightly").unwrap()),
            split_size: Some(SplitSize::new(5 << 20).unwrap()),
            description: Some(crate::backup::Description::new("a <b>  & c").unwrap()),
            ..request()
        },
    ];
    for request in &all {
        provider.capabilities().unwrap().check(provider.kind(), request).unwrap();
        started(&*provider, &order(request, &account));
    }
    let state = plesk.state.lock().unwrap();
    let sent: Vec<String> =
        state.heard.iter().map(|heard| heard.text()).filter(|text| text.contains("<description>")).collect();
    let has = |index: usize, part: &str| assert!(sent[index].contains(part), "{part} in {}", sent[index]);
    has(0, "<backup-webspace><webspace-name>shop.example</webspace-name><local/>");
    has(0, "<split-size>0</split-size><only-mail/></backup-webspace>");
    has(1, "<backup-customer><customer-login>jo</customer-login>");
    has(2, "<split-size>0</split-size><only-configuration/></backup-reseller>");
    has(3, "<backup-server><remote>ftp</remote><prefix>pg-42-a7</prefix>");
    has(
        4,
        "<prefix>nightly-pg-42-a7</prefix><description>a &lt;b&gt; &amp; c</description><split-size>5120</split-size>",
    );
    has(0, "<packet version=\"1.6.9.0\">");
    drop(state);
    let project = BackupRequest { scope: Scope::Project, ..request() };
    let error = provider.start(&order(&project, &account), &Free).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BackupUnsupported);
    let site = Subject::Site { account: login(), site: Domain::new("shop.example").unwrap() };
    let site = BackupRequest { subject: site, ..request() };
    assert_eq!(
        provider.start(&order(&site, &account), &Free).unwrap_err().kind(),
        ErrorKind::BackupUnsupported
    );
    let elsewhere = Destination::Named(DestinationName::new("offsite").unwrap());
    let elsewhere = BackupRequest { destination: elsewhere, ..request() };
    assert_eq!(
        provider.start(&order(&elsewhere, &account), &Free).unwrap_err().kind(),
        ErrorKind::BackupUnsupported
    );
}

#[test]
fn a_run_is_found_again_by_its_prefix() {
    let plesk = legacy();
    let provider = xml_provider(&plesk);
    let (request, account) = (request(), account("shop.example"));
    let order = order(&request, &account);
    assert_eq!(provider.find(&order).unwrap(), None, "nothing was started");
    plesk.behave(|behaviour| {
        behaviour.without_task_id = true;
        behaviour.looks = 3;
    });
    let unnumbered = started(&*provider, &order);
    assert_eq!(unnumbered.as_str(), "listed");
    let found = provider.find(&order).unwrap().unwrap();
    assert_eq!(found.as_str(), "17");
    assert!(matches!(provider.poll(&order, &unnumbered).unwrap(), Polled::Running(_)));
    assert!(matches!(provider.poll(&order, &found).unwrap(), Polled::Running(_)));
    outcome(provider.poll(&order, &unnumbered).unwrap());
    plesk.behave(|behaviour| behaviour.end = End::Vanishes);
    assert_eq!(
        provider.find(&order).unwrap().unwrap().as_str(),
        "listed",
        "the task is gone, the backup is there"
    );
    outcome(provider.poll(&order, &found).unwrap());
}

#[test]
fn runs_that_fail_stop_or_vanish_end_with_a_reason() {
    let plesk = Plesk::start(Behaviour::default());
    let provider = xml_provider(&plesk);
    let (request, account) = (request(), account("shop.example"));
    let order = order(&request, &account);
    for end in [End::Failed, End::VanishesWithoutBackup] {
        plesk.behave(|behaviour| behaviour.end = end);
        let task = started(&*provider, &order);
        let error = provider.poll(&order, &task).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BackupFailed, "{end:?}");
    }
    plesk.behave(|behaviour| behaviour.looks = 9);
    let task = started(&*provider, &order);
    provider.cancel(&order, &task).unwrap();
    let error = provider.poll(&order, &task).unwrap_err();
    assert!(error.kind() == ErrorKind::BackupFailed && error.to_string().contains("stopped"), "{error}");
    provider.cancel(&order, &TaskId::new("4711").unwrap()).unwrap();
    let missing = super::account("missing.example");
    let error = provider.start(&super::order(&request, &missing), &Free).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BackupNotFound);
}

#[test]
fn a_file_is_sent_and_imported() {
    let plesk = legacy();
    let provider = xml_provider(&plesk);
    let (request, account) = (request(), account("shop.example"));
    let content: Vec<u8> = (0..700_000_u32).map(|number| (number % 251) as u8).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let started = provider.import(&order(&request, &account), &mut file, &Free).unwrap();
    assert!(matches!(started, Started::Done(_)));
    let state = plesk.state.lock().unwrap();
    assert!(state.stored[0].content == content && state.uploads.is_empty());
}

#[test]
fn both_ways_to_log_in_and_settings_of_the_storage() {
    let plesk = legacy();
    let text = format!("{}login = {LOGIN}\npassword = {PASSWORD}\n", plesk.settings());
    let settings = config(&text).plesk_backup;
    let remote =
        crate::backup::plesk::provider_xml::Remote::new(&settings, settings.server.as_ref().unwrap())
            .unwrap();
    let provider = PleskXml::new(Arc::new(remote));
    assert_eq!(provider.storages().unwrap(), ["local", "ftp"]);
    let of = crate::backup::plesk::Subject::Webspace(Webspace::Name(Domain::new("shop.example").unwrap()));
    assert!(provider.ftp_storage(Some(&of)).unwrap().is_none());
    let storage = FtpStorage {
        host: Some(Host::new("ftp.example.net").unwrap()),
        port: Some(21),
        directory: Some(Directory::new("/plesk").unwrap()),
        login: Some(Login::new("bk").unwrap()),
        password: Some(Secret::new("hunter22 & <more>".into())),
        passive_mode: Some(true),
        use_ftps: None,
    };
    provider.set_ftp_storage(Some(&of), &storage).unwrap();
    assert!(
        plesk
            .state
            .lock()
            .unwrap()
            .ftp
            .as_ref()
            .unwrap()
            .contains("<password>hunter22 &amp; &lt;more></password>")
    );
    let read = provider.ftp_storage(Some(&of)).unwrap().unwrap();
    assert!(read.password.is_none() && read.host.unwrap().as_str() == "ftp.example.net");
    let settings = provider.server_settings().unwrap();
    assert_eq!(settings.low_priority, Some(true));
    provider.set_server_settings(&settings).unwrap();
    assert!(provider.own_tasks().unwrap().tasks.is_empty());
    plesk.behave(|behaviour| behaviour.refuse = Some(("set-remote-storage-settings", 1019)));
    let error = provider.set_ftp_storage(None, &storage).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BackupRefused);
    assert_clean(&error);
    assert!(error.to_string().contains("not shown"), "{error}");
}

#[test]
fn the_stand_in_answers_as_plesks_schema_says() {
    let plesk = legacy();
    plesk.behave(|behaviour| behaviour.noise = true);
    let provider = xml_provider(&plesk);
    let (request, account) = (request(), account("shop.example"));
    let order = order(&request, &account);
    let task = started(&*provider, &order);
    provider.poll(&order, &task).unwrap();
    let entry = outcome(provider.poll(&order, &task).unwrap()).entry.unwrap();
    let mut file = tempfile::tempfile().unwrap();
    provider.import(&order, &mut file, &Free).unwrap();
    provider.cancel(&order, &task).unwrap();
    provider.remove(&of_account(), Some(&account), &entry).unwrap();
    provider.remove(&of_account(), Some(&account), &entry).unwrap_err();
    providers(&plesk, "key = wrong")[0].capabilities().unwrap_err();
    let said = plesk.state.lock().unwrap().said.clone();
    assert!(said.len() > 10, "{}", said.len());
    let Some(schema) = crate::backup::plesk::operations::tests::schema_of("agent_output.xsd") else { return };
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> = (0..said.len()).map(|number| folder.path().join(format!("{number}.xml"))).collect();
    for (file, answer) in files.iter().zip(&said) {
        std::fs::write(file, answer).unwrap();
    }
    let (fits, errors) = crate::backup::plesk::operations::tests::xmllint(&schema, &files);
    assert!(fits, "{errors}");
}
