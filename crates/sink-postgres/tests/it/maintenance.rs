//! A login that has worked and is refused for a while: what maintenance looks like from here.

use ampsync_testkit::postgres::{Session, shared};
use sink_postgres::Database;
use sync_core::{Classify, Fault, Sink};
use tokio_postgres::Config;

use crate::support::*;

struct Maintenance {
    session: Session,
    role: String,
    name: String,
}

impl Maintenance {
    async fn execute(&self, statement: &str) {
        let statement = statement.replace("$ROLE", &self.role).replace("$DB", &self.name);
        self.session.batch_execute(&statement).await.unwrap();
    }

    async fn end_sessions(&self) {
        let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1";
        self.session.execute(end, &[&self.role]).await.unwrap();
    }
}

/// Begins and ends a maintenance, and wants it to be waited for with the remedy.
async fn passes(begin: &[&str], end: &[&str], sqlstate: &str, remedy: &str) {
    let cluster = shared().await;
    let name = cluster.create_database().await.unwrap();
    let role = name.replace("db_", "role_");
    let session = cluster.connect("postgres").await.unwrap();
    let maintenance = Maintenance { session, role, name };
    maintenance.execute("CREATE ROLE $ROLE LOGIN PASSWORD 'old'").await;
    maintenance.execute("REVOKE CONNECT ON DATABASE $DB FROM PUBLIC").await;
    maintenance.execute("GRANT CONNECT, CREATE ON DATABASE $DB TO $ROLE").await;
    let owner = cluster.connect(&maintenance.name).await.unwrap();
    let grant = format!("GRANT ALL ON SCHEMA public TO \"{}\"", maintenance.role);
    owner.batch_execute(&grant).await.unwrap();
    drop(owner);
    let direct = cluster.config(&maintenance.name);
    let mut config: Config = config_via(&maintenance.name, cluster.addr(), &direct);
    config.user(&maintenance.role).password("old");
    let database = Database::connect(config, &options()).unwrap();
    let mut sink = sink(&database);
    let committed = filled(&mut sink, 3).await;

    for statement in begin {
        maintenance.execute(statement).await;
    }
    maintenance.end_sessions().await;
    let error = loop {
        // A connection of the pool whose end the client has yet to hear of says something else.
        let error = sink.prepare(&plan()).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Transient, "{error}: {:?}", error.remedy());
        if sync_core::Causes(&error).to_string().contains(sqlstate) {
            break error;
        }
    };
    assert!(error.remedy().unwrap().contains(remedy), "{:?}", error.remedy());

    for statement in end {
        maintenance.execute(statement).await;
    }
    assert_eq!(ready(&mut sink, &plan()).await, committed);
}

#[tokio::test]
async fn a_role_that_may_not_log_in_for_a_while_is_waited_for() {
    let (begin, end) = ("ALTER ROLE $ROLE NOLOGIN", "ALTER ROLE $ROLE LOGIN");
    passes(&[begin], &[end], "28000", "allow the role to log in").await;
}

#[tokio::test]
async fn a_password_that_is_another_for_a_while_is_waited_for() {
    let begin = "ALTER ROLE $ROLE PASSWORD 'new'";
    passes(&[begin], &["ALTER ROLE $ROLE PASSWORD 'old'"], "28P01", "password").await;
}

#[tokio::test]
async fn a_privilege_to_connect_that_is_taken_for_a_while_is_waited_for() {
    let begin = "REVOKE CONNECT ON DATABASE $DB FROM $ROLE";
    let end = "GRANT CONNECT ON DATABASE $DB TO $ROLE";
    passes(&[begin], &[end], "42501", "grant the role").await;
}

#[tokio::test]
async fn a_database_that_is_being_restored_is_waited_for() {
    let end_all =
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '$DB'";
    let begin = "ALTER DATABASE $DB RENAME TO $DB_aside";
    let end = "ALTER DATABASE $DB_aside RENAME TO $DB";
    let quiet = "REVOKE CONNECT ON DATABASE $DB FROM $ROLE";
    let loud = "GRANT CONNECT ON DATABASE $DB TO $ROLE";
    passes(&[quiet, end_all, begin], &[end, loud], "3D000", "create the database").await;
}
