//! As much of PostgreSQL's protocol, version 3, as it takes to see a COMMIT go by.

use std::collections::HashSet;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest message that is held in memory whole. COPY data is not.
const MESSAGE_BYTES_MAX: usize = 256 << 20;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

/// The first thing a client says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hello {
    /// May it encrypt? The answer is one byte, and then it says hello again.
    Encryption,
    /// Another connection's statement is to be cancelled; nothing else follows.
    Cancel(Vec<u8>),
    /// A session begins, and messages with tags follow.
    Startup(Vec<u8>),
}

/// The head of a message: its tag, and the length of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) tag: u8,
    pub(super) length: usize,
}

impl Head {
    pub(super) fn encode(self) -> [u8; 5] {
        let length = u32::try_from(self.length + 4).unwrap_or(u32::MAX).to_be_bytes();
        [self.tag, length[0], length[1], length[2], length[3]]
    }
}

pub(super) async fn read_hello(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Hello> {
    let length = body_length(from.read_u32().await?)?;
    let body = read_body(from, length).await?;
    let code = body.first_chunk().map(|code| u32::from_be_bytes(*code));
    if matches!(code, Some(SSL_REQUEST | GSS_REQUEST)) {
        return Ok(Hello::Encryption);
    }
    let mut whole = u32::try_from(length + 4).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    whole.extend(body);
    Ok(if code == Some(CANCEL_REQUEST) { Hello::Cancel(whole) } else { Hello::Startup(whole) })
}

/// Reads the head of the next message; `None` at the end of the connection.
pub(super) async fn read_head(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Head>> {
    let tag = match from.read_u8().await {
        Ok(tag) => tag,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = body_length(from.read_u32().await?)?;
    Ok(Some(Head { tag, length }))
}

pub(super) async fn read_body(
    from: &mut (impl AsyncRead + Unpin),
    length: usize,
) -> io::Result<Vec<u8>> {
    let mut body = vec![0; length];
    from.read_exact(&mut body).await?;
    Ok(body)
}

/// The SQLSTATE in the body of an error.
pub(super) fn sqlstate(body: &[u8]) -> Option<String> {
    let mut fields = body.split(|byte| *byte == 0);
    let code = fields.find_map(|field| field.strip_prefix(b"C"))?;
    Some(String::from_utf8_lossy(code).into_owned())
}

fn body_length(length: u32) -> io::Result<usize> {
    let body = usize::try_from(length).ok().and_then(|length| length.checked_sub(4));
    body.filter(|length| *length <= MESSAGE_BYTES_MAX).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("a message of {length} bytes"))
    })
}

/// The statements and portals of one session that commit.
#[derive(Debug, Default)]
pub(super) struct Commits {
    statements: HashSet<String>,
    portals: HashSet<String>,
}

impl Commits {
    /// Whether a client's message makes the server commit; remembers what later ones may mean.
    pub(super) fn observe(&mut self, tag: u8, body: &[u8]) -> bool {
        let mut texts = body.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let mut text = || texts.next().unwrap_or_default().into_owned();
        match tag {
            b'Q' => is_commit(&text()),
            b'P' => {
                let (name, sql) = (text(), text());
                remember(&mut self.statements, name, is_commit(&sql));
                false
            }
            b'B' => {
                let (portal, statement) = (text(), text());
                remember(&mut self.portals, portal, self.statements.contains(&statement));
                false
            }
            b'E' => self.portals.contains(&text()),
            _ => false,
        }
    }
}

fn remember(names: &mut HashSet<String>, name: String, commits: bool) {
    if commits {
        names.insert(name);
    } else {
        names.remove(&name);
    }
}

/// Whether one of the statements is a COMMIT. A semicolon inside a literal may mislead it.
fn is_commit(sql: &str) -> bool {
    sql.split(';').any(|statement| {
        let word = statement.split_whitespace().next().unwrap_or_default();
        word.eq_ignore_ascii_case("commit") || word.eq_ignore_ascii_case("end")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_seen_in_a_simple_query() {
        let commits = |sql: &str| Commits::default().observe(b'Q', format!("{sql}\0").as_bytes());
        assert!(commits("COMMIT"));
        assert!(commits(" update t set n = 1;\n commit ;"));
        assert!(!commits("COPY t FROM STDIN"));
        assert!(!commits("SELECT 'commit'"));
    }

    #[test]
    fn a_commit_is_seen_when_its_portal_is_executed() {
        let mut commits = Commits::default();
        assert!(!commits.observe(b'P', b"s1\0COMMIT\0\0\0"));
        assert!(!commits.observe(b'P', b"s2\0SELECT 1\0\0\0"));
        assert!(!commits.observe(b'B', b"\0s1\0\0\0\0\0\0\0"));
        assert!(commits.observe(b'E', b"\0\0\0\0\0"));
        assert!(!commits.observe(b'B', b"\0s2\0\0\0\0\0\0\0"));
        assert!(!commits.observe(b'E', b"\0\0\0\0\0"));
    }

    #[tokio::test]
    async fn a_length_that_cannot_be_is_refused() {
        read_head(&mut &[b'Q', 0, 0, 0, 3][..]).await.unwrap_err();
        read_head(&mut &[b'Q', 255, 255, 255, 255][..]).await.unwrap_err();
        assert_eq!(read_head(&mut &[][..]).await.unwrap(), None);
        let head = Head { tag: b'Q', length: 7 };
        assert_eq!(read_head(&mut &head.encode()[..]).await.unwrap(), Some(head));
    }
}
