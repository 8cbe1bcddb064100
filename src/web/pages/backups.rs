//! The backups of a site's project: how far the last one is, the form that orders one, the list of those that can be taken away.

use askama::Template;

use super::{Frame, Name, html, or_bare};
use crate::limits;
use crate::ops::backup::{Seen, SeenFile, SeenJob};
use crate::store::JobState;
use crate::sys::clock;
use crate::types::Domain;
use crate::web::dialect::Dialect;
use crate::web::messages::{Catalogue, Text, fill};
use crate::web::response::Response;

/// What the page has to know besides the backups.
pub(in crate::web) struct View<'a> {
    /// Whether the account has another site to go to.
    pub(in crate::web) several: bool,
    /// Whether the page shall not look again by itself.
    pub(in crate::web) still: bool,
    /// Where the program is that can send files, for a fragment in a panel's page.
    pub(in crate::web) raw: &'a str,
}

/// A backup that goes on.
struct Going<'a> {
    word: &'a str,
    percent: Option<u8>,
    /// Where the page looks again; `None` if the visitor does that.
    again: Option<String>,
}

struct Row {
    /// For people, and for programs.
    made: String,
    stamp: String,
    size: String,
    link: String,
}

#[derive(Template)]
#[template(path = "backups.html")]
struct BackupsPage<'a> {
    frame: Frame<'a>,
    name: Name<'a>,
    site: &'a str,
    going: Option<Going<'a>>,
    failed: bool,
    token: Option<&'a str>,
    rows: Vec<Row>,
    several: bool,
}

/// The page.
pub(in crate::web) fn page(seen: &Seen, view: &View<'_>, dialect: Dialect, words: &Catalogue) -> Response {
    let own = format!("?backups={}", seen.site);
    let going = seen.job.as_ref().filter(|job| !job.is_final());
    let again = (!view.still).then(|| format!("{}; url={own}", limits::BACKUP_PAGE_WAIT.as_secs()));
    let page = BackupsPage {
        frame: Frame::new(words, Text::BackupsTitle, dialect),
        name: Name::of(&seen.site),
        site: seen.site.as_str(),
        going: going.map(|job| Going {
            word: words.text(if has_begun(job) { Text::BackupsRunning } else { Text::BackupsWaiting }),
            percent: job.percent.filter(|_| has_begun(job)),
            again: again.clone(),
        }),
        failed: seen.job.as_ref().is_some_and(|job| job.state == JobState::Failed.name()),
        token: seen.token.as_deref(),
        rows: seen.files.iter().map(|file| row(file, &seen.site, view, dialect, words)).collect(),
        several: view.several,
    };
    let response = html(200, &page, dialect, &[]);
    or_bare(match again.filter(|_| going.is_some() && dialect != Dialect::Page) {
        Some(again) => response.and_then(|response| response.with_header("Refresh", again)),
        None => response,
    })
}

fn has_begun(job: &SeenJob) -> bool {
    job.state == JobState::Running.name()
}

fn row(file: &SeenFile, site: &Domain, view: &View<'_>, dialect: Dialect, words: &Catalogue) -> Row {
    let made = clock::utc(file.made);
    let program = if dialect == Dialect::Page { view.raw } else { "" };
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("backups", site.as_str())
        .append_pair("backup", &file.name)
        .finish();
    Row {
        stamp: format!("{}Z", made.replace(' ', "T")),
        made: format!("{} UTC", made.get(..16).unwrap_or(&made)),
        size: size(file.size, words),
        link: format!("{program}?{query}"),
    }
}

/// Whole units: nobody chooses a backup by its last bytes.
fn size(bytes: u64, words: &Catalogue) -> String {
    let (unit, text) =
        if bytes < 1_000_000 { (1_000, Text::SizeKilobytes) } else { (1_000_000, Text::SizeMegabytes) };
    let number = bytes.div_ceil(unit).to_string();
    fill(words.text(text), &[("number", &number)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::messages::Language;

    fn seen(state: Option<&str>, files: usize) -> Seen {
        Seen {
            site: Domain::new("bücher.example").unwrap(),
            files: (0..files)
                .map(|number| SeenFile {
                    name: format!("2026<{number}>&x.sitebuilder"),
                    made: 1_795_253_400,
                    size: 12_345_678,
                    sha256: "ab".repeat(32),
                })
                .collect(),
            job: state.map(|state| SeenJob {
                id: 7,
                state: state.to_owned(),
                percent: Some(42),
                queued: 1,
                reason: Some("no word of this".into()),
            }),
            token: Some("t0ken".into()),
        }
    }

    fn shown(seen: &Seen, still: bool, dialect: Dialect, language: Language) -> (Response, String) {
        let view = View { several: true, still, raw: "/CMD_PLUGINS/panelgate/index.raw" };
        let response = page(seen, &view, dialect, &Catalogue::of(language));
        let text = String::from_utf8(response.body().to_vec()).unwrap();
        (response, text)
    }

    fn refresh(response: &Response) -> Option<&str> {
        response.headers().find(|(name, _)| *name == "Refresh").map(|(_, value)| value)
    }

    #[test]
    fn what_goes_on_is_looked_at_again_until_the_visitor_wants_it_no_more() {
        for (state, going) in [
            ("waiting", true),
            ("running", true),
            ("of-the-future", true),
            ("done", false),
            ("failed", false),
        ] {
            let (response, page) = shown(&seen(Some(state), 1), false, Dialect::Cgi, Language::En);
            let want = going.then_some("5; url=?backups=xn--bcher-kva.example");
            assert_eq!(refresh(&response), want, "{state}");
            assert_eq!(page.contains("name=\"token\" value=\"t0ken\""), !going, "{state}: one at a time");
            assert_eq!(page.contains("<progress"), going, "{state}");
            assert_eq!(page.contains("value=\"42\""), state == "running", "{state}");
            assert!(!page.contains("no word of this") && !page.contains("<script"), "{state}");
            assert_eq!(page.contains("could not be made"), state == "failed", "{state}");
        }
        let (response, page) = shown(&seen(Some("running"), 0), true, Dialect::Cgi, Language::En);
        assert!(refresh(&response).is_none() && page.contains("<progress"));
        let (response, page) = shown(&seen(Some("running"), 0), false, Dialect::Page, Language::En);
        assert!(
            refresh(&response).is_none()
                && page.contains("http-equiv=\"refresh\" content=\"5; url=?backups=")
        );
    }

    #[test]
    fn every_backup_has_its_link_and_no_name_breaks_out() {
        let (_, page) = shown(&seen(None, 2), false, Dialect::Cgi, Language::En);
        assert_eq!(page.matches("<li class=\"pg-site").count(), 2);
        assert!(
            page.contains("href=\"?backups=xn--bcher-kva.example&#38;backup=2026%3C0%3E%26x.sitebuilder\""),
            "{page}"
        );
        assert!(page.contains("2026-11-21 09:30 UTC") && page.contains("datetime=\"2026-11-21T09:30:00Z\""));
        assert!(page.contains("13 MB"));
        let (_, page) = shown(&seen(None, 1), false, Dialect::Page, Language::Fr);
        assert!(page.contains("href=\"/CMD_PLUGINS/panelgate/index.raw?backups=") && page.contains("13 Mo"));
        let (_, page) = shown(&seen(None, 0), false, Dialect::Cgi, Language::En);
        assert!(page.contains("There is no backup of this website yet."));
        assert_eq!(size(1, &Catalogue::of(Language::De)), "1 KB");
    }
}
