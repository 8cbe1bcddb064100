//! The website that the sandbox publishes: small, but laid out as a published site is (`reference/builder-api.md` 6.2).

use crate::types::Domain;

/// The folder that everything but the front files lies in.
pub(in crate::sandbox) const FOLDER: &str = "sitepro";

/// By which a page of the sandbox's can be told from any other.
pub(in crate::sandbox) const MARK: &str = "Published by the sandbox builder";

/// One file of a website.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SiteFile {
    /// Its path below the document root.
    pub(super) path: String,
    /// What is in it.
    pub(super) bytes: Vec<u8>,
}

/// What the customer has made of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Design {
    /// The site's real name.
    pub(super) site: String,
    /// The first page's headline.
    pub(super) headline: String,
    /// How often the site has been published, this time included.
    pub(super) edition: u64,
}

/// The directories, each behind the one that it lies in.
pub(super) fn directories() -> Vec<String> {
    ["", "/css", "/js", "/pages", "/gallery", "/dat"].map(|name| format!("{FOLDER}{name}")).into()
}

/// All files, in the order in which they go out: the front files last, so that a visitor never meets a front without what is behind it.
pub(super) fn files(design: &Design) -> Vec<SiteFile> {
    let edition = design.edition;
    let name = Domain::new(&design.site).map_or_else(|_| design.site.clone(), |domain| domain.to_unicode());
    let headline = escape(&design.headline);
    let home =
        page(&name, &format!("<h1>{headline}</h1><p>This is edition {edition} of {}.</p>", escape(&name)));
    let contact =
        page(&name, "<h1>Contact</h1><p>There is nobody to write to: this site is a demonstration.</p>");
    let missing = page(&name, "<h1>Not found</h1><p>This site has no such page.</p>");
    let inside = [
        ("css/site.css", STYLE.to_owned()),
        ("js/main.js", format!("document.documentElement.dataset.edition = \"{edition}\";\n")),
        ("gallery/sun é.svg", PICTURE.to_owned()),
        ("dat/build.dat", format!("edition {edition}\n")),
        ("pages/home.html", home),
        ("pages/contact.html", contact),
        ("pages/404.html", missing),
        (".htaccess", INNER_RULES.to_owned()),
        ("index.php", FRONT_CONTROLLER.to_owned()),
    ];
    let front = [
        ("index.php", format!("<?php /* {MARK} */ include __DIR__ . '/{FOLDER}/index.php';\n")),
        (".htaccess", outer_rules()),
    ];
    let inside = inside.map(|(name, text)| (format!("{FOLDER}/{name}"), text));
    let front = front.map(|(name, text)| (name.to_owned(), text));
    inside.into_iter().chain(front).map(|(path, text)| SiteFile { path, bytes: text.into_bytes() }).collect()
}

fn page(name: &str, body: &str) -> String {
    let name = escape(name);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{name}</title>\n\
         <link rel=\"stylesheet\" href=\"/css/site.css\">\n<script src=\"/js/main.js\" defer></script>\n</head>\n<body>\n\
         <header><img src=\"/gallery/sun%20%C3%A9.svg\" alt=\"\" width=\"48\" height=\"48\"><b>{name}</b>\n\
         <nav><a href=\"/\">Home</a> <a href=\"/contact/\">Contact</a></nav></header>\n<main>{body}</main>\n\
         <footer>{MARK}</footer>\n</body>\n</html>\n"
    )
}

/// What Apache needs to show the site. What stands between the two marks belongs to the site's owner and outlives a publication.
fn outer_rules() -> String {
    format!(
        "# {MARK}\nDirectoryIndex index.php index.html\nErrorDocument 404 /{FOLDER}/pages/404.html\n\
         <IfModule mod_rewrite.c>\nRewriteEngine On\n\
         RewriteRule ^\\.well-known/ - [L]\nRewriteRule ^{FOLDER}/ - [L]\n\
         RewriteRule ^(js/main\\.js|css/(?:[0-9]+|common|site)\\.css)$ {FOLDER}/$1 [L]\n\
         RewriteCond %{{REQUEST_FILENAME}} !-f\nRewriteCond %{{REQUEST_FILENAME}} !-d\n\
         RewriteRule ^(.*)$ {FOLDER}/$1 [L]\n</IfModule>\n\
         # PERSISTENT CONTENT\n# END PERSISTENT CONTENT\n"
    )
}

/// Inside of the builder's folder: data are nobody's business, and what is missing goes to the front controller.
const INNER_RULES: &str = "<FilesMatch \"(?:\\.dat|^store\\.(?:log|json)|^store_orders\\.log|^invoice-series\\.json|^ga_code|^data\\.json)$\">\n\
    Require all denied\n</FilesMatch>\n<IfModule mod_rewrite.c>\nRewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\n\
    RewriteRule ^ index.php [L]\n</IfModule>\n";

const FRONT_CONTROLLER: &str = "<?php\n\
    $path = trim((string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH), '/');\n\
    $pages = ['' => 'home', 'index.php' => 'home', 'contact' => 'contact'];\n\
    $page = $pages[$path] ?? null;\n\
    if ($page === null) { http_response_code(404); $page = '404'; }\n\
    header('Content-Type: text/html; charset=utf-8');\n\
    readfile(__DIR__ . '/pages/' . $page . '.html');\n";

/// The page of the front controller that an address leads to, for the demo, whose web server has no PHP.
pub(in crate::sandbox) fn page_of(path: &str) -> Option<&'static str> {
    match path.trim_matches('/') {
        "" | "index.php" => Some("home"),
        "contact" => Some("contact"),
        _ => None,
    }
}

const STYLE: &str = "body { margin: 0; font: 1.1rem/1.5 system-ui, sans-serif; color: #1c2030; background: #fffdf6; }\n\
    header { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; padding: 1rem 2rem; background: #ffe9b0; }\n\
    nav { margin-inline-start: auto; } nav a { display: inline-block; padding: .6rem; color: #5a3a00; }\n\
    main { max-width: 46rem; margin: 12vh auto; padding: 0 2rem; } h1 { font-size: 2.6rem; line-height: 1.15; overflow-wrap: anywhere; }\n\
    footer { padding: 1rem 2rem; color: #6b5d3f; font-size: .9rem; }\n";

const PICTURE: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 48 48\"><circle cx=\"24\" cy=\"24\" r=\"11\" fill=\"#f0a000\"/>\
    <path stroke=\"#f0a000\" stroke-width=\"4\" stroke-linecap=\"round\" d=\"M24 3v5M24 40v5M3 24h5M40 24h5M9 9l4 4M35 35l4 4M9 39l4-4M35 13l4-4\"/></svg>\n";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_lies_in_a_directory_that_is_made_and_the_front_comes_last() {
        let design =
            Design { site: "xn--bcher-kva.example".into(), headline: "<b> & \"you\"".into(), edition: 7 };
        let (files, directories) = (files(&design), directories());
        for file in &files {
            if let Some((directory, _)) = file.path.rsplit_once('/') {
                assert!(directories.iter().any(|known| known == directory), "{}", file.path);
            }
        }
        let last: Vec<&str> = files[files.len() - 2..].iter().map(|file| file.path.as_str()).collect();
        assert_eq!(last, ["index.php", ".htaccess"]);
        let home = files.iter().find(|file| file.path.ends_with("home.html")).unwrap();
        let home = String::from_utf8(home.bytes.clone()).unwrap();
        assert!(home.contains("<h1>&lt;b&gt; &amp; &quot;you&quot;</h1>"), "{home}");
        assert!(home.contains("edition 7 of bücher.example"), "{home}");
    }
}
