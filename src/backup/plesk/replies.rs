//! What Plesk answers, read with tolerance: unknown elements are skipped, numbers that are none are left out, and what is not XML is an error that
//! says so.

use roxmltree::Node;

use super::fault::{Failure, Fault, Level};
use super::operations::Operation;
use super::values::*;
use super::xml;

/// A backup task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// What it is of.
    pub owner: Owner,
    /// How far it is.
    pub state: TaskState,
    /// When it began, in seconds since 1970.
    pub started: Option<u64>,
    /// What its files' names begin with.
    pub prefix: Option<String>,
    /// The name of its file; there may be none while it runs.
    pub file: Option<String>,
    /// Where the backup goes: `local` or `ftp`.
    pub storage: Option<String>,
}

/// What a task is of. Plesk leaves out what it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A subscription.
    Webspace(Option<ObjectId>),
    /// A customer.
    Customer(Option<ObjectId>),
    /// A reseller.
    Reseller(Option<ObjectId>),
    /// The server, or something that is not known here.
    Server,
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It runs.
    Working,
    /// It was stopped.
    Stopped,
    /// It failed.
    Failed,
    /// It is done.
    Finished,
    /// A word that is not documented.
    Other(String),
}

/// The tasks of one answer, which has a result for each object.
#[derive(Debug, Default)]
pub struct Tasks {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// What was refused beside them.
    pub faults: Vec<Fault>,
}

/// One backup in Plesk's storage: its files, of which there are several if it was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BackupSet {
    /// At least one.
    pub(super) files: Vec<BackupFile>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BackupFile {
    /// Its name.
    pub(super) name: FileName,
    /// When it was made, in seconds since 1970.
    pub(super) created: Option<i64>,
    /// What it is for.
    pub(super) description: String,
    /// Its size in bytes.
    pub(super) size: Option<u64>,
    /// Whether Plesk takes it for something else than a backup.
    pub(super) stray: bool,
}

/// A file that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Upload {
    /// Where it lies on Plesk's server.
    pub(super) file: UploadedFile,
}

/// Reads an answer to an operation.
///
/// # Errors
/// What Plesk refuses, or that the answer is not one.
pub(super) fn read<O: Operation>(body: &[u8], operation: &O) -> Result<O::Reply, Failure> {
    with_packet(body, |packet| {
        let path = [O::OPERATOR, operation.name()];
        let place = path.into_iter().try_fold(packet, xml::child);
        let place =
            place.ok_or_else(|| Failure::protocol(format!("a packet without {}/{}", path[0], path[1])))?;
        O::read(&results(place)?)
    })
}

/// Reads the answer to an upload.
///
/// # Errors
/// See [`read`].
pub(super) fn read_upload(body: &[u8]) -> Result<Upload, Failure> {
    with_packet(body, |packet| {
        let place =
            xml::child(packet, "upload").ok_or_else(|| Failure::protocol("a packet without upload"))?;
        let result = only(&results(place)?)?;
        let path = xml::text(result, "file").and_then(|path| UploadedFile::new(&path).ok());
        path.map(|file| Upload { file })
            .ok_or_else(|| Failure::protocol("an upload without the path of the file"))
    })
}

/// Reads the answer to a request of which the answer should have been a file: it can only be a refusal.
pub(super) fn read_refusal<O: Operation>(body: &[u8], operation: &O) -> Failure {
    match read(body, operation) {
        Ok(_) => Failure::protocol("success, but without the file"),
        Err(failure) => failure,
    }
}

/// Whether a body begins like a packet. A file may be XML too, so the name of the outermost element is what counts.
pub(super) fn begins_like_packet(beginning: &[u8]) -> bool {
    let text = String::from_utf8_lossy(beginning);
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = match rest {
            _ if rest.starts_with("<?") => "?>",
            _ if rest.starts_with("<!--") => "-->",
            _ => break,
        };
        let Some((_, after)) = rest.split_once(end) else { return false };
        rest = after.trim_start();
    }
    rest.strip_prefix("<packet").is_some_and(|after| after.starts_with(['>', '/', ' ', '\t', '\r', '\n']))
}

fn with_packet<T>(
    body: &[u8],
    use_it: impl FnOnce(Node<'_, '_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let text = std::str::from_utf8(body).map_err(|_| Failure::protocol("something that is not UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    let begins = |with: &str| text.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
    let page = begins("<!doctype html") || begins("<html");
    if page {
        return Err(Failure::protocol(
            "a web page instead of XML: is its XML API switched on, and allowed from here?",
        ));
    }
    let document = xml::parse(text).map_err(Failure::protocol)?;
    let packet = document.root_element();
    if !packet.has_tag_name("packet") {
        return Err(Failure::protocol("XML that is not a packet"));
    }
    // One refusal for the whole packet: nothing was done.
    match xml::child(packet, "system") {
        Some(system) => Err(check(system, Level::System).err().map_or_else(
            || Failure::protocol("a packet with a message of the system, but without an error"),
            Failure::Said,
        )),
        None => use_it(packet),
    }
}

/// All results of an operation, whether they are good or bad.
fn results<'a, 'd: 'a>(place: Node<'a, 'd>) -> Result<Vec<Node<'a, 'd>>, Failure> {
    let found: Vec<Node<'a, 'd>> = xml::children(place, "result").collect();
    if found.is_empty() { Err(Failure::protocol("a packet without a result")) } else { Ok(found) }
}

/// The result of an operation on one object, if it is good.
pub(super) fn only<'a, 'd>(results: &[Node<'a, 'd>]) -> Result<Node<'a, 'd>, Failure> {
    let result = results.first().copied().ok_or_else(|| Failure::protocol("a packet without a result"))?;
    check(result, Level::Operation).map_err(Failure::Said)?;
    Ok(result)
}

/// Whether a result is good. What has no status that says so is not.
fn check(result: Node<'_, '_>, level: Level) -> Result<(), Fault> {
    if xml::text(result, "status").as_deref() == Some("ok") {
        return Ok(());
    }
    let code = xml::text(result, "errcode").and_then(|code| code.parse().ok());
    let text = xml::text(result, "errtext").unwrap_or_default();
    Err(Fault { level, code, text })
}

pub(super) fn task_id(result: Node<'_, '_>) -> Option<TaskId> {
    xml::text(result, "task-id").and_then(|text| TaskId::parse(&text))
}

pub(super) fn protocols(result: Node<'_, '_>) -> Vec<String> {
    let protos = xml::child(result, "protos").into_iter();
    protos.flat_map(|protos| xml::children(protos, "proto")).map(xml::content).collect()
}

pub(super) fn storages(result: Node<'_, '_>) -> Vec<String> {
    xml::children(result, "protocol").map(xml::content).collect()
}

/// If nothing but refusals came, the first of them is the answer.
pub(super) fn tasks(results: &[Node<'_, '_>]) -> Result<Tasks, Failure> {
    let mut found = Tasks::default();
    for result in results {
        match check(*result, Level::Operation) {
            Ok(()) => found.tasks.extend(xml::children(*result, "task").filter_map(task)),
            Err(fault) => found.faults.push(fault),
        }
    }
    if found.faults.len() == results.len() {
        return Err(found
            .faults
            .into_iter()
            .next()
            .map_or_else(|| Failure::protocol("nothing"), Failure::Said));
    }
    Ok(found)
}

/// A task without a number is of no use to anybody.
fn task(node: Node<'_, '_>) -> Option<Task> {
    let text = |name| xml::text(node, name).filter(|text| !text.is_empty());
    let number = |name| xml::text(node, name).map(|text| ObjectId::parse(&text));
    let owner = None
        .or_else(|| number("webspace-id").map(Owner::Webspace))
        .or_else(|| number("customer-id").map(Owner::Customer))
        .or_else(|| number("reseller-id").map(Owner::Reseller))
        .unwrap_or(Owner::Server);
    Some(Task {
        id: TaskId::parse(&text("id")?)?,
        owner,
        state: match text("status").unwrap_or_default().as_str() {
            "working" => TaskState::Working,
            "stopped" => TaskState::Stopped,
            "failed" => TaskState::Failed,
            "finished" => TaskState::Finished,
            other => TaskState::Other(other.to_owned()),
        },
        started: text("started").and_then(|text| text.parse().ok()),
        prefix: text("prefix"),
        file: text("filename"),
        storage: text("protocol"),
    })
}

pub(super) fn backups(result: Node<'_, '_>) -> Vec<BackupSet> {
    let sets = xml::children(result, "backup");
    let sets = sets.map(|set| BackupSet { files: xml::children(set, "file").filter_map(file).collect() });
    sets.filter(|set| !set.files.is_empty()).collect()
}

/// A file whose name cannot be used is left out.
fn file(node: Node<'_, '_>) -> Option<BackupFile> {
    let name = FileName::new(&xml::text(node, "name")?);
    let name = name.inspect_err(|fault| log::warn!("Plesk lists a backup that is left out: {fault}")).ok()?;
    Some(BackupFile {
        name,
        created: xml::text(node, "creation-date").and_then(|text| text.parse().ok()),
        description: xml::text(node, "description").unwrap_or_default(),
        size: xml::text(node, "size").and_then(|text| text.parse().ok()),
        stray: xml::child(node, "not-backup").is_some(),
    })
}

/// The password is not read, even if an answer has one.
pub(super) fn ftp_storage(result: Node<'_, '_>) -> Option<FtpStorage> {
    let settings = xml::child(result, "settings")?;
    Some(FtpStorage {
        host: xml::text(settings, "host").and_then(|text| Host::new(&text).ok()),
        port: xml::text(settings, "port").and_then(|text| text.parse().ok()),
        directory: xml::text(settings, "directory").and_then(|text| Directory::new(&text).ok()),
        login: xml::text(settings, "login").and_then(|text| Login::new(&text).ok()),
        password: None,
        passive_mode: flag(settings, "passive-mode"),
        use_ftps: flag(settings, "use-ftps"),
    })
}

/// How the values are nested is not documented, so they are taken wherever they stand below the result.
pub(super) fn server_settings(result: Node<'_, '_>) -> ServerSettings {
    let parent =
        |name| result.descendants().find(|node| node.has_tag_name(name)).and_then(|node| node.parent());
    let number = |name| {
        parent(name).and_then(|place| xml::text(place, name)).and_then(|text| text.parse::<i64>().ok())
    };
    let flag = |name| parent(name).and_then(|place| flag(place, name));
    ServerSettings {
        max_backup_files: number("max-backup-files").map(|number| match u32::try_from(number) {
            Ok(number) => Most::Number(number),
            Err(_) => Most::Unlimited,
        }),
        max_backup_processes: number("max-backup-processes").and_then(|number| u32::try_from(number).ok()),
        low_priority: flag("low-priority"),
        do_not_compress: flag("do-not-compress"),
        allow_local_ftp_backup: flag("allow-local-ftp-backup"),
        keep_local_backup: flag("keep-local-backup"),
    }
}

/// A value of `xs:boolean`.
fn flag(node: Node<'_, '_>, name: &'static str) -> Option<bool> {
    match xml::text(node, name)?.as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
