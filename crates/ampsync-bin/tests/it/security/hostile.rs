//! Names and texts that are made to be taken for something else. Each is either used as it is, or
//! refused; in the database there is then what was there before, and the table.

use std::fs;

use nozzle_sim::{SchemaChange, SimConfig, SimServer, Table};
use serde_json::json;
use tokio::time::{Duration, Instant, sleep};

use super::{Captured, End, PATIENCE};
use crate::pipe::Database;
use crate::process::ampsync;

/// Each would do harm, or be cut or changed, somewhere if it were not quoted. The environment
/// cannot hold a NUL, the wire can.
fn names() -> Vec<String> {
    let mut names: Vec<String> = [
        "\"; DROP TABLE canary; --",
        "'; DROP TABLE canary; --",
        "x\"; DROP TABLE canary; --",
        "x'); DROP TABLE canary; --",
        "\\'; DROP TABLE canary; --",
        "\\",
        "\\\\\"",
        "$1",
        "$$; DROP TABLE canary; $$",
        "%s%n%I",
        "{}{0}",
        "a\nb\r\nc\td",
        "*/ DROP TABLE canary; /*",
        "-- ",
        "select",
        "Ünïcode",
        "\u{202e}elbat\u{202c}",
        "\u{feff}bom",
        "zero\u{200b}width",
        "🦀🦀🦀",
        "e\u{301}",
        "\u{fffd}",
        " leading and trailing ",
        "",
        "nul\0nul",
        "\u{1}\u{7f}",
        "ampsync.checkpoints",
        "public\".\"canary",
        "../../etc/passwd",
    ]
    .map(str::to_owned)
    .into();
    names.push("é".repeat(31));
    names.push("é".repeat(32));
    names.push("n".repeat(10_000));
    names
}

/// A database with a canary, and what else is in it.
struct Cage {
    database: Database,
}

impl Cage {
    async fn create() -> Self {
        let database = Database::create().await;
        let create = "CREATE TABLE public.canary (sings text); INSERT INTO canary VALUES ('yes')";
        database.session.batch_execute(create).await.unwrap();
        Self { database }
    }

    /// Asserts that the canary is alive, and that there is nothing beside it but `tables`, what
    /// belongs to them, and the bookkeeping.
    async fn assert_whole(&self, doing: &str, tables: &[&str]) {
        let session = &self.database.session;
        let sings: String =
            session.query_one("SELECT sings FROM public.canary", &[]).await.unwrap().get(0);
        assert_eq!(sings, "yes", "{doing}");
        let select = "SELECT n.nspname || '.' || c.relname FROM pg_class c \
                      JOIN pg_namespace n ON n.oid = c.relnamespace \
                      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') \
                      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1";
        let rows = session.query(select, &[]).await.unwrap();
        let found = rows.iter().map(|row| row.get::<_, String>(0));
        let found: Vec<_> = found.filter(|name| !name.starts_with("ampsync.")).collect();
        let mut wanted: Vec<_> = tables.iter().map(|table| (*table).to_owned()).collect();
        wanted.push("public.canary".to_owned());
        wanted.sort();
        let extra: Vec<_> = found.iter().filter(|name| !wanted.contains(name)).collect();
        assert!(extra.is_empty(), "{doing}: {extra:?}");
        let others = "SELECT (SELECT count(*) FROM pg_proc p JOIN pg_namespace n \
                        ON n.oid = p.pronamespace WHERE n.nspname = 'public' OR n.nspname = 'ampsync' \
                        AND p.proname NOT IN ('safe_block', 'wait_for_block')) \
                      + (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal) \
                      + (SELECT count(*) FROM pg_event_trigger)";
        assert_eq!(self.database.count(others).await, 0, "{doing}");
    }

    /// Drops what a run made, so that the next begins as the first did.
    async fn clear(&self) {
        let clear = "DROP SCHEMA IF EXISTS ampsync CASCADE; DROP TABLE IF EXISTS public.sparse, public.\"select\"";
        self.database.session.batch_execute(clear).await.unwrap();
    }
}

/// Whether the binary came to the head of the chain, or how it refused.
enum Outcome {
    Worked,
    Refused(End),
}

/// Runs the binary until its one table is at the head, or it has refused.
async fn run(sim: &SimServer, cage: &Cage, more: &[(&str, &str)]) -> Outcome {
    let (url, endpoint) = (cage.database.url(), sim.endpoint());
    let mut environment = vec![
        ("NOZZLE_ENDPOINT", endpoint.as_str()),
        ("DATASET", "_/sim@0.0.1"),
        ("TABLES", "sparse"),
        ("DATABASE_URL", &url),
        ("RETRY_DELAY_MAX_MS", "500"),
    ];
    environment.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    environment.extend(more);
    let mut running = Captured::start(ampsync(&environment));
    let head = sim.chain().head().unwrap().hash.0.to_vec();
    let at_head = "SELECT count(*) FROM ampsync.checkpoints WHERE cursor_hash = $1";
    let deadline = Instant::now() + PATIENCE;
    loop {
        if running.has_ended() {
            return Outcome::Refused(running.stop());
        }
        let found = cage.database.session.query_one(at_head, &[&head]).await;
        if found.is_ok_and(|row| row.get::<_, i64>(0) > 0) {
            let end = running.stop();
            assert_eq!(end.code, Some(0), "{}", end.text);
            return Outcome::Worked;
        }
        assert!(
            Instant::now() < deadline,
            "{more:?}: neither worked nor refused:\n{}",
            running.text()
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// A refusal says which name it is about, and does so in a few lines.
fn assert_clear(doing: &str, end: &End) {
    assert!(matches!(end.code, Some(2 | 3)), "{doing}: {end:?}");
    assert!(!end.text.contains("panicked"), "{doing}: {}", end.text);
    assert!(end.text.len() < 32_000, "{doing}: {} bytes of text", end.text.len());
}

async fn simulate(config: SimConfig) -> SimServer {
    let sim = SimServer::start(config).await.unwrap();
    sim.mine(90);
    sim
}

fn sparse() -> SimConfig {
    SimConfig { tables: vec![Table::sparse()], ..SimConfig::default() }
}

/// What a table's column called `name` has to be: itself.
fn fits(name: &str) -> bool {
    !name.is_empty() && name.len() <= 63 && !name.contains('\0')
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_the_stream_may_be_called_anything() {
    let cage = Cage::create().await;
    // Those that can be used, all together, and each of the others.
    let (good, bad): (Vec<_>, Vec<_>) = names().into_iter().partition(|name| fits(name));
    let table = good
        .iter()
        .fold(Table::sparse(), |table, name| table.with_change(SchemaChange::Add(name.clone())));
    let sim = simulate(SimConfig { tables: vec![table], ..SimConfig::default() }).await;
    assert!(matches!(run(&sim, &cage, &[]).await, Outcome::Worked));
    cage.assert_whole("good columns", &["public.sparse"]).await;
    cage.database.equals(&sim).await;
    // A reorg names the columns again.
    sim.reorg(60);
    assert!(matches!(run(&sim, &cage, &[]).await, Outcome::Worked));
    cage.database.equals(&sim).await;
    cage.assert_whole("good columns after a reorg", &["public.sparse"]).await;
    for name in bad {
        cage.clear().await;
        let table = Table::sparse().with_change(SchemaChange::Add(name.clone()));
        let sim = simulate(SimConfig { tables: vec![table], ..SimConfig::default() }).await;
        let Outcome::Refused(end) = run(&sim, &cage, &[]).await else {
            panic!("{name:?} cannot be a column");
        };
        assert_clear(&name, &end);
        assert!(end.text.contains("column"), "{name:?}: {}", end.text);
        cage.assert_whole(&name, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_come_later_may_be_called_anything() {
    let cage = Cage::create().await;
    let sim = simulate(sparse()).await;
    assert!(matches!(run(&sim, &cage, &[]).await, Outcome::Worked));
    for name in names().into_iter().filter(|name| fits(name)) {
        sim.change_schema("sparse", &SchemaChange::Add(name.clone()));
    }
    sim.mine(40);
    assert!(matches!(run(&sim, &cage, &[]).await, Outcome::Worked));
    cage.assert_whole("added columns", &["public.sparse"]).await;
    let columns = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.sparse'::regclass \
                   AND attnum > 0 AND NOT attisdropped";
    let wanted = sim.table("sparse").schema().fields().len();
    assert_eq!(cage.database.count(columns).await, i64::try_from(wanted).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_may_be_called_anything() {
    let cage = Cage::create().await;
    for name in names() {
        cage.clear().await;
        let sim = simulate(SimConfig { network: name.clone(), ..sparse() }).await;
        if name.is_empty() || name.contains('\0') || name.len() > 255 {
            // Like whatever the server gets wrong, it costs another try, and is never stored.
            let (url, endpoint) = (cage.database.url(), sim.endpoint());
            let mut running = Captured::start(ampsync(&[
                ("NOZZLE_ENDPOINT", endpoint.as_str()),
                ("DATASET", "_/sim@0.0.1"),
                ("TABLES", "sparse"),
                ("DATABASE_URL", &url),
            ]));
            running.wait_for(&["the network"]);
            let end = running.stop();
            assert!(end.text.contains("the network"), "{name:?}: {}", end.text);
            assert!(!end.text.contains("panicked"), "{name:?}: {}", end.text);
            assert_eq!(cage.database.count("SELECT count(*) FROM public.sparse").await, 0);
        } else {
            assert!(matches!(run(&sim, &cage, &[]).await, Outcome::Worked), "{name:?}");
            // The name goes to the server again, with the cursor.
            sim.reorg(5);
            assert!(matches!(run(&sim, &cage, &[]).await, Outcome::Worked), "{name:?}");
            let network = "SELECT network FROM ampsync.checkpoints";
            let row = cage.database.session.query_one(network, &[]).await.unwrap();
            assert_eq!(row.get::<_, String>(0), name);
        }
        cage.assert_whole(&name, &["public.sparse"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_may_be_called_anything() {
    let cage = Cage::create().await;
    let sim = simulate(sparse()).await;
    for name in names().into_iter().filter(|name| !name.is_empty() && !name.contains('\0')) {
        cage.clear().await;
        let outcome = run(&sim, &cage, &[("DATABASE_SCHEMA", &name)]).await;
        // Settings may have spaces around them.
        let schema = name.trim();
        match outcome {
            Outcome::Worked => {
                assert!(fits(schema), "{schema:?}");
                cage.assert_whole(schema, &[&format!("{schema}.sparse")]).await;
                let drop = format!("DROP SCHEMA \"{}\" CASCADE", schema.replace('"', "\"\""));
                cage.database.session.batch_execute(&drop).await.unwrap();
            }
            Outcome::Refused(end) => {
                assert_clear(schema, &end);
                assert!(!fits(schema), "{schema:?}: {}", end.text);
                cage.assert_whole(schema, &[]).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_no_names_are_refused() {
    let cage = Cage::create().await;
    let sim = simulate(sparse()).await;
    for name in names().into_iter().filter(|name| !name.trim().is_empty() && !name.contains('\0')) {
        for variable in ["TABLES", "DATASET"] {
            // These are names, if strange ones.
            if name == "select" || (variable, name.len()) == ("DATASET", 10_000) {
                continue;
            }
            let Outcome::Refused(end) = run(&sim, &cage, &[(variable, &name)]).await else {
                panic!("{variable}={name:?} is no name");
            };
            assert_clear(&name, &end);
            assert_eq!(end.code, Some(2), "{}", end.text);
            assert!(end.text.contains(variable), "{variable}={name:?}: {}", end.text);
            assert!(end.text.len() < 2_000, "{variable}={name:?}: {}", end.text);
        }
    }
    cage.assert_whole("names in settings", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_texts_of_a_manifest_are_used_as_they_are_or_refused() {
    let cage = Cage::create().await;
    // One of the names is one that a table can have.
    let tables = vec![Table::sparse(), Table::sparse().named("select")];
    let sim = simulate(SimConfig { tables, ..SimConfig::default() }).await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for name in names() {
        // As a table, a dataset, a column and a comment: in a built manifest, in JSON, evaluated.
        let fields = json!([{"name": name, "type": "Utf8", "nullable": true}]);
        let sql = "SELECT _block_num FROM \"_/sim@0.0.1\".sparse";
        let built = |table: &str| {
            let table_json =
                json!({"input": {"sql": sql}, "schema": {"arrow": {"fields": fields.clone()}}});
            json!({"kind": "manifest", "tables": {table: table_json}}).to_string()
        };
        let config = |dataset: &str, table: &str| {
            json!({
                "name": dataset,
                "version": "0.0.1",
                "network": name,
                "description": name,
                "repository": name,
                "keywords": [name.clone()],
                "tables": {table: {"sql": sql}},
            })
        };
        let evaluated = |value: serde_json::Value| format!("export default {value};\n");
        let files = [
            write("table.json", built(&name)),
            write("columns.json", built("sparse")),
            write("config.json", config("sim", "sparse").to_string()),
            write("dataset.json", config(&name, "sparse").to_string()),
            write("config.ts", evaluated(config("sim", "sparse"))),
            write("names.ts", evaluated(config(&name, &name))),
        ];
        for file in &files {
            cage.clear().await;
            let more = [("DATASET_MANIFEST", file.as_str()), ("TABLES", "")];
            let doing = format!("{file} with {name:?}");
            match run(&sim, &cage, &more).await {
                Outcome::Worked => {
                    cage.assert_whole(&doing, &["public.sparse", "public.select"]).await;
                }
                Outcome::Refused(end) => {
                    assert_clear(&doing, &end);
                    assert_eq!(end.code, Some(2), "{doing}: {}", end.text);
                    cage.assert_whole(&doing, &[]).await;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn surrogates_and_bytes_that_are_no_text_are_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let files: [(&str, &[u8]); 4] = [
        ("lone.json", br#"{"name": "sim", "version": "0.0.1", "tables": {"\ud800": {"sql": "SELECT 1"}}}"#),
        ("lone.ts", br#"export default {name: "sim", version: "0.0.1", tables: {"\ud800": {sql: "SELECT \udc00"}}}"#),
        ("bytes.json", b"{\"name\": \"\xff\xfe\"}"),
        ("bytes.ts", b"export default {name: \"\xed\xa0\x80\"}"),
    ];
    let database = ("DATABASE_URL", "postgres://me@127.0.0.1:1/app");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let manifest = ("DATASET_MANIFEST", path.to_str().unwrap());
        let end = Captured::start(ampsync(&[manifest, database])).end();
        assert_clear(name, &end);
        assert_eq!(end.code, Some(2), "{name}: {}", end.text);
    }
    for variable in ["TABLES", "DATASET", "DATABASE_SCHEMA", "NOZZLE_AUTH_TOKEN"] {
        let mut command = ampsync(&[("DATASET", "sim"), ("TABLES", "sparse"), database]);
        command.env(variable, std::ffi::OsStr::from_bytes(b"a\xff"));
        let end = Captured::start(command).end();
        assert_clear(variable, &end);
        assert!(end.text.contains(variable) && end.text.contains("UTF-8"), "{}", end.text);
    }
}
