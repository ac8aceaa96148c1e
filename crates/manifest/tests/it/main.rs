//! What a file is read as, and what a person is told when it cannot be.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod corpus;
mod mistakes;
mod query;
mod script;
mod selection;
mod shapes;

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use ampsync_manifest::{Diagnostics, Host, Manifest, load};
use expect_test::Expect;

/// Reads `text` as if it were the file at `path`.
fn read(path: &str, text: &str) -> Result<Manifest, Diagnostics> {
    let files = |asked: &Path| {
        assert_eq!(asked, Path::new(path));
        io::Result::Ok(text.to_owned())
    };
    load(Path::new(path), &Host::new(&files))
}

fn check(text: &str, expected: Expect) {
    let outcome = match read("nozzle.config.json", text) {
        Ok(manifest) => describe(&manifest),
        Err(problems) => format!("{problems}\n"),
    };
    expected.assert_eq(&outcome);
}

fn describe(manifest: &Manifest) -> String {
    let mut text = format!("{:?}", manifest.kind());
    if let Some(dataset) = manifest.dataset() {
        write!(text, " {dataset}").unwrap();
    }
    if let Some(network) = manifest.network() {
        write!(text, " on {network}").unwrap();
    }
    text.push('\n');
    for dependency in manifest.dependencies() {
        let (alias, name) = (dependency.alias(), dependency.name());
        let namespace = dependency.namespace().map_or("-", |namespace| namespace.as_str());
        let version = dependency.version().unwrap_or("-");
        writeln!(text, "{alias} = {namespace} {name} {version}").unwrap();
    }
    for table in manifest.tables() {
        writeln!(text, "{}: {}", table.name(), table.sql().unwrap_or("-")).unwrap();
        for column in table.columns().into_iter().flatten() {
            let null = if column.is_nullable() { " null" } else { "" };
            writeln!(text, "  {} {}{null}", column.name(), column.data_type()).unwrap();
        }
    }
    for function in manifest.functions() {
        let inputs: Vec<_> = function.input_types().iter().map(ToString::to_string).collect();
        let (name, output) = (function.name(), function.output_type());
        let filename = function.filename().unwrap_or("-");
        let source = function.source();
        writeln!(text, "{name}({}) {output}, {filename}: {source}", inputs.join(", ")).unwrap();
    }
    for note in manifest.notes() {
        writeln!(text, "note: {note}").unwrap();
    }
    text
}
