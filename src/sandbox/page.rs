//! The page that a browser finds at a session address.

use askama::Template;

use super::http::Response;

/// Where the pages' style is.
pub(super) const STYLE_PATH: &str = "/sandbox.css";

/// The builder with a site in it.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{ name }} – Sandbox builder</title>
<link rel="stylesheet" href="/sandbox.css">
</head>
<body>
<header><span class="mark" aria-hidden="true"></span>Sandbox builder</header>
<main>
<section class="facts">
<h1><span class="small">You are editing</span> {{ name }}</h1>
<dl>
<dt>Site</dt><dd id="site">{{ site }}</dd>
<dt>Language</dt><dd id="language">{{ language }}</dd>
<dt>Plan</dt><dd id="plan">{{ plan }}</dd>
<dt>Publication</dt><dd id="publication"><code>{{ kind }}</code> {{ publication }}</dd>
</dl>
<p class="note">This is the sandbox builder of Panelgate’s demo. It stands where the real builder would be, and nothing that you see here is published.</p>
</section>
<div class="canvas" aria-hidden="true">
<div class="bar"><i></i><i></i><i></i><b>{{ name }}</b></div>
<div class="hero"><i></i><i></i><u></u></div>
<div class="cards"><i></i><i></i><i></i></div>
</div>
</main>
</body>
</html>
"#
)]
pub(super) struct Editor<'a> {
    /// The site's real name, as people read it.
    pub(super) name: &'a str,
    /// The site's real name, as it was sent.
    pub(super) site: &'a str,
    /// The language that was sent.
    pub(super) language: &'a str,
    /// The plan that was sent.
    pub(super) plan: &'a str,
    /// The publication type.
    pub(super) kind: &'a str,
    /// The publication type in words.
    pub(super) publication: &'a str,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{ title }} – Sandbox builder</title>
<link rel="stylesheet" href="/sandbox.css">
</head>
<body>
<header><span class="mark" aria-hidden="true"></span>Sandbox builder</header>
<main>
<section class="facts">
<h1>{{ title }}</h1>
<p>{{ text }}</p>
<p class="note">This is the sandbox builder of Panelgate’s demo.</p>
</section>
</main>
</body>
</html>
"#
)]
struct Notice<'a> {
    title: &'a str,
    text: &'a str,
}

/// The page of a session.
pub(super) fn editor(editor: &Editor<'_>) -> Response {
    respond(200, editor.render())
}

/// The page for a session that the builder does not know.
pub(super) fn unknown_session() -> Response {
    let text = "Go back to your hosting panel and open the builder from there.";
    respond(403, Notice { title: "This session has ended", text }.render())
}

/// The page for everything else.
pub(super) fn not_found() -> Response {
    respond(
        404,
        Notice { title: "There is nothing here", text: "The address may have been mistyped." }.render(),
    )
}

/// The style of all pages.
pub(super) fn style() -> Response {
    careful(Response::with_body(200, "text/css; charset=utf-8", include_str!("page.css")))
}

fn respond(status: u16, page: askama::Result<String>) -> Response {
    match page {
        Ok(html) => careful(Response::html(status, html)),
        Err(_) => Response::text(500, "The page cannot be shown."),
    }
}

fn careful(response: Response) -> Response {
    let policy =
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    response
        .header("Content-Security-Policy", policy)
        .header("X-Content-Type-Options", "nosniff")
        .header("Referrer-Policy", "no-referrer")
        .header("Cache-Control", "no-store")
}
