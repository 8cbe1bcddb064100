use super::*;
use crate::backup::plesk::operations::*;
use crate::backup::plesk::values::Options;
use crate::error::ErrorKind;
use proptest::prelude::*;

fn subject() -> Subject {
    Subject::Webspace(Webspace::Id(ObjectId::new(3).unwrap()))
}

fn options() -> Options {
    Options {
        storage: Storage::Local,
        prefix: None,
        description: Description::new("x").unwrap(),
        split: Split::Never,
        content: Content::All,
        only_configuration: false,
    }
}

fn backup(body: &str) -> Result<Option<TaskId>, Failure> {
    read(body.as_bytes(), &Backup { subject: &subject(), options: &options() })
}

fn refused(body: &str) -> Fault {
    match backup(body) {
        Err(Failure::Said(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_two_sample_answers_of_plesks_page() {
    for task in [23, 22] {
        let answer = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<packet version="1.6.7.0">
  <backup-manager>
    <backup-webspace>
      <result>
        <status>ok</status>
        <task-id>{task}</task-id>
      </result>
    </backup-webspace>
  </backup-manager>
</packet>"#
        );
        assert_eq!(backup(&answer).unwrap(), Some(TaskId::new(task)));
    }
}

#[test]
fn refusals_of_the_system_and_of_the_operation() {
    let system = refused(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<packet version="1.6.9.0"><system><status>error</status><errcode>1014</errcode>
<errtext>Parser error: Request is invalid. Error in line 6: Element 'description': This element is not expected.</errtext>
</system></packet>"#,
    );
    assert_eq!((system.level, system.code), (Level::System, Some(1014)));
    assert!(system.is_unknown_operation() && system.text.ends_with("not expected."));
    let operation = refused(
        "<packet><backup-manager><backup-webspace><result><status>error</status><errcode>1013</errcode>\
         <errtext>Object not found.</errtext></result></backup-webspace></backup-manager><output>PHP Notice: x</output></packet>",
    );
    assert_eq!((operation.level, operation.code), (Level::Operation, Some(1013)));
    assert_eq!(operation.into_error().kind(), ErrorKind::BackupNotFound);
    let bare = refused(
        "<packet><backup-manager><backup-webspace><result/></backup-webspace></backup-manager></packet>",
    );
    assert_eq!(bare.code, None);
    assert_eq!(bare.into_error().kind(), ErrorKind::BackupFailed);
}

#[test]
fn what_is_no_packet_is_an_error_that_says_so() {
    for (body, what) in [
        ("", "nothing"),
        ("\u{feff}  ", "nothing"),
        ("Forbidden", "not XML"),
        ("<!DOCTYPE html><html><body>403</body></html>", "a web page"),
        ("<html><body><p>x<br></body></html>", "a web page"),
        ("<!DOCTYPE packet [<!ENTITY a \"b\">]><packet/>", "a document type"),
        ("<packet><backup-manager>", "breaks off"),
        ("<migration-dump/>", "not a packet"),
        ("<packet/>", "without backup-manager/backup-webspace"),
        ("<packet><server/></packet>", "without backup-manager/backup-webspace"),
        ("<packet><backup-manager><backup-webspace/></backup-manager></packet>", "without a result"),
        ("<packet><system><status>ok</status></system></packet>", "without an error"),
    ] {
        let error = backup(body).unwrap_err().into_error();
        assert_eq!(error.kind(), ErrorKind::BackupProtocol, "{body}");
        assert!(error.to_string().contains(what), "{body}: {error}");
    }
    let error = read(b"\xff\xfe", &GetStorages).unwrap_err().into_error();
    assert!(error.to_string().contains("not UTF-8"));
}

#[test]
fn tasks_in_all_states_and_refusals_beside_them() {
    let task = |owner: &str, id: &str, state: &str| {
        format!(
            "<task>{owner}<id>{id}</id><status>{state}</status><started>1489662000</started>\
             <prefix>builder</prefix><filename/><protocol>local</protocol></task>"
        )
    };
    let tasks = [
        task("<webspace-id>3</webspace-id>", "17", "working"),
        task("<customer-id>4</customer-id>", "18", "stopped"),
        task("<reseller-id/>", "19", "failed"),
        task("<server/>", "20", "finished"),
        task("<server/>", "21", "queued"),
        task("<server/>", "-1", "working"),
    ]
    .concat();
    let body = format!(
        "<packet><backup-manager><get-tasks-info><result><status>ok</status>{tasks}</result><result><status>error</status>\
         <errcode>1006</errcode><errtext>no</errtext></result></get-tasks-info></backup-manager></packet>"
    );
    let Tasks { tasks, faults } = read(body.as_bytes(), &GetTasks(TaskFilter::Own)).unwrap();
    let states: Vec<TaskState> = tasks.iter().map(|task| task.state.clone()).collect();
    assert_eq!(
        states,
        [
            TaskState::Working,
            TaskState::Stopped,
            TaskState::Failed,
            TaskState::Finished,
            TaskState::Other("queued".into())
        ]
    );
    let owners: Vec<Owner> = tasks.iter().map(|task| task.owner).collect();
    let id = |number| ObjectId::new(number).ok();
    assert_eq!(
        owners[..4],
        [Owner::Webspace(id(3)), Owner::Customer(id(4)), Owner::Reseller(None), Owner::Server]
    );
    assert_eq!(tasks[0].file, None);
    assert_eq!(tasks[0].started, Some(1_489_662_000));
    assert_eq!(faults[0].code, Some(1006));
    let none = "<packet><backup-manager><get-tasks-info><result><status>error</status><errcode>1006</errcode></result>\
                </get-tasks-info></backup-manager></packet>";
    assert!(
        matches!(read(none.as_bytes(), &GetTasks(TaskFilter::Own)), Err(Failure::Said(fault)) if fault.code == Some(1006))
    );
}

#[test]
fn a_list_of_backups() {
    let body = r#"<packet version="1.6.9.0"><backup-manager><get-local-backup-list><result><status>ok</status>
      <backup>
        <file><name>builder_info_1703161100.xml</name><creation-date>1489662000</creation-date>
          <description>before publish 42</description><size>734208</size></file>
        <file><name>builder_info_1703161100.xml.1</name><creation-date>1489662000</creation-date>
          <description xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/><size>5000000000</size></file>
      </backup>
      <backup><file><name>../../etc/passwd</name><creation-date>1</creation-date><description/><size>1</size></file></backup>
      <backup><file><name>stray.txt</name><creation-date>x</creation-date><description/><size>-1</size><not-backup/></file></backup>
    </result></get-local-backup-list></backup-manager></packet>"#;
    let sets = read(body.as_bytes(), &ListBackups(&subject())).unwrap();
    assert_eq!(sets.len(), 2, "a name that leads out of the storage is left out");
    let [first, second] = &sets[0].files[..] else { panic!("{sets:?}") };
    assert_eq!((first.name.as_str(), first.size), ("builder_info_1703161100.xml", Some(734_208)));
    assert_eq!((first.description.as_str(), first.created), ("before publish 42", Some(1_489_662_000)));
    assert_eq!(second.size, Some(5_000_000_000));
    assert!(sets[1].files[0].stray && sets[1].files[0].size.is_none());
}

#[test]
fn settings_are_read_without_the_password() {
    let body = "<packet><backup-manager><get-remote-storage-settings><result><status>ok</status><settings><protocol>ftp</protocol>\
                <host>ftp.example.net</host><port>21</port><directory>/plesk</directory><login>bk</login><password>x</password>\
                <passive-mode>1</passive-mode></settings></result></get-remote-storage-settings></backup-manager></packet>";
    let storage = read(body.as_bytes(), &GetFtpStorage(None)).unwrap().unwrap();
    assert_eq!(storage.host.unwrap().as_str(), "ftp.example.net");
    assert!(storage.password.is_none() && storage.passive_mode == Some(true) && storage.use_ftps.is_none());
    let body = "<packet><backup-manager><get-server-wide-settings><result><status>ok</status><settings><max-backup-files>-1\
                </max-backup-files><low-priority>true</low-priority></settings></result></get-server-wide-settings></backup-manager></packet>";
    let settings = read(body.as_bytes(), &GetServerSettings).unwrap();
    assert_eq!(settings.max_backup_files, Some(Most::Unlimited));
    assert_eq!((settings.low_priority, settings.keep_local_backup), (Some(true), None));
}

#[test]
fn protocols_storages_and_uploads() {
    let body = "<packet version=\"1.6.9.1\"><server><get_protos><result><status>ok</status><protos><proto>1.6.9.1</proto>\
                <proto>1.6.9.0</proto></protos></result></get_protos></server></packet>";
    assert_eq!(read(body.as_bytes(), &GetProtocols).unwrap(), ["1.6.9.1", "1.6.9.0"]);
    let body = "<packet><backup-manager><get-supported-protocols><result><status>ok</status><protocol>local</protocol>\
                <protocol>ftp</protocol></result></get-supported-protocols></backup-manager></packet>";
    assert_eq!(read(body.as_bytes(), &GetStorages).unwrap(), ["local", "ftp"]);
    let body = "<packet><upload><result><status>ok</status><name>b.tar</name><file>/usr/local/psa/tmp/upl_1</file></result></upload></packet>";
    assert_eq!(read_upload(body.as_bytes()).unwrap().file.as_str(), "/usr/local/psa/tmp/upl_1");
    assert!(
        read_upload(b"<packet><upload><result><status>ok</status><name>b</name></result></upload></packet>")
            .is_err()
    );
}

#[test]
fn a_file_is_told_from_a_packet_by_its_outermost_element() {
    for packet in
        ["<packet>", "<?xml version='1.0'?>\n<!-- <x> -->\n<packet version=\"1\">", "\u{feff} <packet/>"]
    {
        assert!(begins_like_packet(packet.as_bytes()), "{packet}");
    }
    for file in
        ["<?xml version='1.0'?><migration-dump>", "<packets>", "\x1f\u{8b}", "", "<?xml", "<!-- <packet>"]
    {
        assert!(!begins_like_packet(file.as_bytes()), "{file}");
    }
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300), text in "\\PC{0,40}") {
        let _ = read(&body, &GetStorages);
        let _ = begins_like_packet(&body);
        let body = format!("<packet><backup-manager><get-tasks-info><result><status>ok</status><task><id>{text}</id></task></result></get-tasks-info></backup-manager></packet>");
        let _ = read(body.as_bytes(), &GetTasks(TaskFilter::Own));
    }
}
