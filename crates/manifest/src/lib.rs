//! Reads a dataset's config or built manifest into a valid [`Manifest`].
//!
//! Pure: no network, no environment, and no file is read but through the [`Host`] given to
//! [`load`]. What comes out is either a manifest whose every name, query and type was checked, or
//! the list of everything that is wrong with the file.
//!
//! ```
//! use std::path::Path;
//!
//! use ampsync_manifest::{Host, load};
//!
//! let config = r#"{"name": "eth", "version": "1.0.0", "tables": {"logs": {"sql": "SELECT * FROM m.logs"}}}"#;
//! let files = |_: &Path| Ok(config.to_owned());
//! let manifest = load(Path::new("nozzle.config.json"), &Host::new(&files))?;
//! assert_eq!(manifest.tables().len(), 1);
//!
//! let broken = |_: &Path| Ok(r#"{"name": 5}"#.to_owned());
//! let problems = load(Path::new("nozzle.config.json"), &Host::new(&broken)).unwrap_err();
//! println!("{problems}"); // each with file, line and what to do
//! # Ok::<(), ampsync_manifest::Diagnostics>(())
//! ```

mod arrow;
mod check;
mod dataset_ref;
mod diagnostic;
mod format;
mod functions;
mod host;
mod manifest;
mod names;
mod places;
pub mod query;
mod quoted;
mod raw;
mod script;
mod validate;

use std::path::Path;

pub use dataset_ref::DatasetRef;
pub use diagnostic::{Diagnostic, Diagnostics, Position};
pub use format::{EXTENSIONS, Format};
pub use host::{ConsoleLevel, FileLoader, Host, Limits};
pub use manifest::{Dependency, Function, Kind, Manifest, Table};
pub use names::{DatasetName, InvalidName, Namespace, Revision, TableName};

/// Reads the config or built manifest at `path`.
///
/// The format is told by the extension, see [`Format::of`]; which of the shapes that a JSON file
/// may have it is, by its content. TypeScript and JavaScript are evaluated, in a sandbox that
/// knows nothing but `host`, with its limits; this thread waits for that.
///
/// # Errors
/// Everything that is wrong with the file, or with those it imports, at once.
pub fn load(path: &Path, host: &Host<'_>) -> Result<Manifest, Diagnostics> {
    let format = Format::of(path)?;
    let text = host.files.read(path).map_err(|error| format::unreadable(path, &error))?;
    // Editors of some systems put a byte order mark in front, which is no part of the document.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match format {
        Format::Json => validate::manifest(path, text),
        Format::Script => {
            let evaluated = script::evaluate(path, text.to_owned(), host)?;
            validate::evaluated(path, &evaluated.document, &evaluated.places)
        }
    }
}
