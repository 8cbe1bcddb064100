//! The embedded builder: as strict as the documentation, and what Panelgate's own client sends passes.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::path::Path;
use std::time::{Duration, Instant};

use panelgate::builder::{Client, Publication, SessionRequest};
use panelgate::config::Config;
use panelgate::error::ErrorKind;
use panelgate::sandbox::{Builder, Options, Ui, http};
use panelgate::types::{Domain, Secret, SiteKey, WebUrl};
use serde_json::{Value, json};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

const BASIC: &str = "Basic YnJhbmQ6c2VjcmV0"; // brand:secret

fn options() -> Options {
    Options::new("brand", "secret")
}

/// A browser, or a client that may send what it likes.
fn agent(builder: &Builder) -> Agent {
    let roots = RootCerts::from([Certificate::from_pem(builder.ca_pem().as_bytes()).unwrap()]);
    Agent::config_builder()
        .proxy(None)
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into()
}

fn post(agent: &Agent, builder: &Builder, body: &str) -> (u16, Value) {
    let mut response = agent
        .post(format!("{}requestLogin", builder.api_url()))
        .header("Authorization", BASIC)
        .header("Content-Type", "application/json")
        .send(body)
        .unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), serde_json::from_str(&text).unwrap())
}

fn get(agent: &Agent, url: &str) -> (u16, String, String) {
    let mut response = agent.get(url).call().unwrap();
    let field =
        |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let fields = ["content-type", "content-security-policy", "referrer-policy", "cache-control"];
    let head = fields.map(field).join(" | ");
    (response.status().as_u16(), head, response.body_mut().read_to_string().unwrap())
}

fn client(builder: &Builder, lines: &str) -> (Client, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    std::fs::write(&ca_file, builder.ca_pem()).unwrap();
    let text = format!(
        "[builder]\nurl = {}\nusername = brand\npassword = secret\nca_file = {}\nhosts = {}\n{lines}\n",
        builder.api_url(),
        ca_file.display(),
        builder.page_host(),
    );
    let config = Config::parse(Path::new("panelgate.ini"), text.as_bytes()).unwrap();
    (Client::new(&config.builder), directory)
}

fn request(publication: Publication) -> SessionRequest {
    SessionRequest {
        domain: SiteKey::of(&Domain::new("shop.example").unwrap()),
        base_domain: None,
        publication,
        lang: Some("lt".into()),
        hosting_plan: Some("Gold <b>".into()),
        product_name: None,
        addon_names: vec!["SSL".into()],
        client_id: Some("7".into()),
        client_email: Some("alice@shop.example".into()),
        more: true,
        create_from: None,
        server_ip: Some("192.0.2.7".parse().unwrap()),
        user_id: Some("3".into()),
        license_hash: None,
        affiliate_id: None,
        extra: [("title".to_owned(), json!("x"))].into(),
    }
}

fn publications() -> Vec<Publication> {
    let endpoint = || WebUrl::parse("https://panel.example/pub/9f2c/").unwrap();
    let password = || Secret::new("p".into());
    let (host, username) = ("192.0.2.7".to_owned(), "alice".to_owned());
    vec![
        Publication::External {
            host: host.clone(),
            username: username.clone(),
            password: password(),
            upload_dir: "public_html".into(),
        },
        Publication::Ssh {
            host,
            username: username.clone(),
            password: None,
            upload_dir: "/home/alice".into(),
        },
        Publication::Local { upload_dir: "/home/alice".into() },
        Publication::Internal {
            endpoint: endpoint(),
            username: username.clone(),
            password: password(),
            account: 7,
        },
        Publication::Http { endpoint: endpoint(), username, password: password() },
    ]
}

#[test]
fn the_real_client_opens_every_type_and_a_browser_arrives() {
    let builder = Builder::start(options()).unwrap();
    let (client, _directory) = client(&builder, "");
    let browser = agent(&builder);
    for publication in publications() {
        let kind = publication.kind().name();
        let reply = client.request_login(&request(publication)).unwrap();
        let hash = reply.login_hash.as_ref().unwrap().expose();
        assert!(reply.url.expose().ends_with(&format!("/?login_hash={hash}")));
        assert_eq!(reply.builder_api_url.as_ref().unwrap().to_string(), builder.api_url());
        let (status, head, page) = get(&browser, reply.url.expose());
        assert_eq!(status, 200);
        assert!(
            head.starts_with("text/html; charset=utf-8 | default-src 'none'; style-src 'self';"),
            "{head}"
        );
        assert!(head.ends_with("| no-referrer | no-store"), "{head}");
        for part in
            ["shop.example", ">lt<", "Gold &#60;b&#62;", &format!("<code>{kind}</code>"), "sandbox builder"]
        {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        assert!(!page.contains("<script") && !page.contains("style="), "the policy would refuse it");
    }
    let calls = builder.requests();
    assert_eq!(calls.len(), 5);
    assert_eq!((calls[0].method.as_str(), calls[0].target.as_str()), ("POST", "/api/requestLogin"));
    assert_eq!(calls[3].body["resellerClientAccountId"], json!(7));
    assert_eq!(calls[0].headers.get("authorization"), Some("(not recorded)"));
    assert!(!format!("{calls:?}").contains("YnJhbmQ6"));
}

#[test]
fn unknown_sessions_and_places_are_refused() {
    let builder = Builder::start(options()).unwrap();
    let browser = agent(&builder);
    let base = builder.api_url().replace("/api/", "/");
    for (path, expected, part) in [
        ("", 403, "session has ended"),
        ("?login_hash=", 403, "session has ended"),
        ("?login_hash=0123", 403, "session has ended"),
        ("?x=%ff&login_hash=%00<script>", 403, "session has ended"),
        ("elsewhere", 404, "nothing here"),
        ("sandbox.css", 200, "color-scheme: light dark"),
        ("favicon.ico", 204, ""),
    ] {
        let (status, _, page) = get(&browser, &format!("{base}{}", path.replace(['<', '>'], "%3C")));
        assert_eq!(status, expected, "{path}");
        assert!(page.contains(part), "{path}: {page}");
    }
    let response = browser.get(&base).header("Host", "rebound.example").call().unwrap();
    assert_eq!(response.status().as_u16(), 403, "a name that leads here is not enough");
}

#[test]
fn bodies_are_checked_as_strictly_as_documented() {
    let builder = Builder::start(options()).unwrap();
    let client = agent(&builder);
    let http = json!({"type": "http", "domain": "shop.example", "apiUrl": "https://p.example/x/",
        "username": "u", "password": "p"});
    let ssh = json!({"type": "ssh", "domain": "ssh.example", "apiUrl": "192.0.2.7", "username": "u",
        "password": "-", "uploadDir": "/home/u"});
    let internal = json!({"type": "internal", "domain": "int.example", "apiUrl": "https://p.example/x/",
        "username": "u", "password": "p", "resellerClientAccountId": 5});
    let local = json!({"type": "local", "domain": "loc.example", "uploadDir": "/srv/x"});
    let with = |base: &Value, name: &str, value: Value| {
        let mut body = base.clone();
        // Null stands for leaving out, except where the row is about null.
        match value {
            Value::String(text) if text == "(none)" => drop(body.as_object_mut().unwrap().remove(name)),
            value => body[name] = value,
        }
        body.to_string()
    };
    let none = || json!("(none)");
    let bad = "Bad input data";
    for (body, message) in [
        (String::new(), bad),
        ("null".into(), bad),
        ("[]".into(), bad),
        ("\"x\"".into(), bad),
        ("{".into(), bad),
        ("{}".into(), "\"type\" is required"),
        (with(&http, "type", none()), "\"type\" is required"),
        (with(&http, "type", json!("ftp")), "Unknown type"),
        (with(&http, "type", json!("HTTP")), "Unknown type"),
        (with(&http, "type", json!(1)), bad),
        (with(&http, "domain", none()), "\"domain\" is required"),
        (with(&http, "domain", json!("")), "\"domain\" is required"),
        (with(&http, "domain", json!(5)), bad),
        (with(&http, "domain", json!("Shop.example")), "not a domain"),
        (with(&http, "domain", json!("shop example")), "not a domain"),
        (with(&http, "domain", json!("42")), "not a domain"),
        (with(&http, "baseDomain", json!("x/y")), "\"baseDomain\" is not a domain"),
        (with(&http, "username", none()), "\"username\" is required"),
        (with(&http, "password", none()), "\"password\" is required"),
        (with(&http, "password", json!(1234)), bad),
        (with(&http, "apiUrl", none()), "\"apiUrl\" is required"),
        (with(&http, "apiUrl", json!("192.0.2.7")), "must be a URL"),
        (with(&http, "lang", json!("english")), "two letters"),
        (with(&http, "lang", json!(["en"])), bad),
        (with(&http, "more", json!("true")), bad),
        (with(&http, "more", json!(1)), bad),
        (with(&http, "addonNames", json!("SSL")), bad),
        (with(&http, "addonNames", json!([1])), bad),
        (with(&http, "clientId", json!(7)), bad),
        (with(&http, "clientEmail", json!(null)), bad),
        (with(&http, "pluginVersion", json!(0.1)), bad),
        (with(&http, "serverIp", json!("here")), "must be an IP address"),
        (with(&http, "hostingPlan", json!({})), bad),
        (with(&http, "userId", json!(true)), bad),
        (with(&ssh, "uploadDir", none()), "\"uploadDir\" is required"),
        (with(&ssh, "uploadDir", json!("www")), "absolute path"),
        (with(&ssh, "apiUrl", json!("https://p.example/")), "host or an IP"),
        (with(&ssh, "type", json!("external")).replace("/home/u", ""), "\"uploadDir\" is required"),
        (with(&internal, "resellerClientAccountId", none()), "\"resellerClientAccountId\" is required"),
        (with(&internal, "resellerClientAccountId", json!("5")), bad),
        (with(&internal, "resellerClientAccountId", json!(-5)), bad),
        (with(&internal, "resellerClientAccountId", json!(null)), bad),
        (with(&local, "uploadDir", none()), "\"uploadDir\" is required"),
        (with(&local, "uploadDir", json!("x")), "absolute path"),
    ] {
        let (status, reply) = post(&client, &builder, &body);
        assert_eq!(status, 400, "{body}: {reply}");
        let said = reply["error"]["message"].as_str().unwrap();
        assert!(said.contains(message), "{body}: {said}");
        assert_eq!(reply.as_object().unwrap().len(), 1);
    }
    for body in [
        http.to_string(),
        ssh.to_string(),
        internal.to_string(),
        local.to_string(),
        with(&http, "lang", json!(null)),
        with(&http, "hostingPlan", json!(null)),
        with(&http, "productName", json!("")),
        with(&http, "userId", json!(9)),
        with(&http, "somethingNew", json!([1])),
        with(&http, "domain", json!("42")).replace('}', ",\"baseDomain\":\"shop.example\"}"),
    ] {
        let (status, reply) = post(&client, &builder, &body);
        assert_eq!(status, 200, "{body}: {reply}");
        assert_eq!(
            reply.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["url"],
            "no more than was asked for"
        );
    }
}

#[test]
fn credentials_method_and_media_type_are_checked() {
    let builder = Builder::start(options()).unwrap();
    let agent = agent(&builder);
    let url = format!("{}requestLogin", builder.api_url());
    let body = r#"{"type":"local","domain":"a.example","uploadDir":"/srv"}"#;
    for (basic, media_type, expected) in [
        (Some(BASIC), "application/json", 200),
        (Some(BASIC), "Application/JSON; charset=utf-8", 200),
        (Some(BASIC), "text/plain", 400),
        (Some(BASIC), "application/x-www-form-urlencoded", 400),
        (None, "application/json", 401),
        (Some("Basic YnJhbmQ6d3Jvbmc="), "application/json", 401),
        (Some("Bearer YnJhbmQ6c2VjcmV0"), "application/json", 401),
    ] {
        let mut call = agent.post(&url).header("Content-Type", media_type);
        if let Some(basic) = basic {
            call = call.header("Authorization", basic);
        }
        let mut response = call.send(body).unwrap();
        let reply: Value = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
        assert_eq!(response.status().as_u16(), expected, "{basic:?} {media_type}");
        assert_eq!(reply["error"]["message"].is_string(), expected != 200);
    }
    assert_eq!(agent.get(&url).header("Authorization", BASIC).call().unwrap().status().as_u16(), 405);
    let other = format!("{}nonsense", builder.api_url());
    let response = agent.post(other).header("Authorization", BASIC).send("{}").unwrap();
    assert_eq!(response.status().as_u16(), 404);

    let (client, _directory) = client(&builder, "");
    let wrong = Builder::start(Options::new("brand", "other")).unwrap();
    let (stranger, _directory2) = self::client(&wrong, "");
    assert!(client.request_login(&request(publications().remove(2))).is_ok());
    let error = stranger.request_login(&request(publications().remove(2))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BuilderAuth);
}

#[test]
fn what_is_left_out_is_known_from_the_last_full_session() {
    let builder = Builder::start(options()).unwrap();
    let agent = agent(&builder);
    let short = r#"{"type":"ssh","domain":"shop.example"}"#;
    assert_eq!(post(&agent, &builder, short).0, 400, "nothing is known yet");
    let full = r#"{"type":"ssh","domain":"shop.example","username":"u","password":"p","uploadDir":"/x","apiUrl":"192.0.2.7"}"#;
    assert_eq!(post(&agent, &builder, full).0, 200);
    assert_eq!(post(&agent, &builder, short).0, 200);
    assert_eq!(post(&agent, &builder, &short.replace('}', r#","password":"new"}"#)).0, 200);
    assert_eq!(post(&agent, &builder, &short.replace("shop", "other")).0, 400, "another site");
    assert_eq!(post(&agent, &builder, &short.replace("ssh", "http")).0, 400, "another type");
}

#[test]
fn pages_without_tls_are_on_a_port_of_their_own_without_calls() {
    let builder = Builder::start(Options { ui: Ui::Plain, ..options() }).unwrap();
    let (strict, _directory) = client(&builder, "");
    let error = strict.request_login(&request(publications().remove(4))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BuilderUrl, "http only where the administrator allows it");
    let (client, _directory2) = client(&builder, "allow_http = yes");
    let reply = client.request_login(&request(publications().remove(4))).unwrap();
    let url = reply.url.expose();
    assert!(url.starts_with(&format!("http://{}/?login_hash=", builder.page_host())));
    let browser = agent(&builder);
    assert_eq!(get(&browser, url).0, 200);
    let api = format!("http://{}/api/requestLogin", builder.page_host());
    let response = browser.post(api).header("Authorization", BASIC).send("{}").unwrap();
    assert_eq!(response.status().as_u16(), 404, "credentials have no business here");
}

#[test]
fn faults_and_delays_come_as_ordered() {
    let faults = vec![
        http::Response::json(200, &json!({"error": "License is required"})),
        http::Response::html(503, "<h1>busy</h1>"),
    ];
    let delay = Some(Duration::from_millis(300));
    let mut builder = Builder::start(Options { faults, delay, ..options() }).unwrap();
    let (client, _directory) = client(&builder, "");
    let open = || client.request_login(&request(publications().remove(4)));
    assert_eq!(open().unwrap_err().kind(), ErrorKind::BuilderLicence);
    assert_eq!(open().unwrap_err().kind(), ErrorKind::BuilderUnreachable);
    let begin = Instant::now();
    open().unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(300));
    builder.push_fault(http::Response::new(204));
    assert_eq!(open().unwrap_err().kind(), ErrorKind::BuilderProtocol);
    assert_eq!(builder.requests().len(), 4);
    builder.stop();
    assert_eq!(open().unwrap_err().kind(), ErrorKind::BuilderUnreachable);
}

#[test]
fn a_stop_does_not_wait_for_a_delay() {
    let mut builder = Builder::start(Options { delay: Some(Duration::from_secs(60)), ..options() }).unwrap();
    let (client, _directory) = client(&builder, "");
    let caller = std::thread::spawn(move || client.request_login(&request(publications().remove(4))));
    while builder.requests().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let begin = Instant::now();
    builder.stop();
    assert!(begin.elapsed() < Duration::from_secs(50));
    let _ = caller.join().unwrap();
}

#[test]
fn many_callers_at_a_time() {
    let builder = Builder::start(options()).unwrap();
    let (client, _directory) = client(&builder, "");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10 {
                    client.request_login(&request(publications().remove(0))).unwrap();
                }
            });
        }
    });
    assert_eq!(builder.requests().len(), 80);
}
