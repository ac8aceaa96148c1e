use std::collections::BTreeSet;

use tokio::time::timeout;
use tokio_postgres::SimpleQueryMessage;

use super::{Client, ConnectOptions, open::DOING};
use crate::error::Error;

/// Which session of the server answers. A process id comes again, its start time does not.
const WHO: &str = "SELECT pid, backend_start FROM pg_catalog.pg_stat_activity \
                   WHERE pid = pg_catalog.pg_backend_pid()";

/// How often it is tried to get another session. In a pool that nobody else uses, once is enough.
const ROUNDS: usize = 3;

/// Connects twice, and finds out whether each connection is a session of the server's.
///
/// A pooler that gives each transaction whichever session is free tells nobody. But two of its
/// connections are answered by the same session sooner or later, or one of them by two: mostly at
/// the second question, because a pooler takes the session that was used last. The others are
/// for those that take them by turns, or that others use, too.
pub(super) async fn check(options: &ConnectOptions) -> Result<(), Error> {
    let (first, second) = (options.open().await?, options.open().await?);
    let mut probe = Probe { options, answers: [BTreeSet::new(), BTreeSet::new()] };
    for _ in 0..ROUNDS {
        probe.ask(0, &first).await?;
        probe.ask(1, &second).await?;
        // While this transaction keeps its session, another is used; then it is free again.
        probe.say(&second, "BEGIN").await?;
        probe.ask(1, &second).await?;
        probe.ask(0, &first).await?;
        probe.say(&second, "ROLLBACK").await?;
        probe.ask(0, &first).await?;
    }
    Ok(())
}

struct Probe<'a> {
    options: &'a ConnectOptions,
    /// Which sessions have answered, by connection.
    answers: [BTreeSet<(String, String)>; 2],
}

impl Probe<'_> {
    /// Which session answers? Asked as simply as can be: a pooler may know no more than that.
    async fn ask(&mut self, connection: usize, client: &Client) -> Result<(), Error> {
        let messages = self.say(client, WHO).await?;
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            // Its end, and whatever a later version adds.
            SimpleQueryMessage::CommandComplete(_) | SimpleQueryMessage::RowDescription(_) | _ => {
                None
            }
        });
        let text = |index| row.and_then(|row| row.get(index)).unwrap_or_default().to_owned();
        self.answers[connection].insert((text(0), text(1)));
        let [first, second] = &self.answers;
        if first.is_disjoint(second) && first.len() <= 1 && second.len() <= 1 {
            Ok(())
        } else {
            Err(Error::TransactionPooling)
        }
    }

    async fn say(&self, client: &Client, text: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
        let limit = self.options.connect_timeout();
        match timeout(limit, client.simple_query(text)).await {
            Ok(answer) => answer.map_err(Error::server(DOING)),
            Err(_) => Err(Error::Stalled { doing: DOING, limit }),
        }
    }
}
