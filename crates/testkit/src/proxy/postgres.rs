use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::fault::{Allowance, Armed, Fault, Faults, Said, Struck};
use super::switches::{Line, lock};
use super::tcp::{CHUNK_BYTES, Proxy};
use super::wire::{Commits, Head, Hello, read_body, read_head, read_hello, sqlstate};

const COPY_DATA: u8 = b'd';
const COMMAND_COMPLETE: u8 = b'C';
const ERROR_RESPONSE: u8 = b'E';
const READY_FOR_QUERY: u8 = b'Z';

/// A [`Proxy`] in front of a PostgreSQL, with faults that know its protocol. It has no TLS and
/// tells clients so.
#[derive(Debug)]
pub struct PgProxy {
    proxy: Proxy,
    plan: Arc<Plan>,
}

/// What all connections share.
#[derive(Debug, Default)]
struct Plan {
    faults: Faults,
    commits: AtomicU64,
    /// How often the server answered with an error, by SQLSTATE.
    errors: Mutex<BTreeMap<String, u64>>,
}

impl PgProxy {
    /// Starts forwarding to the PostgreSQL at `upstream`.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let plan = Arc::new(Plan::default());
        let shared = Arc::clone(&plan);
        let relay = move |client, server, line| relay(client, server, line, Arc::clone(&shared));
        Ok(Self { proxy: Proxy::start_relay(upstream, relay).await?, plan })
    }

    /// Adds a fault. Faults strike in the order in which they were added.
    pub fn inject(&self, fault: Fault) -> Struck {
        self.plan.faults.add(fault)
    }

    /// Forgets all faults that have not struck. Awaiting one of them afterwards panics.
    pub fn withdraw(&self) {
        self.plan.faults.withdraw();
    }

    /// How many errors with this SQLSTATE the server has answered with, or ended a session with.
    #[must_use]
    pub fn errors(&self, sqlstate: &str) -> u64 {
        lock(&self.plan.errors).get(sqlstate).copied().unwrap_or(0)
    }

    /// How many times the server has confirmed a COMMIT, whether or not a client heard of it.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.plan.commits.load(Ordering::SeqCst)
    }
}

impl Deref for PgProxy {
    type Target = Proxy;

    fn deref(&self) -> &Proxy {
        &self.proxy
    }
}

/// One session, seen from between its two sides.
struct Session {
    line: Line,
    plan: Arc<Plan>,
    /// The fault that waits for the reply to a COMMIT that was forwarded.
    at_reply: Mutex<Option<Armed>>,
}

async fn relay(
    mut client: TcpStream,
    mut server: TcpStream,
    line: Line,
    plan: Arc<Plan>,
) -> io::Result<()> {
    let startup = loop {
        match read_hello(&mut client).await? {
            Hello::Encryption => client.write_all(b"N").await?,
            Hello::Cancel(request) => {
                server.write_all(&request).await?;
                return copy_bidirectional(&mut client, &mut server).await.map(drop);
            }
            Hello::Startup(startup) => break startup,
        }
    };
    server.write_all(&startup).await?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let session = Session { line, plan, at_reply: Mutex::new(None) };
    tokio::try_join!(
        session.requests(from_client, to_server),
        session.replies(from_server, to_client),
    )
    .map(|((), ())| ())
}

impl Drop for Session {
    fn drop(&mut self) {
        // A connection that ends between COMMIT and reply leaves its fault to the next one.
        self.fault_missed();
    }
}

impl Session {
    async fn requests(&self, from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut from = BufReader::with_capacity(CHUNK_BYTES, self.line.delayed(from));
        let mut commits = Commits::default();
        while let Some(head) = read_head(&mut from).await? {
            if head.tag == COPY_DATA {
                self.copy_data(head, &mut from, &mut to).await?;
                continue;
            }
            let body = read_body(&mut from, head.length).await?;
            self.line.pass().await;
            let said =
                Said { tag: head.tag, body: &body, commits: commits.observe(head.tag, &body) };
            let refusal = self.struck(said).await?;
            let body = refusal.unwrap_or(body);
            self.write_message(&mut to, Head { length: body.len(), ..head }, &body).await?;
        }
        to.shutdown().await
    }

    /// Forwards COPY data in pieces, as far as it is allowed to go.
    async fn copy_data(
        &self,
        head: Head,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut OwnedWriteHalf,
    ) -> io::Result<()> {
        self.line.pass().await;
        self.line.send(to, &head.encode()).await?;
        let mut left = head.length;
        let mut buffer = vec![0; left.min(CHUNK_BYTES)];
        while left > 0 {
            let piece = &mut buffer[..left.min(CHUNK_BYTES)];
            from.read_exact(piece).await?;
            self.line.pass().await;
            match self.plan.faults.at_copy(piece.len()) {
                Allowance::All => self.line.send(to, piece).await?,
                Allowance::Until(bytes, armed) => {
                    self.line.send(to, &piece[..bytes]).await?;
                    self.struck_in_copy(armed).await?;
                    self.line.send(to, &piece[bytes..]).await?;
                }
            }
            left -= piece.len();
        }
        Ok(())
    }

    async fn struck_in_copy(&self, armed: Armed) -> io::Result<()> {
        let is_stall = matches!(armed.fault, Fault::StallAfterCopyBytes(_));
        self.line.switches.stall(is_stall || self.line.switches.is_stalled());
        armed.strike();
        if !is_stall {
            return Err(cut());
        }
        self.line.pass().await;
        Ok(())
    }

    /// Lets the fault of this moment strike; returns what the server is told instead.
    async fn struck(&self, said: Said<'_>) -> io::Result<Option<Vec<u8>>> {
        let Some(armed) = self.plan.faults.at(said) else { return Ok(None) };
        match armed.fault {
            Fault::NeverForwardCommit => {
                armed.strike();
                Err(cut())
            }
            Fault::StallAt(_) => {
                self.line.switches.stall(true);
                armed.strike();
                self.line.pass().await;
                Ok(None)
            }
            Fault::Refuse(_, sqlstate) => {
                armed.strike();
                // The server itself refuses, so that it and the client are of one mind.
                let raise = format!("RAISE EXCEPTION 'injected' USING ERRCODE = '{sqlstate}'");
                Ok(Some(format!("DO $$BEGIN {raise}; END$$\0").into_bytes()))
            }
            Fault::DropCommitReply
            | Fault::StallCommitReply
            | Fault::CutAfterCopyBytes(_)
            | Fault::StallAfterCopyBytes(_) => {
                *lock(&self.at_reply) = Some(armed);
                Ok(None)
            }
        }
    }

    async fn replies(&self, from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut from = BufReader::with_capacity(CHUNK_BYTES, self.line.delayed(from));
        let (mut swallowing, mut refused) = (false, false);
        while let Some(head) = read_head(&mut from).await? {
            let body = read_body(&mut from, head.length).await?;
            if head.tag == ERROR_RESPONSE {
                let state = sqlstate(&body).unwrap_or_default();
                *lock(&self.plan.errors).entry(state).or_default() += 1;
            }
            match (head.tag, body.as_slice()) {
                (COMMAND_COMPLETE, b"COMMIT\0") => swallowing = self.commit_confirmed(),
                (COMMAND_COMPLETE, b"ROLLBACK\0") | (ERROR_RESPONSE, _) => refused = true,
                (READY_FOR_QUERY, _) if swallowing => {
                    // Only now is the commit visible to everybody.
                    lock(&self.at_reply).take().into_iter().for_each(Armed::strike);
                    return Err(cut());
                }
                (READY_FOR_QUERY, b"I") if refused => {
                    self.fault_missed();
                    refused = false;
                }
                _ => {}
            }
            self.line.pass().await;
            if !swallowing {
                self.write_message(&mut to, head, &body).await?;
            }
        }
        to.shutdown().await
    }

    /// Returns whether the reply must not be forwarded.
    fn commit_confirmed(&self) -> bool {
        self.plan.commits.fetch_add(1, Ordering::SeqCst);
        let mut at_reply = lock(&self.at_reply);
        match at_reply.as_ref().map(|armed| armed.fault) {
            Some(Fault::DropCommitReply) => true,
            Some(Fault::StallCommitReply) => {
                self.line.switches.stall(true);
                at_reply.take().into_iter().for_each(Armed::strike);
                false
            }
            Some(
                Fault::NeverForwardCommit
                | Fault::CutAfterCopyBytes(_)
                | Fault::StallAfterCopyBytes(_)
                | Fault::StallAt(_)
                | Fault::Refuse(..),
            )
            | None => false,
        }
    }

    async fn write_message(
        &self,
        to: &mut OwnedWriteHalf,
        head: Head,
        body: &[u8],
    ) -> io::Result<()> {
        self.line.send(to, &[&head.encode(), body].concat()).await
    }

    fn fault_missed(&self) {
        if let Some(armed) = lock(&self.at_reply).take() {
            self.plan.faults.put_back(armed);
        }
    }
}

/// Ends a session: both its sides are closed when this error reaches the top.
fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a fault")
}
