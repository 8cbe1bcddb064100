//! Reading a line from a terminal that does not show it.

use std::io::{self, BufRead};

use rustix::stdio::stdin;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Puts the terminal back as it was.
struct Shown(Termios);

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.0);
    }
}

/// Reads a line from standard input, which is a terminal, without showing it. The line end is not part of it. `ask` is called when nothing is shown any more, so
/// that whoever is quick is not seen and not lost.
///
/// # Errors
/// If the terminal cannot be read, or if its user gave up with Ctrl-C or Ctrl-D.
pub fn read_hidden_line(ask: impl FnOnce()) -> io::Result<String> {
    const INTERRUPT: char = '\u{3}';
    let before = tcgetattr(stdin())?;
    let mut hidden = before.clone();
    // Without ISIG, Ctrl-C is a character like others: nobody leaves the terminal mute.
    hidden.local_modes &= !(LocalModes::ECHO | LocalModes::ISIG);
    let shown = Shown(before);
    tcsetattr(stdin(), OptionalActions::Flush, &hidden)?;
    ask();
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    drop(shown);
    if read? == 0 || line.contains(INTERRUPT) {
        return Err(io::Error::new(io::ErrorKind::Interrupted, "the question was not answered"));
    }
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
