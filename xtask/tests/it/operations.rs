//! The runbook is found by what ampsync says: each text that it quotes has to be one.

use std::fs;
use std::path::Path;

/// Everything in backticks on one line.
fn quoted(document: &str) -> impl Iterator<Item = &str> {
    document.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// What is typed, not read.
fn is_typed(text: &str) -> bool {
    ["ampsync ", "kill ", "docker ", "pool_mode "].iter().any(|start| text.starts_with(start))
}

fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            // A text that goes on in the next line of the source is one text.
            let source = fs::read_to_string(path).unwrap();
            for (index, part) in source.split("\\\n").enumerate() {
                text.push_str(if index == 0 { part } else { part.trim_start() });
            }
        }
    }
}

#[test]
fn every_text_of_the_runbook_is_one_that_is_told() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut told = String::new();
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        sources(&entry.unwrap().path().join("src"), &mut told);
    }
    let document = fs::read_to_string(root.join("docs/operations.md")).unwrap();
    let texts = quoted(&document).filter(|text| !is_typed(text) && !text.contains('('));
    // Values stand between the words: `…`, a number N, what is in quotes, what follows a colon.
    let parts = texts
        .flat_map(|text| text.split(['…', '"']))
        .flat_map(|text| text.split(": "))
        .flat_map(|text| text.split(" N "))
        .map(|part| part.trim_matches([' ', ',', ':']))
        .filter(|part| part.contains(' '));
    let parts: Vec<_> = parts.collect();
    assert!(parts.len() > 30, "only {} texts were found", parts.len());
    let untold: Vec<_> = parts.into_iter().filter(|part| !told.contains(part)).collect();
    assert!(untold.is_empty(), "texts that ampsync does not say: {untold:#?}");
}
