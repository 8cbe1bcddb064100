//! Calls whose input or answer is longer than a frame.

use std::path::Path;

use panelgate::error::ErrorKind;
use panelgate::limits;
use panelgate::ops::CallRequest;
use panelgate::sandbox::http::Response;
use serde_json::{Value, json};

use crate::common::wait_for;
use crate::needs_root;
use crate::world::{A, B, PANEL, STRANGER, World};

/// Speaks as `PROTOCOL.md` says: sends the arguments and, when it is told to go on, the second file; `half`, `descriptor` and `silent` do so in ways that the
/// document does not have. Prints whether it was told to go on, what the answer is, and how many bytes followed it.
const CLIENT: &str = r#"
import array, json, socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(70)
s.connect(sys.argv[1])
def whole(count):
    data = b""
    while len(data) < count:
        # Who sent what nobody reads is told so behind the answer.
        try: part = s.recv(min(65536, count - len(data)))
        except ConnectionResetError: break
        if not part: break
        data += part
    return data
def frame():
    head = whole(4)
    return json.loads(whole(struct.unpack(">I", head)[0])) if head else {"error": {"kind": "closed"}}
args, way = json.loads(sys.argv[2]), sys.argv[4]
body = json.dumps({"v": 1, "op": "call", "args": args}).encode()
s.sendall(struct.pack(">I", len(body)) + body)
answer, told = frame(), False
if "input_bytes" in args and answer.get("ok") == {"go": True}:
    told = True
    if way == "silent":
        print("go", flush=True)
    else:
        text = open(sys.argv[3], "rb").read()
        if way == "descriptor":
            s.sendmsg([text[:1]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))])
            text = text[1:]
        try: s.sendall(text[:len(text) // 2] if way == "half" else text)
        except BrokenPipeError: pass
        if way == "half": s.shutdown(socket.SHUT_WR)
    answer = frame()
size = answer.get("long", 0)
text = whole(size + 1)
print(json.dumps({"told": told, "kind": answer.get("error", {}).get("kind", "ok"), "long": size, "behind": len(text)}))
"#;

/// What became of a call in words of the protocol's own: `(told, kind, long)`.
fn spoken(world: &World, uid: u32, args: &Value, input: &str, way: &str) -> (bool, String, u64) {
    let (script, file) = (world.path("long.py"), world.path(&format!("input-{uid}")));
    std::fs::write(&script, CLIENT).unwrap();
    std::fs::write(&file, input).unwrap();
    let words = [&script, &world.socket(), Path::new(&args.to_string()), &file, Path::new(way)]
        .map(|word| word.display().to_string());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = world.as_uid(uid, Path::new("/usr/bin/python3"), &words, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let said: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(said["behind"], said["long"], "as many bytes as were announced: {said}");
    (said["told"] == true, said["kind"].as_str().unwrap().to_owned(), said["long"].as_u64().unwrap())
}

/// Runs the program as a uid; gives what it printed, which must be good.
fn program(world: &World, uid: u32, words: &[&str]) -> String {
    let socket = world.socket();
    let words = [&["--socket", socket.to_str().unwrap()], words].concat();
    let output = world.as_uid(uid, &world.path("panelgate"), &words, &[]);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The list of a builder with so many templates.
fn templates(count: usize) -> Response {
    let item = |number| {
        json!({
            "id": format!("Shop-{number}"), "name": format!("Shop №{number}"), "category": "shops",
            "image": format!("https://builder.example/templates/shop/{number}/preview-480x360.png"), "tags": ["shop", "store"],
        })
    };
    Response::json(200, &(0..count).map(item).collect::<Vec<Value>>().into())
}

#[test]
fn a_list_that_is_longer_than_a_frame_reaches_whoever_may_have_it() {
    needs_root!();
    let world = World::start();
    let input = world.path("input.json");
    std::fs::write(&input, r#"{"account":"pga"}"#).unwrap();
    for (uid, words) in [
        (A, vec!["template", "list", "--json"]),
        (A, vec!["call", "template-list"]),
        (PANEL, vec!["call", "template-list", "--json", input.to_str().unwrap()]),
    ] {
        world.builder.push_fault(templates(900));
        let text = program(&world, uid, &words);
        assert!(text.len() > 2 * limits::FRAME_BYTES, "{}", text.len());
        let list: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!((list.len(), &list[899]["name"]), (900, &json!("Shop №899")), "uid {uid}: {words:?}");
    }
    // As the document says, and not only as our own client does; nothing is longer than it must be.
    let args = |long: bool| json!({ "call": "template-list", "input": {}, "long": long });
    for (count, long, want) in
        [(900, true, "ok"), (900, false, "too-large"), (3, true, "ok"), (3, false, "ok")]
    {
        world.builder.push_fault(templates(count));
        let (_, kind, size) = spoken(&world, A, &args(long), "", "plain");
        assert_eq!((kind.as_str(), size > 0), (want, count > 3 && long), "{count} {long}");
    }
    world.builder.push_fault(templates(900));
    let answer = world.remote().invoke(&CallRequest::new("template-list", json!({}))).unwrap();
    assert_eq!(answer.as_array().unwrap().len(), 900);
}

#[test]
fn an_image_that_is_longer_than_a_frame_reaches_the_builder() {
    needs_root!();
    let world = World::start();
    let image = format!("data:image/png;base64,{}", "iVBORw0K".repeat(24_000));
    let input = json!({ "domain": "a.example", "variables": { "logo": image } });
    let file = world.path("input.json");
    std::fs::write(&file, input.to_string()).unwrap();
    let said = program(&world, A, &["call", "website/modify", "--json", file.to_str().unwrap()]);
    assert_eq!(said, "{\"ok\":true}\n");
    let sent = world.builder.requests().pop().unwrap();
    assert_eq!(
        (sent.target.as_str(), &sent.body["variables"]["logo"]),
        ("/api/website/modify", &json!(image))
    );
    // What is too large for the builder is refused before anything is sent.
    let most = "x".repeat(limits::CALL_INPUT_BYTES);
    let request = CallRequest::new("website/modify", json!({ "domain": "a.example", "note": most }));
    let before = world.builder.requests().len();
    let error = world.remote().invoke(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error:?}");
    assert!(error.to_string().contains("the input is larger than 1048576 bytes"), "{error}");
    assert_eq!(world.builder.requests().len(), before);
}

#[test]
fn an_announced_input_is_taken_from_who_may_call_and_only_as_announced() {
    needs_root!();
    let world = World::start();
    let input = json!({ "domain": "a.example", "variables": { "a": "b" } }).to_string();
    let args = |call: &str, bytes: i64| json!({ "call": call, "input_bytes": bytes });
    let length = input.len() as i64;
    let most = limits::CALL_INPUT_BYTES as i64;
    for (uid, call, bytes, text, way, told, want) in [
        (A, "website/modify", length, input.as_str(), "plain", true, "ok"),
        (B, "website/modify", length, &input, "plain", true, "site-not-found"),
        (A, "website/modify", length, &"x".repeat(input.len()), "plain", true, "invalid-argument"),
        (A, "website/modify", length, &input, "half", true, "bad-request"),
        (A, "website/modify", length, &input, "descriptor", true, "bad-request"),
        (A, "website/modify", most + 1, &input, "plain", false, "invalid-argument"),
        (A, "website/modify", -1, &input, "plain", false, "bad-request"),
        (A, "website/explode", length, &input, "plain", false, "invalid-argument"),
        (A, "delete-site", length, &input, "plain", false, "forbidden"),
        (STRANGER, "website/modify", length, &input, "plain", false, "forbidden"),
    ] {
        let before = world.builder.requests().len();
        let got = spoken(&world, uid, &args(call, bytes), text, way);
        assert_eq!((got.0, got.1.as_str()), (told, want), "uid {uid}: {call} {bytes} {way}");
        assert!(want == "ok" || world.builder.requests().len() == before, "uid {uid}: {call} {bytes} {way}");
    }
}

#[test]
fn who_announces_an_input_and_is_silent_keeps_nobody_from_clicking_or_calling() {
    needs_root!();
    let world = World::start();
    std::fs::write(world.path("long.py"), CLIENT).unwrap();
    let args = json!({ "call": "website/modify", "input_bytes": limits::CALL_INPUT_BYTES }).to_string();
    let silent = |_| {
        use std::io::{BufRead, BufReader};
        use std::os::unix::process::CommandExt;
        let mut command = std::process::Command::new("/usr/bin/python3");
        command.arg(world.path("long.py")).arg(world.socket()).args([&args, "-", "silent"]);
        command.env_clear().stdout(std::process::Stdio::piped()).uid(A).gid(A);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "go");
        (child, lines)
    };
    let held: Vec<_> = (0..limits::CALLS_AT_ONCE - limits::CALLS_FOR_OTHERS).map(silent).collect();
    assert_eq!(world.ask(B, "open", json!({ "site": "b.example" })).0, "ok");
    let list = json!({ "call": "template-list", "input": {} });
    assert_eq!(world.ask(B, "call", list.clone()).0, "ok");
    for (mut child, mut lines) in held {
        let said: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(said["kind"], "bad-request", "{said}");
        child.wait().unwrap();
    }
    wait_for("a place", || world.ask(A, "call", list.clone()).0 == "ok");
}

#[test]
fn a_call_that_is_refused_is_told_to_the_log_once() {
    needs_root!();
    let world = World::start();
    for (call, input) in [
        ("delete-site", json!({ "domain": "a.example" })),
        ("website/modify", json!({ "domain": "b.example", "variables": {} })),
        ("website/explode", json!({})),
    ] {
        assert_ne!(world.ask(A, "call", json!({ "call": call, "input": input })).0, "ok");
        let log = world.log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(call)).collect();
        assert_eq!(lines.len(), 1, "{lines:#?}");
    }
}
