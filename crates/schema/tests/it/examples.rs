//! The example does what it says.

use std::fs;

#[path = "../../examples/migrations.rs"]
#[expect(dead_code, reason = "its main reads the command line")]
mod migrations;

#[test]
fn migrations_are_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let names = || {
        let entries = fs::read_dir(path).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    migrations::print_and_write(Some(path)).unwrap();
    assert_eq!(names(), ["0001_transfers.down.sql", "0001_transfers.up.sql"]);
    migrations::print_and_write(Some(path)).unwrap();
    assert_eq!(names().len(), 2);
}
