use nozzle_sim::{SimServer, Table};
use serde_json::json;

use super::{Database, simulate, start_with};
use crate::process::run;

/// Tables of the simulated dataset, derived by queries of their own: what the config says, and
/// what a server is to be asked for.
const QUERIES: [(&str, &str, &str, &str); 4] = [
    (
        "renamed",
        "-- what a log is of\nSELECT block_hash AS hash,\n       log_index FROM chain.logs",
        "SELECT _block_num, block_hash AS hash, log_index FROM \"_/sim@0.0.1\".logs",
        "_block_num",
    ),
    (
        "filtered",
        "SELECT * FROM \"_/sim@{hash}\".logs WHERE log_index >= 2",
        "SELECT * FROM \"_/sim@{hash}\".logs WHERE log_index >= 2",
        "_block_num",
    ),
    (
        "nested",
        "SELECT h FROM (SELECT block_hash AS h FROM chain.logs WHERE log_index <> 1) AS l",
        "SELECT _block_num, h FROM (SELECT _block_num, block_hash AS h FROM \"_/sim@0.0.1\".logs \
         WHERE log_index <> 1) AS l",
        "_block_num",
    ),
    (
        "numbered",
        "SELECT data, block_num() AS at FROM chain.logs;",
        "SELECT data, block_num() AS at FROM \"_/sim@0.0.1\".logs",
        "at",
    ),
];

fn pinned(sim: &SimServer, sql: &str) -> String {
    sql.replace("{hash}", &sim.config().manifest_hash())
}

fn config(sim: &SimServer, folder: &tempfile::TempDir) -> String {
    let tables: serde_json::Map<String, serde_json::Value> = QUERIES
        .iter()
        .map(|(name, sql, _, _)| ((*name).to_owned(), json!({ "sql": pinned(sim, sql) })))
        .collect();
    let config = json!({
        "name": "derived",
        "version": "1.0.0",
        "dependencies": { "chain": "_/sim@0.0.1" },
        "tables": tables,
    });
    let path = folder.path().join("nozzle.config.json");
    std::fs::write(&path, config.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifests_own_queries_are_streamed_through_reorgs() {
    let sim = simulate(vec![Table::logs()]).await;
    sim.mine(60);
    let database = Database::create().await;
    let folder = tempfile::tempdir().unwrap();
    let path = config(&sim, &folder);
    let more = [
        ("DATASET_MANIFEST", path.as_str()),
        ("DATASET", ""),
        ("TABLES", ""),
        ("QUERY_MODE", "sql"),
    ];
    let _ampsync = start_with(&sim, &database.url(), &more);
    for round in 0..4 {
        for (table, _, sql, _) in QUERIES {
            database.table_equals(&sim, table, &sim.answer(&pinned(&sim, sql)).unwrap()).await;
        }
        sim.mine(round);
        sim.reorg(3 + round);
    }
    let asked: Vec<String> = sim.requests().into_iter().map(|request| request.sql).collect();
    for (_, _, sql, column) in QUERIES {
        let sql = format!("{} SETTINGS stream = true", pinned(&sim, sql));
        assert!(asked.contains(&sql), "{sql}: {asked:#?}");
        let indexed = format!(
            "SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%({column})' OR indexdef LIKE '%(\"{column}\")'"
        );
        assert!(database.count(&indexed).await > 0, "{column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_in_typescript_is_all_that_has_to_be_said() {
    let sim = simulate(vec![Table::logs(), Table::sparse()]).await;
    sim.mine(60);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nozzle.config.ts");
    std::fs::write(&path, sim.config_ts()).unwrap();
    for mode in ["table", "sql"] {
        let database = Database::create().await;
        let more = [
            ("DATASET_MANIFEST", path.to_str().unwrap()),
            ("DATASET", ""),
            ("TABLES", ""),
            ("QUERY_MODE", mode),
        ];
        let _ampsync = start_with(&sim, &database.url(), &more);
        database.equals(&sim).await;
    }
}

#[test]
fn a_query_that_cannot_be_streamed_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nozzle.config.json");
    let config = json!({
        "name": "derived",
        "dependencies": { "chain": "_/sim@0.0.1" },
        "tables": {
            "top": { "sql": "SELECT *\nFROM chain.logs\nORDER BY data LIMIT 3" },
            "misspelt": { "sql": "SELECT * FROM chian.logs" },
        },
    });
    std::fs::write(&path, config.to_string()).unwrap();
    let (code, text) = run(&[
        ("DATASET_MANIFEST", path.to_str().unwrap()),
        ("DATABASE_URL", "postgres://me@localhost/app"),
        ("QUERY_MODE", "sql"),
    ]);
    assert_eq!(code, Some(2), "{text}");
    for expected in [
        "there are 3 mistakes",
        "nozzle.config.json: tables.top: the query 3:10: ORDER BY cannot be streamed",
        "nozzle.config.json: tables.top: the query 3:21: LIMIT cannot be streamed",
        "nozzle.config.json: tables.misspelt: the query 1:15: `chian` is no alias of a dependency",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}
