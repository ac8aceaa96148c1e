//! The document of what is guaranteed names the tests that prove it: they have to be there.

use std::fs;
use std::path::Path;

/// The file and the function of a line such as ``- `crates/a/tests/it/b.rs` `does_c` ``.
fn test_of(line: &str) -> Option<(&str, &str)> {
    let (path, name) = line.strip_prefix("- `")?.strip_suffix('`')?.split_once("` `")?;
    path.ends_with(".rs").then_some((path, name))
}

#[test]
fn every_test_that_proves_a_guarantee_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let document = fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    let tests: Vec<_> = document.lines().filter_map(test_of).collect();
    assert!(tests.len() > 50, "only {} tests were found", tests.len());
    let missing: Vec<_> = tests
        .into_iter()
        .filter(|(path, name)| {
            let text = fs::read_to_string(root.join(path)).unwrap_or_default();
            // A test of a kind is generic: its name ends with `<`.
            !text.contains(&format!("fn {name}(")) && !text.contains(&format!("fn {name}<"))
        })
        .collect();
    assert!(missing.is_empty(), "tests that are not there: {missing:#?}");
}

#[test]
fn every_promise_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let document = fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    for promise in document.split("\n### ").skip(1) {
        let title = promise.lines().next().unwrap_or_default();
        assert!(promise.lines().any(|line| test_of(line).is_some()), "nothing proves: {title}");
    }
}
