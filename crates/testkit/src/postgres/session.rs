use std::ops::{Deref, DerefMut};

use tokio::task::JoinSet;
use tokio_postgres::{Client, Config, Error, NoTls};

/// A client together with the task that drives its connection; dropping it closes the connection.
#[derive(Debug)]
pub struct Session {
    client: Client,
    _driver: JoinSet<()>,
}

/// Connects, without TLS.
///
/// # Errors
/// When the server cannot be reached or refuses the login.
pub async fn connect(config: &Config) -> Result<Session, Error> {
    let (client, connection) = config.connect(NoTls).await?;
    let mut driver = JoinSet::new();
    driver.spawn(async {
        // Whoever waits for an answer on this connection is told of its end by the client.
        connection.await.ok();
    });
    Ok(Session { client, _driver: driver })
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}
