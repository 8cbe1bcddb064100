//! The operations of `backup-manager`, protocol up to 1.6.9.0, and the one question of `server` that is needed to know the protocol
//! (`reference/plesk.md` 2).
//!
//! Plesk's schema demands an order of elements and one of several alternatives; what is not so is refused as a whole with error 1014. Here the
//! order stands in `write` and nowhere else, and alternatives are enums, so that no caller can get either wrong.

use super::fault::Failure;
use super::replies::{self, BackupSet, Tasks};
use super::values::*;
use super::xml::Writer;
use roxmltree::Node;

/// One operation, with what it answers.
pub(super) trait Operation {
    /// What a successful answer holds.
    type Reply;
    /// The element around it.
    const OPERATOR: &'static str;
    /// Its own element.
    fn name(&self) -> &'static str;
    /// Writes what stands in its element.
    fn write(&self, xml: &mut Writer);
    /// Reads the results, of which there is at least one.
    fn read(results: &[Node<'_, '_>]) -> Result<Self::Reply, Failure>;
    /// The secret that it carries; no message may repeat it.
    fn secret(&self) -> Option<&str> {
        None
    }
}

/// What all operations of the operator `backup-manager` have in common.
const BACKUPS: &str = "backup-manager";

/// `server/get_protos`: which protocols the server speaks.
pub(super) struct GetProtocols;

impl Operation for GetProtocols {
    type Reply = Vec<String>;
    const OPERATOR: &'static str = "server";

    fn name(&self) -> &'static str {
        "get_protos"
    }

    fn write(&self, _: &mut Writer) {}

    fn read(results: &[Node<'_, '_>]) -> Result<Vec<String>, Failure> {
        replies::only(results).map(replies::protocols)
    }
}

/// `backup-webspace`, `backup-customer`, `backup-reseller`, `backup-server`: begins a backup.
pub(super) struct Backup<'a> {
    pub(super) subject: &'a Subject,
    pub(super) options: &'a Options,
}

impl Operation for Backup<'_> {
    type Reply = Option<TaskId>;
    const OPERATOR: &'static str = BACKUPS;

    fn name(&self) -> &'static str {
        match self.subject {
            Subject::Webspace(_) => "backup-webspace",
            Subject::Customer(_) => "backup-customer",
            Subject::Reseller(_) => "backup-reseller",
            Subject::Server => "backup-server",
        }
    }

    fn write(&self, xml: &mut Writer) {
        // The server has an operation of its own instead of an element.
        if *self.subject != Subject::Server {
            write_subject(xml, self.subject);
        }
        let options = self.options;
        match options.storage {
            Storage::Local => xml.empty("local"),
            Storage::Ftp => xml.text("remote", FTP),
        }
        xml.optional("prefix", options.prefix.as_ref().map(Prefix::as_str));
        xml.text("description", options.description.as_str());
        match options.split {
            Split::Unsaid => {}
            Split::Never => xml.number("split-size", 0),
            Split::Kilobytes(size) => xml.number("split-size", size.get()),
        }
        match options.content {
            Content::All => {}
            Content::Hosting => xml.empty("only-hosting"),
            Content::Mail => xml.empty("only-mail"),
        }
        if options.only_configuration {
            xml.empty("only-configuration");
        }
    }

    fn read(results: &[Node<'_, '_>]) -> Result<Option<TaskId>, Failure> {
        replies::only(results).map(replies::task_id)
    }
}

/// Whose tasks are asked for.
pub(super) enum TaskFilter<'a> {
    /// The calling user's.
    Own,
    /// Those of an object.
    Subject(&'a Subject),
    /// One.
    Task(TaskId),
}

/// `get-tasks-info`.
pub(super) struct GetTasks<'a>(pub(super) TaskFilter<'a>);

impl Operation for GetTasks<'_> {
    type Reply = Tasks;
    const OPERATOR: &'static str = BACKUPS;

    fn name(&self) -> &'static str {
        "get-tasks-info"
    }

    fn write(&self, xml: &mut Writer) {
        match &self.0 {
            TaskFilter::Own => {}
            TaskFilter::Subject(subject) => write_subject(xml, subject),
            TaskFilter::Task(task) => xml.text("task-id", &task.to_string()),
        }
    }

    fn read(results: &[Node<'_, '_>]) -> Result<Tasks, Failure> {
        replies::tasks(results)
    }
}

/// `stop-backup`.
pub(super) struct StopBackup(pub(super) TaskId);

impl Operation for StopBackup {
    type Reply = ();
    const OPERATOR: &'static str = BACKUPS;

    fn name(&self) -> &'static str {
        "stop-backup"
    }

    fn write(&self, xml: &mut Writer) {
        xml.text("task-id", &self.0.to_string());
    }

    fn read(results: &[Node<'_, '_>]) -> Result<(), Failure> {
        replies::only(results).map(drop)
    }
}

/// `get-local-backup-list`. Its element must not be empty, so there is always an object.
pub(super) struct ListBackups<'a>(pub(super) &'a Subject);

impl Operation for ListBackups<'_> {
    type Reply = Vec<BackupSet>;
    const OPERATOR: &'static str = BACKUPS;

    fn name(&self) -> &'static str {
        "get-local-backup-list"
    }

    fn write(&self, xml: &mut Writer) {
        write_subject(xml, self.0);
    }

    fn read(results: &[Node<'_, '_>]) -> Result<Vec<BackupSet>, Failure> {
        replies::only(results).map(replies::backups)
    }
}

/// `download-file`. On success the answer is the file itself.
pub(super) struct DownloadFile<'a> {
    pub(super) subject: &'a Subject,
    pub(super) file: &'a FileName,
}

impl Operation for DownloadFile<'_> {
    type Reply = ();
    const OPERATOR: &'static str = BACKUPS;

    fn name(&self) -> &'static str {
        "download-file"
    }

    fn write(&self, xml: &mut Writer) {
        write_subject(xml, self.subject);
        xml.text("filename", self.file.as_str());
    }

    fn read(results: &[Node<'_, '_>]) -> Result<(), Failure> {
        replies::only(results).map(drop)
    }
}

/// `remove-file`.
pub(super) struct RemoveFile<'a> {
    pub(super) subject: &'a Subject,
    pub(super) file: &'a FileName,
}

impl Operation for RemoveFile<'_> {
    type Reply = ();
    const OPERATOR: &'static str = BACKUPS;

    fn name(&self) -> &'static str {
        "remove-file"
    }

    fn write(&self, xml: &mut Writer) {
        write_subject(xml, self.subject);
        xml.text("filename", self.file.as_str());
    }

    fn read(results: &[Node<'_, '_>]) -> Result<(), Failure> {
        replies::only(results).map(drop)
    }
}

/// `import-file`: makes an uploaded file a backup of an object.
pub(super) struct ImportFile<'a> {
    pub(super) subject: &'a Subject,
    pub(super) file: &'a UploadedFile,
    /// Whether a backup that another server signed is taken. Not known to Plesk 12.0.
    pub(super) ignore_sign: bool,
}

impl Operation for ImportFile<'_> {
    type Reply = ();
    const OPERATOR: &'static str = BACKUPS;

    fn name(&self) -> &'static str {
        "import-file"
    }

    fn write(&self, xml: &mut Writer) {
        write_subject(xml, self.subject);
        xml.text("tmp-filename", self.file.as_str());
        if self.ignore_sign {
            xml.empty("ignore-sign");
        }
    }

    fn read(results: &[Node<'_, '_>]) -> Result<(), Failure> {
        replies::only(results).map(drop)
    }
}

/// `get-supported-protocols`: which storages there are.
pub(super) struct GetStorages;

impl Operation for GetStorages {
    type Reply = Vec<String>;
    const OPERATOR: &'static str = BACKUPS;

    fn name(&self) -> &'static str {
        "get-supported-protocols"
    }

    fn write(&self, _: &mut Writer) {}

    fn read(results: &[Node<'_, '_>]) -> Result<Vec<String>, Failure> {
        replies::only(results).map(replies::storages)
    }
}

/// `get-remote-storage-settings`, of the calling user unless an object is named.
pub(super) struct GetFtpStorage<'a>(pub(super) Option<&'a Subject>);

impl Operation for GetFtpStorage<'_> {
    type Reply = Option<FtpStorage>;
    const OPERATOR: &'static str = BACKUPS;

    fn name(&self) -> &'static str {
        "get-remote-storage-settings"
    }

    fn write(&self, xml: &mut Writer) {
        if let Some(subject) = self.0 {
            write_subject(xml, subject);
        }
        xml.text("protocol", FTP);
    }

    fn read(results: &[Node<'_, '_>]) -> Result<Option<FtpStorage>, Failure> {
        replies::only(results).map(replies::ftp_storage)
    }
}

/// `set-remote-storage-settings`, of the calling user unless an object is named.
pub(super) struct SetFtpStorage<'a> {
    pub(super) subject: Option<&'a Subject>,
    pub(super) storage: &'a FtpStorage,
}

impl Operation for SetFtpStorage<'_> {
    type Reply = ();
    const OPERATOR: &'static str = BACKUPS;

    fn name(&self) -> &'static str {
        "set-remote-storage-settings"
    }

    fn write(&self, xml: &mut Writer) {
        if let Some(subject) = self.subject {
            write_subject(xml, subject);
        }
        let storage = self.storage;
        xml.element("settings", |xml| {
            xml.text("protocol", FTP);
            xml.optional("host", storage.host.as_ref().map(Host::as_str));
            xml.optional("port", storage.port.map(|port| port.to_string()));
            xml.optional("directory", storage.directory.as_ref().map(Directory::as_str));
            xml.optional("login", storage.login.as_ref().map(Login::as_str));
            xml.optional("password", storage.password.as_ref().map(|password| password.expose()));
            xml.flag("passive-mode", storage.passive_mode);
            xml.flag("use-ftps", storage.use_ftps);
        });
    }

    fn read(results: &[Node<'_, '_>]) -> Result<(), Failure> {
        replies::only(results).map(drop)
    }

    fn secret(&self) -> Option<&str> {
        self.storage.password.as_ref().map(|password| password.expose())
    }
}

/// `get-server-wide-settings`. Not known to Plesk 12.0.
pub(super) struct GetServerSettings;

impl Operation for GetServerSettings {
    type Reply = ServerSettings;
    const OPERATOR: &'static str = BACKUPS;

    fn name(&self) -> &'static str {
        "get-server-wide-settings"
    }

    fn write(&self, _: &mut Writer) {}

    fn read(results: &[Node<'_, '_>]) -> Result<ServerSettings, Failure> {
        replies::only(results).map(replies::server_settings)
    }
}

/// `set-server-wide-settings`. Not known to Plesk 12.0.
pub(super) struct SetServerSettings<'a>(pub(super) &'a ServerSettings);

impl Operation for SetServerSettings<'_> {
    type Reply = ();
    const OPERATOR: &'static str = BACKUPS;

    fn name(&self) -> &'static str {
        "set-server-wide-settings"
    }

    fn write(&self, xml: &mut Writer) {
        let settings = self.0;
        match settings.max_backup_files {
            None => {}
            Some(Most::Unlimited) => xml.number("max-backup-files", -1),
            Some(Most::Number(number)) => xml.number("max-backup-files", number),
        }
        xml.optional("max-backup-processes", settings.max_backup_processes.map(|number| number.to_string()));
        xml.flag("low-priority", settings.low_priority);
        xml.flag("do-not-compress", settings.do_not_compress);
        xml.flag("allow-local-ftp-backup", settings.allow_local_ftp_backup);
        xml.flag("keep-local-backup", settings.keep_local_backup);
    }

    fn read(results: &[Node<'_, '_>]) -> Result<(), Failure> {
        replies::only(results).map(drop)
    }
}

/// The one remote storage that Plesk documents.
const FTP: &str = "ftp";

/// Exactly one of the seven elements that name an object.
fn write_subject(xml: &mut Writer, subject: &Subject) {
    match subject {
        Subject::Webspace(Webspace::Id(id)) => xml.number("webspace-id", id.get()),
        Subject::Webspace(Webspace::Name(name)) => xml.text("webspace-name", name.as_str()),
        Subject::Customer(Customer::Id(id)) => xml.number("customer-id", id.get()),
        Subject::Customer(Customer::Login(login)) => xml.text("customer-login", login.as_str()),
        Subject::Reseller(Reseller::Id(id)) => xml.number("reseller-id", id.get()),
        Subject::Reseller(Reseller::Login(login)) => xml.text("reseller-login", login.as_str()),
        Subject::Server => xml.empty("server"),
    }
}

/// The packet with one operation.
pub(super) fn packet<O: Operation>(
    operation: &O,
    version: Option<&str>,
) -> crate::error::Result<secrecy::zeroize::Zeroizing<String>> {
    let mut xml = Writer::new();
    xml.packet(version, |xml| {
        xml.element(O::OPERATOR, |xml| xml.element(operation.name(), |xml| operation.write(xml)));
    });
    xml.finish()
}

#[cfg(test)]
pub(super) mod tests;
