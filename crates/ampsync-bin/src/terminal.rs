//! Questions to a person.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::failure::Failure;

/// Asks whether to go on with what `explain` prints to stderr.
///
/// # Errors
/// When nobody can be asked, or does not agree.
pub(crate) fn confirm(explain: impl FnOnce()) -> Result<(), Failure> {
    if !is_there() {
        return Err(Failure::Refused {
            error: "there is no terminal to ask on, and nothing was done".to_owned(),
            remedy: Some("add --yes where nobody is to be asked".to_owned()),
        });
    }
    explain();
    match agrees("\nGo on?") {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::Refused { error: "nothing was done".to_owned(), remedy: None }),
        Err(error) => Err(Failure::Failed {
            doing: "the answer cannot be read".to_owned(),
            error: error.to_string(),
            remedy: None,
        }),
    }
}

/// Whether somebody is there who can be asked.
fn is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks, on stderr, and waits for a line. Only `yes` is a yes, in full.
fn agrees(question: &str) -> io::Result<bool> {
    eprint!("{question} Type yes to go on: ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
