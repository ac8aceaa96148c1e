use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 500;

struct Source {
    /// Relative to the root of the workspace.
    path: String,
    text: String,
}

impl Source {
    fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }
}

/// Every text that people have written here.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders = vec![root.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if ![".git", "target", "node_modules"].contains(&name) {
                    folders.push(path);
                }
            } else if name != "Cargo.lock"
                && let Ok(text) = fs::read_to_string(&path)
            {
                let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push(Source { path, text });
            }
        }
    }
    assert!(found.iter().any(|source| source.path == "Cargo.toml"), "looked in the wrong place");
    found
}

fn rust() -> impl Iterator<Item = Source> {
    sources().into_iter().filter(|source| source.is("rs"))
}

#[test]
fn a_file_is_about_one_thing() {
    for Source { path, text } in rust() {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{path} has {lines} lines; at {LINES_MAX} it is two files");
    }
}

#[test]
fn every_module_with_parts_says_what_it_is_for() {
    for Source { path, text } in rust() {
        let name = Path::new(&path).file_name().unwrap().to_str().unwrap();
        if ["lib.rs", "main.rs", "mod.rs"].contains(&name) {
            assert!(text.starts_with("//! "), "{path} must begin with a `//!` line");
        }
    }
}

#[test]
fn every_example_in_the_documentation_is_compiled() {
    for Source { path, text } in rust() {
        let fences = text.lines().map(str::trim_start).filter(|line| {
            line.strip_prefix("//")
                .is_some_and(|line| line.trim_start_matches(['/', '!', ' ']).starts_with("```"))
        });
        for fence in fences {
            assert!(
                !fence.contains("ignore"),
                "{path}: an example that is never compiled: {fence}"
            );
        }
    }
}

#[test]
fn nothing_is_left_to_be_done_later() {
    // Taken apart, so that this file does not contain them.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
    for Source { path, text } in sources() {
        for (index, line) in text.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let mark = words.find(|word| marks.contains(word));
            assert!(mark.is_none(), "{path}:{}: {line}", index + 1);
        }
    }
}

#[test]
fn no_text_knows_the_machine_it_was_written_on() {
    let homes = [
        concat!("/wo", "rk/"),
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
    ];
    for Source { path, text } in sources() {
        for (index, line) in text.lines().enumerate() {
            // In the middle of a longer path, as in a URL, it is somebody else's.
            let starts = |(at, _): (usize, _)| {
                !line[..at]
                    .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '}'))
            };
            let found = homes.iter().any(|home| line.match_indices(home).any(starts));
            assert!(!found, "{path}:{}: {line}", index + 1);
        }
    }
}
