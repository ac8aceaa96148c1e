use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Write as _};

/// What can be done about an error: the one question every error of a source or a sink answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It may pass by itself: try again, for ever.
    Transient,
    /// It will not pass by itself: stop the table and say so.
    Permanent,
    /// Another instance has taken the table over: stand by.
    Fenced,
}

/// An error that says what can be done about it.
pub trait Classify: Error + Send + Sync + 'static {
    /// Whether the error can pass. An error nobody knows is [`Fault::Transient`].
    fn fault(&self) -> Fault;

    /// What a person can do, where there is something: one sentence, in the imperative.
    fn remedy(&self) -> Option<Cow<'static, str>> {
        None
    }
}

/// Damaged data does not heal; everything else may.
impl Classify for std::io::Error {
    fn fault(&self) -> Fault {
        let damaged = [std::io::ErrorKind::InvalidData, std::io::ErrorKind::UnexpectedEof];
        if damaged.contains(&self.kind()) { Fault::Permanent } else { Fault::Transient }
    }
}

/// Prints an error and its causes in one line: `could not connect: connection refused`.
#[derive(Debug)]
pub struct Causes<'a>(pub &'a dyn Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.0.to_string();
        f.write_str(&told)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            // Some libraries repeat the cause in their own text.
            if !told.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            told = text;
            next = cause.source();
        }
        Ok(())
    }
}

/// The first error of type `E` among `error` and its causes. It is also found where an I/O error
/// was made of it, which hides it from [`source`](Error::source).
#[must_use]
pub fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// Prints a text in one line, its control characters escaped and nothing else: what a server says
/// cannot forge a line of the log, and a statement can be copied from it as it is.
#[derive(Debug)]
pub struct OneLine<T>(pub T);

impl<T: fmt::Display> fmt::Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Escaped<'a, 'b>(&'a mut fmt::Formatter<'b>);
        impl fmt::Write for Escaped<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                text.chars().try_for_each(|character| match character.is_control() {
                    true => write!(self.0, "{}", character.escape_default()),
                    false => self.0.write_char(character),
                })
            }
        }
        write!(Escaped(f), "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_found_also_inside_an_io_error() {
        let number = "x".parse::<u8>().unwrap_err();
        let error = std::io::Error::other(std::io::Error::other(number.clone()));
        assert_eq!(cause::<std::num::ParseIntError>(&error), Some(&number));
        assert_eq!(cause::<fmt::Error>(&error), None);
    }

    #[test]
    fn a_text_stays_one_line_that_can_be_copied() {
        let text = "run: ALTER TABLE \"a\\b\";\n\x1b[31mERROR ä";
        let line = "run: ALTER TABLE \"a\\b\";\\n\\u{1b}[31mERROR ä";
        assert_eq!(OneLine(text).to_string(), line);
    }
}
