//! Projects of the embedded builder: `create-site-backup` and `restore-site-backup`, as the documentation shows their answers.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::http::{Request, Response};

/// The projects, by the name that the builder was given.
pub(super) type Projects = BTreeMap<String, Vec<u8>>;

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

fn create(project: Option<&Vec<u8>>, domain: &str, directory: Option<&Path>) -> Response {
    let Some(bytes) = project else { return failure("Site not found") };
    let name = format!("{domain}_project.sitebuilder");
    match directory {
        None => Response::with_body(200, "application/octet-stream", bytes.clone())
            .header("Content-Disposition", &format!("attachment; filename=\"{name}\"")),
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
            projects.insert(domain.to_owned(), bytes);
            Response::json(200, &json!({ "ok": true }))
        }
        None => failure("Backup file cannot be read"),
    }
}

fn failure(message: &str) -> Response {
    Response::json(500, &json!({ "error": { "code": 1, "message": message } }))
}
