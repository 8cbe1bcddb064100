use std::io::{BufRead, BufReader};
use std::net::TcpListener;

use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Option<(u16, String, usize)> {
    Reply::parse(text.as_bytes()).unwrap().map(|(reply, used)| (reply.code, reply.text, used))
}

#[test]
fn answers_of_one_line_and_of_several() {
    assert_eq!(parse("220 Hello\r\n"), Some((220, "Hello".into(), 11)));
    assert_eq!(parse("230\r\n"), Some((230, String::new(), 5)));
    assert_eq!(
        parse("220-Hello\r\n 220 not yet\r\n331 nor this\r\n220 End\r\nmore"),
        Some((220, "End".into(), 48))
    );
    for incomplete in ["", "220 Hel", "220-a\r\n", "220-a\r\n220-b\r\n"] {
        assert_eq!(parse(incomplete), None, "{incomplete:?}");
    }
    for bad in ["hello\n", "\n", "99 x\n", "999 x\n", "2200\n", " 220 x\n"] {
        assert!(Reply::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
}

#[test]
fn ports() {
    let reply = |text: &str| Reply { code: 227, text: text.into() };
    assert_eq!(reply("Entering Extended Passive Mode (|||6446|)").extended_port(), Some(6446));
    assert_eq!(reply("Entering Passive Mode (10,0,0,9,25,46).").passive_port(), Some(25 * 256 + 46));
    assert_eq!(reply("=127,0,0,1,0,21").passive_port(), Some(21));
    for bad in ["", "(|||70000|)", "(1,2,3,4,5)", "(1,2,3,4,5,6,7)", "(1,2,3,4,256,1)"] {
        assert_eq!((reply(bad).extended_port(), reply(bad).passive_port()), (None, None), "{bad}");
    }
}

/// A server that answers each line with the next one of a list, and gives the lines that it got.
fn server(answers: &'static [&'static str]) -> (SocketAddr, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut lines = Vec::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        for answer in answers {
            (&stream).write_all(answer.as_bytes()).unwrap();
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        lines
    });
    (address, thread)
}

const TIME: Duration = Duration::from_secs(60);

#[test]
fn a_login_that_works_and_one_that_does_not() {
    let password = Secret::new("p-1".into());
    let (address, lines) =
        server(&["220 hello\r\n", "331 password\r\n", "230-in\r\n230 in\r\n", "200 ok\r\n", "221 bye\r\n"]);
    let mut ftp = Ftp::connect(address, TIME).unwrap();
    ftp.login("site@shop.example", &password).unwrap();
    ftp.quit();
    assert_eq!(lines.join().unwrap(), ["USER site@shop.example", "PASS p-1", "TYPE I", "QUIT"]);

    let (address, _lines) = server(&["220 hello\r\n", "331 password\r\n", "530 no\r\n"]);
    let error = Ftp::connect(address, TIME).unwrap().login("site", &password).unwrap_err();
    assert!(matches!(error, FtpError::Refused(530, _)), "{error}");
    assert!(!format!("{error} {error:?}").contains("p-1"));
}

#[cfg(feature = "sandbox")]
#[test]
fn no_argument_becomes_a_second_command() {
    let (address, _lines) = server(&["220 hello\r\n"]);
    let mut ftp = Ftp::connect(address, TIME).unwrap();
    for bad in ["a\r\nDELE x", "a\nb", "a\rb", "a\0b"] {
        assert!(matches!(ftp.make_dir(bad), Err(FtpError::Io(_))), "{bad:?}");
    }
}

#[test]
fn a_server_that_says_nothing_or_too_much_is_left() {
    let (address, _lines) = server(&[""]);
    let start = Instant::now();
    assert!(Ftp::connect(address, Duration::from_millis(200)).is_err());
    assert!(start.elapsed() < TIME);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let flood = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while stream.write_all(b"220-and so on\r\n").is_ok() {}
    });
    assert!(Ftp::connect(address, TIME).is_err());
    flood.join().unwrap();
}

proptest! {
    #[test]
    fn no_answer_is_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        if let Ok(Some((reply, used))) = Reply::parse(&bytes) {
            prop_assert!(used <= bytes.len() && (100..600).contains(&reply.code));
            let _ = (reply.extended_port(), reply.passive_port());
        }
    }
}
