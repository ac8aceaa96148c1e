use std::borrow::Cow;
use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};

use rustls::{AlertDescription, CertificateError};
use sync_core::{Fault, cause};

/// Why there is no TLS to the server as it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The options do not go together.
    #[error("{problem}")]
    Options {
        /// Why.
        problem: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// A file cannot be read.
    #[error("the file {} of {parameter} cannot be read", path.display())]
    File {
        /// The parameter that names it.
        parameter: &'static str,
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not have what it should.
    #[error("the file {} of {parameter} {problem}", path.display())]
    Content {
        /// The parameter that names it.
        parameter: &'static str,
        /// Its path.
        path: PathBuf,
        /// What is wrong with it, after "the file".
        problem: &'static str,
    },
    /// Others may read the key.
    #[error("the key {} may be read by others: its permissions are {mode:04o}", path.display())]
    Permissions {
        /// The key's path.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The system has no certificates of authorities.
    #[error("the system's certificates of authorities are not to be had: {reason}")]
    System {
        /// Why not, as far as it is known.
        reason: String,
    },
    /// TLS itself cannot be set up.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
    /// The server does not speak TLS.
    #[error("the server {host} does not offer TLS, and sslmode demands it")]
    NotOffered {
        /// The server.
        host: String,
    },
    /// The server's certificate is not good enough.
    #[error("{problem}")]
    Certificate {
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: Cow<'static, str>,
    },
    /// The server does not accept our certificate, or that we have none.
    #[error("the server {host} refuses our certificate: {alert}")]
    Refused {
        /// The server.
        host: String,
        /// Its reason, as TLS has it.
        alert: String,
    },
    /// The handshake failed otherwise.
    #[error("the TLS handshake with {host} failed")]
    Handshake {
        /// The server.
        host: String,
        /// Why.
        source: rustls::Error,
    },
}

impl TlsError {
    pub(super) fn file(
        parameter: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { parameter, path, source }
    }

    /// What a failed connection to `host` has to do with TLS, if anything.
    pub(crate) fn of(error: &tokio_postgres::Error, host: &str) -> Option<Self> {
        match cause::<rustls::Error>(error) {
            Some(rustls::Error::InvalidCertificate(problem)) => Some(certificate(problem, host)),
            Some(rustls::Error::AlertReceived(alert)) if is_about_us(*alert) => {
                Some(Self::Refused { host: host.to_owned(), alert: format!("{alert:?}") })
            }
            Some(source) => Some(Self::Handshake { host: host.to_owned(), source: source.clone() }),
            // The client's own errors do not show their kind but in their text.
            None => error
                .source()
                .is_some_and(|source| source.to_string() == "server does not support TLS")
                .then(|| Self::NotOffered { host: host.to_owned() }),
        }
    }

    /// Whether waiting can help. Files and certificates are changed by people.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Handshake { .. } => Fault::Transient,
            Self::Options { .. }
            | Self::File { .. }
            | Self::Content { .. }
            | Self::Permissions { .. }
            | Self::System { .. }
            | Self::Setup(_)
            | Self::NotOffered { .. }
            | Self::Certificate { .. }
            | Self::Refused { .. } => Fault::Permanent,
        }
    }

    /// What a person can do.
    #[must_use]
    pub fn remedy(&self) -> Cow<'static, str> {
        match self {
            Self::Options { remedy, .. } => (*remedy).into(),
            Self::File { parameter, .. } | Self::Content { parameter, .. } => {
                format!("correct the file, or let {parameter} name another one").into()
            }
            Self::Permissions { path, .. } => format!(
                "run: chmod 0600 {path}; or, if it belongs to root: chmod 0640 {path}",
                path = path.display()
            )
            .into(),
            Self::System { .. } => "install the system's CA certificates (ca-certificates), or \
                                    name the authority's certificate with sslrootcert"
                .into(),
            Self::Setup(_) => "use another build".into(),
            Self::NotOffered { .. } => "set ssl = on at the server; only where nobody else can \
                                        listen, do without by sslmode=disable"
                .into(),
            Self::Certificate { remedy, .. } => remedy.clone(),
            Self::Refused { .. } => {
                "let sslcert and sslkey name a certificate that the server's ssl_ca_file vouches \
                 for, and that has not expired"
                    .into()
            }
            Self::Handshake { .. } => {
                "check that a PostgreSQL with TLS 1.2 or newer listens there".into()
            }
        }
    }
}

/// Whether the server complains about our certificate.
fn is_about_us(alert: AlertDescription) -> bool {
    [
        AlertDescription::NoCertificate,
        AlertDescription::BadCertificate,
        AlertDescription::UnsupportedCertificate,
        AlertDescription::CertificateRevoked,
        AlertDescription::CertificateExpired,
        AlertDescription::CertificateUnknown,
        AlertDescription::UnknownCA,
        AlertDescription::AccessDenied,
        // What the signature in it, or that with its key, comes to.
        AlertDescription::DecryptError,
        AlertDescription::CertificateRequired,
    ]
    .contains(&alert)
}

fn certificate(error: &CertificateError, host: &str) -> TlsError {
    const CLOCK: &str = "renew the server's certificate, and look at the clock of this machine";
    let told = |problem: String, remedy: &str| TlsError::Certificate {
        problem,
        remedy: remedy.to_owned().into(),
    };
    let told_otherwise = || {
        told(
            format!("the certificate of the server {host} cannot be used: {error}"),
            "give the server a certificate for servers (X.509 version 3, not an authority's own)",
        )
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's, which grows")]
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            told(format!("the certificate of the server {host} has expired"), CLOCK)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            told(format!("the certificate of the server {host} is not valid yet"), CLOCK)
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => told(
            format!(
                "the certificate of the server {host} is from an authority that is not trusted"
            ),
            "let sslrootcert name the certificate of the authority that signed the server's; if \
             the server's is self-signed, that one itself",
        ),
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => told(
            format!(
                "the certificate of the server {host} is for no host: it has no subjectAltName"
            ),
            "give the server a certificate with its name as subjectAltName, or use \
             sslmode=verify-ca",
        ),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
            let names = names.join(", ");
            told(
                format!("the server's certificate is for {names}, not for {host}"),
                "connect to it by a name that the certificate has, or use sslmode=verify-ca",
            )
        }
        CertificateError::NotValidForName => told(
            format!("the server's certificate is not for {host}"),
            "connect to it by a name that the certificate has, or use sslmode=verify-ca",
        ),
        _ => told_otherwise(),
    }
}

/// The name alone of `DnsName("db")` or `IpAddress(127.0.0.1)`.
fn bare(presented: &str) -> &str {
    let inner = presented.split_once('(').map_or(presented, |(_, rest)| rest);
    inner.trim_end_matches(')').trim_matches('"')
}
