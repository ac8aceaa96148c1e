use std::collections::BTreeMap;
use std::path::Path;

use nozzle_sim::{SimConfig, SimServer, Table};

use super::{schema, sql};
use crate::options::{BUILT, Files};
use crate::pipe::{Database, start_with};

/// The files of a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    entries.map(file).collect()
}

/// Runs what ends with `ending`, as a tool for migrations would.
async fn migrate(
    database: &Database,
    scripts: &BTreeMap<String, String>,
    ending: &str,
    back: bool,
) {
    let mut scripts: Vec<_> = scripts.iter().filter(|(name, _)| name.ends_with(ending)).collect();
    if back {
        scripts.reverse();
    }
    for (name, script) in scripts {
        let whole = format!("BEGIN; {script} COMMIT;");
        database.session.batch_execute(&whole).await.unwrap_or_else(|e| panic!("{name}: {e:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_apply_in_order_and_the_tables_they_make_are_synced_into() {
    let sim = SimServer::start(SimConfig { tables: vec![Table::logs()], ..SimConfig::default() });
    let sim = sim.await.unwrap();
    sim.mine(40);
    let database = Database::create().await;
    let folder = Files::new(&[("manifest.json", BUILT), ("ampsync.toml", "")]);
    let (url, dataset) = (database.url(), sim.config().dataset_ref());
    let environment = [
        ("DATASET_MANIFEST", "manifest.json"),
        ("DATASET", dataset.as_str()),
        ("AMPSYNC_CONFIG", "ampsync.toml"),
        ("DATABASE_URL", &url),
    ];
    let run = |arguments: &[&str]| {
        let answer = schema(folder.folder(), &environment, arguments);
        assert_eq!(answer.out, "", "{}", answer.log);
        (answer.code, answer.log)
    };
    let options =
        "[tables.logs]\nschema = \"eth\"\nprimary_key = [\"_block_num\", \"log_index\"]\n";
    folder.write("ampsync.toml", options);
    let out = folder.path("sql/migrations");
    for _ in 0..2 {
        let (code, log) = run(&["--out", "sql/migrations"]);
        assert_eq!(code, Some(0), "{log}");
        let names: Vec<_> = files(&out).into_keys().collect();
        assert_eq!(names, ["0001_ampsync_sim.down.sql", "0001_ampsync_sim.up.sql"], "{log}");
    }
    // Others may add theirs in between.
    std::fs::write(out.join("0007_users.up.sql"), "CREATE TABLE users (id bigint);").unwrap();
    std::fs::write(out.join("0007_users.down.sql"), "DROP TABLE users;").unwrap();
    migrate(&database, &files(&out), ".up.sql", false).await;
    assert_eq!(sql(folder.folder(), &environment, &["--diff"]), "");
    let (code, log) = run(&["--diff", "--out", "sql/migrations"]);
    assert!(code == Some(0) && log.contains("lacks nothing"), "{log}");

    folder.write(
        "ampsync.toml",
        &format!("{options}comment = \"of Ethereum\"\nindexes = [{{ columns = [\"tx_hash\"] }}]\n"),
    );
    let (code, log) = run(&["--out", "sql/migrations"]);
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("0001_ampsync_sim") && log.contains("ask for --diff"), "{log}");
    let before = files(&out);
    for _ in 0..2 {
        let (code, log) = run(&["--diff", "--out", "sql/migrations"]);
        assert_eq!(code, Some(0), "{log}");
        assert_eq!(files(&out).len(), before.len() + 2, "{log}");
    }
    let mut next = files(&out);
    next.retain(|name, _| name.starts_with("0008_ampsync_sim."));
    assert_eq!(next.len(), 2);
    migrate(&database, &next, ".up.sql", false).await;
    assert_eq!(sql(folder.folder(), &environment, &["--diff"]), "");

    let options = folder.path("ampsync.toml");
    let manifest = folder.path("manifest.json");
    let more = [
        ("AMPSYNC_CONFIG", options.to_str().unwrap()),
        ("DATASET_MANIFEST", manifest.to_str().unwrap()),
    ];
    let ampsync = start_with(&sim, &url, &more);
    sim.reorg(4);
    database.reaches("logs", &sim.chain().head().unwrap().hash).await;
    let rows = sim.canonical("logs");
    let verdict = ampsync_testkit::verify::table(&database.session, "eth", "logs", &rows).await;
    verdict.unwrap().expect_equal();
    drop(ampsync);
    assert_eq!(sql(folder.folder(), &environment, &["--diff"]), "");

    migrate(&database, &files(&out), ".down.sql", true).await;
    let left = "SELECT count(*) FROM pg_tables WHERE tablename IN ('logs', 'transfers', 'users')";
    assert_eq!(database.count(left).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_layout_is_one_that_its_tool_reads() {
    let folder = Files::new(&[("manifest.json", BUILT)]);
    let environment = [("DATASET_MANIFEST", "manifest.json"), ("DATASET", "my/tokens@1.0.0")];
    for (layout, up) in [
        ("sqlx", "0001_tables.up.sql"),
        ("plain", "0001_tables.up.sql"),
        ("refinery", "V1__tables.sql"),
    ] {
        let database = Database::create().await;
        let arguments = ["--out", layout, "--layout", layout, "--name", "tables"];
        let answer = schema(folder.folder(), &environment, &arguments);
        assert_eq!(answer.code, Some(0), "{}", answer.log);
        let written = files(&folder.path(layout));
        migrate(&database, &written, up, false).await;
        let tables = "SELECT count(*) FROM pg_tables WHERE tablename IN ('logs', 'transfers')";
        assert_eq!(database.count(tables).await, 2, "{layout}");
        let answer = schema(folder.folder(), &environment, &arguments);
        assert!(answer.log.contains("there already"), "{}", answer.log);
        assert_eq!(files(&folder.path(layout)), written);
    }
    let arguments = ["--out", "x", "--name", "a b"];
    let answer = schema(folder.folder(), &environment, &arguments);
    assert_eq!(answer.code, Some(2), "{}", answer.log);
    assert!(!folder.path("x").exists());
}
