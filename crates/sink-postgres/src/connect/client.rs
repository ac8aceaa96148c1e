use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use tokio::task::JoinSet;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, Error, Socket, Statement};

/// A client together with the task that drives its connection; dropping it closes the connection.
pub(crate) struct Client {
    client: tokio_postgres::Client,
    /// What was prepared, by its text. All texts are ours, and few.
    statements: Mutex<HashMap<String, Statement>>,
    _driver: JoinSet<()>,
}

impl Client {
    /// Connects to the one server that `config` names.
    pub(super) async fn open<T>(config: &Config, tls: T) -> Result<Self, Error>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let (client, connection) = config.connect(tls).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async {
            // Whoever waits for an answer is told of the end by the client.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a database connection has ended");
            }
        });
        Ok(Self { client, statements: Mutex::default(), _driver: driver })
    }

    /// Prepares a statement, the first time it is asked for.
    pub(crate) async fn prepare_cached(&self, sql: &str) -> Result<Statement, Error> {
        // Whole at every step, also after a panic elsewhere.
        let statements = || self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        let known = statements().get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        statements().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl Deref for Client {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &tokio_postgres::Client {
        &self.client
    }
}
