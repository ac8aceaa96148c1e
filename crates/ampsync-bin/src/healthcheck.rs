//! The verb `healthcheck`: asks the instance that runs on this machine how it is. It stands alone, so
//! that it can be run every few seconds, and reads no more than where to ask.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use sync_core::OneLine;

use crate::run::Exit;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Whether every table is in step, not only whether the process works.
    pub(crate) ready: bool,
}

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(3);
/// The most that is read of an answer.
const ANSWER_MAX: usize = 64 << 10;

/// Asks, and prints why where the answer is no.
pub(crate) fn healthcheck(address: Option<SocketAddr>, request: Request) -> Exit {
    let path = if request.ready { "/readyz" } else { "/livez" };
    let Some(address) = address else {
        eprintln!(
            "ampsync: HEALTH_PORT is not set, so that nothing listens\n    example: HEALTH_PORT=8080"
        );
        return Exit::Failed;
    };
    let address = local(address);
    match ask(address, path) {
        Ok(Answer { status: 200..=299, .. }) => Exit::Clean,
        Ok(Answer { status, body }) => {
            eprintln!("ampsync: http://{address}{path} answered {status}");
            let body = body.trim_end();
            if !body.is_empty() {
                body.lines().for_each(|line| eprintln!("    {}", OneLine(line)));
            }
            Exit::Failed
        }
        Err(error) => {
            eprintln!("ampsync: http://{address}{path}: {error}");
            Exit::Failed
        }
    }
}

/// Where to reach what listens on every address.
fn local(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

struct Answer {
    status: u16,
    body: String,
}

fn ask(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let deadline = Instant::now() + LIMIT;
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_write_timeout(Some(LIMIT))?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: */*\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while answer.len() < ANSWER_MAX {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(chunk.get(..read).unwrap_or_default()),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                return Err(late());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    parse(&String::from_utf8_lossy(&answer)).ok_or_else(|| {
        io::Error::other("the answer is not HTTP: is HEALTH_PORT the port of something else?")
    })
}

fn late() -> io::Error {
    io::Error::other(format!("no answer within {} s", LIMIT.as_secs()))
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    Some(Answer { status: status.trim().parse().ok()?, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_asked_on_this_machine() {
        for (address, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("10.0.0.7:80", "10.0.0.7:80"),
        ] {
            assert_eq!(local(address.parse().unwrap()).to_string(), asked);
        }
    }

    #[test]
    fn only_http_is_an_answer() {
        let answer = parse("HTTP/1.1 503 Service Unavailable\r\nA: b\r\n\r\nlate\n").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (503, "late\n"));
        assert_eq!(parse("HTTP/1.1 200 OK\r\n\r\n").unwrap().status, 200);
        for text in ["", "SSH-2.0-OpenSSH", "HTTP/1.1", "HTTP/1.1 x"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
