//! The page that a browser finds at a session address.

use askama::Template;

use super::http::Response;
use super::publish::Published;

/// Where the pages' style is.
pub(super) const STYLE_PATH: &str = "/sandbox.css";

/// Where the form of the editor leads.
pub(super) const PUBLISH_PATH: &str = "/publish";

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
<form method="post" action="/publish">
<input type="hidden" name="login_hash" value="{{ hash }}">
<label for="headline">Headline of the first page</label>
<input id="headline" name="headline" value="{{ headline }}" maxlength="200" autocomplete="off">
<button>Publish</button>
</form>
{% match outcome %}
{% when Outcome::None %}
{% when Outcome::Done(text, view) %}
<p class="outcome" id="outcome" role="status">{{ text }} <a href="{{ view }}" rel="noopener">See the site</a></p>
{% when Outcome::Failed(text) %}
<p class="outcome failed" id="outcome" role="alert"><b>Not published.</b> {{ text }}</p>
{% endmatch %}
<p class="note">This is the sandbox builder of Panelgate’s demo. It stands where the real builder would be, and really publishes a small site.</p>
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
    /// The session's hash, which the form sends back.
    pub(super) hash: &'a str,
    /// What the customer has made of the site.
    pub(super) headline: &'a str,
    /// How the last publication went.
    pub(super) outcome: Outcome,
}

/// How a publication went, in words.
pub(super) enum Outcome {
    /// There was none.
    None,
    /// What was published, and where to see it.
    Done(String, String),
    /// Why it was not.
    Failed(String),
}

impl Outcome {
    pub(super) fn of(last: Option<&Result<Published, String>>, editions: u64, view: &str) -> Self {
        match last {
            None => Self::None,
            Some(Ok(Published { files, bytes, time })) => {
                let time = time.as_millis();
                let text =
                    format!("Edition {editions} is published: {files} files, {bytes} bytes, {time} ms.");
                Self::Done(text, view.to_owned())
            }
            Some(Err(text)) => Self::Failed(text.clone()),
        }
    }
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

/// The page for who publishes a site that is being published.
pub(super) fn busy() -> Response {
    let text = "Wait until that has ended, then publish again.";
    respond(409, Notice { title: "This site is being published", text }.render())
}

/// Leads a browser back to the editor.
pub(super) fn back_to_editor(hash: &str) -> Response {
    careful(Response::new(303)).header("Location", &format!("/?login_hash={hash}"))
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
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
    response
        .header("Content-Security-Policy", policy)
        .header("X-Content-Type-Options", "nosniff")
        .header("Referrer-Policy", "no-referrer")
        .header("Cache-Control", "no-store")
}
