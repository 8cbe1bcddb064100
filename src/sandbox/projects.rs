//! Projects of the embedded builder: `create-site-backup` and `restore-site-backup`, as the documentation shows their answers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::http::{Request, Response};

/// The projects, by the name that the builder was given.
pub(super) type Projects = BTreeMap<String, Project>;

/// A project.
#[derive(Clone)]
pub(super) enum Project {
    /// These bytes.
    Bytes(Arc<Vec<u8>>),
    /// So many bytes, made while they are sent.
    Made(u64),
}

/// Answers a call about projects; `None` if it is another one.
pub(super) fn answer(request: &Request, projects: &mut Projects) -> Option<Response> {
    let call = request.path().strip_prefix("/api/")?;
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let domain = body["domain"].as_str().unwrap_or_default();
    let directory = body["dir"].as_str().map(Path::new);
    match call {
        "create-site-backup" => Some(create(projects.get(domain), domain, directory)),
        "restore-site-backup" => Some(restore(projects, domain, directory)),
        _ => None,
    }
}

fn create(project: Option<&Project>, domain: &str, directory: Option<&Path>) -> Response {
    let (bytes, made) = match project {
        None => return failure("Site not found"),
        Some(Project::Bytes(bytes)) => (bytes.as_slice(), 0),
        Some(Project::Made(size)) => (&[][..], *size),
    };
    let name = format!("{domain}_project.sitebuilder");
    match directory {
        None => Response { made, ..Response::with_body(200, "application/octet-stream", bytes) }
            .header("Content-Disposition", &format!("attachment; filename=\"{name}\"")),
        Some(_) if made > 0 => failure("Project is too large for this directory"),
        Some(directory) => match std::fs::write(directory.join(name), bytes) {
            Ok(()) => Response::new(200),
            Err(_) => failure("Directory is not writable"),
        },
    }
}

fn restore(projects: &mut Projects, domain: &str, directory: Option<&Path>) -> Response {
    let file = directory.map(|directory| directory.join(format!("{domain}_project.sitebuilder")));
    match file.and_then(|file| std::fs::read(file).ok()) {
        Some(bytes) => {
            projects.insert(domain.to_owned(), Project::Bytes(Arc::new(bytes)));
            Response::json(200, &json!({ "ok": true }))
        }
        None => failure("Backup file cannot be read"),
    }
}

fn failure(message: &str) -> Response {
    Response::json(500, &json!({ "error": { "code": 1, "message": message } }))
}
