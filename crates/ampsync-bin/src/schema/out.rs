//! A migration as files in a folder of others.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use ampsync_schema::migration::{File, Layout, Migration};

use super::Out;
use crate::failure::Failure;
use crate::settings::Mistake;

/// Deeper folders are none of migrations.
const DEPTH_MAX: usize = 8;

/// Writes the migration as the next one of the folder, unless it is there already.
pub(super) fn write(
    out: &Out,
    dataset: &str,
    migration: &Migration,
    is_difference: bool,
) -> Result<(), Failure> {
    let Out { folder, layout, name } = out;
    let name = name.clone().unwrap_or_else(|| format!("ampsync_{dataset}"));
    let folder_name = folder.display().to_string();
    let fail = |error: io::Error| Failure::Failed {
        doing: format!("the folder {folder_name} cannot be used"),
        error: error.to_string(),
        remedy: None,
    };
    let there = read(folder, *layout).map_err(fail)?;
    let files = layout.files(&name, migration, &there).map_err(|error| Mistake {
        subject: "--out".to_owned(),
        problem: error.to_string(),
        remedy: "choose another --name".to_owned(),
    })?;
    if files.is_empty() {
        let why = match migration.is_empty() {
            true => "the database lacks nothing: there is no migration to write",
            false => "the migration is there already",
        };
        tracing::info!(folder = folder_name, "{why}");
        return Ok(());
    }
    if let Some(ours) = there.iter().find(|file| is_called(&file.name, &name))
        && !is_difference
    {
        return Err(Mistake {
            subject: "--out".to_owned(),
            problem: format!(
                "{folder_name} has {} already, and the tables are to be different now",
                ours.name
            ),
            remedy: "run that migration, and then ask for --diff".to_owned(),
        }
        .into());
    }
    fs::create_dir_all(folder).map_err(fail)?;
    for File { name, contents } in files {
        let path = folder.join(&name);
        // What is there is never written over.
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        file.and_then(|mut file| file.write_all(contents.as_bytes())).map_err(fail)?;
        tracing::info!(file = %path.display(), "written");
    }
    Ok(())
}

/// The files of the folder, of which only refinery looks into those below.
fn read(folder: &Path, layout: Layout) -> io::Result<Vec<File>> {
    let depth = if layout == Layout::Refinery { DEPTH_MAX } else { 1 };
    let mut found = Vec::new();
    read_into(folder, Path::new(""), depth, &mut found)?;
    Ok(found)
}

fn read_into(folder: &Path, below: &Path, depth: usize, found: &mut Vec<File>) -> io::Result<()> {
    let entries = match fs::read_dir(folder.join(below)) {
        Ok(entries) => entries,
        // It is made when there is something to put into it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = below.join(entry.file_name());
        if entry.path().is_dir() {
            if depth > 1 {
                read_into(folder, &name, depth - 1, found)?;
            }
        } else if name.extension().is_some_and(|extension| extension == "sql" || extension == "rs")
        {
            let contents = String::from_utf8_lossy(&fs::read(entry.path())?).into_owned();
            found.push(File { name: name.display().to_string(), contents });
        }
    }
    Ok(())
}

/// Whether a file of whichever layout is a migration called `name`.
fn is_called(file: &str, name: &str) -> bool {
    let whole = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let rest = whole.trim_start_matches(['V', 'U']);
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let rest = rest.trim_start_matches('_');
    rest.strip_prefix(name).is_some_and(|end| end.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_of_ours_is_known_by_its_name() {
        for file in
            ["0001_ampsync_eth.up.sql", "sub/V12__ampsync_eth.sql", "V1.2__ampsync_eth.down.sql"]
        {
            assert!(is_called(file, "ampsync_eth"), "{file}");
        }
        for file in ["0001_ampsync_eth_2.up.sql", "0001_users.sql", "ampsync_eth"] {
            assert!(!is_called(file, "ampsync_eth"), "{file}");
        }
    }
}
