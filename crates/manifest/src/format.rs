//! Which files are read, by their extension.

use std::io;
use std::path::Path;

use crate::diagnostic::Diagnostic;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// The plain object: a config, or a manifest that was built.
    Json,
    /// TypeScript or JavaScript that has to be evaluated first.
    Script,
}

/// Every extension that a config or manifest may have, without the dot.
pub const EXTENSIONS: [(&str, Format); 7] = [
    ("ts", Format::Script),
    ("mts", Format::Script),
    ("cts", Format::Script),
    ("js", Format::Script),
    ("mjs", Format::Script),
    ("cjs", Format::Script),
    ("json", Format::Json),
];

impl Format {
    /// The format of the file at `path`, by its extension in lower or upper case.
    ///
    /// # Errors
    /// When the extension is not one of [`EXTENSIONS`].
    pub fn of(path: &Path) -> Result<Self, Diagnostic> {
        let given = path.extension().map(|given| given.to_string_lossy().to_lowercase());
        EXTENSIONS
            .iter()
            .find(|(extension, _)| given.as_deref() == Some(*extension))
            .map(|(_, format)| *format)
            .ok_or_else(|| {
                let found = match given {
                    Some(given) => format!("the extension .{given} is not one of a config"),
                    None => "the file has no extension".to_owned(),
                };
                let all = EXTENSIONS.map(|(extension, _)| format!(".{extension}")).join(", ");
                Diagnostic::of_file(path, found, format!("name a file that ends in one of {all}"))
            })
    }
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let (problem, remedy) = if error.kind() == io::ErrorKind::NotFound {
        (
            "there is no such file".to_owned(),
            "check the path, which starts in the working directory unless it is absolute",
        )
    } else if error.kind() == io::ErrorKind::InvalidData {
        ("the file is not text in UTF-8".to_owned(), "save it as UTF-8")
    } else {
        (
            format!("the file cannot be read: {error}"),
            "check what the path names and who may read it",
        )
    };
    Diagnostic::of_file(path, problem, remedy)
}
