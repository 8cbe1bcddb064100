//! The publication endpoint behind Apache or nginx, under the server's own name and in no customer's virtual host.
//!
//! What is written comes from `packaging/webserver`, where it stands once. Our file goes where the panel wants foreign files; the web server checks its
//! configuration before anything is reloaded, and a file with which it would not start is taken back at once.

use std::path::{Path, PathBuf};

use super::plan::{Group, Standing, Step, Work};
use super::plesk;
use super::server::{Mode, Server, digest, refused};
use super::settings::{APACHE_PROGRAMS, ENDPOINT_PATH, Settings, web_servers};
use crate::config::{PanelKind, SetupConfig, WebServer};
use crate::error::{Error, ErrorKind, Result};
use crate::ops::endpoint::TOKEN_DIGITS;

const APACHE: &str = include_str!("../../packaging/webserver/apache.conf");
const NGINX: &str = include_str!("../../packaging/webserver/nginx.conf");

/// The first line of a file of ours.
const MARK: &str = "# Written by panelgate setup, which also takes it away; see [setup] in panelgate.ini.";

/// Where the file for Apache lies when another file, which is not ours, only names it.
const NAMED: &str = "/etc/panelgate/apache.conf";

/// A web server with its file.
struct Endpoint {
    stamp: &'static str,
    title: &'static str,
    /// The program that checks and reloads.
    program: Option<PathBuf>,
    test: &'static [&'static str],
    reload: &'static [&'static str],
    /// Our file, or one that is not ours and gets one line.
    include: PathBuf,
    /// What our file holds, or why it cannot be written.
    content: std::result::Result<String, String>,
}

/// A step for each web server that gets the endpoint.
pub(super) fn steps(server: &Server, settings: &Settings) -> Vec<Step> {
    let servers = web_servers(server, &settings.config, settings.kind);
    let host = host(settings);
    let content = |text: &dyn Fn(&str) -> std::result::Result<String, String>| {
        host.clone().and_then(|host| text(&host))
    };
    let step = |web_server: &WebServer| match web_server {
        WebServer::Apache => apache(server, settings, content(&|host| Ok(apache_text(host)))),
        WebServer::Nginx => nginx(settings, content(&|host| nginx_text(host, &settings.config.setup))),
    };
    servers.iter().map(step).map(into_step).collect()
}

/// The steps, as far as they are needed to take everything back: both, whatever the settings say now.
pub(super) fn steps_back(server: &Server, settings: &Settings) -> Vec<Step> {
    let none = || Err(String::new());
    let back = |endpoint: Endpoint| {
        let what = format!("take the endpoint out of {}, check, reload", endpoint.include.display());
        into_step(endpoint).back(what)
    };
    vec![back(apache(server, settings, none())), back(nginx(settings, none()))]
}

fn into_step(endpoint: Endpoint) -> Step {
    Step {
        name: endpoint.stamp,
        group: Group::Endpoint,
        what: format!(
            "put the publication endpoint into {} for {}, check, reload",
            endpoint.include.display(),
            endpoint.title
        ),
        why: "the builder sends published websites there, under the server's own name",
        work: Box::new(endpoint),
    }
}

fn apache(server: &Server, settings: &Settings, content: std::result::Result<String, String>) -> Endpoint {
    let setup = &settings.config.setup;
    let there = |program: &&&str| server.leads_somewhere(program);
    let program = setup.apachectl.clone().or_else(|| APACHE_PROGRAMS.iter().find(there).map(PathBuf::from));
    Endpoint {
        stamp: "endpoint-apache",
        title: "Apache",
        program,
        test: &["configtest"],
        reload: &["graceful"],
        include: setup.apache_include.clone().unwrap_or_else(|| apache_include(server, settings.kind)),
        content,
    }
}

/// Where the panel's Apache reads foreign files.
fn apache_include(server: &Server, kind: PanelKind) -> PathBuf {
    let folder = match kind {
        PanelKind::CPanel => "/etc/apache2/conf.d".into(),
        // One file for everybody: it gets a line.
        PanelKind::DirectAdmin => return "/etc/httpd/conf/extra/httpd-includes.conf".into(),
        PanelKind::Plesk => {
            plesk::folder(server, "HTTPD_INCLUDE_D").unwrap_or_else(|| "/etc/httpd/conf.d".into())
        }
        PanelKind::Ini if server.exists("/etc/apache2/conf-enabled") => "/etc/apache2/conf-enabled".into(),
        PanelKind::Ini => PathBuf::from("/etc/httpd/conf.d"),
    };
    folder.join("panelgate.conf")
}

fn nginx(settings: &Settings, content: std::result::Result<String, String>) -> Endpoint {
    let setup = &settings.config.setup;
    Endpoint {
        stamp: "endpoint-nginx",
        title: "nginx",
        program: Some(setup.nginx.clone()),
        test: &["-t"],
        reload: &["-s", "reload"],
        include: setup.nginx_include.clone(),
        content,
    }
}

/// The name under which the endpoint lies.
fn host(settings: &Settings) -> std::result::Result<String, String> {
    let Some(endpoint) = &settings.config.publish.endpoint else {
        return Err(
            "this server has no full name of its own: set [publish] endpoint = https://NAME/panelgate/"
                .into(),
        );
    };
    if endpoint.as_base().path_and_query() != ENDPOINT_PATH {
        return Err(format!(
            "[publish] endpoint is {endpoint}, and setup makes endpoints at {ENDPOINT_PATH} only: put a file of \
             /usr/share/doc/panelgate/webserver into the virtual host yourself, and set [setup] web_servers = none"
        ));
    }
    Ok(endpoint.host().to_owned())
}

/// Apache's file. It is read outside of every virtual host and so counts in all of them: only the addresses that an endpoint can have are taken, and only
/// under the server's own name.
fn apache_text(host: &str) -> String {
    let pattern = host.replace('.', r"\.");
    let location = format!(
        "<LocationMatch \"^/panelgate(?<PANELGATE>/(?:ping|[0-9a-f]{{{TOKEN_DIGITS}}}(?:/.*)?))$\">\n    \
         ScriptAlias \"/usr/lib/panelgate/publish.cgi%{{env:MATCH_PANELGATE}}\"\n"
    );
    let text = rules(APACHE)
        .replace("ScriptAlias /panelgate /usr/lib/panelgate/publish.cgi\n\n", "")
        .replace("<Location /panelgate>\n", &location)
        .replace("</Location>", "</LocationMatch>")
        .replace(
            "Require all granted",
            &format!("Require expr \"%{{HTTP_HOST}} =~ m#^{pattern}(?::[0-9]+)?$#i\""),
        );
    format!("{MARK}\n{text}")
}

/// nginx's file: a server of its own.
fn nginx_text(host: &str, setup: &SetupConfig) -> std::result::Result<String, String> {
    let (Some(certificate), Some(key)) = (&setup.certificate, &setup.certificate_key) else {
        return Err(
            "nginx needs the certificate of the endpoint's name: set [setup] certificate and certificate_key"
                .into(),
        );
    };
    let body = rules(NGINX).replace("/run/fcgiwrap.socket", &setup.fcgiwrap.display().to_string());
    let body: String = body
        .lines()
        .map(|line| if line.is_empty() { "\n".into() } else { format!("    {line}\n") })
        .collect();
    Ok(format!(
        "{MARK}\nserver {{\n    listen {};\n    server_name {host};\n    ssl_certificate {};\n    ssl_certificate_key {};\n\n{body}}}\n",
        setup.nginx_listen,
        certificate.display(),
        key.display()
    ))
}

/// A file of `packaging/webserver` without the comment that says where people put it.
fn rules(text: &str) -> String {
    let start = text.find("\n\n").map_or(0, |at| at + 2);
    text[start..].to_owned()
}

impl Endpoint {
    /// The line in a file that is not ours. It is optional: should our file go without the line, as in a purge after a configuration that setup could not
    /// read, Apache still starts for everybody else.
    fn line(server: &Server) -> String {
        format!("IncludeOptional {}", server.path(NAMED).display())
    }

    /// Whether the file is somebody else's, who gives us a line in it.
    fn is_shared(&self, server: &Server) -> bool {
        server.exists(&self.include) && !server.text(&self.include).starts_with(MARK)
    }

    /// What stands there now, if it is ours as a whole.
    fn present(&self, server: &Server) -> Option<String> {
        if self.is_shared(server) {
            let named = server.text(&self.include).lines().any(|line| line.trim() == Self::line(server));
            return Some(server.text(NAMED)).filter(|text| named && !text.is_empty());
        }
        Some(server.text(&self.include)).filter(|text| !text.is_empty())
    }

    fn put(&self, server: &Server, content: &str) -> Result<()> {
        if !self.is_shared(server) {
            return server.write(&self.include, content.as_bytes(), Mode::Exactly(0o644));
        }
        let (text, line) = (server.text(&self.include), Self::line(server));
        server.write(NAMED, content.as_bytes(), Mode::Exactly(0o644))?;
        if text.lines().any(|found| found.trim() == line) {
            return Ok(());
        }
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        server.write(&self.include, format!("{text}{gap}{line}\n").as_bytes(), Mode::Kept(0o644))
    }

    /// Whether a file or line of ours is there, or half of them.
    fn is_put(&self, server: &Server) -> bool {
        let named = || server.text(&self.include).lines().any(|line| line.trim() == Self::line(server));
        let included = if self.is_shared(server) { named() } else { server.exists(&self.include) };
        included || (self.has_file_beside() && server.exists(NAMED))
    }

    /// Takes our file or line away.
    fn take_away(&self, server: &Server) -> Result<()> {
        if self.is_shared(server) {
            let (text, line) = (server.text(&self.include), Self::line(server));
            let kept: String = text.split_inclusive('\n').filter(|found| found.trim() != line).collect();
            if kept != text {
                server.write(&self.include, kept.as_bytes(), Mode::Kept(0o644))?;
            }
        } else {
            server.remove(&self.include)?;
        }
        // The line first: a line that names nothing would keep Apache from starting.
        if self.has_file_beside() {
            server.remove(NAMED)?;
        }
        Ok(())
    }

    /// Whether [`NAMED`] may be this web server's.
    fn has_file_beside(&self) -> bool {
        self.stamp == "endpoint-apache"
    }

    fn program(&self) -> Result<&Path> {
        self.program.as_deref().ok_or_else(|| {
            let text = format!(
                "{} is not found at {}: set [setup] apachectl, or web_servers = none",
                self.title,
                APACHE_PROGRAMS.join(" or ")
            );
            Error::new(ErrorKind::Config, text)
        })
    }

    /// Whether the web server would start; else what it says.
    fn check(&self, server: &Server) -> Result<()> {
        let program = self.program()?;
        let output = server.try_run(program, self.test)?;
        if output.status.success() { Ok(()) } else { Err(refused(&server.path(program), self.test, &output)) }
    }

    /// Puts the content in its place; a content with which the web server would not start is taken back.
    fn put_checked(&self, server: &Server, content: &str) -> Result<()> {
        // Of the one that is there it is known that the web server starts with it, if it was remembered.
        let before = self.present(server);
        let good = before.clone().filter(|text| server.stamp(self.stamp) == Some(digest(&[text.as_bytes()])));
        if before.is_some() && good.is_none() {
            self.take_away(server)?;
        }
        self.check(server).map_err(|error| {
            error.context(format!(
                "the configuration of {} is wrong already, so that nothing was put into it",
                self.title
            ))
        })?;
        let shared = self.is_shared(server).then(|| server.text(&self.include));
        self.put(server, content)?;
        let Err(error) = self.check(server) else { return Ok(()) };
        match &good {
            Some(text) => self.put(server, text)?,
            None => self.take_away(server)?,
        }
        // To the last line end.
        if let Some(shared) = shared.filter(|shared| *shared != server.text(&self.include)) {
            server.write(&self.include, shared.as_bytes(), Mode::Kept(0o644))?;
        }
        let what = format!(
            "{} refuses what was put into {}, so that it was taken back (see [setup] apache_include, nginx_include, web_servers)",
            self.title,
            server.path(&self.include).display()
        );
        Err(error.context(what))
    }
}

impl Work for Endpoint {
    fn standing(&self, server: &Server) -> Result<Standing> {
        let content = self.content.as_ref().map_err(|why| Error::new(ErrorKind::Config, why.clone()))?;
        let there = self.present(server).as_ref() == Some(content);
        let known = server.stamp(self.stamp) == Some(digest(&[content.as_bytes()]));
        Ok(Standing::when(there && known, "it is missing, or of another version or name"))
    }

    fn apply(&self, server: &Server) -> Result<()> {
        let content = self.content.as_ref().map_err(|why| Error::new(ErrorKind::Config, why.clone()))?;
        let program = self.program()?;
        let folder = self.include.parent().unwrap_or(Path::new("/"));
        if !server.leads_somewhere(folder) {
            let text = format!(
                "{} is not there: say in [setup] apache_include or nginx_include which file {} reads",
                server.path(folder).display(),
                self.title
            );
            return Err(Error::new(ErrorKind::Config, text));
        }
        self.put_checked(server, content)?;
        server.run(program, self.reload)?;
        server.set_stamp(self.stamp, &digest(&[content.as_bytes()]))
    }

    fn is_there(&self, server: &Server) -> Result<bool> {
        // Killed before the reload, the stamp says that there is still one to do.
        Ok(self.is_put(server) || server.stamp(self.stamp).is_some())
    }

    fn undo(&self, server: &Server) -> Result<()> {
        let there = self.is_there(server)?;
        self.take_away(server)?;
        if there && self.program.as_ref().is_some_and(|program| server.leads_somewhere(program)) {
            self.check(server)?;
            server.run(self.program()?, self.reload)?;
        }
        server.clear_stamp(self.stamp).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_names_nothing_stops_no_apache() {
        let line = Endpoint::line(&Server::look(Path::new("/")));
        assert_eq!(line, "IncludeOptional /etc/panelgate/apache.conf");
    }

    #[test]
    fn the_files_are_those_of_the_packages_with_a_guard_around() {
        let text = apache_text("srv1.example.net");
        for part in [
            MARK,
            "<LocationMatch \"^/panelgate(?<PANELGATE>/(?:ping|[0-9a-f]{40}(?:/.*)?))$\">",
            "Require expr \"%{HTTP_HOST} =~ m#^srv1\\.example\\.net(?::[0-9]+)?$#i\"",
            "CGIPassAuth On",
            "LimitRequestBody 4294967296",
            "</LocationMatch>",
            "<Directory /usr/lib/panelgate>",
        ] {
            assert_eq!(text.matches(part).count(), 1, "{part} in {text}");
        }
        for gone in
            ["<Location ", "</Location>", "Require all granted", "ScriptAlias /panelgate", "virtual host"]
        {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
    }
}
