//! The XML API of one server: `POST /enterprise/control/agent.php` (`reference/plesk.md` 1).

use std::io::{Cursor, Read, Write};
use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use ureq::SendBody;
use ureq::http::{HeaderValue, Method};

use crate::backup::http::{self, Endpoint, Patience, Place, Reply};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::Secret;

use super::fault::Failure;
use super::operations::{self, *};
use super::replies::{self, BackupSet, Tasks, Upload};
use super::values::*;

const AGENT: &str = "/enterprise/control/agent.php";

/// What lets us in.
#[derive(Clone)]
pub(super) enum Credentials {
    /// A secret key. It counts from the address that it was made for.
    Key(Secret),
    /// A user of the panel.
    Login {
        /// The name.
        login: String,
        /// The password.
        password: Secret,
    },
}

/// A client of Plesk's XML API.
pub(super) struct Xml {
    endpoint: Endpoint,
    credentials: Credentials,
    patience: Patience,
}

impl Xml {
    /// Makes a client. `timeout` is for a whole call; transfers of files have [`limits::PROVIDER_TRANSFER_TIME`].
    pub(super) fn new(place: Place, credentials: Credentials, timeout: Duration) -> Self {
        let patience = Patience { whole: timeout, silence: timeout.min(limits::PROVIDER_SILENCE) };
        Self { endpoint: Endpoint::new(place), credentials, patience }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    /// Which protocols the server speaks.
    pub(super) fn protocols(&self) -> Result<Vec<String>, Failure> {
        self.exchange(&GetProtocols, None)
    }

    /// Sends one operation and reads its answer. Without a version the server takes its newest.
    pub(super) fn exchange<O: Operation>(
        &self,
        operation: &O,
        version: Option<&str>,
    ) -> Result<O::Reply, Failure> {
        let packet = operations::packet(operation, version)?;
        let reply = self.endpoint.call(
            Method::POST,
            AGENT,
            &self.headers("text/xml")?,
            packet.as_bytes(),
            self.patience,
            limits::PLESK_REPLY_BYTES,
        )?;
        replies::read(&reply.body, operation)
            .map_err(|failure| self.explain(failure, &reply).without(&self.secrets(operation.secret())))
    }

    /// Fetches a file. `to` counts: its error ends the transfer.
    pub(super) fn fetch(
        &self,
        operation: &DownloadFile<'_>,
        version: Option<&str>,
        to: &mut dyn Write,
        goes_on: impl FnMut() -> Result<()>,
    ) -> Result<u64, Failure> {
        let packet = operations::packet(operation, version)?;
        let patience = Patience { whole: limits::PROVIDER_TRANSFER_TIME, ..self.patience };
        let mut bytes = packet.as_bytes();
        let (headers, length) = (self.headers("text/xml")?, bytes.len() as u64);
        let body = SendBody::from_reader(&mut bytes);
        let response = self.endpoint.send(Method::POST, AGENT, &headers, body, length, patience)?;
        let status = response.status().as_u16();
        let mut reader = response.into_body().into_reader();
        // Enough to see past a declaration and comments.
        let mut first = vec![0; 4096];
        let mut filled = 0;
        while filled < first.len() {
            match self.endpoint.piece(&mut reader, &mut first[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        first.truncate(filled);
        if status == 200 && !first.is_empty() && !replies::begins_like_packet(&first) && !is_page(&first) {
            return Ok(self.endpoint.copy(reader, &first, to, goes_on)?);
        }
        let mut body = Zeroizing::new(first);
        let mut rest = reader.take(limits::PLESK_REPLY_BYTES);
        loop {
            let mut piece = [0; 4096];
            match self.endpoint.piece(&mut rest, &mut piece)? {
                0 => break,
                count => body.extend_from_slice(&piece[..count]),
            }
        }
        let reply = Reply { status, body };
        let refusal = replies::read_refusal(&reply.body, operation);
        Err(self.explain(refusal, &reply).without(&self.secrets(None)))
    }

    /// Sends a file of `size` bytes, so that it can be imported.
    pub(super) fn send_file(
        &self,
        name: &FileName,
        file: &mut (dyn Read + Send),
        size: u64,
    ) -> Result<Upload, Failure> {
        // No file has this in it: it is 128 bits of chance.
        let boundary = boundary();
        let name = name.as_str().rsplit('/').next().unwrap_or_default().replace(['"', '\\'], "_");
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        let length = head.len() as u64 + size + tail.len() as u64;
        let mut body = Cursor::new(head).chain(file.take(size)).chain(Cursor::new(tail));
        let headers = self.headers(&format!("multipart/form-data; boundary={boundary}"))?;
        let patience = Patience { whole: limits::PROVIDER_TRANSFER_TIME, ..self.patience };
        let body = SendBody::from_reader(&mut body);
        let response = self.endpoint.send(Method::POST, AGENT, &headers, body, length, patience)?;
        let reply = self.endpoint.read(response, limits::PLESK_REPLY_BYTES)?;
        replies::read_upload(&reply.body)
            .map_err(|failure| self.explain(failure, &reply).without(&self.secrets(None)))
    }

    /// An answer that is no packet may say more by its status.
    fn explain(&self, failure: Failure, reply: &Reply) -> Failure {
        let Failure::Error(error) = failure else { return failure };
        let (origin, section) = (self.endpoint.url().origin(), self.endpoint.section());
        let kind = match reply.status {
            401 | 403 => ErrorKind::BackupAuth,
            429 | 500..=599 => ErrorKind::BackupUnreachable,
            _ => return Failure::Error(error.context(origin)),
        };
        let advice = if kind == ErrorKind::BackupAuth {
            format!(": check that its XML API is on and allowed from here, and key or login in [{section}]")
        } else {
            String::new()
        };
        Failure::Error(Error::new(kind, format!("{origin} answered HTTP {}, {error}{advice}", reply.status)))
    }

    fn headers(&self, content_type: &str) -> Result<Vec<(&'static str, HeaderValue)>> {
        let section = self.endpoint.section();
        let content_type = HeaderValue::from_str(content_type)
            .map_err(|_| Error::new(ErrorKind::Internal, "a content type cannot stand in a header"))?;
        let mut headers =
            vec![("content-type", content_type), ("accept", HeaderValue::from_static("text/xml, */*"))];
        match &self.credentials {
            Credentials::Key(key) => headers.push(("key", http::secret_header(section, "key", key)?)),
            Credentials::Login { login, password } => {
                let login = Secret::new(login.clone());
                headers.push(("http_auth_login", http::secret_header(section, "login", &login)?));
                headers.push(("http_auth_passwd", http::secret_header(section, "password", password)?));
            }
        }
        Ok(headers)
    }

    /// What no error may repeat.
    fn secrets<'a>(&'a self, more: Option<&'a str>) -> Vec<&'a str> {
        let own = match &self.credentials {
            Credentials::Key(key) => key.expose(),
            Credentials::Login { password, .. } => password.expose(),
        };
        more.into_iter().chain([own]).collect()
    }
}

/// A login page instead of a file.
fn is_page(beginning: &[u8]) -> bool {
    let text = beginning.trim_ascii_start();
    let begins = |with: &[u8]| text.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
    begins(b"<!doctype html") || begins(b"<html")
}

fn boundary() -> String {
    format!("panelgate-{}", crate::types::hex(&crate::sys::random::bytes::<16>()))
}

/// The operations, each as a function. They speak protocol `version`; the route knows which.
pub(super) struct Session<'a> {
    xml: &'a Xml,
    version: &'a str,
}

impl<'a> Session<'a> {
    pub(super) fn new(xml: &'a Xml, version: &'a str) -> Self {
        Self { xml, version }
    }

    fn ask<O: Operation>(&self, operation: &O) -> Result<O::Reply, Failure> {
        self.xml.exchange(operation, Some(self.version))
    }

    /// Begins a backup; gives the number of its task, unless Plesk leaves it out.
    pub(super) fn backup(&self, subject: &Subject, options: &Options) -> Result<Option<TaskId>, Failure> {
        self.ask(&Backup { subject, options })
    }

    /// The tasks of the calling user.
    pub(super) fn own_tasks(&self) -> Result<Tasks, Failure> {
        self.ask(&GetTasks(TaskFilter::Own))
    }

    /// The tasks of an object.
    pub(super) fn tasks_of(&self, subject: &Subject) -> Result<Tasks, Failure> {
        self.ask(&GetTasks(TaskFilter::Subject(subject)))
    }

    /// One task.
    pub(super) fn task(&self, task: TaskId) -> Result<Tasks, Failure> {
        self.ask(&GetTasks(TaskFilter::Task(task)))
    }

    /// Stops a backup.
    pub(super) fn stop(&self, task: TaskId) -> Result<(), Failure> {
        self.ask(&StopBackup(task))
    }

    /// The backups of an object in Plesk's storage.
    pub(super) fn backups(&self, subject: &Subject) -> Result<Vec<BackupSet>, Failure> {
        self.ask(&ListBackups(subject))
    }

    /// Removes a backup from Plesk's storage.
    pub(super) fn remove(&self, subject: &Subject, file: &FileName) -> Result<(), Failure> {
        self.ask(&RemoveFile { subject, file })
    }

    /// Fetches a backup; gives its length in bytes.
    pub(super) fn download(
        &self,
        subject: &Subject,
        file: &FileName,
        to: &mut dyn Write,
        goes_on: impl FnMut() -> Result<()>,
    ) -> Result<u64, Failure> {
        self.xml.fetch(&DownloadFile { subject, file }, Some(self.version), to, goes_on)
    }

    /// Sends a file of `size` bytes.
    pub(super) fn upload(
        &self,
        name: &FileName,
        file: &mut (dyn Read + Send),
        size: u64,
    ) -> Result<Upload, Failure> {
        self.xml.send_file(name, file, size)
    }

    /// Makes an uploaded file a backup of an object. `ignore_sign` also takes one that another server signed.
    pub(super) fn import(
        &self,
        subject: &Subject,
        file: &UploadedFile,
        ignore_sign: bool,
    ) -> Result<(), Failure> {
        self.ask(&ImportFile { subject, file, ignore_sign })
    }

    /// Which storages there are.
    pub(super) fn storages(&self) -> Result<Vec<String>, Failure> {
        self.ask(&GetStorages)
    }

    /// The FTP storage of an object, or of the calling user.
    pub(super) fn ftp_storage(&self, subject: Option<&Subject>) -> Result<Option<FtpStorage>, Failure> {
        self.ask(&GetFtpStorage(subject))
    }

    /// Sets the FTP storage of an object, or of the calling user.
    pub(super) fn set_ftp_storage(
        &self,
        subject: Option<&Subject>,
        storage: &FtpStorage,
    ) -> Result<(), Failure> {
        self.ask(&SetFtpStorage { subject, storage })
    }

    /// The settings of the whole server.
    pub(super) fn server_settings(&self) -> Result<ServerSettings, Failure> {
        self.ask(&GetServerSettings)
    }

    /// Changes settings of the whole server.
    pub(super) fn set_server_settings(&self, settings: &ServerSettings) -> Result<(), Failure> {
        self.ask(&SetServerSettings(settings))
    }
}
