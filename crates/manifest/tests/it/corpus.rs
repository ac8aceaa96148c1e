//! Configs of every period and style, each in a folder with what it is read as.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ampsync_manifest::{ConsoleLevel, Host, Limits, load};
use expect_test::expect_file;

use crate::describe;

/// The folders of the corpus: a config, what it imports, and `expected.txt`.
fn cases(group: &str) -> Vec<PathBuf> {
    let group = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(group);
    let mut cases: Vec<_> = fs::read_dir(group).unwrap().map(|case| case.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 10, "the corpus is not there: {cases:?}");
    cases
}

/// The config of a folder, which is in it or in its folder `app`.
fn config(case: &Path) -> PathBuf {
    let folders = [case.to_owned(), case.join("app")];
    let mut files =
        folders.iter().flat_map(fs::read_dir).flatten().map(|file| file.unwrap().path());
    let is_config = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy();
        name.starts_with("nozzle.config.") || name.starts_with("amp.config.")
    };
    let config = files.find(is_config).unwrap_or_else(|| panic!("no config in {}", case.display()));
    config.strip_prefix(case).unwrap().to_owned()
}

/// Reads the config of a folder as if that were the working directory.
fn outcome(case: &Path) -> Result<String, String> {
    let files = |path: &Path| {
        // Whatever is around the repository is no part of the corpus.
        if path.starts_with("..") {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        fs::read_to_string(case.join(path))
    };
    let printed = RefCell::new(String::new());
    let console = |level: ConsoleLevel, line: &str| {
        printed.borrow_mut().push_str(&format!("console {level:?}: {line}\n"));
    };
    let environment = [("NETWORK", "base"), ("EMPTY", "")];
    let mut host = Host::new(&files)
        .with_environment(environment.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .with_console(&console);
    let name = case.file_name().unwrap().to_string_lossy();
    if name.starts_with("endless") {
        // Memory has to run out before the time does, however slow the machine is.
        let seconds = if name == "endless_memory" { 60.0 } else { 0.5 };
        let time_max = Duration::from_secs_f64(seconds);
        host = host.with_limits(Limits::default().with_time_max(time_max));
    }
    let outcome = load(&config(case), &host);
    let printed = printed.take();
    match outcome {
        Ok(manifest) => Ok(printed + &describe(&manifest)),
        Err(problems) => Err(format!("{printed}{problems}\n")),
    }
}

#[test]
fn every_config_of_the_corpus_is_read_as_expected() {
    for case in cases("good") {
        let read =
            outcome(&case).unwrap_or_else(|problems| panic!("{}:\n{problems}", case.display()));
        expect_file![case.join("expected.txt")].assert_eq(&read);
    }
}

#[test]
fn every_broken_config_of_the_corpus_is_refused_with_an_explanation() {
    for case in cases("bad") {
        let told = match outcome(&case) {
            Err(told) => told,
            Ok(read) => panic!("{} is read:\n{read}", case.display()),
        };
        expect_file![case.join("expected.txt")].assert_eq(&told);
    }
}
