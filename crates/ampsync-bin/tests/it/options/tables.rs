use ampsync_testkit::verify;
use nozzle_sim::{SimServer, Table};
use rustix::process::Signal;

use super::Files;
use crate::pipe::{Database, simulate, start, start_with};
use crate::process::Running;

const OPTIONS: &str = r#"
[tables.transactions]
name = "Sent Value"
schema = "defi"
comment = "it's what was sent"
columns = ["tx_hash", "from", "tx_index", "value", "nonce"]
where = """
  "tx_index" >= 1 -- not the first of its block
  AND (tx_index < 3)"""
primary_key = ["_block_num", "tx_index"]

[[tables.transactions.indexes]]
columns = ["from"]
method = "hash"

[[tables.transactions.indexes]]
columns = ["tx_hash", "nonce"]
unique = true

[tables.transactions.types]
value = "numeric"
nonce = "bigint"
tx_hash = "hex"

[tables.transactions.comments]
value = "in wei"

[tables.sparse]
columns = ["amount", "label"]
"#;

/// The query that is to be sent for `transactions`.
const NARROWED: &str = "SELECT \"_block_num\", \"tx_hash\", \"from\", \"tx_index\", \"value\", \"nonce\" \
     FROM \"_/sim@0.0.1\".transactions WHERE (\"tx_index\" >= 1 AND (tx_index < 3))";

async fn equals(database: &Database, sim: &SimServer, target: (&str, &str), sql: &str) {
    let (schema, table) = target;
    database.reaches(table, &sim.chain().head().unwrap().hash).await;
    let rows = sim.answer(sql).unwrap();
    let verdict = verify::table(&database.session, schema, table, &rows).await.unwrap();
    assert!(verdict.expect_equal() > 0, "{sql}: nothing was compared");
}

fn stop(ampsync: Running) {
    ampsync.signal(Signal::TERM);
    let (status, text) = ampsync.end();
    assert_eq!(status.code(), Some(0), "{text}");
}

async fn texts(database: &Database, query: &str) -> Vec<String> {
    let rows = database.session.query(query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_what_its_options_ask_for_through_reorgs() {
    let sim = simulate(vec![Table::transactions(), Table::sparse(), Table::logs()]).await;
    sim.mine(120);
    let database = Database::create().await;
    let files = Files::new(&[("ampsync.toml", OPTIONS)]);
    let path = files.path("ampsync.toml");
    let more = [("AMPSYNC_CONFIG", path.to_str().unwrap())];
    let ampsync = start_with(&sim, &database.url(), &more);
    for depth in [2, 5, 17] {
        equals(&database, &sim, ("defi", "Sent Value"), NARROWED).await;
        let sparse = "SELECT \"_block_num\", \"amount\", \"label\" FROM \"_/sim@0.0.1\".sparse";
        equals(&database, &sim, ("public", "sparse"), sparse).await;
        equals(&database, &sim, ("public", "logs"), "SELECT * FROM \"_/sim@0.0.1\".logs").await;
        sim.mine(3);
        sim.reorg(depth);
    }
    equals(&database, &sim, ("defi", "Sent Value"), NARROWED).await;
    let asked: Vec<String> = sim.requests().into_iter().map(|request| request.sql).collect();
    for sql in [NARROWED, "SELECT * FROM \"_/sim@0.0.1\".logs"] {
        assert!(asked.contains(&format!("{sql} SETTINGS stream = true")), "{sql}: {asked:#?}");
    }
    let columns = "SELECT attname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute \
                   WHERE attrelid = 'defi.\"Sent Value\"'::regclass AND attnum > 0 ORDER BY attnum";
    assert_eq!(
        texts(&database, columns).await,
        [
            "_block_num bigint",
            "tx_hash text",
            "from bytea",
            "tx_index bigint",
            "value numeric",
            "nonce bigint"
        ]
    );
    let indexes = "SELECT regexp_replace(indexdef, '.* USING ', \
                          CASE WHEN indexdef LIKE '%UNIQUE%' THEN 'unique ' ELSE '' END) \
                   FROM pg_indexes WHERE schemaname = 'defi' ORDER BY 1";
    assert_eq!(
        texts(&database, indexes).await,
        ["hash (\"from\")", "unique btree (_block_num, tx_index)", "unique btree (tx_hash, nonce)"]
    );
    let comments = "SELECT description FROM pg_description \
                    WHERE objoid = 'defi.\"Sent Value\"'::regclass ORDER BY objsubid";
    assert_eq!(texts(&database, comments).await, ["it's what was sent", "in wei"]);
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_goes_on_with_the_same_choice_and_refuses_another() {
    let sim = simulate(vec![Table::logs()]).await;
    sim.mine(60);
    let database = Database::create().await;
    let files = Files::new(&[]);
    let start = |text: &str| {
        let path = files.write("ampsync.toml", text);
        let more = [("AMPSYNC_CONFIG", path.as_str()), ("ON_REVISION_CHANGE", "refuse")];
        start_with(&sim, &database.url(), &more)
    };
    let sql = "SELECT \"_block_num\", \"log_index\", \"data\" FROM \"_/sim@0.0.1\".logs \
               WHERE (log_index > 1)";
    for text in [
        "[tables.logs]\ncolumns = [\"log_index\", \"data\"]\nwhere = \"log_index > 1\"",
        // Neither the order of columns nor layout is part of what is wanted.
        "tables.logs = { where = \"log_index  > 1\\t\", columns = [\"data\", \"log_index\"] }",
    ] {
        let ampsync = start(text);
        sim.mine(5);
        equals(&database, &sim, ("public", "logs"), sql).await;
        stop(ampsync);
    }
    let before = database.count("SELECT count(*) FROM logs").await;
    for text in [
        "[tables.logs]\ncolumns = [\"log_index\", \"data\"]\nwhere = \"log_index > 2\"",
        "[tables.logs]\ncolumns = [\"log_index\"]\nwhere = \"log_index > 1\"",
        "",
    ] {
        let (status, log) = start(text).end();
        assert_eq!(status.code(), Some(3), "{log}");
        assert!(log.contains("was written from query") && log.contains("WHERE (log_index > 1)"));
        assert!(log.contains("ask for the query of before") && log.contains("DROP TABLE"), "{log}");
    }
    assert_eq!(database.count("SELECT count(*) FROM logs").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_options_is_continued_as_if_there_were_no_file() {
    let sim = simulate(vec![Table::logs()]).await;
    sim.mine(30);
    let database = Database::create().await;
    let ampsync = start(&sim, &database.url());
    database.equals(&sim).await;
    stop(ampsync);
    let files = Files::new(&[("ampsync.toml", "[tables.logs]\ncomment = \"all of them\"")]);
    let path = files.path("ampsync.toml");
    let more = [("AMPSYNC_CONFIG", path.to_str().unwrap()), ("NUL_IN_TEXT", "strip")];
    let ampsync = start_with(&sim, &database.url(), &more);
    sim.reorg(3);
    database.equals(&sim).await;
    let comment = "SELECT obj_description('logs'::regclass)";
    assert_eq!(texts(&database, comment).await, ["all of them"]);
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_of_the_config_is_narrowed_as_a_query_of_it() {
    let sim = simulate(vec![Table::logs()]).await;
    sim.mine(60);
    let database = Database::create().await;
    let config = r#"{"name": "derived", "dependencies": {"chain": "_/sim@0.0.1"}, "tables": {
        "topics": {"sql": "SELECT log_index, topic0 AS first, data FROM chain.logs WHERE log_index > 0"},
        "numbered": {"sql": "SELECT data, log_index, block_num() AS at FROM chain.logs"}
    }}"#;
    let options = r#"
        tables.topics = { columns = ["first", "log_index"], where = "log_index < 4" }
        tables.numbered = { name = "n", columns = ["data"] }
    "#;
    let files = Files::new(&[("nozzle.config.json", config), ("ampsync.toml", options)]);
    let (manifest, options) = (files.path("nozzle.config.json"), files.path("ampsync.toml"));
    let more = [
        ("DATASET_MANIFEST", manifest.to_str().unwrap()),
        ("AMPSYNC_CONFIG", options.to_str().unwrap()),
        ("DATASET", ""),
        ("TABLES", ""),
        ("QUERY_MODE", "sql"),
    ];
    let ampsync = start_with(&sim, &database.url(), &more);
    let topics = "SELECT \"_block_num\", \"first\", \"log_index\" FROM (SELECT _block_num, log_index, \
                  topic0 AS first, data FROM \"_/sim@0.0.1\".logs WHERE log_index > 0) AS q \
                  WHERE (log_index < 4)";
    let numbered = "SELECT \"at\", \"data\" FROM (SELECT data, log_index, block_num() AS at \
                    FROM \"_/sim@0.0.1\".logs) AS q";
    for depth in [3, 9] {
        equals(&database, &sim, ("public", "topics"), topics).await;
        equals(&database, &sim, ("public", "n"), numbered).await;
        sim.reorg(depth);
    }
    equals(&database, &sim, ("public", "topics"), topics).await;
    equals(&database, &sim, ("public", "n"), numbered).await;
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_out_of_range_are_what_the_options_say() {
    let sim = simulate(vec![Table::transactions()]).await;
    sim.mine(60);
    let files = Files::new(&[]);
    let types = "types = { gas_price = \"bigint\" }\n";
    for (default, own, code) in
        [("null", "", None), ("error", "", Some(3)), ("null", "out_of_range = \"error\"", Some(3))]
    {
        let database = Database::create().await;
        let options = format!("[tables.transactions]\ncolumns = [\"gas_price\"]\n{own}\n{types}");
        let path = files.write("ampsync.toml", &options);
        let more = [("AMPSYNC_CONFIG", path.as_str()), ("VALUES_OUT_OF_RANGE", default)];
        let ampsync = start_with(&sim, &database.url(), &more);
        if code.is_some() {
            let (status, log) = ampsync.end();
            assert_eq!(status.code(), code, "{log}");
            assert!(log.contains("gas_price"), "{log}");
            continue;
        }
        database.reaches("transactions", &sim.chain().head().unwrap().hash).await;
        let nulls = database.count("SELECT count(*) FROM transactions WHERE gas_price IS NULL");
        let (nulls, all) = (nulls.await, database.count("SELECT count(*) FROM transactions").await);
        assert!(0 < nulls && nulls <= all, "{nulls} of {all}");
        stop(ampsync);
    }
}
