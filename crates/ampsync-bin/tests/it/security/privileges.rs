//! The rights that the role of ampsync needs, exactly: with them everything works, and without any
//! one of them the log says which. The statements are those of `docs/guarantees.md`.

use nozzle_sim::{SimServer, Table};

use super::{Captured, End};
use crate::pipe::{Database, simulate};
use crate::process::{Running, ampsync};

const DOCUMENT: &str = include_str!("../../../../../docs/guarantees.md");

/// A role without any rights in a database that gives none to everybody.
pub(crate) struct Role {
    pub(crate) database: Database,
    pub(crate) name: String,
}

impl Role {
    async fn create() -> Self {
        let database = Database::create().await;
        let name = format!("role_{}", database.name);
        let create = format!(
            "CREATE ROLE {name} LOGIN PASSWORD 'pass'; \
             REVOKE ALL ON DATABASE {database} FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC",
            database = database.name
        );
        database.session.batch_execute(&create).await.unwrap();
        Self { database, name }
    }

    pub(crate) fn url(&self) -> String {
        let Self { database, name } = self;
        format!("postgres://{name}:pass@{}/{}", database.addr(), database.name)
    }

    /// Executes statements, as the administrator, about this role and database.
    pub(crate) async fn admin(&self, statements: &str) {
        let statements =
            statements.replace("DATABASE app", &format!("DATABASE {}", self.database.name));
        let statements = statements.replace("ampsync_role", &self.name);
        self.database.session.batch_execute(&statements).await.unwrap();
    }

    fn start(&self, sim: &SimServer) -> Running {
        crate::pipe::start(sim, &self.url())
    }

    /// Follows the chain through a reorg and a restart.
    pub(crate) async fn works(&self, sim: &SimServer) {
        for _ in 0..2 {
            let running = self.start(sim);
            sim.mine(15);
            self.database.equals(sim).await;
            sim.reorg(7);
            self.database.equals(sim).await;
            running.signal(rustix::process::Signal::TERM);
            let (status, text) = running.end();
            assert_eq!(status.code(), Some(0), "{text}");
        }
    }

    /// Runs into the lack of a right, which ends it.
    fn refused(&self, sim: &SimServer) -> End {
        let (url, endpoint) = (self.url(), sim.endpoint());
        let tables: Vec<_> = sim.config().tables.iter().map(Table::name).collect();
        let running = Captured::start(ampsync(&[
            ("NOZZLE_ENDPOINT", endpoint.as_str()),
            ("DATASET", "_/sim@0.0.1"),
            ("TABLES", &tables.join(",")),
            ("DATABASE_URL", &url),
            ("RETRY_DELAY_MAX_MS", "500"),
        ]));
        running.end()
    }
}

/// The SQL of the document under a heading.
pub(crate) fn documented(heading: &str) -> String {
    let (_, section) = DOCUMENT.split_once(heading).unwrap();
    let (_, sql) = section.split_once("```sql\n").unwrap();
    sql.split_once("```").unwrap().0.to_owned()
}

async fn blocks() -> SimServer {
    let sim = simulate(vec![Table::sparse()]).await;
    sim.mine(90);
    sim
}

/// The bookkeeping and the tables, made by the administrator.
pub(crate) async fn prepared() -> (SimServer, Role) {
    let (sim, role) = (blocks().await, Role::create().await);
    let admin = crate::pipe::start(&sim, &role.database.url());
    role.database.equals(&sim).await;
    admin.signal(rustix::process::Signal::TERM);
    assert_eq!(admin.end().0.code(), Some(0));
    (sim, role)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_create_creates_everything_itself() {
    let (sim, role) = (blocks().await, Role::create().await);
    role.admin(&documented("### It creates everything itself")).await;
    role.works(&sim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_owns_only_its_bookkeeping_creates_tables_in_a_schema_of_others() {
    let (sim, role) = (blocks().await, Role::create().await);
    role.admin(&documented("### The bookkeeping's schema is made by an administrator")).await;
    role.works(&sim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_owns_nothing_writes_what_others_have_created() {
    let (sim, role) = prepared().await;
    role.admin(&documented("### An administrator creates everything").replace("logs", "sparse"))
        .await;
    role.works(&sim).await;
    let owned = format!(
        "SELECT count(*) FROM pg_class WHERE relowner = '{}'::regrole AND relnamespace IN \
         ('public'::regnamespace, 'ampsync'::regnamespace)",
        role.name
    );
    assert_eq!(role.database.count(&owned).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_to_create_that_is_missing_is_named_with_the_statement_that_grants_it() {
    let whole = documented("### It creates everything itself");
    let name = "CREATE SCHEMA \"ampsync\" AUTHORIZATION";
    for (missing, wanted) in [
        ("REVOKE CONNECT ON DATABASE app FROM ampsync_role", "CONNECT"),
        ("REVOKE CREATE ON DATABASE app FROM ampsync_role", name),
        ("REVOKE CREATE ON SCHEMA public FROM ampsync_role", "GRANT USAGE, CREATE ON SCHEMA"),
        ("REVOKE USAGE ON SCHEMA public FROM ampsync_role", "GRANT USAGE, CREATE ON SCHEMA"),
    ] {
        let (sim, role) = (blocks().await, Role::create().await);
        role.admin(&whole).await;
        role.admin(missing).await;
        let end = role.refused(&sim);
        assert!(matches!(end.code, Some(2 | 3)), "{missing}: {}", end.text);
        assert!(end.text.contains(wanted), "{missing}: {}", end.text);
        role.admin(&whole).await;
        role.works(&sim).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_to_write_that_is_missing_is_named() {
    let (sim, role) = prepared().await;
    let whole = documented("### An administrator creates everything").replace("logs", "sparse");
    role.admin(&whole).await;
    let on_table = |right| format!("GRANT {right} ON TABLE \"public\".\"sparse\"");
    for (missing, wanted) in [
        ("INSERT ON public.sparse", on_table("INSERT")),
        ("DELETE ON public.sparse", on_table("DELETE")),
        ("SELECT ON public.sparse", on_table("SELECT")),
        ("USAGE ON SCHEMA public", "schema public".to_owned()),
        ("USAGE ON SCHEMA ampsync", "ampsync".to_owned()),
        ("SELECT ON ampsync.meta", "ampsync".to_owned()),
        ("SELECT ON ampsync.checkpoints", "ampsync".to_owned()),
        ("UPDATE ON ampsync.checkpoints", "ampsync".to_owned()),
        ("SELECT ON ampsync.ranges", "ampsync".to_owned()),
        ("INSERT ON ampsync.ranges", "ampsync".to_owned()),
        ("DELETE ON ampsync.ranges", "ampsync".to_owned()),
        ("UPDATE ON ampsync.ranges", "ampsync".to_owned()),
        ("INSERT ON ampsync.reorgs", "ampsync".to_owned()),
    ] {
        role.admin(&format!("REVOKE {missing} FROM ampsync_role")).await;
        // A reorg needs every right there is.
        sim.reorg(3);
        let end = role.refused(&sim);
        assert_eq!(end.code, Some(3), "{missing}: {}", end.text);
        let (_, told) = end.text.split_once("stopped for good").unwrap();
        assert!(told.contains(wanted.as_str()), "{missing}: {}", end.text);
        assert!(told.to_lowercase().contains("grant"), "{missing}: {}", end.text);
        role.admin(&whole).await;
    }
    // Nothing was lost on the way, and nothing written twice.
    role.works(&sim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_only_the_owner_can_add_is_refused_with_the_statement() {
    let (sim, role) = prepared().await;
    let whole = documented("### An administrator creates everything").replace("logs", "sparse");
    role.admin(&whole).await;
    sim.change_schema("sparse", &nozzle_sim::SchemaChange::Add("new".to_owned()));
    let end = role.refused(&sim);
    assert_eq!(end.code, Some(3), "{}", end.text);
    let statement = "ALTER TABLE \"public\".\"sparse\" ADD COLUMN \"new\"";
    assert!(end.text.contains(statement) && end.text.contains("42501"), "{}", end.text);
}
