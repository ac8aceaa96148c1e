//! Settings that change while the tables run.

mod files;
mod outcomes;
mod tables;
mod tags;

use std::path::Path;

use nozzle_sim::{Method, SimServer, Table};
use rustix::process::Signal;
use serde_json::json;

use crate::pipe::{Database, simulate, start_with};
use crate::process::Running;

/// A server, a database, a config in a folder of its own, and the binary that reads it.
pub(crate) struct World {
    pub(crate) sim: SimServer,
    pub(crate) database: Database,
    pub(crate) folder: tempfile::TempDir,
}

/// Longer than a test takes: the system has to tell that a file has changed.
const TOLD: (&str, &str) = ("WATCH_FILES", "3600");

impl World {
    pub(crate) async fn new() -> Self {
        let sim = simulate(vec![Table::blocks(), Table::logs(), Table::sparse()]).await;
        sim.mine(50);
        let (database, folder) = (Database::create().await, tempfile::tempdir().unwrap());
        Self { sim, database, folder }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn start(&self, manifest: &str, more: &[(&str, &str)]) -> Running {
        let manifest = self.path(manifest);
        let common = [
            ("DATASET", ""),
            ("TABLES", ""),
            ("DATASET_MANIFEST", manifest.as_str()),
            ("HEAD_PROBE", "off"),
            TOLD,
        ];
        start_with(&self.sim, &self.database.url(), &[&common, more].concat())
    }

    /// Starts with a tag, whose manifest the Admin API tells.
    pub(crate) fn start_with_tag(&self, more: &[(&str, &str)]) -> Running {
        let admin = self.sim.admin_endpoint();
        let common = [
            ("DATASET", "sim@latest"),
            ("TABLES", "logs"),
            ("NOZZLE_ADMIN_ENDPOINT", admin.as_str()),
        ];
        start_with(&self.sim, &self.database.url(), &[&common, more].concat())
    }

    /// Puts a file in the place of another, as editors do.
    pub(crate) fn replace(&self, name: &str, text: &str) {
        let (new, path) = (self.path(&format!(".{name}.new")), self.path(name));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    /// Waits until these tables are where the chain is, and compares them row by row.
    pub(crate) async fn equal(&self, tables: &[&str]) {
        for table in tables {
            self.database.table_equals(&self.sim, table, &self.sim.canonical(table)).await;
        }
    }

    /// How many streams of the table were opened.
    pub(crate) fn streams(&self, table: &str) -> usize {
        let requests = self.sim.requests().into_iter();
        let of = |sql: &str| sql.contains(&format!(".{table}")) && sql.contains("stream = true");
        requests.filter(|request| request.method == Method::DoGet && of(&request.sql)).count()
    }

    pub(crate) async fn rows(&self, table: &str) -> i64 {
        self.database.count(&format!("SELECT count(*) FROM {table}")).await
    }
}

/// A config for these tables of the simulated dataset.
pub(crate) fn config(tables: &[&str]) -> String {
    let table = |table: &&str| {
        ((*table).to_owned(), json!({ "sql": format!("SELECT * FROM sim.{table}") }))
    };
    let tables: serde_json::Map<_, _> = tables.iter().map(table).collect();
    json!({
        "namespace": "_",
        "name": "sim",
        "version": "0.0.1",
        "dependencies": { "sim": "_/sim@0.0.1" },
        "tables": tables,
    })
    .to_string()
}

pub(crate) fn stop(ampsync: Running) -> String {
    ampsync.signal(Signal::TERM);
    let (status, text) = ampsync.end();
    assert_eq!(status.code(), Some(0), "{text}");
    text
}

/// Makes `link` mean another place, in one step.
pub(crate) fn relink(target: &str, link: &Path) {
    let new = link.with_file_name("new-link");
    std::os::unix::fs::symlink(target, &new).unwrap();
    std::fs::rename(new, link).unwrap();
}
