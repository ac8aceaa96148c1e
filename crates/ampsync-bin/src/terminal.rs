//! Questions to a person.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// Whether somebody is there who can be asked.
pub(crate) fn is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks, on stderr, and waits for a line. Only `yes` is a yes, in full.
pub(crate) fn agrees(question: &str) -> io::Result<bool> {
    eprint!("{question} Type yes to go on: ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
