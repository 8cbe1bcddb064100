//! What is sent.

use serde_json::{Value, json};

use super::server::*;
use panelgate::VERSION;
use panelgate::builder::{Publication, SessionRequest};
use panelgate::types::{Domain, Secret, WebUrl};

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

/// A server that opens a session for whatever it is asked.
fn server() -> Server {
    Server::start(Some(usual_tls()), |connection| {
        while connection.request().is_some() {
            let port = connection.tcp.local_addr().unwrap().port();
            connection.send(session(port)).unwrap();
        }
    })
}

fn full(publication: Publication) -> SessionRequest {
    SessionRequest {
        base_domain: Some(Domain::new("www.shop.example").unwrap()),
        lang: Some("lt".into()),
        hosting_plan: Some("Gold \"1\"\n".into()),
        product_name: Some("Hosting".into()),
        addon_names: vec!["SSL".into(), "Café".into()],
        client_id: Some("421".into()),
        client_email: Some("alice@shop.example".into()),
        create_from: Some("d3m0".into()),
        server_ip: Some("192.0.2.7".parse().unwrap()),
        user_id: Some("17".into()),
        license_hash: Some(secret("licence-key")),
        affiliate_id: Some("9".into()),
        extra: [
            ("title".to_owned(), json!("Editor")),
            ("noLogoRemove".to_owned(), json!(true)),
            ("pageId".to_owned(), json!(3)),
        ]
        .into(),
        ..request(publication)
    }
}

/// What every full request holds beside type and publication.
fn full_json(fields: Value) -> Value {
    let mut all = json!({
        "domain": "shop.example",
        "baseDomain": "www.shop.example",
        "lang": "lt",
        "hostingPlan": "Gold \"1\"\n",
        "productName": "Hosting",
        "addonNames": ["SSL", "Café"],
        "clientId": "421",
        "clientEmail": "alice@shop.example",
        "createFrom": "d3m0",
        "panel": "panelgate",
        "pluginVersion": VERSION,
        "serverIp": "192.0.2.7",
        "userId": "17",
        "licenseHash": "licence-key",
        "affiliateId": "9",
        "title": "Editor",
        "noLogoRemove": true,
        "pageId": 3,
    });
    all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    all
}

fn publications() -> Vec<(Publication, Value)> {
    let endpoint = || WebUrl::parse("https://panel.example/pub/9f2c/").unwrap();
    vec![
        (
            Publication::External {
                host: "192.0.2.7".into(),
                username: "ftp@shop.example".into(),
                password: secret(SITE_PASSWORD),
                upload_dir: "/public_html".into(),
            },
            json!({"type": "external", "apiUrl": "192.0.2.7", "username": "ftp@shop.example",
                   "password": SITE_PASSWORD, "uploadDir": "/public_html"}),
        ),
        (
            Publication::Ssh {
                host: "192.0.2.7".into(),
                username: "alice".into(),
                password: Some(secret(SITE_PASSWORD)),
                upload_dir: "/home/alice/www".into(),
            },
            json!({"type": "ssh", "apiUrl": "192.0.2.7", "username": "alice",
                   "password": SITE_PASSWORD, "uploadDir": "/home/alice/www"}),
        ),
        (
            Publication::Ssh {
                host: "192.0.2.7".into(),
                username: "alice".into(),
                password: None,
                upload_dir: "/home/alice/www".into(),
            },
            json!({"type": "ssh", "apiUrl": "192.0.2.7", "username": "alice",
                   "password": "-", "uploadDir": "/home/alice/www"}),
        ),
        (
            Publication::Local { upload_dir: "/home/alice/www".into() },
            json!({"type": "local", "uploadDir": "/home/alice/www"}),
        ),
        (
            Publication::Internal {
                endpoint: endpoint(),
                username: "site-9f2c".into(),
                password: secret(SITE_PASSWORD),
                account: 9_007_199_254_740_991,
            },
            json!({"type": "internal", "apiUrl": "https://panel.example/pub/9f2c/", "username": "site-9f2c",
                   "password": SITE_PASSWORD, "resellerClientAccountId": 9_007_199_254_740_991_u64}),
        ),
        (
            Publication::Http {
                endpoint: endpoint(),
                username: "site-9f2c".into(),
                password: secret(SITE_PASSWORD),
            },
            json!({"type": "http", "apiUrl": "https://panel.example/pub/9f2c/", "username": "site-9f2c",
                   "password": SITE_PASSWORD}),
        ),
    ]
}

#[test]
fn every_type_goes_out_with_the_documented_names_and_json_types() {
    let server = server();
    let client = server.client("");
    for (publication, fields) in publications() {
        client.request_login(&full(publication)).unwrap();
        assert_eq!(server.heard().last().unwrap().json(), full_json(fields));
    }
    for (publication, mut fields) in publications() {
        client.request_login(&request(publication)).unwrap();
        let fixed = json!({"domain": "shop.example", "panel": "panelgate", "pluginVersion": VERSION});
        fields.as_object_mut().unwrap().extend(fixed.as_object().unwrap().clone());
        assert_eq!(server.heard().last().unwrap().json(), fields, "what is unset is left out");
    }
}

#[test]
fn the_head_is_exactly_this() {
    let server = server();
    server.open("").unwrap();
    let heard = server.heard();
    assert_eq!(heard.len(), 1);
    let mut lines: Vec<String> = heard[0].head.trim_end().lines().map(str::to_owned).collect();
    assert_eq!(lines.remove(0), "POST /api/requestLogin HTTP/1.1");
    for line in &mut lines {
        let (name, value) = line.split_once(": ").unwrap();
        *line = format!("{}: {value}", name.to_ascii_lowercase());
    }
    lines.sort();
    let length = heard[0].body.len();
    assert_eq!(
        lines,
        [
            "accept-encoding: identity".to_owned(),
            "accept: application/json".to_owned(),
            // brand:brand-password-5f1d
            "authorization: Basic YnJhbmQ6YnJhbmQtcGFzc3dvcmQtNWYxZA==".to_owned(),
            format!("content-length: {length}"),
            "content-type: application/json".to_owned(),
            format!("host: 127.0.0.1:{}", server.address.port()),
            format!("user-agent: panelgate/{VERSION}"),
        ]
    );
}

#[test]
fn extra_fields_never_replace_one_of_ours() {
    let server = server();
    let mut call = http_request();
    for name in
        ["type", "domain", "password", "apiUrl", "more", "panel", "pluginVersion", "lang", "uploadDir"]
    {
        call.extra.insert(name.to_owned(), json!("evil"));
    }
    call.extra.insert("title".to_owned(), json!("fine"));
    server.client("").request_login(&call).unwrap();
    let text = String::from_utf8(server.heard()[0].body.clone()).unwrap();
    assert!(!text.contains("evil"), "{text}");
    assert!(text.contains(r#""title":"fine""#), "{text}");
    for name in ["type", "domain", "password", "apiUrl", "panel", "pluginVersion"] {
        assert_eq!(text.matches(&format!("\"{name}\":")).count(), 1, "{name} stands once in {text}");
    }
}

#[test]
fn more_asks_for_hash_and_address_and_checks_them() {
    use panelgate::error::ErrorKind;
    let call = || SessionRequest { more: true, ..http_request() };
    let open = |body: &str, lines: &str| {
        let server = Server::answering(vec![answer("200 OK", body)]);
        let lines = format!("hosts = b.example\n{lines}");
        let result = server.client(&lines).request_login(&call());
        assert_eq!(server.heard()[0].json()["more"], json!(true));
        result
    };
    let reply = open(
        r#"{"url":"https://b.example/?login_hash=x","loginHash":"h4sh","builderApiUrl":"https://b.example/api","new":[1]}"#,
        "",
    )
    .unwrap();
    assert_eq!(reply.url.expose(), "https://b.example/?login_hash=x");
    assert_eq!(reply.login_hash.as_ref().unwrap().expose(), "h4sh");
    assert_eq!(reply.builder_api_url.as_ref().unwrap().to_string(), "https://b.example/api/");
    let shown = format!("{reply:?}");
    assert!(!shown.contains("login_hash=") && !shown.contains("h4sh"), "{shown}");

    let reply = open(r#"{"url":"https://b.example/","loginHash":"h"}"#, "").unwrap();
    assert!(reply.builder_api_url.is_none(), "the cloud has one address for all");
    assert_error(open(r#"{"url":"https://b.example/"}"#, ""), ErrorKind::BuilderProtocol, &["loginHash"]);
    assert_error(
        open(
            r#"{"url":"https://b.example/","loginHash":"h","builderApiUrl":"https://evil.example/api/"}"#,
            "",
        ),
        ErrorKind::BuilderUrl,
        &["builderApiUrl", "evil.example", "[builder] hosts"],
    );
}

#[test]
fn connections_are_kept_between_calls() {
    let connections = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = connections.clone();
    let server = Server::start(Some(usual_tls()), move |connection| {
        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        while connection.request().is_some() {
            let port = connection.tcp.local_addr().unwrap().port();
            connection.send(session(port)).unwrap();
        }
    });
    let client = server.client("");
    for _ in 0..3 {
        client.request_login(&http_request()).unwrap();
    }
    assert_eq!(connections.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[test]
fn without_credentials_nothing_is_sent() {
    use panelgate::config::Config;
    let server = server();
    let text = format!("[builder]\nurl = {}\n", server.url());
    let config = Config::parse(std::path::Path::new("p.ini"), text.as_bytes()).unwrap().builder;
    let result = panelgate::builder::Client::new(&config).request_login(&http_request());
    assert_error(result, panelgate::error::ErrorKind::Config, &["[builder] username"]);
    assert!(server.heard().is_empty());
}
