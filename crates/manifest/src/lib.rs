//! Reads a dataset's config or built manifest into a valid [`Manifest`].
//!
//! Pure: no clock, no network, and no file is read but through the [`FileLoader`] given to
//! [`load`]. What comes out is either a manifest whose every name, query and type was checked, or
//! the list of everything that is wrong with the file.

mod arrow;
mod check;
mod diagnostic;
mod format;
mod manifest;
mod names;
mod raw;
mod validate;

use std::io;
use std::path::Path;

pub use diagnostic::{Diagnostic, Diagnostics, Position};
pub use format::{EXTENSIONS, Format};
pub use manifest::{Dependency, Kind, Manifest, Table};
pub use names::{DatasetName, DatasetRef, InvalidName, Namespace, Revision, TableName};

/// Reads the text of files: the one way in which this crate reaches the world.
///
/// Any `Fn(&Path) -> io::Result<String>` is one, so that `&std::fs::read_to_string::<&Path>` does
/// for the disk and a closure over a map for a test.
pub trait FileLoader {
    /// The text of the file at `path`, as the caller of [`load`] or an import wrote it.
    ///
    /// # Errors
    /// When the file cannot be read, or is not UTF-8 ([`io::ErrorKind::InvalidData`]).
    fn read(&self, path: &Path) -> io::Result<String>;
}

impl<F: Fn(&Path) -> io::Result<String>> FileLoader for F {
    fn read(&self, path: &Path) -> io::Result<String> {
        self(path)
    }
}

/// Reads the config or built manifest at `path`.
///
/// The format is told by the extension, see [`Format::of`]; which of the shapes that a JSON file
/// may have it is, by its content.
///
/// # Errors
/// Everything that is wrong with the file, at once.
pub fn load(path: &Path, files: &dyn FileLoader) -> Result<Manifest, Diagnostics> {
    match Format::of(path)? {
        Format::Json => {}
        Format::Script => return Err(format::script_unsupported(path).into()),
    }
    let text = files.read(path).map_err(|error| format::unreadable(path, &error))?;
    // Editors of some systems put a byte order mark in front, which is no part of the document.
    validate::manifest(path, text.strip_prefix('\u{feff}').unwrap_or(&text))
}
