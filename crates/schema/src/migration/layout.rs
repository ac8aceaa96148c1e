//! What migration tools call their files.

use std::fmt;
use std::str::FromStr;

use super::Migration;

/// What the files of a migration are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// `0001_name.up.sql` and `0001_name.down.sql`, the reversible migrations of sqlx.
    Sqlx,
    /// `V1__name.sql` for refinery. It knows no way back, and takes every other file of that form
    /// in the folder, or in one below it, for a migration to run: the statements that undo it are
    /// in `V1__name.down.sql`, which it skips, with a warning in its log, for a person to run.
    Refinery,
    /// `0001_name.up.sql` and `0001_name.down.sql`, for a tool of one's own, or a person.
    #[default]
    Plain,
}

/// A file of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name. Of a file that is there, folders may stand before the name.
    pub name: String,
    /// What is in it.
    pub contents: String,
}

/// Why there are no files for a migration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// Some tool could not read the name of the migration.
    #[error("{0:?} cannot name a migration: use letters, digits and underscores, at most 100")]
    Name(String),
    /// There is no number left.
    #[error("there is no version after that of {0:?}")]
    NoVersion(String),
}

/// A text that names no [`Layout`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not one of sqlx, refinery, plain")]
pub struct UnknownLayout(pub String);

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlx => "sqlx",
            Self::Refinery => "refinery",
            Self::Plain => "plain",
        })
    }
}

impl FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(text: &str) -> Result<Self, UnknownLayout> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "sqlx" => Self::Sqlx,
            "refinery" => Self::Refinery,
            "plain" => Self::Plain,
            _ => return Err(UnknownLayout(text.to_owned())),
        })
    }
}

impl Layout {
    /// The files to write for `migration`, called `name`, into a folder in which `there` is all
    /// there is. Its version is one above the highest there, with as many digits.
    ///
    /// There is nothing to write when the migration is empty, or when the same statements are in
    /// the folder already, as its last migration or as the last one of that name.
    ///
    /// # Errors
    /// When the name is not one for a file, or the highest version has no successor.
    pub fn files(
        self,
        name: &str,
        migration: &Migration,
        there: &[File],
    ) -> Result<Vec<File>, LayoutError> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || name.len() > 100 || !name.chars().all(word) {
            return Err(LayoutError::Name(name.to_owned()));
        }
        let up = migration.up_script();
        let mut found: Vec<Found<'_>> = there.iter().filter_map(|file| self.read(file)).collect();
        found.sort_by_key(|found| found.version);
        let last_of_all = found.iter().rfind(|found| !found.down);
        let last_of_name = found.iter().rfind(|found| !found.down && found.name == name);
        let same = [last_of_all, last_of_name].into_iter().flatten().any(|f| f.contents == up);
        if migration.is_empty() || same {
            return Ok(Vec::new());
        }
        let version = match found.last() {
            None => self.first().to_owned(),
            Some(last) => {
                last.next().ok_or_else(|| LayoutError::NoVersion(last.file.to_owned()))?
            }
        };
        let [up_name, down_name] = match self {
            Self::Sqlx | Self::Plain => {
                [format!("{version}_{name}.up.sql"), format!("{version}_{name}.down.sql")]
            }
            Self::Refinery => {
                [format!("V{version}__{name}.sql"), format!("V{version}__{name}.down.sql")]
            }
        };
        let up = File { name: up_name, contents: up };
        Ok(vec![up, File { name: down_name, contents: migration.down_script() }])
    }

    fn first(self) -> &'static str {
        match self {
            Self::Sqlx | Self::Plain => "0001",
            Self::Refinery => "1",
        }
    }

    /// What a file that is there is, if it is a migration.
    fn read(self, file: &File) -> Option<Found<'_>> {
        let whole = file.name.rsplit(['/', '\\']).next()?;
        let (version, rest) = match self {
            Self::Sqlx | Self::Plain => whole.split_once('_')?,
            Self::Refinery => {
                let (version, rest) = whole.strip_prefix(['V', 'U'])?.split_once("__")?;
                // A version may have a second part, which does not matter for the next one.
                (version.split_once('.').map_or(version, |(major, _)| major), rest)
            }
        };
        let (name, extension) = rest.split_once('.')?;
        let down = extension == "down.sql";
        let is_migration = match self {
            Self::Sqlx | Self::Plain => down || extension == "up.sql" || extension == "sql",
            Self::Refinery => down || extension == "sql" || extension == "rs",
        };
        let digits = version.bytes().all(|byte| byte.is_ascii_digit());
        if !is_migration || !digits {
            return None;
        }
        Some(Found {
            file: whole,
            version: version.parse().ok()?,
            digits: version.len(),
            name,
            down,
            contents: &file.contents,
        })
    }
}

/// A migration's file that is there.
struct Found<'a> {
    file: &'a str,
    version: i64,
    digits: usize,
    name: &'a str,
    down: bool,
    contents: &'a str,
}

impl Found<'_> {
    fn next(&self) -> Option<String> {
        let next = self.version.checked_add(1)?;
        Some(format!("{next:0digits$}", digits = self.digits))
    }
}
