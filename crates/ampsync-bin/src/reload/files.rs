//! Every file that the settings were read from, as it was then: the manifest with all that it
//! imports, the options of tables, secrets.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::settings::ReadFile;

/// Links that are followed from one file, as by the system.
const LINKS_MAX: u32 = 40;

/// What was asked for, and what was there: the hash of the content, or nothing that can be read. A
/// file that was looked for and not found is one of them, because an import may come to mean it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Files(BTreeMap<PathBuf, Option<Print>>);

type Print = [u8; 32];

/// Reads something through files, and notes which.
pub(crate) fn recorded<T>(read: impl FnOnce(ReadFile<'_>) -> T) -> (T, Files) {
    let files = RefCell::new(Files::default());
    let read_file = |path: &Path| {
        let text = fs::read_to_string(path);
        files.borrow_mut().0.insert(path.to_owned(), print(text.as_ref().map(String::as_bytes)));
        text
    };
    let read = read(&read_file);
    (read, files.into_inner())
}

fn print(content: Result<&[u8], &io::Error>) -> Option<Print> {
    content.ok().map(|content| Sha256::digest(content).into())
}

impl Files {
    /// The first file that is no longer as it was read.
    pub(super) fn changed(&self) -> Option<&Path> {
        let is_other = |path: &Path| {
            let text = fs::read_to_string(path);
            print(text.as_ref().map(String::as_bytes))
        };
        let mut files = self.0.iter();
        files.find(|(path, before)| is_other(path) != **before).map(|(path, _)| path.as_path())
    }

    /// The folders in which something can happen that changes a file: its own, and that of every
    /// link on the way there.
    pub(super) fn folders(&self) -> BTreeSet<PathBuf> {
        let mut folders = BTreeSet::new();
        for path in self.0.keys() {
            let Ok(path) = std::path::absolute(path) else { continue };
            let mut links = 0;
            add_folders(&path, &mut links, &mut folders);
        }
        folders
    }
}

/// Walks from the root to the file, link by link.
fn add_folders(path: &Path, links: &mut u32, folders: &mut BTreeSet<PathBuf>) {
    let mut walked = PathBuf::new();
    let mut rest: Vec<OsString> = Vec::new();
    let mut parts = path.components();
    while let Some(part) = parts.next() {
        let before = walked.clone();
        walked.push(part);
        if !matches!(part, Component::Normal(_)) {
            continue;
        }
        if let Ok(target) = fs::read_link(&walked)
            && *links < LINKS_MAX
        {
            *links += 1;
            folders.extend(before.canonicalize());
            rest.extend(parts.map(|part| part.as_os_str().to_owned()));
            let mut target = before.join(target);
            target.extend(rest);
            return add_folders(&target, links, folders);
        }
    }
    folders.extend(path.parent().map(Path::canonicalize).into_iter().flatten());
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_followed_through_every_link() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        for folder in ["mount/..1", "mount/..2"] {
            fs::create_dir_all(root.join(folder)).unwrap();
            fs::write(root.join(folder).join("a.json"), folder).unwrap();
        }
        symlink("..1", root.join("mount/..data")).unwrap();
        symlink("..data/a.json", root.join("mount/a.json")).unwrap();
        symlink("mount", root.join("current")).unwrap();
        let path = root.join("current/a.json");
        let (_, files) = recorded(|read| read(&path));
        let folders: Vec<_> = files.folders().into_iter().collect();
        assert_eq!(folders, [root.clone(), root.join("mount"), root.join("mount/..1")]);
        assert_eq!(files.changed(), None);
        symlink("..2", root.join("mount/..new")).unwrap();
        fs::rename(root.join("mount/..new"), root.join("mount/..data")).unwrap();
        assert_eq!(files.changed(), Some(path.as_path()));
    }

    #[test]
    fn a_file_that_comes_to_be_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("helper.ts");
        let (read, files) = recorded(|read| read(&path));
        read.unwrap_err();
        assert_eq!(files.changed(), None);
        fs::write(&path, "").unwrap();
        assert_eq!(files.changed(), Some(path.as_path()));
    }
}
