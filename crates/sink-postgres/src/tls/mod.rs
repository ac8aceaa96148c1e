//! TLS to the server: what is asked of it, and the files it takes.
//!
//! The files are read for every connection, so that a certificate that is renewed in place is
//! used from the next connection on.

mod error;
mod files;
mod verify;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use tokio_postgres_rustls::MakeRustlsConnect;

pub use error::TlsError;
use verify::Verifier;

/// What a connection without TLS, or to an unknown server, is worth: each means what libpq's
/// `sslmode` of that name does. Whatever is stricter than [`Prefer`](Self::Prefer) is never
/// weakened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SslMode {
    /// Without TLS.
    Disable,
    /// Without TLS; with it if the server refuses the login otherwise.
    Allow,
    /// With TLS; without it if the server has none, or the login fails with it.
    #[default]
    Prefer,
    /// With TLS. Whose certificate it is does not matter, unless roots are given.
    Require,
    /// With TLS, and a certificate from one of the roots, whichever host it is for.
    VerifyCa,
    /// With TLS, and a certificate from one of the roots that is for the host.
    VerifyFull,
}

impl SslMode {
    /// All of them, the weakest first.
    pub const ALL: [Self; 6] =
        [Self::Disable, Self::Allow, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];

    /// The name, as in `sslmode`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected disable, allow, prefer, require, verify-ca or verify-full")]
pub struct UnknownSslMode;

impl FromStr for SslMode {
    type Err = UnknownSslMode;

    fn from_str(text: &str) -> Result<Self, UnknownSslMode> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or(UnknownSslMode)
    }
}

/// The authorities that may vouch for the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootCertificates {
    /// Those of the system, or of the file or folder that `SSL_CERT_FILE` or `SSL_CERT_DIR`
    /// name. Only with [`SslMode::VerifyFull`]: they vouch for anybody's name, so the name has to
    /// be looked at.
    System,
    /// Those of a PEM file. A server's own certificate may be among them.
    File(PathBuf),
}

/// The certificate we show to the server, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate, and those between it and the authority.
    pub certificate: PathBuf,
    /// Its private key, not encrypted. Nobody but the owner may read it; of root's files the
    /// group may.
    pub key: PathBuf,
}

/// How connections are secured.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsOptions {
    /// What is asked of a connection.
    pub mode: SslMode,
    /// Who may vouch for the server. Unless set, the system's for [`SslMode::VerifyFull`] and
    /// nobody for the others. Where they are set, a certificate has to be from one of them in
    /// every mode, as with libpq.
    pub roots: Option<RootCertificates>,
    /// Who we are, for servers that ask.
    pub identity: Option<ClientIdentity>,
    /// Whether the server is told, unencrypted, which host it is wanted as (SNI).
    pub sni: bool,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self { mode: SslMode::default(), roots: None, identity: None, sni: true }
    }
}

impl TlsOptions {
    /// TLS to a server whose certificate is from one of `roots` and for its host.
    #[must_use]
    pub fn verify_full(roots: RootCertificates) -> Self {
        Self { mode: SslMode::VerifyFull, roots: Some(roots), ..Self::default() }
    }

    /// Whether the options go together.
    ///
    /// # Errors
    /// [`TlsError::Options`] for what would only look secure.
    pub fn check(&self) -> Result<(), TlsError> {
        match (self.mode, &self.roots) {
            (SslMode::VerifyCa, None) => Err(TlsError::Options {
                problem: "sslmode=verify-ca without sslrootcert would trust nobody",
                remedy: "name the authority's certificate with sslrootcert, or use \
                         sslmode=verify-full, which trusts the system's authorities",
            }),
            (SslMode::VerifyFull | SslMode::Disable, _)
            | (_, None | Some(RootCertificates::File(_))) => Ok(()),
            (_, Some(RootCertificates::System)) => Err(TlsError::Options {
                problem: "sslrootcert=system vouches for every host there is, so that a weaker \
                          sslmode than verify-full is worth nothing",
                remedy: "use sslmode=verify-full",
            }),
        }
    }

    /// Reads the files. `direct` is whether TLS begins without asking for it first, which the
    /// protocol's name has to show then.
    pub(crate) fn connector(&self, direct: bool) -> Result<MakeRustlsConnect, TlsError> {
        self.check()?;
        let provider = Arc::new(ring::default_provider());
        let verifier = self.verifier(&provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.identity {
            Some(identity) => {
                let (chain, key) = files::identity(identity)?;
                builder.with_client_auth_cert(chain, key).map_err(|_| TlsError::Content {
                    parameter: "sslkey",
                    path: identity.key.clone(),
                    problem: "is not the key of the certificate in sslcert",
                })?
            }
            None => builder.with_no_client_auth(),
        };
        config.enable_sni = self.sni;
        if direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(MakeRustlsConnect::new(config))
    }

    fn verifier(&self, provider: &rustls::crypto::CryptoProvider) -> Result<Verifier, TlsError> {
        let check_name = self.mode == SslMode::VerifyFull;
        let roots = match &self.roots {
            Some(RootCertificates::File(path)) => Some(files::roots(path)?),
            Some(RootCertificates::System) => Some(files::system_roots()?),
            None if check_name => Some(files::system_roots()?),
            None => None,
        };
        Ok(Verifier::new(roots, check_name, provider.signature_verification_algorithms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_looks_secure_is_refused() {
        for mode in SslMode::ALL {
            let with = |roots| TlsOptions { mode, roots, ..TlsOptions::default() }.check().is_ok();
            assert_eq!(with(None), mode != SslMode::VerifyCa, "{mode}");
            assert!(with(Some(RootCertificates::File("ca.pem".into()))), "{mode}");
            let system = matches!(mode, SslMode::Disable | SslMode::VerifyFull);
            assert_eq!(with(Some(RootCertificates::System)), system, "{mode}");
            assert_eq!(mode.as_str().parse(), Ok(mode));
        }
        assert_eq!("verify_full".parse::<SslMode>(), Err(UnknownSslMode));
    }
}
