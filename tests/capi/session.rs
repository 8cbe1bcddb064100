//! Sessions of the embedded builder, opened by C programs over real TLS.

use panelgate::sandbox::{Builder, Options};

use crate::programs::{
    Build, NATIVE_WAYS, TLS_WAYS, compile, in_ways, library, open_directory, root, run, succeed,
};
use crate::trial::{Caller, Trial, own_uid};

/// A builder, and a trial for each caller that uses it.
pub(crate) struct Stage {
    pub(crate) builder: Builder,
    trials: Vec<(Caller, Trial)>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let builder = Builder::start(Options::new("brand", "example-password")).unwrap();
        // Valgrind on a busy machine takes its time.
        let settings = format!(
            "url = {}\nca_file = CA_FILE\nhosts = {}\nconnect_timeout = 60\ntimeout = 300\n",
            builder.api_url(),
            builder.page_host()
        );
        let trial = |caller| (caller, Trial::with_builder(caller, &settings, builder.ca_pem()));
        let trials = Caller::all().into_iter().map(trial).collect();
        Self { builder, trials }
    }

    pub(crate) fn trial(&self, caller: Caller) -> &Trial {
        &self.trials.iter().find(|(owner, _)| *owner == caller).unwrap().1
    }
}

/// Takes a number of bytes that a line before them tells; returns them and the rest.
fn counted(printed: &str) -> (&str, &str) {
    let (count, rest) = printed.split_once('\n').unwrap();
    let (bytes, rest) = rest.split_at(count.parse().unwrap());
    (bytes, rest.strip_prefix('\n').unwrap())
}

#[test]
fn a_session_is_opened_and_rendered_in_every_dialect() {
    let stage = Stage::new();
    let arguments = |caller| {
        let words = ["alice", "bücher.example", "de"].map(str::to_owned);
        [vec![stage.trial(caller).config()], words.to_vec()].concat()
    };
    let page = format!("https://{}/", stage.builder.page_host());
    in_ways(&TLS_WAYS, "session.c", arguments, |_, printed| {
        let mut lines = printed.splitn(4, '\n');
        assert_eq!((lines.next(), lines.next()), (Some("xn--bcher-kva.example"), Some("alice")));
        assert_eq!(lines.next().map(str::len), Some(9), "a reference number");
        let (cgi, rest) = counted(lines.next().unwrap());
        let (nph, rest) = counted(rest);
        let (fragment, rest) = counted(rest);
        assert_eq!(rest, "");
        assert!(cgi.starts_with("Status: 303 "), "{cgi}");
        assert!(nph.starts_with("HTTP/1.1 303 "), "{nph}");
        for answer in [cgi, nph] {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("\r\nLocation: {page}")), "{head}");
            assert!(head.contains("\r\nCache-Control: no-store"), "{head}");
            assert!(body.contains("lang=\"de\""), "{body}");
        }
        assert!(fragment.contains(&page) && !fragment.contains("Location:"), "{fragment}");
    });
    let requests = stage.builder.requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert_eq!(request.body["domain"], "xn--bcher-kva.example");
        assert_eq!(request.body["lang"], "de");
    }
}

#[test]
fn no_session_reaches_the_builder_for_a_site_that_is_refused() {
    let stage = Stage::new();
    let directory = open_directory();
    let program = directory.path().join("refused");
    compile(&root().join("tests/c/refused.c"), Build::Sanitized, &program);
    for caller in Caller::all() {
        let words = [program.display().to_string(), stage.trial(caller).config()];
        assert_eq!(succeed(&mut run(words, caller)), "ok\n");
    }
    assert_eq!(stage.builder.requests().len(), 0, "a refused site reached the builder");
}

#[test]
fn many_threads_open_sessions_over_one_handle() {
    let stage = Stage::new();
    let arguments = |caller| vec![stage.trial(caller).config(), "open".to_owned()];
    in_ways(&NATIVE_WAYS, "threads.c", arguments, |_, printed| assert_eq!(printed, "ok\n"));
}

#[test]
fn the_example_of_the_header_prints_a_redirect() {
    let stage = Stage::new();
    let caller = Caller { uid: own_uid() };
    let directory = open_directory();
    let (source, program) = (directory.path().join("example.c"), directory.path().join("example"));
    std::fs::write(&source, crate::example()).unwrap();
    compile(&source, Build::C11, &program);
    let words = [
        program.display().to_string(),
        "alice".to_owned(),
        "shop.example".to_owned(),
        stage.trial(caller).config(),
    ];
    let printed = succeed(&mut run(words, caller));
    assert!(printed.starts_with("Status: 303 "), "{printed}");
    assert_eq!(stage.builder.requests().len(), 1);
}

#[test]
fn a_python_program_opens_a_session() {
    let stage = Stage::new();
    let caller = Caller { uid: own_uid() };
    let script = root().join("tests/python/abi.py").display().to_string();
    let library = library().join("libpanelgate.so.1").display().to_string();
    let config = stage.trial(caller).config();
    let words = ["python3".to_owned(), script, library, config, caller.name().to_owned(), "open".to_owned()];
    let printed = succeed(&mut run(words, caller));
    assert!(printed.starts_with("Status: 303 ") && printed.ends_with("\nok\n"), "{printed}");
}

#[test]
fn events_are_told_from_c() {
    let stage = Stage::new();
    let arguments = |caller: Caller| {
        let who = if caller.uid == 0 { "root" } else { "account" };
        vec![stage.trial(caller).config(), who.to_owned()]
    };
    in_ways(&NATIVE_WAYS, "event.c", arguments, |_, printed| assert_eq!(printed, "ok\n"));
}
