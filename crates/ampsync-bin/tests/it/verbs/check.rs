//! Whatever keeps a start from working is found before it, with what helps; and nothing is changed.

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ampsync_testkit::postgres::{Cluster, PgBouncer};
use arrow_schema::{DataType, Field, Schema, UnionFields, UnionMode};
use nozzle_sim::{Fault, SimServer, Table};
use tempfile::TempDir;
use tonic::Code;

use super::{run, synced};
use crate::pipe::{Database, simulate};
use crate::process::Answer;

/// What is wrong, and what has to be said about it. In all texts `{db}` is the database, `{role}` a
/// role that has rights to nothing, `{url}` and `{role_url}` their URLs, `{folder}` a folder with the
/// config and `files`.
#[derive(Default)]
struct Case {
    /// Whether the tables were synced before.
    synced: bool,
    /// Run in the database beforehand, as the superuser.
    sql: &'static str,
    files: &'static [(&'static str, &'static str)],
    /// Beside the settings that work.
    settings: &'static [(&'static str, &'static str)],
    /// What every call to the server is answered with.
    refused: Option<Code>,
    /// What only opening the stream of `logs` is answered with.
    not_streamed: Option<Code>,
    code: i32,
    says: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        settings: &[("DATASET_MANIFEST", "{folder}/nozzle.config.ts"), ("TABLES", "block")],
        code: 2,
        says: &["TABLES", "has no table \"block\"", "did you mean blocks?"],
        ..NOTHING
    },
    Case {
        settings: &[("TABLES", "nothing")],
        code: 2,
        says: &["nothing", "not found"],
        ..NOTHING
    },
    Case {
        settings: &[("NOZZLE_ENDPOINT", "localhost:1602")],
        code: 2,
        says: &["NOZZLE_ENDPOINT", "example: NOZZLE_ENDPOINT=http://localhost:1602"],
        ..NOTHING
    },
    Case {
        settings: &[("NOZZLE_ENDPOINT", "http://127.0.0.1:1")],
        code: 1,
        says: &["Connection refused", "check that the server runs"],
        ..NOTHING
    },
    Case {
        not_streamed: Some(Code::InvalidArgument),
        code: 2,
        says: &["There is a problem.", "table logs: ", "it cannot be streamed"],
        ..NOTHING
    },
    Case { refused: Some(Code::Unauthenticated), code: 2, says: &["NOZZLE_AUTH_TOKEN"], ..NOTHING },
    Case {
        settings: &[("DATABASE_URL", "postgres://{role}:wrong@{addr}/{db}")],
        code: 2,
        says: &["DATABASE_URL", "28P01", "correct the user or the password"],
        ..NOTHING
    },
    Case {
        settings: &[("DATABASE_URL", "postgres://{role}:pass@{addr}/nowhere")],
        code: 2,
        says: &["DATABASE_URL", "3D000", "nowhere"],
        ..NOTHING
    },
    Case {
        settings: &[("DATABASE_URL", "postgres://{role}:pass@127.0.0.1:1/{db}")],
        code: 1,
        says: &["127.0.0.1:1", "check that it runs, and that its address is right"],
        ..NOTHING
    },
    Case {
        settings: &[("DATABASE_URL", "{role_url}?sslmode=verify-everything")],
        code: 2,
        says: &["DATABASE_URL", "verify-everything", "verify-full"],
        ..NOTHING
    },
    Case {
        settings: &[("DATABASE_URL", "{role_url}?sslmode=require")],
        code: 2,
        says: &["DATABASE_URL", "TLS"],
        ..NOTHING
    },
    Case {
        settings: &[("DATABASE_URL", "{role_url}")],
        code: 2,
        says: &["CREATE SCHEMA \"ampsync\" AUTHORIZATION \"{role}\""],
        ..NOTHING
    },
    Case {
        synced: true,
        sql: "GRANT USAGE ON SCHEMA public, ampsync TO {role}; \
              GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ampsync TO {role}; \
              GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        settings: &[("DATABASE_URL", "{role_url}")],
        code: 2,
        says: &["GRANT INSERT ON TABLE \"public\".\"blocks\" TO \"{role}\""],
        ..NOTHING
    },
    Case {
        sql: "CREATE TABLE public.blocks (_block_num text)",
        code: 2,
        says: &["\"_block_num\"", "text", "ALTER TABLE \"public\".\"blocks\""],
        ..NOTHING
    },
    Case {
        sql: "CREATE TABLE public.logs (_block_num bigint); INSERT INTO public.logs VALUES (1)",
        code: 2,
        says: &["rows that did not come from this stream", "TRUNCATE \"public\".\"logs\""],
        ..NOTHING
    },
    Case {
        sql: "CREATE VIEW public.logs AS SELECT 1",
        code: 2,
        says: &["\"logs\" is not a table", "rename it"],
        ..NOTHING
    },
    Case {
        synced: true,
        files: &[("options.toml", "[tables.logs]\nwhere = \"log_index > 1\"\n")],
        settings: &[("AMPSYNC_CONFIG", "{folder}/options.toml"), ("ON_REVISION_CHANGE", "refuse")],
        code: 2,
        says: &["was written from query", "ampsync reset"],
        ..NOTHING
    },
    Case {
        synced: true,
        sql: "DROP TABLE public.blocks",
        code: 2,
        says: &["is gone, but its checkpoint is not", "ampsync reset"],
        ..NOTHING
    },
    Case {
        synced: true,
        sql: "UPDATE ampsync.meta SET version = 9999",
        code: 2,
        says: &["version 9999", "use the newer release"],
        ..NOTHING
    },
    Case {
        sql: "ALTER DATABASE \"{db}\" SET default_transaction_read_only = on",
        code: 2,
        says: &["only reads", "connect to the primary"],
        ..NOTHING
    },
    Case {
        files: &[("options.toml", "[tables.logs]\ncolunms = []\n")],
        settings: &[("AMPSYNC_CONFIG", "{folder}/options.toml")],
        code: 2,
        says: &["options.toml:2:1", "did you mean columns?"],
        ..NOTHING
    },
    Case {
        files: &[("options.toml", "[tables.logs]\nname = \"blocks\"\n")],
        settings: &[("AMPSYNC_CONFIG", "{folder}/options.toml")],
        code: 2,
        says: &["blocks", "logs"],
        ..NOTHING
    },
    Case {
        files: &[("broken.config.ts", "export default {\n  tables: trasfers,\n}\n")],
        settings: &[("DATASET_MANIFEST", "{folder}/broken.config.ts")],
        code: 2,
        says: &["broken.config.ts:2:", "trasfers is not defined"],
        ..NOTHING
    },
    Case {
        files: &[(
            "sql.json",
            r#"{"name": "x", "dependencies": {"sim": "_/sim@0.0.1"},
                "tables": {"t": {"sql": "SELECT * FROM sim.logs ORDER BY block_num"}}}"#,
        )],
        settings: &[
            ("DATASET_MANIFEST", "{folder}/sql.json"),
            ("QUERY_MODE", "sql"),
            ("TABLES", ""),
            ("DATASET", ""),
        ],
        code: 2,
        says: &["ORDER BY"],
        ..NOTHING
    },
    Case {
        settings: &[("NOZZLE_AUTH_TOKEN_FILE", "{folder}/no-token")],
        code: 2,
        says: &["NOZZLE_AUTH_TOKEN_FILE", "no-token"],
        ..NOTHING
    },
    // Several at once, on both sides.
    Case {
        sql: "CREATE TABLE public.logs (_block_num bigint); INSERT INTO public.logs VALUES (1)",
        settings: &[("TABLES", "nothing,logs"), ("BATCH_ROWS_MAX", "many")],
        code: 2,
        says: &[
            "There are 3 problems.",
            "BATCH_ROWS_MAX: ",
            "many",
            "table nothing: ",
            "not found",
            "table public.logs: ",
            "rows that did not come from this stream",
        ],
        ..NOTHING
    },
    Case {
        synced: true,
        sql: "UPDATE ampsync.checkpoints SET dataset = 'another/set@1.0.0'",
        code: 2,
        says: &["another/set@1.0.0", "_/sim@0.0.1", "ampsync reset"],
        ..NOTHING
    },
    // What a start would run into when it changes the table.
    Case {
        synced: true,
        sql: "INSERT INTO public.logs SELECT * FROM public.logs WHERE _block_num = \
              (SELECT min(_block_num) FROM public.logs)",
        files: &[(
            "options.toml",
            "[[tables.logs.indexes]]\ncolumns = [\"tx_hash\", \"log_index\"]\nunique = true\n",
        )],
        settings: &[("AMPSYNC_CONFIG", "{folder}/options.toml")],
        code: 2,
        says: &["CREATE UNIQUE INDEX", "several rows have the values (", "have the same values"],
        ..NOTHING
    },
    Case {
        synced: true,
        sql: "INSERT INTO public.logs SELECT * FROM public.logs",
        files: &[(
            "options.toml",
            "[tables.logs]\nprimary_key = [\"_block_num\", \"log_index\"]\n",
        )],
        settings: &[("AMPSYNC_CONFIG", "{folder}/options.toml")],
        code: 2,
        says: &["PRIMARY KEY", "several rows have the values ("],
        ..NOTHING
    },
    Case {
        synced: true,
        sql: "ALTER TABLE public.logs ALTER log_index DROP NOT NULL; \
              UPDATE public.logs SET log_index = NULL WHERE _block_num = \
              (SELECT min(_block_num) FROM public.logs)",
        files: &[(
            "options.toml",
            "[tables.logs]\nprimary_key = [\"_block_num\", \"log_index\"]\n",
        )],
        settings: &[("AMPSYNC_CONFIG", "{folder}/options.toml")],
        code: 2,
        says: &["PRIMARY KEY", "no value in a column of the key"],
        ..NOTHING
    },
    Case {
        synced: true,
        sql: "ALTER SCHEMA ampsync OWNER TO {role}; ALTER TABLE public.blocks OWNER TO {role}; \
              GRANT ALL ON ALL TABLES IN SCHEMA ampsync, public TO {role}; \
              REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO {role}",
        files: &[("options.toml", "[[tables.blocks.indexes]]\ncolumns = [\"hash\"]\n")],
        settings: &[("DATABASE_URL", "{role_url}"), ("AMPSYNC_CONFIG", "{folder}/options.toml")],
        code: 2,
        says: &[
            "may not create an index",
            "GRANT USAGE, CREATE ON SCHEMA \"public\" TO \"{role}\"",
        ],
        ..NOTHING
    },
    Case {
        synced: true,
        sql: "UPDATE ampsync.checkpoints SET cursor_block = cursor_block - 1",
        code: 2,
        says: &["contradicts itself", "reset the table"],
        ..NOTHING
    },
];

const NOTHING: Case = Case {
    synced: false,
    sql: "",
    files: &[],
    settings: &[],
    refused: None,
    not_streamed: None,
    code: 0,
    says: &[],
};

struct World {
    sim: SimServer,
    database: Database,
    folder: TempDir,
}

impl World {
    async fn of(case: &Case) -> Self {
        let sim = simulate(vec![Table::blocks(), Table::logs()]).await;
        sim.mine(30);
        let database = if case.synced { synced(&sim).await } else { Database::create().await };
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("nozzle.config.ts"), sim.config_ts()).unwrap();
        for (name, text) in case.files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let world = Self { sim, database, folder };
        let role = world.fill(
            "CREATE ROLE {role} LOGIN PASSWORD 'pass'; REVOKE ALL ON DATABASE \
                               \"{db}\" FROM PUBLIC; GRANT CONNECT ON DATABASE \"{db}\" TO {role}",
        );
        world.database.session.batch_execute(&role).await.unwrap();
        world.database.session.batch_execute(&world.fill(case.sql)).await.unwrap();
        world
    }

    fn fill(&self, text: &str) -> String {
        let Self { database, folder, .. } = self;
        let role = format!("role_{}", database.name);
        text.replace("{role_url}", "postgres://{role}:pass@{addr}/{db}")
            .replace("{url}", &database.url())
            .replace("{role}", &role)
            .replace("{addr}", &database.addr().to_string())
            .replace("{db}", &database.name)
            .replace("{folder}", &folder.path().display().to_string())
    }

    fn check(&self, settings: &[(&str, &str)]) -> Answer {
        let mut all = vec![
            ("NOZZLE_ENDPOINT", self.sim.endpoint()),
            ("DATASET", self.sim.config().dataset_ref()),
            ("TABLES", "blocks,logs".to_owned()),
            ("DATABASE_URL", self.database.url()),
        ];
        for (name, value) in settings {
            all.retain(|(given, _)| given != name);
            all.push((name, self.fill(value)));
        }
        let all: Vec<_> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
        run(&all, &["check"])
    }

    /// All that there is in the database, and how often it was written to.
    async fn contents(&self) -> String {
        let query = "SELECT string_agg(t, E'\n' ORDER BY t) FROM ( \
                     SELECT format('%s %s', c.oid::regclass, c.relfilenode) t FROM pg_class c \
                     UNION ALL SELECT format('%s', nspname) FROM pg_namespace \
                       WHERE nspname !~ '^pg_' \
                     UNION ALL SELECT format('%s %s', attrelid, attname) FROM pg_attribute \
                       WHERE attrelid >= 16384) x";
        self.database.session.query_one(query, &[]).await.unwrap().get(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_misconfiguration_is_found_and_its_remedy_named() {
    assert!(CASES.len() >= 15);
    let mut wrong = Vec::new();
    for case in CASES {
        let world = World::of(case).await;
        if let Some(code) = case.refused {
            (0..20).for_each(|_| world.sim.inject(Fault::FlightInfo(code, "no".to_owned())));
        }
        if let Some(code) = case.not_streamed {
            world.sim.inject_for("logs", Fault::DoGet(code, "it cannot be streamed".to_owned()));
        }
        let before = world.contents().await;
        let Answer { code, out, log } = world.check(case.settings);
        let says = case.says.iter().map(|text| world.fill(text));
        let missing: Vec<_> = says.filter(|text| !out.contains(text)).collect();
        if code != Some(case.code) || !missing.is_empty() {
            let Case { settings, sql, .. } = case;
            let wanted = case.code;
            wrong.push(format!(
                "{settings:?} {sql:?}: {code:?}, not {wanted}; no {missing:?} in:\n{out}{log}"
            ));
        }
        assert_eq!(world.contents().await, before, "{:?}", case.settings);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_done_is_told_where_nothing_is_wrong() {
    let world = World::of(&NOTHING).await;
    let before = world.contents().await;
    let Answer { code, out, log } = world.check(&[]);
    assert_eq!(code, Some(0), "{out}{log}");
    for text in ["blocks into \"public\".\"blocks\"", "begins with the first block", "CREATE TABLE"]
    {
        assert!(out.contains(text), "no {text:?} in:\n{out}");
    }
    assert_eq!(world.contents().await, before);

    let world = World::of(&Case { synced: true, ..NOTHING }).await;
    let Answer { code, out, log } = world.check(&[]);
    assert_eq!(code, Some(0), "{out}{log}");
    assert!(out.contains("goes on after block 29") && !out.contains("CREATE"), "{out}");
}

/// Everything that is checked of these tables into this database.
fn checked(sim: &SimServer, url: &str, more: &[&str]) -> Answer {
    let tables: Vec<_> = sim.config().tables.iter().map(Table::name).collect();
    let environment = [
        ("NOZZLE_ENDPOINT", sim.endpoint()),
        ("DATASET", sim.config().dataset_ref()),
        ("TABLES", tables.join(",")),
        ("DATABASE_URL", url.to_owned()),
    ];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    run(&environment, &[&["check"], more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_table_is_found_by_column() {
    let block = Field::new("_block_num", DataType::UInt64, false);
    let odd = DataType::Union(UnionFields::empty(), UnionMode::Sparse);
    for (fields, says) in [
        (
            vec![Field::new("a", DataType::Int32, true)],
            &["the stream has no UInt64 column \"_block_num\"", "SELECT _block_num"][..],
        ),
        (vec![block, Field::new("odd", odd, true)], &["odd", "Union"]),
    ] {
        let table = Table::scripted("t", Arc::new(Schema::new(fields)), Vec::new());
        let sim = simulate(vec![table]).await;
        sim.mine(3);
        let database = Database::create().await;
        let Answer { code, out, log } = checked(&sim, &database.url(), &[]);
        assert_eq!(code, Some(2), "{out}{log}");
        for text in says {
            assert!(out.contains(text), "no {text:?} in:\n{out}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_keeps_no_sessions_is_found() {
    let cluster = Cluster::start().await.unwrap();
    let pool = [("pool_mode", "transaction")];
    let Some(bouncer) = PgBouncer::start(&cluster, &pool).await.unwrap() else { return };
    let sim = simulate(vec![Table::blocks()]).await;
    sim.mine(3);
    let url = format!("postgres://postgres:any@{}/postgres", bouncer.addr());
    let Answer { code, out, log } = checked(&sim, &url, &[]);
    assert_eq!(code, Some(2), "{out}{log}");
    for text in ["DATABASE_URL", "gives each transaction another session", "pool_mode = session"] {
        assert!(out.contains(text), "no {text:?} in:\n{out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_found() {
    let mut primary = Cluster::start().await.unwrap();
    let standby = primary.standby().await.unwrap();
    let sim = simulate(vec![Table::blocks()]).await;
    sim.mine(3);
    let Answer { code, out, log } = checked(&sim, &standby.url("postgres"), &[]);
    assert_eq!(code, Some(2), "{out}{log}");
    for text in ["DATABASE_URL", "it is a standby", "connect to the primary"] {
        assert!(out.contains(text), "no {text:?} in:\n{out}");
    }
    let Answer { code, out, log } = checked(&sim, &primary.url("postgres"), &[]);
    assert_eq!(code, Some(0), "{out}{log}");
}

/// A server that takes connections and never says a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_ends_in_its_time_and_says_what_was_not_asked() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let sim = simulate(vec![Table::blocks(), Table::logs()]).await;
    sim.mine(3);
    let url = format!("postgres://a:b@{}/c?sslmode=disable", mute.local_addr().unwrap());
    let before = Instant::now();
    let Answer { code, out, log } = checked(&sim, &url, &["--within", "2"]);
    assert_eq!(code, Some(1), "{out}{log}");
    for text in [
        "not everything was asked within 2 s",
        "--within 8",
        "Not checked:",
        "the database, because it did not answer",
        "the stream of table blocks, because the time was over",
        "the stream of table logs, because the time was over",
    ] {
        assert!(out.contains(text), "no {text:?} in:\n{out}");
    }
    // Each question alone would have longer.
    assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());
}
