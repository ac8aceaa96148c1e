use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than an answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lets the system choose the port; the log tells it.
pub(crate) const ANY_PORT: (&str, &str) = ("HEALTH_PORT", "127.0.0.1:0");

/// Every path there is.
pub(crate) const PATHS: [&str; 6] = ["/", "/livez", "/readyz", "/healthz", "/metrics", "/status"];

/// An answer, apart from how it was sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// A header's value, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// The address that a line of the log says is served.
pub(crate) fn address(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("the live page are served"))?;
    let (_, rest) = line.split_once("address=").or_else(|| line.split_once("\"address\":\""))?;
    let end = rest.find(|c: char| c == '"' || c.is_whitespace()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path)
}

pub(crate) fn request(address: SocketAddr, method: &str, path: &str) -> Answer {
    send(address, &format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"))
}

/// Sends these bytes, and reads until the server closes the connection.
pub(crate) fn send(address: SocketAddr, request: &str) -> Answer {
    let answer = try_send(address, request).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap();
    Answer { code, head: head.to_owned(), body: body.to_owned() }
}

/// The answer as it comes, from a server that may be gone.
pub(crate) fn try_get(address: SocketAddr, path: &str) -> io::Result<String> {
    try_send(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"))
}

fn try_send(address: SocketAddr, request: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
