//! The demo's public web server: one site of the account, as visitors see it.
//!
//! There is no PHP here, so that the front controller of the sandbox's websites is played: what it does is to choose a page.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Component, Path, PathBuf};

use crate::limits;
use crate::sandbox::http::{self, Request, Response, Server};
use crate::sandbox::publish::website::{FOLDER, MARK, page_of};
use crate::sys::file;
use crate::sys::identity;

/// A listener for a site; it gets its document root later.
pub(super) fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves a document root.
pub(super) fn serve(listener: TcpListener, root: PathBuf) -> io::Result<Server> {
    let address = listener.local_addr()?;
    http::serve(listener, http::Limits::default(), move |request| answer(&root, address, &request))
}

fn answer(root: &Path, address: SocketAddr, request: &Request) -> Response {
    // A name of somebody else that leads to this address is not served.
    let port = address.port();
    let own = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{port}"));
    if !request.headers.get("Host").is_some_and(|host| own.iter().any(|name| name == host)) {
        return Response::text(403, "This address is known by other names only.\n");
    }
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Response::text(405, "This address takes another method.\n");
    }
    let Some(path) = super::decode(request.path()) else { return Response::text(400, "A bad path.\n") };
    let response = find(root, &path).unwrap_or_else(|| Response::text(404, "There is nothing here yet.\n"));
    let policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    response
        .header("Content-Security-Policy", policy)
        .header("X-Content-Type-Options", "nosniff")
        .header("Cache-Control", "no-store")
}

/// What the site's own rules lead to: a file, one in the builder's folder, or a page of the front controller.
fn find(root: &Path, path: &str) -> Option<Response> {
    let direct =
        read(root, path).or_else(|| read(root, &format!("{FOLDER}/{}", path.trim_start_matches('/'))));
    if let Some(bytes) = direct {
        return Some(Response::with_body(200, media_type(path), bytes));
    }
    // Without the front file nothing leads into the folder.
    let front = read_any(&root.join("index.php"))?;
    memchr::memmem::find(&front, MARK.as_bytes())?;
    let page = page_of(path);
    let html = read(root, &format!("{FOLDER}/pages/{}.html", page.unwrap_or("404")))?;
    let status = if page.is_some() { 200 } else { 404 };
    Some(Response::html(status, html))
}

/// A file that visitors may have: no program, no data, nothing hidden.
fn read(root: &Path, path: &str) -> Option<Vec<u8>> {
    let path = Path::new(path.trim_start_matches('/'));
    let plain = path.components().all(|part| match part {
        Component::Normal(name) => !name.as_encoded_bytes().starts_with(b"."),
        _ => false,
    });
    let kept_back = ["php", "dat", "log", "json"];
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if !plain || path.as_os_str().is_empty() || kept_back.contains(&extension.to_ascii_lowercase().as_str()) {
        return None;
    }
    read_any(&root.join(path))
}

fn read_any(path: &Path) -> Option<Vec<u8>> {
    // A regular file of this user's, and nothing that would be waited for.
    file::read(path, limits::SANDBOX_BODY_BYTES as u64, &[identity::uids().effective])
        .ok()
        .map(|content| content.bytes)
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visitors_get_pages_and_neither_programs_nor_data() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let get = |path: &str| {
            find(root, path).map(|response| (response.status, String::from_utf8(response.body).unwrap()))
        };
        assert_eq!(get("/"), None);
        for (path, text) in [
            ("index.php", "<?php // Published by the sandbox builder"),
            ("sitepro/pages/home.html", "home"),
            ("sitepro/pages/404.html", "none"),
            ("sitepro/css/site.css", "css"),
            ("sitepro/dat/build.dat", "secret"),
            (".htaccess", "secret"),
            ("mine.txt", "mine"),
        ] {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), text).unwrap();
        }
        let found = |status, text: &str| Some((status, text.to_owned()));
        for (path, want) in [
            ("/", found(200, "home")),
            ("/index.php", found(200, "home")),
            ("/css/site.css", found(200, "css")),
            ("/mine.txt", found(200, "mine")),
            ("/sitepro/dat/build.dat", found(404, "none")),
            ("/.htaccess", found(404, "none")),
            ("/sitepro/../mine.txt", found(404, "none")),
            ("/../mine.txt", found(404, "none")),
            ("//etc/passwd", found(404, "none")),
        ] {
            assert_eq!(get(path), want, "{path}");
        }
        std::fs::write(root.join("index.php"), "<?php // somebody else's").unwrap();
        assert_eq!(get("/"), None);
    }
}
