//! Several revisions of one table: one takes the other's place, with all that belongs to it.

use ampsync_testkit::postgres::shared;
use ampsync_testkit::proxy::{Fault, PgProxy};
use sink_postgres::{
    Database, Error, Exchanged, PostgresSink, Reuse, RevisionKind, SinkOptions, TableStatus,
};
use sync_core::{CommitError, Sink as _, TablePlan};

use crate::support::*;

const NEW: &str = "SELECT * FROM logs WHERE true";

fn name(table: &str) -> ampsync_schema::QualifiedName {
    let ident = |name: &str| ampsync_schema::Ident::new(name).unwrap();
    ampsync_schema::QualifiedName { schema: ident("public"), name: ident(table) }
}

fn wanted() -> TablePlan {
    TablePlan { query: NEW.to_owned(), ..plan() }
}

/// The sink of the table that is to take the place of `table`.
fn next_sink(world: &World, next: &ampsync_schema::QualifiedName) -> PostgresSink {
    let mut options = SinkOptions::default();
    (options.name, options.begun) = (Some(next.name.clone()), true);
    world.sink().with_options(options)
}

/// Fills the next revision of `logs` with one row for each block through `last`.
async fn begun(world: &World, last: u64) -> PostgresSink {
    let identity = ("ns/name@1.0.0", NEW);
    let next =
        world.database.begin_next(&name("logs"), identity, "_block_num", Reuse::Yes).await.unwrap();
    let mut sink = next_sink(world, &next);
    let start = ready(&mut sink, &wanted()).await;
    let blocks: Vec<_> = (0..=last).collect();
    let to = advance(&start, &[range(0, last)]);
    commit(&mut sink, &[], &[rows(&blocks)], &to).await.unwrap();
    sink
}

async fn swapped(world: &World) -> Exchanged {
    world.database.complete_next(&name("logs")).await.unwrap();
    world.database.swap(&name("logs")).await.unwrap()
}

async fn text(world: &World, query: &str) -> Vec<String> {
    let rows = world.texts(query).await.into_iter();
    rows.map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" ")).collect()
}

const KINDS: &str = "SELECT table_name, kind, of_table FROM ampsync.checkpoints ORDER BY 1";

#[tokio::test]
async fn the_next_revision_takes_the_place_of_a_table_and_the_old_one_is_kept() {
    let world = World::new().await;
    let mut old = world.sink();
    let before = filled(&mut old, 3).await;
    let safe = "SELECT ampsync.safe_block()";
    let identity = ("ns/name@1.0.0", NEW);
    let next =
        world.database.begin_next(&name("logs"), identity, "_block_num", Reuse::Yes).await.unwrap();
    assert_eq!(next, name("logs__next"));
    assert_eq!(world.number(safe).await, 3, "what is being filled counts for nothing");
    let mut new = begun(&world, 2).await;
    assert!(matches!(world.database.swap(&next).await, Err(Error::NotKept(_))));
    let error = world.database.swap(&name("logs")).await.unwrap_err();
    assert!(matches!(error, Error::Behind { .. }), "{error}");
    let at_two = new.checkpoint().await.unwrap();
    let to = advance(&at_two, &[range(3, 4)]);
    commit(&mut new, &[], &[rows(&[3, 4])], &to).await.unwrap();
    let done = swapped(&world).await;
    assert_eq!((done.kept, done.kind), (name("logs__v1"), RevisionKind::Previous));
    assert_eq!(text(&world, KINDS).await, ["logs current", "logs__v1 previous logs"]);
    assert_eq!(world.blocks().await, [0, 1, 2, 3, 4]);
    assert_eq!(world.number(safe).await, 4);
    let indexes = "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1";
    assert_eq!(text(&world, indexes).await, ["logs__block_num_idx", "logs__block_num_idx__v1"]);
    // Whoever wrote either of them is fenced, and finds out.
    for (sink, to) in [(&mut old, advance(&before, &[range(4, 4)])), (&mut new, to)] {
        let refused = commit(sink, &[], &[], &to).await.unwrap_err();
        assert!(matches!(refused, CommitError::Fenced), "{refused}");
    }
    assert!(matches!(old.prepare(&plan()).await, Err(Error::Identity { .. })));
    assert!(matches!(new.prepare(&wanted()).await, Err(Error::Superseded(_))));
    drop((old, new));
    // It goes on as any table, without any change to it.
    let mut sink = world.sink();
    assert_eq!(sink.rehearse(&wanted(), true).await.unwrap().changes, Vec::<String>::new());
    let now = ready(&mut sink, &wanted()).await;
    commit(&mut sink, &[], &[rows(&[5])], &advance(&now, &[range(5, 5)])).await.unwrap();
    assert_eq!(world.blocks().await, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_rollback_puts_the_one_before_in_place_and_another_takes_it_back() {
    let world = World::new().await;
    filled(&mut world.sink(), 3).await;
    let logs = name("logs");
    assert!(matches!(world.database.roll_back(&logs).await, Err(Error::NotKept(_))));
    begun(&world, 5).await;
    swapped(&world).await;
    let done = world.database.roll_back(&logs).await.unwrap();
    assert_eq!(done.kind, RevisionKind::Rejected);
    assert_eq!(world.blocks().await, [0, 1, 2, 3]);
    assert_eq!(text(&world, KINDS).await, ["logs current", "logs__v2 rejected logs"]);
    assert_eq!(ready(&mut world.sink(), &plan()).await.cursor.unwrap().number, block(3));
    world.database.roll_back(&logs).await.unwrap();
    assert_eq!(text(&world, KINDS).await, ["logs current", "logs__v1 previous logs"]);
    assert_eq!(ready(&mut world.sink(), &wanted()).await.cursor.unwrap().number, block(5));
    // What is wanted again and was only replaced is taken up where it was.
    let identity = ("ns/name@1.0.0", "SELECT * FROM logs");
    let next = world.database.begin_next(&logs, identity, "_block_num", Reuse::Yes);
    let mut again = next_sink(&world, &next.await.unwrap());
    assert_eq!(ready(&mut again, &plan()).await.cursor.unwrap().number, block(3));
    drop(again);
    // Given up, it is kept again, and not dropped as one that was only begun.
    while let Err(error) = world.database.drop_next(&logs).await {
        assert!(matches!(error, Error::InUse { .. }), "{error}");
        tokio::task::yield_now().await;
    }
    assert_eq!(text(&world, KINDS).await, ["logs current", "logs__v1 previous logs"]);
    world
        .database
        .begin_next(&logs, ("ns/name@1.0.0", "SELECT other"), "_block_num", Reuse::Yes)
        .await
        .unwrap();
    assert!(world.database.drop_next(&logs).await.unwrap());
    assert!(!world.database.drop_next(&logs).await.unwrap());
    assert_eq!(text(&world, KINDS).await, ["logs current", "logs__v1 previous logs"]);
    world.database.roll_back(&logs).await.unwrap();
    assert_eq!(world.blocks().await, [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_next_revision_of_something_else_is_dropped_unless_it_is_being_written() {
    let world = World::new().await;
    filled(&mut world.sink(), 3).await;
    let writing = begun(&world, 1).await;
    let other = world.other_process().await;
    let identity = ("ns/name@1.0.0", "SELECT other");
    let error =
        other.begin_next(&name("logs"), identity, "_block_num", Reuse::Yes).await.unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    drop(writing);
    let next = loop {
        match other.begin_next(&name("logs"), identity, "_block_num", Reuse::Yes).await {
            Ok(next) => break next,
            // The right to write is on its way back.
            Err(Error::InUse { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    let kept = "SELECT count(*) FROM pg_class WHERE relname = 'logs__next'";
    assert_eq!(world.number(kept).await, 0);
    let plan = TablePlan { query: "SELECT other".to_owned(), ..plan() };
    ready(&mut next_sink(&world, &next), &plan).await;
    assert_eq!(world.number(kept).await, 1);
}

/// What somebody has made of the table.
const BELONGINGS: &str = "
CREATE ROLE READER; GRANT SELECT ON logs TO READER; GRANT SELECT (data) ON logs TO PUBLIC;
COMMENT ON TABLE logs IS 'it''s ours'; COMMENT ON COLUMN logs.data IS 'texts';
ALTER TABLE logs SET (autovacuum_enabled = off, fillfactor = 90);
ALTER TABLE logs REPLICA IDENTITY FULL;
ALTER TABLE logs ALTER COLUMN data SET STATISTICS 77;
CREATE INDEX by_text ON logs (lower(data)) WHERE data IS NOT NULL;
CREATE TABLE texts_known (data text PRIMARY KEY);
INSERT INTO texts_known SELECT DISTINCT data FROM logs WHERE data IS NOT NULL;
ALTER TABLE logs ADD CONSTRAINT known_text FOREIGN KEY (data) REFERENCES texts_known ON DELETE CASCADE;
ALTER TABLE logs ADD CONSTRAINT once UNIQUE (_block_num) INCLUDE (data) WITH (fillfactor = 70) DEFERRABLE INITIALLY DEFERRED;
CREATE UNIQUE INDEX once_too ON logs (_block_num);
ALTER TABLE logs ADD CONSTRAINT positive CHECK (_block_num >= 0);
ALTER TABLE logs ADD CONSTRAINT later CHECK (_block_num > 100) NOT VALID;
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER notes AFTER INSERT ON logs FOR EACH ROW EXECUTE FUNCTION noted();
ALTER TABLE logs DISABLE TRIGGER notes;
CREATE POLICY chosen ON logs FOR SELECT TO READER USING (_block_num > 1);
ALTER TABLE logs ENABLE ROW LEVEL SECURITY;
CREATE PUBLICATION PUB FOR TABLE logs;
CREATE VIEW texts WITH (security_barrier = true) AS SELECT data, count(*) AS n FROM logs GROUP BY data;
GRANT SELECT ON texts TO READER;
CREATE VIEW longest AS SELECT max(data) AS data FROM texts;
";

/// Everything of it, as PostgreSQL tells it.
const TOLD: &str = "
SELECT 'acl ' || relacl::text || coalesce(reloptions::text, '') || relreplident::text || relrowsecurity FROM pg_class WHERE relname = 'logs'
UNION ALL SELECT 'column ' || attname || coalesce(attacl::text, '') || attstattarget FROM pg_attribute WHERE attrelid = 'logs'::regclass AND attnum > 0
UNION ALL SELECT 'comment ' || objsubid || description FROM pg_description WHERE objoid = 'logs'::regclass
UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE tablename = 'logs'
UNION ALL SELECT 'constraint ' || conname || pg_get_constraintdef(oid) || convalidated FROM pg_constraint WHERE conrelid = 'logs'::regclass
UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) || tgenabled::text FROM pg_trigger WHERE tgrelid = 'logs'::regclass AND NOT tgisinternal
UNION ALL SELECT 'policy ' || policyname || roles::text || cmd || qual FROM pg_policies WHERE tablename = 'logs'
UNION ALL SELECT 'publication ' || pubname || tablename FROM pg_publication_tables
UNION ALL SELECT 'view ' || viewname || definition FROM pg_views WHERE viewname IN ('texts', 'longest')
UNION ALL SELECT 'view of ' || relname || relacl::text || reloptions::text FROM pg_class WHERE relname = 'texts'
ORDER BY 1";

#[tokio::test]
async fn what_belongs_to_a_table_goes_with_its_name() {
    let world = World::new().await;
    filled(&mut world.sink(), 3).await;
    let belongings = BELONGINGS
        .replace("READER", &format!("reader_{}", world.name))
        .replace("PUB ", &format!("pub_{} ", world.name));
    world.session.batch_execute(&belongings).await.unwrap();
    let before = text(&world, TOLD).await;
    begun(&world, 3).await;
    let done = swapped(&world).await;
    assert_eq!(text(&world, TOLD).await, before, "{:#?}", done.statements);
    assert_eq!(text(&world, "SELECT n::text FROM texts").await.len(), 4);
    let of = "SELECT DISTINCT refobjid::regclass::text FROM pg_depend \
              WHERE classid = 'pg_rewrite'::regclass AND refobjid::regclass::text LIKE 'logs%'";
    assert_eq!(text(&world, of).await, ["logs"], "no view reads the one that is kept");
    // There and back again.
    world.database.roll_back(&name("logs")).await.unwrap();
    assert_eq!(text(&world, TOLD).await, before);
}

#[tokio::test]
async fn what_cannot_be_carried_over_keeps_a_table_where_it_is_and_is_named() {
    let world = World::new().await;
    filled(&mut world.sink(), 3).await;
    begun(&world, 3).await;
    for (create, what, drop) in [
        (
            "CREATE MATERIALIZED VIEW m AS SELECT * FROM logs",
            "materialized view public.m",
            "DROP MATERIALIZED VIEW m",
        ),
        (
            "CREATE FUNCTION f(logs) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "function public.f(public.logs)",
            "DROP FUNCTION f",
        ),
        (
            "CREATE FUNCTION g() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM logs; END",
            "function public.g()",
            "DROP FUNCTION g",
        ),
        ("CREATE TABLE other (l logs)", "table public.other", "DROP TABLE other"),
        (
            "ALTER TABLE logs ADD UNIQUE (_block_num); \
             CREATE TABLE refers (b bigint REFERENCES logs (_block_num))",
            "constraint refers_b_fkey on table public.refers",
            "DROP TABLE refers; ALTER TABLE logs DROP CONSTRAINT logs__block_num_key",
        ),
        (
            "ALTER TABLE logs ADD EXCLUDE USING btree (_block_num WITH =)",
            "constraint logs__block_num_excl",
            "ALTER TABLE logs DROP CONSTRAINT logs__block_num_excl",
        ),
        (
            "ALTER TABLE logs ADD UNIQUE (data); ALTER TABLE logs ADD l bigint; \
             ALTER TABLE logs ADD CONSTRAINT l_too CHECK (l > 0)",
            "constraint l_too on table public.logs: the new table does not have these columns: l",
            "ALTER TABLE logs DROP l, DROP CONSTRAINT logs_data_key",
        ),
        ("ALTER TABLE logs ADD mine text", "column mine", "ALTER TABLE logs DROP mine"),
        ("CREATE TABLE child () INHERITS (logs)", "table public.child", "DROP TABLE child"),
        (
            "CREATE RULE r AS ON INSERT TO logs DO ALSO NOTHING",
            "rule r of public.logs",
            "DROP RULE r ON logs",
        ),
        (
            "CREATE STATISTICS s ON _block_num, data FROM logs",
            "statistics object public.s",
            "DROP STATISTICS s",
        ),
        (
            "ALTER TABLE logs__next DROP data; CREATE VIEW v AS SELECT data FROM logs",
            "view public.v",
            "DROP VIEW v",
        ),
    ] {
        world.session.batch_execute(create).await.unwrap();
        let obstacles = world.database.complete_next(&name("logs")).await.unwrap().obstacles;
        let told: Vec<_> = obstacles.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|told| told.contains(what)), "{create}: {told:?}");
        let error = world.database.swap(&name("logs")).await.unwrap_err();
        assert!(error.to_string().contains(what), "{create}: {error}");
        world.session.batch_execute(drop).await.unwrap();
    }
    assert_eq!(text(&world, KINDS).await, ["logs current", "logs__next next logs"]);
    world.database.swap(&name("logs")).await.unwrap();
}

#[tokio::test]
async fn a_constraint_that_the_new_rows_break_is_named_and_the_old_table_stays() {
    let world = World::new().await;
    filled(&mut world.sink(), 3).await;
    begun(&world, 5).await;
    let other = "CREATE TABLE known (b bigint PRIMARY KEY); \
                 INSERT INTO known SELECT _block_num FROM logs; \
                 INSERT INTO logs__next SELECT * FROM logs__next WHERE _block_num = 2";
    world.session.batch_execute(other).await.unwrap();
    for add in [
        "CONSTRAINT mine CHECK (_block_num < 4)",
        "CONSTRAINT mine UNIQUE (_block_num)",
        "CONSTRAINT mine FOREIGN KEY (_block_num) REFERENCES known",
    ] {
        world.session.batch_execute(&format!("ALTER TABLE logs ADD {add}")).await.unwrap();
        let obstacles = world.database.complete_next(&name("logs")).await.unwrap().obstacles;
        let told: Vec<_> = obstacles.iter().map(ToString::to_string).collect();
        let begin = "constraint mine on table public.logs: the new rows break it: ";
        assert!(matches!(&told[..], [told] if told.starts_with(begin)), "{add}: {told:?}");
        // Nothing of it is left on the new one, and it is no way around either.
        let left = "SELECT conname::text FROM pg_constraint \
                    WHERE conrelid = 'logs__next'::regclass AND contype <> 'p'";
        assert_eq!(text(&world, left).await, Vec::<String>::new(), "{add}");
        let error = world.database.swap(&name("logs")).await.unwrap_err();
        assert!(matches!(error, Error::Blocked { .. }), "{error}");
        assert!(error.to_string().contains("constraint mine on table public.logs"), "{error}");
        assert_eq!(world.blocks().await, [0, 1, 2, 3], "{add}");
        world.session.batch_execute("ALTER TABLE logs DROP CONSTRAINT mine").await.unwrap();
    }
    // One that was there for a while goes again with the old one's.
    let check = "ALTER TABLE logs ADD CONSTRAINT mine CHECK (_block_num < 9)";
    world.session.batch_execute(check).await.unwrap();
    assert!(world.database.complete_next(&name("logs")).await.unwrap().obstacles.is_empty());
    world.session.batch_execute("ALTER TABLE logs DROP CONSTRAINT mine").await.unwrap();
    swapped(&world).await;
    let left = "SELECT conname::text FROM pg_constraint WHERE conname = 'mine'";
    assert_eq!(text(&world, left).await, Vec::<String>::new());
}

#[tokio::test]
async fn reorgs_count_for_the_table_whose_rows_they_took_back() {
    let world = World::new().await;
    filled(&mut world.sink(), 3).await;
    begun(&world, 3).await;
    let reorgs = "INSERT INTO ampsync.reorgs (table_schema, table_name, base_block, end_block, rows) \
                  VALUES ('public', 'logs', 1, 2, 3), ('public', 'logs', 2, 3, 4), \
                         ('public', 'logs__next', 3, 3, 5)";
    world.session.batch_execute(reorgs).await.unwrap();
    let counted = async || {
        let tables = world.database.status().await.unwrap().unwrap().tables.into_iter();
        let count = |table: TableStatus| (table.table.name.as_str().to_owned(), table.reorgs.count);
        tables.map(count).collect::<Vec<_>>()
    };
    let told = |name: &str, count: u64| (name.to_owned(), count);
    swapped(&world).await;
    assert_eq!(counted().await, [told("logs", 1), told("logs__v1", 2)]);
    world.database.roll_back(&name("logs")).await.unwrap();
    assert_eq!(counted().await, [told("logs", 2), told("logs__v2", 1)]);
}

#[tokio::test]
async fn a_rollback_brings_what_was_built_since() {
    let world = World::new().await;
    filled(&mut world.sink(), 3).await;
    begun(&world, 5).await;
    swapped(&world).await;
    let since = "CREATE INDEX since ON logs (data); \
                 ALTER TABLE logs ADD CONSTRAINT few CHECK (_block_num < 9)";
    world.session.batch_execute(since).await.unwrap();
    let before = text(&world, TOLD).await;
    world.database.roll_back(&name("logs")).await.unwrap();
    assert_eq!(text(&world, TOLD).await, before);
    assert_eq!(world.blocks().await, [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_long_reader_is_let_go_first_and_named() {
    let world = World::new().await;
    filled(&mut world.sink(), 3).await;
    begun(&world, 3).await;
    let read = "BEGIN; SET application_name = 'slow report'; SELECT * FROM logs";
    world.session.batch_execute(read).await.unwrap();
    let error = world.database.swap(&name("logs")).await.unwrap_err();
    assert!(matches!(&error, Error::Locked { .. }), "{error}");
    assert!(error.to_string().contains("(slow report)"), "{error}");
    world.session.batch_execute("COMMIT").await.unwrap();
    world.database.swap(&name("logs")).await.unwrap();
}

#[tokio::test]
async fn a_name_of_63_bytes_has_revisions_too() {
    let world = World::new().await;
    let long = "l".repeat(63);
    let (old, new) = (
        TablePlan { table: long.clone(), ..plan() },
        TablePlan { table: long.clone(), ..wanted() },
    );
    ready(&mut world.sink(), &old).await;
    for _ in 0..3 {
        let table = name(&long);
        let wanted = world.database.revisions(&table).await.unwrap().current.unwrap();
        let wanted = if wanted.query == NEW { &old } else { &new };
        let identity = (wanted.dataset.as_str(), wanted.query.as_str());
        let next =
            world.database.begin_next(&table, identity, "_block_num", Reuse::Yes).await.unwrap();
        ready(&mut next_sink(&world, &next), wanted).await;
        world.database.complete_next(&table).await.unwrap();
        let done = world.database.swap(&table).await.unwrap();
        assert!(
            done.kept.name.as_str().ends_with("__v1") || done.kept.name.as_str().ends_with("__v2")
        );
        ready(&mut world.sink(), wanted).await;
    }
}

#[tokio::test]
async fn an_exchange_whose_answer_is_lost_is_known_to_be_done_or_not() {
    let world = World::new().await;
    filled(&mut world.sink(), 3).await;
    begun(&world, 3).await;
    let cluster = shared().await;
    let proxy = PgProxy::start(cluster.addr()).await.unwrap();
    let config = config_via(&world.name, proxy.addr(), &cluster.config(&world.name));
    let database = Database::connect(config, &options()).unwrap();
    let struck = proxy.inject(Fault::NeverForwardCommit);
    let error = database.swap(&name("logs")).await.unwrap_err();
    struck.await;
    assert!(matches!(error, Error::Server { .. }), "{error}");
    assert_eq!(text(&world, KINDS).await, ["logs current", "logs__next next logs"]);
    let struck = proxy.inject(Fault::DropCommitReply);
    let done = loop {
        match database.swap(&name("logs")).await {
            Ok(done) => break done,
            // What was never committed is on its way to being undone.
            Err(Error::Locked { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    };
    struck.await;
    assert_eq!(done.kept, name("logs__v1"));
    assert_eq!(text(&world, KINDS).await, ["logs current", "logs__v1 previous logs"]);
}
