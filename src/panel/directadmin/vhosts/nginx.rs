//! `nginx.conf`: nginx's configuration language, as far as `server` blocks go.

use super::{Fault, VirtualHost};

/// The servers in the file's order.
pub(super) fn parse(text: &str) -> Result<Vec<VirtualHost>, Fault> {
    let mut hosts = Vec::new();
    let mut server: Option<VirtualHost> = None;
    // Lines at which the open blocks began, and how many were open around the server.
    let (mut blocks, mut around) = (Vec::new(), 0);
    let mut statement: Vec<String> = Vec::new();
    for (line, token) in tokens(text) {
        match token {
            Token::Word(word) => statement.push(word),
            Token::End => {
                if let Some(server) = server.as_mut().filter(|_| blocks.len() == around + 1) {
                    take(server, &statement);
                }
                statement.clear();
            }
            Token::Open => {
                if server.is_none() && statement.first().is_some_and(|word| word == "server") {
                    server = Some(VirtualHost { line, ..VirtualHost::default() });
                    around = blocks.len();
                }
                blocks.push(line);
                statement.clear();
            }
            Token::Close => {
                if blocks.pop().is_none() {
                    return Err(Fault(line, "a \"}\" closes nothing"));
                }
                if blocks.len() == around {
                    hosts.extend(server.take());
                }
                statement.clear();
            }
        }
    }
    match blocks.last() {
        Some(line) => Err(Fault(*line, "this block is not closed")),
        None => Ok(hosts),
    }
}

fn take(server: &mut VirtualHost, statement: &[String]) {
    match statement {
        [directive, names @ ..] if directive == "server_name" => server.names.extend(names.iter().cloned()),
        [directive, path] if directive == "root" => server.root = Some(path.clone()),
        [directive, address, options @ ..] if directive == "listen" => {
            server.tls |=
                address.ends_with(":443") || address == "443" || options.iter().any(|word| word == "ssl");
        }
        [directive, value] if directive == "ssl" => server.tls |= value == "on",
        _ => {}
    }
}

enum Token {
    Word(String),
    End,
    Open,
    Close,
}

/// Words, `;`, `{` and `}` with their lines. `#` begins a comment where a word could begin.
fn tokens(text: &str) -> impl Iterator<Item = (usize, Token)> {
    let mut characters = text.chars().peekable();
    let mut line = 1;
    std::iter::from_fn(move || {
        loop {
            let began = line;
            let first = *characters.peek()?;
            let token = match first {
                ';' => Token::End,
                '{' => Token::Open,
                '}' => Token::Close,
                '#' => {
                    while characters.next_if(|next| *next != '\n').is_some() {}
                    continue;
                }
                _ if first.is_whitespace() => {
                    line += usize::from(first == '\n');
                    characters.next();
                    continue;
                }
                _ => {
                    let word = word(&mut characters);
                    line += word.matches('\n').count();
                    return Some((began, Token::Word(word)));
                }
            };
            characters.next();
            return Some((began, token));
        }
    })
}

/// Quotes keep a word together; a backslash takes the meaning of the character behind it.
fn word(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let quote = characters.next_if(|first| matches!(first, '"' | '\''));
    let ends = |next: char| match quote {
        Some(quote) => next == quote,
        None => next.is_whitespace() || matches!(next, ';' | '{' | '}'),
    };
    let mut word = String::new();
    while let Some(next) = characters.next_if(|next| !ends(*next)) {
        if next == '\\' { word.extend(characters.next()) } else { word.push(next) }
    }
    if quote.is_some() {
        characters.next();
    }
    word
}
