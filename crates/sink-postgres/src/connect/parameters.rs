//! From parameters to what they mean. All mistakes are told together.

use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{
    ChannelBinding, LoadBalanceHosts, SslNegotiation, TargetSessionAttrs,
};

use super::conninfo::{Conninfo, ConninfoError, ConninfoProblem};
use super::{ConnectOptions, PORT};
use crate::tls::{ClientIdentity, RootCertificates, SslMode, TlsError, TlsOptions};

/// What is understood.
const KNOWN: &[&str] = &[
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "gssencmode",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslcert",
    "sslcompression",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

const NO_GSS: &str = "Kerberos and GSSAPI are not spoken here: log in with a password or sslcert";
const TLS_VERSIONS: &str = "TLS 1.2 and 1.3 are spoken, whatever the server prefers of them";
const NO_CRL: &str = "revocation lists are not looked at: replace the authority's certificate \
                      instead, and take this out";

/// What libpq understands and we do not, and why.
const REFUSED: &[(&str, &str)] = &[
    ("gssdelegation", NO_GSS),
    ("gsslib", NO_GSS),
    ("krbsrvname", NO_GSS),
    ("passfile", "password files are not read: set DATABASE_PASSWORD_FILE, or the password"),
    ("replication", "rows are written, not replicated: take it out"),
    ("require_auth", "use channel_binding=require, with which only SCRAM over TLS logs in"),
    ("requirepeer", "who runs the server behind a socket is not looked at: take it out"),
    ("service", "service files are not read: write their parameters here"),
    ("servicefile", "service files are not read: write their parameters here"),
    ("ssl_max_protocol_version", TLS_VERSIONS),
    ("ssl_min_protocol_version", TLS_VERSIONS),
    ("sslcertmode", "a certificate is shown if sslcert names one and the server asks"),
    ("sslcrl", NO_CRL),
    ("sslcrldir", NO_CRL),
    (
        "sslpassword",
        "encrypted keys are not read: store the key decrypted, for nobody but its owner",
    ),
];

const ONLY_READS: &str = "such a server only reads, and rows are to be written: use read-write";

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().copied().chain(REFUSED.iter().map(|(name, _)| *name))
}

pub(super) fn options(conninfo: &Conninfo) -> Result<ConnectOptions, ConninfoError> {
    let mut reader = Reader { conninfo, problems: Vec::new() };
    reader.unknown();
    let mut config = Config::new();
    reader.servers(&mut config);
    reader.login(&mut config);
    reader.patience(&mut config);
    reader.fixed();
    let tls = reader.tls(&mut config);
    match (tls, reader.problems) {
        (Some(tls), problems) if problems.is_empty() => {
            Ok(ConnectOptions::from(config).with_tls(tls))
        }
        (_, problems) => Err(ConninfoError { problems }),
    }
}

struct Reader<'a> {
    conninfo: &'a Conninfo,
    problems: Vec<ConninfoProblem>,
}

impl Reader<'_> {
    fn problem(&mut self, name: &str, problem: impl Into<String>, remedy: Option<&'static str>) {
        let (parameter, problem) = (Some(name.to_owned()), problem.into());
        self.problems.push(ConninfoProblem { parameter, problem, remedy });
    }

    fn unknown(&mut self) {
        for name in self.conninfo.names_set() {
            if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
                self.problem(name, "not supported", Some(reason));
            } else if !KNOWN.contains(&name) {
                self.problem(name, "there is no such parameter", None);
            }
        }
    }

    /// A parameter that `parse` understands; the others are a mistake.
    fn get<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.conninfo.get(name)?;
        let value = parse(text);
        if value.is_none() {
            self.problem(name, format!("expected {expected}; found {text:?}"), None);
        }
        value
    }

    fn one_of<T: Copy>(&mut self, name: &str, values: &[(&str, T)]) -> Option<T> {
        let names: Vec<_> = values.iter().map(|(name, _)| *name).collect();
        let find = |text: &str| values.iter().find(|(name, _)| *name == text);
        self.get(name, &names.join(" or "), find).map(|(_, value)| *value)
    }

    fn number<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.get(name, "a whole number", |text| text.parse().ok())
    }

    /// Hosts, addresses and ports, as many of each as there are servers.
    fn servers(&mut self, config: &mut Config) {
        let list = |name| -> Vec<&str> {
            self.conninfo.get(name).map(|text| text.split(',').collect()).unwrap_or_default()
        };
        let (hosts, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
        let count = hosts.len().max(addresses.len());
        if count == 0 {
            self.problem("host", "expected the host, or the folder of its socket", None);
        }
        for host in &hosts {
            config.host(*host);
            if host.is_empty() {
                self.problem("host", "one of the hosts is empty", None);
            }
        }
        for address in &addresses {
            match address.parse() {
                Ok(address) => {
                    config.hostaddr(address);
                }
                Err(_) => self.problem("hostaddr", "expected addresses in numbers", None),
            }
        }
        if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
            self.problem("hostaddr", "expected as many as there are in host", None);
        }
        if ports.len() > 1 && ports.len() != count {
            self.problem("port", "expected one for all hosts, or one for each", None);
        }
        for port in ports {
            let port = if port.is_empty() { Ok(PORT) } else { port.parse() };
            match port {
                Ok(port @ 1..) => {
                    config.port(port);
                }
                Ok(0) | Err(_) => {
                    self.problem("port", "expected a whole number from 1 to 65535", None);
                }
            }
        }
        let shuffle =
            [("disable", LoadBalanceHosts::Disable), ("random", LoadBalanceHosts::Random)];
        if let Some(shuffle) = self.one_of("load_balance_hosts", &shuffle) {
            config.load_balance_hosts(shuffle);
        }
        self.target(config, count);
    }

    /// Which of the servers are good enough.
    fn target(&mut self, config: &mut Config, servers: usize) {
        const NAME: &str = "target_session_attrs";
        match self.conninfo.get(NAME) {
            Some("any") => {}
            Some("read-write" | "primary") => {
                config.target_session_attrs(TargetSessionAttrs::ReadWrite);
            }
            Some("read-only" | "standby" | "prefer-standby") => {
                self.problem(NAME, ONLY_READS, None);
            }
            Some(other) => {
                let problem = format!("expected any, read-write or primary; found {other:?}");
                self.problem(NAME, problem, None);
            }
            // One of several may be a standby, and is of no use.
            None if servers > 1 => {
                config.target_session_attrs(TargetSessionAttrs::ReadWrite);
            }
            None => {}
        }
    }

    fn login(&mut self, config: &mut Config) {
        match self.conninfo.get("user") {
            Some(user) => {
                config.user(user);
            }
            None => self.problem("user", "expected the user to log in as", None),
        }
        match self.conninfo.get("dbname") {
            Some(name) => {
                config.dbname(name);
            }
            None => self.problem("dbname", "expected the database, after the host in a URL", None),
        }
        if let Some(password) = self.conninfo.get("password") {
            config.password(password);
        }
        if let Some(options) = self.conninfo.get("options") {
            config.options(options);
        }
        let names = ["application_name", "fallback_application_name"];
        if let Some(name) = names.into_iter().find_map(|name| self.conninfo.get(name)) {
            config.application_name(name);
        }
    }

    fn patience(&mut self, config: &mut Config) {
        // Zero and less mean the default, as with libpq; ours is not to wait for ever.
        let positive = |seconds: i64| u64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
        if let Some(seconds) = self.number("connect_timeout").and_then(positive) {
            config.connect_timeout(Duration::from_secs(seconds));
        }
        if let Some(millis) = self.number("tcp_user_timeout").and_then(positive) {
            config.tcp_user_timeout(Duration::from_millis(millis));
        }
        if let Some(on) = self.one_of("keepalives", &[("0", false), ("1", true)]) {
            config.keepalives(on);
        }
        if let Some(seconds) = self.number("keepalives_idle").and_then(positive) {
            config.keepalives_idle(Duration::from_secs(seconds));
        }
        if let Some(seconds) = self.number("keepalives_interval").and_then(positive) {
            config.keepalives_interval(Duration::from_secs(seconds));
        }
        // The second is what tokio-postgres calls it.
        for name in ["keepalives_count", "keepalives_retries"] {
            if let Some(count) = self.number(name).filter(|count| *count > 0) {
                config.keepalives_retries(count);
            }
        }
    }

    /// What can only be as it is.
    fn fixed(&mut self) {
        self.one_of("client_encoding", &[("UTF8", ()), ("utf8", ()), ("auto", ())]);
        self.one_of("sslcompression", &[("0", ())]);
        if self.conninfo.get("gssencmode") == Some("require") {
            self.problem("gssencmode", "not supported", Some(NO_GSS));
        }
    }

    fn tls(&mut self, config: &mut Config) -> Option<TlsOptions> {
        let modes = SslMode::ALL.map(|mode| (mode.as_str(), mode));
        let mode = self.one_of("sslmode", &modes);
        let is_wrong = mode.is_none() && self.conninfo.get("sslmode").is_some();
        let roots = self.conninfo.get("sslrootcert").map(|name| match name {
            "system" => RootCertificates::System,
            path => RootCertificates::File(path.into()),
        });
        let identity = match (self.conninfo.get("sslcert"), self.conninfo.get("sslkey")) {
            (Some(certificate), Some(key)) => {
                Some(ClientIdentity { certificate: certificate.into(), key: key.into() })
            }
            (Some(_), None) => {
                self.problem("sslkey", "expected the key of the certificate in sslcert", None);
                None
            }
            (None, Some(_)) => {
                self.problem("sslcert", "expected the certificate of the key in sslkey", None);
                None
            }
            (None, None) => None,
        };
        // Whoever trusts everybody's authorities has to look at the name.
        let default = match roots {
            Some(RootCertificates::System) => SslMode::VerifyFull,
            Some(RootCertificates::File(_)) | None => SslMode::default(),
        };
        let mode = mode.unwrap_or(default);
        let sni = self.one_of("sslsni", &[("0", false), ("1", true)]).unwrap_or(true);
        let options = TlsOptions { mode, roots, identity, sni };
        match options.check() {
            Err(TlsError::Options { problem, remedy }) if !is_wrong => {
                self.problem("sslmode", problem, Some(remedy));
            }
            _ => {}
        }
        self.binding(config, mode);
        Some(options).filter(|_| !is_wrong)
    }

    fn binding(&mut self, config: &mut Config, mode: SslMode) {
        let bindings = [
            ("disable", ChannelBinding::Disable),
            ("prefer", ChannelBinding::Prefer),
            ("require", ChannelBinding::Require),
        ];
        if let Some(binding) = self.one_of("channel_binding", &bindings) {
            config.channel_binding(binding);
        }
        let ways = [("postgres", SslNegotiation::Postgres), ("direct", SslNegotiation::Direct)];
        let Some(way) = self.one_of("sslnegotiation", &ways) else { return };
        config.ssl_negotiation(way);
        let is_weak = matches!(mode, SslMode::Disable | SslMode::Allow | SslMode::Prefer);
        if way == SslNegotiation::Direct && is_weak {
            let problem = "direct is TLS from the first byte, which needs sslmode=require or more";
            self.problem("sslnegotiation", problem, None);
        }
    }
}
