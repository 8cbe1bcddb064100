//! Checks of the way to the builder, and of what it says to our credentials.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Instant;

use super::Finding;
use crate::builder::{Client, Greeting, Probe};
use crate::config::{BuilderConfig, Config};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sys::clock::unix_seconds;
use crate::types::{WebUrl, quote};

/// Plain http, and proxies.
pub(super) fn transport(builder: &BuilderConfig) -> Finding {
    if !builder.url.is_https() {
        return Finding::warning(
            format!("{} is reached without TLS: who is on the way reads the password", builder.url.origin()),
            "use https; a builder with a certificate of your own needs [builder] ca_file",
        );
    }
    if builder.allow_http {
        return Finding::warning(
            "allow_http lets the builder send browsers to addresses without TLS, where session addresses can be read",
            "set [builder] allow_http = no, unless the builder is in a network of your own",
        );
    }
    match (&builder.proxy, environment_proxy()) {
        (Some(proxy), _) => Finding::ok(format!("https, through the proxy {}", proxy.origin())),
        (None, Some(name)) => Finding::warning(
            format!("the environment names a proxy ({name}), which Panelgate does not use"),
            "if the builder can only be reached through it, set [builder] proxy",
        ),
        (None, None) => Finding::ok("https, without a proxy"),
    }
}

fn environment_proxy() -> Option<&'static str> {
    let names = ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
    names.into_iter().find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Who is called first: the proxy, if there is one.
fn first_hop(builder: &BuilderConfig) -> (&WebUrl, &'static str) {
    builder.proxy.as_ref().map_or((&builder.url, "the builder"), |proxy| (proxy, "the proxy"))
}

/// Looks the name up.
pub(super) fn name(builder: &BuilderConfig) -> (Finding, Option<Vec<SocketAddr>>) {
    let (url, who) = first_hop(builder);
    if let Some(address) = url.ip() {
        let text = format!("{who} is named by its address {address}");
        return (Finding::ok(text), Some(vec![SocketAddr::new(address, url.port())]));
    }
    match resolve(url, builder.connect_timeout) {
        Ok(addresses) => {
            let list: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
            (Finding::ok(format!("{} is {}", url.host(), list.join(", "))), Some(addresses))
        }
        Err(error) => {
            let advice = format!("check [builder] and this server's resolver: getent ahosts {}", url.host());
            (Finding::error_with(&error, advice), None)
        }
    }
}

/// libc's look-up knows no deadline, so a thread of its own does it; when it is late, it ends on its own.
fn resolve(url: &WebUrl, longest: std::time::Duration) -> Result<Vec<SocketAddr>> {
    let fail =
        |what: String| Error::new(ErrorKind::BuilderUnreachable, format!("the name {} {what}", url.host()));
    let (sender, receiver) = mpsc::channel();
    let (host, port) = (url.host().to_owned(), url.port());
    std::thread::Builder::new()
        .name("resolve".into())
        .spawn(move || {
            let found = (host.as_str(), port)
                .to_socket_addrs()
                .map(|found| found.take(limits::DOCTOR_ADDRESSES).collect::<Vec<SocketAddr>>());
            let _ = sender.send(found);
        })
        .map_err(|error| Error::new(ErrorKind::Internal, "no thread can be started").with_source(error))?;
    match receiver.recv_timeout(longest) {
        Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
        Ok(Ok(_)) => Err(fail("has no address".into())),
        Ok(Err(error)) => Err(fail("cannot be resolved".into()).with_source(error)),
        Err(_) => Err(fail(format!("was not resolved in {} seconds", longest.as_secs()))),
    }
}

/// Connects to one address after the other, within one deadline.
pub(super) fn connection(builder: &BuilderConfig, addresses: &[SocketAddr]) -> (Finding, Option<()>) {
    let (_, who) = first_hop(builder);
    let end = Instant::now() + builder.connect_timeout;
    let mut faults = Vec::new();
    for address in addresses {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            faults.push(format!("{address}: no time was left"));
            continue;
        }
        match TcpStream::connect_timeout(address, left) {
            Ok(_) => return (Finding::ok(format!("{who} answers at {address}")), Some(())),
            Err(error) => faults.push(format!("{address}: {error}")),
        }
    }
    let text = format!("{who} does not answer: {}", faults.join("; "));
    let advice = "check the address in [builder] url, and that the firewall lets this server out";
    (Finding::fail(ErrorKind::BuilderUnreachable, text, advice), None)
}

/// Any answer at all means that the certificate was good.
pub(super) fn certificate(builder: &BuilderConfig, client: &Client) -> (Finding, Option<Greeting>) {
    match client.greet() {
        Ok(greeting) if !builder.url.is_https() => {
            (Finding::unknown("the builder is reached without TLS"), Some(greeting))
        }
        Ok(greeting) => {
            let roots = builder.ca_file.as_ref().map_or_else(
                || "the usual authorities".to_owned(),
                |file| format!("the authorities in {}", file.display()),
            );
            (Finding::ok(format!("{} has a good certificate by {roots}", builder.url.host())), Some(greeting))
        }
        Err(error) => (Finding::error_with(&error, advice(error.kind())), None),
    }
}

/// Compares the clocks: certificates, credentials and form tokens go by them.
pub(super) fn clock(date: Option<u64>) -> Finding {
    let Some(theirs) = date else { return Finding::unknown("the builder does not say what time it is") };
    let ours = unix_seconds();
    let difference = ours.abs_diff(theirs);
    if difference <= limits::DOCTOR_CLOCK.as_secs() {
        return Finding::ok(format!("{difference} seconds from the builder's"));
    }
    let word = if ours > theirs { "ahead of" } else { "behind" };
    Finding::warning(
        format!("this server's clock is {difference} seconds {word} the builder's"),
        "set the clock and keep it set (chrony, systemd-timesyncd)",
    )
}

/// What the builder thinks of the credentials.
#[derive(Clone, Copy)]
pub(super) enum Verdict {
    Accepted,
    Unlicensed,
}

/// What to say where none are set; `None` where both are.
pub(super) fn no_credentials(builder: &BuilderConfig) -> Option<Finding> {
    (builder.username.is_empty() || builder.password.is_empty()).then(|| {
        Finding::fail(
            ErrorKind::Config,
            "[builder] username or password is not set",
            "copy both from the brand's licence page at the builder",
        )
    })
}

/// Asks for a session without saying for what: nothing can be made of it.
pub(super) fn credentials(client: &Client) -> (Finding, Option<Verdict>) {
    match client.probe() {
        Ok(Probe { objection: Some(objection) }) => {
            let text =
                format!("the builder does not object to them; to an empty request it says: {objection}");
            (Finding::ok(text), Some(Verdict::Accepted))
        }
        Ok(Probe { objection: None }) => (Finding::ok("the builder takes them"), Some(Verdict::Accepted)),
        Err(error) if error.kind() == ErrorKind::BuilderLicence => {
            let text = "the builder answers that there is no licence, so it says nothing about them";
            (Finding::unknown(text), Some(Verdict::Unlicensed))
        }
        Err(error) => (Finding::error_with(&error, advice(error.kind())), None),
    }
}

pub(super) fn licence(config: &Config, verdict: Verdict) -> Finding {
    match verdict {
        Verdict::Accepted => Finding::ok("the builder does not object to this server"),
        Verdict::Unlicensed => {
            let brand = quote(&config.builder.username);
            let text =
                format!("the builder has no licence for this server's address and the brand of user {brand}");
            Finding::fail(ErrorKind::BuilderLicence, text, advice(ErrorKind::BuilderLicence))
        }
    }
}

fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::BuilderTls => {
            "if the builder's certificate is from an authority of your own, set [builder] ca_file; the name in [builder] url must be the certificate's"
        }
        ErrorKind::BuilderAuth => {
            "check [builder] username and password against the brand's licence page at the builder"
        }
        ErrorKind::BuilderLicence => {
            "add the address from which this server reaches the builder to the licence (or set [session] server_ip), and check that the credentials are the right brand's"
        }
        ErrorKind::BuilderUnreachable => {
            "check [builder] url, timeout and proxy, and that the firewall lets this server out"
        }
        ErrorKind::BuilderProtocol => "check that [builder] url is the address of the builder's API",
        ErrorKind::BuilderUrl => {
            "name the host that the builder redirects to in [builder] url, or allow it in [builder] hosts"
        }
        _ => "run the doctor again with -vv",
    }
}
