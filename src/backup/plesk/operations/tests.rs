use super::*;
use crate::types::{Domain, Secret};
use std::path::{Path, PathBuf};
use std::process::Command;

fn name(text: &str) -> Domain {
    Domain::new(text).unwrap()
}

fn id(number: u32) -> ObjectId {
    ObjectId::new(number).unwrap()
}

fn options() -> Options {
    Options {
        storage: Storage::Local,
        prefix: None,
        description: Description::new("Standard weekly backup").unwrap(),
        split: Split::Never,
        content: Content::All,
        only_configuration: false,
    }
}

/// All subjects that there are.
fn subjects() -> [Subject; 7] {
    [
        Subject::Webspace(Webspace::Id(id(3))),
        Subject::Webspace(Webspace::Name(name("shop.example"))),
        Subject::Customer(Customer::Id(id(4))),
        Subject::Customer(Customer::Login(Login::new("jo & co").unwrap())),
        Subject::Reseller(Reseller::Id(id(5))),
        Subject::Reseller(Reseller::Login(Login::new("reseller<1>").unwrap())),
        Subject::Server,
    ]
}

fn storages() -> [FtpStorage; 3] {
    let full = FtpStorage {
        host: Some(Host::new("ftp.example.net").unwrap()),
        port: Some(21),
        directory: Some(Directory::new("/plesk").unwrap()),
        login: Some(Login::new("bk").unwrap()),
        password: Some(Secret::new("S3cret <word> & 'more'".into())),
        passive_mode: Some(true),
        use_ftps: None,
    };
    [FtpStorage::default(), full.clone(), FtpStorage { use_ftps: Some(false), ..full }]
}

/// A packet by the name of its file, and whether protocol 1.6.6.0 does not know it.
type Packets = Vec<(String, bool, String)>;

fn add<O: Operation>(packets: &mut Packets, newer: bool, operation: &O) {
    for version in [None, Some("1.6.6.0")] {
        let xml = packet(operation, version).unwrap().to_string();
        packets.push((format!("{:03}-{}.xml", packets.len(), operation.name()), newer, xml));
    }
}

/// Every kind of packet that this code can send, with each of its alternatives.
fn every_packet() -> Packets {
    let mut all = Packets::new();
    add(&mut all, false, &GetProtocols);
    for subject in &subjects() {
        for storage in [Storage::Local, Storage::Ftp] {
            for content in [Content::All, Content::Hosting, Content::Mail] {
                for only_configuration in [false, true] {
                    let prefix = Some(Prefix::new("pg-42").unwrap()).filter(|_| only_configuration);
                    let options = Options { storage, content, only_configuration, prefix, ..options() };
                    add(&mut all, false, &Backup { subject, options: &options });
                }
            }
        }
        for split in [Split::Unsaid, Split::Never, Split::Kilobytes(SplitSize::new(i32::MAX as u64).unwrap())]
        {
            add(&mut all, false, &Backup { subject, options: &Options { split, ..options() } });
        }
        let (file, uploaded) = (
            FileName::new("builder_info_1703161100.xml").unwrap(),
            UploadedFile::new("/tmp/upl_a1b2c3").unwrap(),
        );
        add(&mut all, false, &GetTasks(TaskFilter::Subject(subject)));
        add(&mut all, false, &ListBackups(subject));
        add(&mut all, false, &DownloadFile { subject, file: &file });
        add(&mut all, false, &RemoveFile { subject, file: &file });
        add(&mut all, false, &ImportFile { subject, file: &uploaded, ignore_sign: false });
        add(&mut all, true, &ImportFile { subject, file: &uploaded, ignore_sign: true });
        add(&mut all, false, &GetFtpStorage(Some(subject)));
        for storage in &storages() {
            add(&mut all, storage.use_ftps.is_some(), &SetFtpStorage { subject: Some(subject), storage });
        }
    }
    add(&mut all, false, &GetTasks(TaskFilter::Own));
    add(&mut all, false, &GetTasks(TaskFilter::Task(TaskId::new(17))));
    add(&mut all, false, &StopBackup(TaskId::new(u64::MAX)));
    add(&mut all, false, &GetStorages);
    add(&mut all, false, &GetFtpStorage(None));
    add(&mut all, false, &SetFtpStorage { subject: None, storage: &storages()[1] });
    add(&mut all, true, &GetServerSettings);
    let settings = ServerSettings {
        max_backup_files: Some(Most::Unlimited),
        max_backup_processes: Some(2),
        low_priority: Some(true),
        do_not_compress: Some(false),
        allow_local_ftp_backup: Some(false),
        keep_local_backup: Some(true),
    };
    add(&mut all, true, &SetServerSettings(&settings));
    add(
        &mut all,
        true,
        &SetServerSettings(&ServerSettings { max_backup_files: Some(Most::Number(7)), ..settings }),
    );
    all
}

fn target() -> PathBuf {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| project.join("target"), PathBuf::from)
}

/// Plesk's schema of packets, which has no licence and is therefore no part of the project; it lies beside it where it is to be had.
fn schema() -> Option<PathBuf> {
    schema_of("agent_input.xsd")
}

/// A file of Plesk's schema.
pub(in crate::backup::plesk) fn schema_of(name: &str) -> Option<PathBuf> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/plesk-xsd").join(name);
    file.exists().then_some(file)
}

/// Whether the files fit a schema, and what is said about them.
pub(in crate::backup::plesk) fn xmllint(schema: &Path, packets: &[PathBuf]) -> (bool, String) {
    let output = Command::new("xmllint").args(["--noout", "--schema"]).arg(schema).args(packets).output();
    let output = output.expect("xmllint: apt-get install libxml2-utils");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn every_packet_is_written_to_a_file_and_fits_plesks_schema() {
    let folder = target().join("plesk-packets");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("newer")).unwrap();
    let (mut known, mut newer) = (Vec::new(), Vec::new());
    for (name, is_newer, xml) in every_packet() {
        let path = if is_newer { folder.join("newer").join(name) } else { folder.join(name) };
        std::fs::write(&path, xml).unwrap();
        if is_newer { &mut newer } else { &mut known }.push(path);
    }
    assert!(known.len() > 200 && newer.len() > 20, "{} {}", known.len(), newer.len());
    let Some(schema) = schema() else { return };
    let (fits, said) = xmllint(&schema, &known);
    assert!(fits, "{said}");
    // What that schema does not know is refused for exactly this reason.
    for path in newer {
        let (fits, said) = xmllint(&schema, std::slice::from_ref(&path));
        assert!(!fits, "{} is not newer than the schema", path.display());
        let element = ["use-ftps", "ignore-sign", "get-server-wide-settings", "set-server-wide-settings"]
            .into_iter()
            .find(|name| said.contains(&format!("Element '{name}': This element is not expected")));
        assert!(element.is_some(), "{}: {said}", path.display());
    }
}

/// A page's sample as it is meant: without the space between elements, which the page makes of no-break spaces.
fn squeezed(sample: &str) -> String {
    let lines = sample.lines().map(|line| line.trim_matches([' ', '\u{a0}', '\t']));
    lines.collect::<Vec<&str>>().concat()
}

fn written<O: Operation>(operation: &O) -> String {
    let xml = packet(operation, None).unwrap();
    xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").unwrap().to_owned()
}

#[test]
fn the_first_sample_of_plesks_page_is_what_is_sent() {
    let sample = "
<packet>
<backup-manager>
\u{a0}\u{a0} <backup-webspace>
\u{a0}\u{a0}\u{a0}\u{a0}\u{a0} <webspace-id>3</webspace-id>
\u{a0}\u{a0}\u{a0}\u{a0}\u{a0} <local/>
\u{a0}\u{a0}\u{a0}\u{a0}\u{a0} <prefix>example-webspace</prefix>
\u{a0}\u{a0}\u{a0}\u{a0}\u{a0} <description>Standard weekly backup</description>
\u{a0}\u{a0}\u{a0}\u{a0}\u{a0} <split-size>0</split-size>
\u{a0}\u{a0} </backup-webspace>
</backup-manager>
</packet>";
    let subject = Subject::Webspace(Webspace::Id(id(3)));
    let options = Options { prefix: Some(Prefix::new("example-webspace").unwrap()), ..options() };
    assert_eq!(written(&Backup { subject: &subject, options: &options }), squeezed(sample));
}

#[test]
fn the_second_sample_of_plesks_page_is_what_is_sent() {
    let sample = "
<packet>
<backup-manager>
   <backup-webspace>
      <webspace-name>example.com</webspace-name>
      <remote>ftp</remote>
      <description>Mail accounts backup</description>
      <only-mail/>
   </backup-webspace>
</backup-manager>
</packet>";
    let subject = Subject::Webspace(Webspace::Name(name("example.com")));
    let options = Options {
        storage: Storage::Ftp,
        description: Description::new("Mail accounts backup").unwrap(),
        split: Split::Unsaid,
        content: Content::Mail,
        ..options()
    };
    assert_eq!(written(&Backup { subject: &subject, options: &options }), squeezed(sample));
}

#[test]
fn packets_that_the_schema_refuses_are_refused_by_the_stand_in_too() {
    // The faults of the reference, section 8.4: what the schema says must be what the stand-in server of the tests says.
    let Some(schema) = schema() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (xml, element) in crate::backup::plesk::standin::FAULTY {
        let path = folder.path().join("packet.xml");
        std::fs::write(&path, xml).unwrap();
        let (fits, said) = xmllint(&schema, std::slice::from_ref(&path));
        assert!(!fits && said.contains(element), "{xml}: {said}");
        let refusal = crate::backup::plesk::standin::validate(xml).unwrap_err();
        assert!(refusal.contains(element), "{xml}: {refusal}");
    }
}

#[test]
fn the_stand_in_takes_every_packet() {
    for (name, _, xml) in every_packet() {
        crate::backup::plesk::standin::validate(&xml)
            .unwrap_or_else(|fault| panic!("{name}: {fault}\n{xml}"));
    }
}
