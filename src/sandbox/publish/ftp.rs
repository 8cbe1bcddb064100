//! Type `external`: by FTP to the account.

use std::net::{SocketAddr, ToSocketAddrs};

use super::{Job, website};
use crate::ftp::Ftp;
use crate::limits;
use crate::types::Secret;

/// Publishes below `uploadDir` of the login.
pub(super) fn publish(job: &Job<'_>) -> Result<(), String> {
    let fail = |what: &str, error: crate::ftp::FtpError| format!("{what}: {error}");
    let mut ftp = Ftp::connect(server(job)?, limits::SANDBOX_REQUEST_TIME)
        .map_err(|error| fail("connecting", error))?;
    let password = Secret::new(job.access.password().to_owned());
    ftp.login(job.access.username(), &password).map_err(|error| fail("logging in", error))?;
    let base = format!("/{}", job.access.upload_dir().trim_matches('/'));
    let base = base.trim_end_matches('/');
    for directory in website::directories() {
        ftp.make_dir(&format!("{base}/{directory}"))
            .map_err(|error| fail(&format!("making {directory}"), error))?;
    }
    for file in job.files {
        job.check_time()?;
        let path = format!("{base}/{}", file.path);
        ftp.store(&path, &file.bytes).map_err(|error| fail(&format!("putting {}", file.path), error))?;
        let size = ftp.size(&path).map_err(|error| fail(&format!("looking at {}", file.path), error))?;
        if size != file.bytes.len() as u64 {
            return Err(format!("{} has {size} bytes instead of {}", file.path, file.bytes.len()));
        }
    }
    remove_stale(&mut ftp, job, base)?;
    ftp.quit();
    Ok(())
}

/// Removes the pages that an earlier edition has left.
fn remove_stale(ftp: &mut Ftp, job: &Job<'_>, base: &str) -> Result<(), String> {
    let directory = format!("{}/pages", website::FOLDER);
    let fail = |error| format!("looking for old pages: {error}");
    for name in ftp.names(&format!("{base}/{directory}")).map_err(fail)? {
        let path = format!("{directory}/{name}");
        if name.ends_with(".html") && job.files.iter().all(|file| file.path != path) {
            ftp.remove(&format!("{base}/{path}")).map_err(fail)?;
        }
    }
    Ok(())
}

fn server(job: &Job<'_>) -> Result<SocketAddr, String> {
    let (host, port) = (job.access.api_url(), job.ways.ftp_port);
    let mut addresses = (host, port)
        .to_socket_addrs()
        .map_err(|error| format!("the host {host} cannot be resolved: {error}"))?;
    addresses.next().ok_or_else(|| format!("the host {host} has no address"))
}
