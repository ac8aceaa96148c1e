use std::fs;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::TlsError;
use super::{ClientIdentity, verify::Roots};

/// The authorities of a PEM file.
pub(super) fn roots(path: &Path) -> Result<Roots, TlsError> {
    const PARAMETER: &str = "sslrootcert";
    let certificates = certificates(PARAMETER, path)?;
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|_| TlsError::Content {
            parameter: PARAMETER,
            path: path.to_owned(),
            problem: "has a certificate that cannot be read",
        })?;
    }
    Ok(Roots { store, certificates })
}

/// The system's authorities. Among hundreds, some that cannot be read are no reason to stop.
pub(super) fn system_roots() -> Result<Roots, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(found.certs);
    if added == 0 {
        let reasons: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(TlsError::System { reason: reasons.join("; ") });
    }
    Ok(Roots { store, certificates: Vec::new() })
}

/// Our certificates, our own first, and the key.
pub(super) fn identity(
    identity: &ClientIdentity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain = certificates("sslcert", &identity.certificate)?;
    let (parameter, path) = ("sslkey", &identity.key);
    check_permissions(path)?;
    let text = read(parameter, path)?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        let encrypted = text.windows(9).any(|window| window == b"ENCRYPTED");
        TlsError::Content {
            parameter,
            path: path.clone(),
            problem: if encrypted {
                "is encrypted, and nobody is there to be asked for its password: store it \
                 decrypted, with openssl pkey"
            } else {
                "has no private key in PEM"
            },
        }
    })?;
    Ok((chain, key))
}

/// The rule of libpq: a key that others can read is no secret.
#[cfg(unix)]
fn check_permissions(path: &Path) -> Result<(), TlsError> {
    use std::os::unix::fs::MetadataExt as _;
    let found = fs::metadata(path).map_err(TlsError::file("sslkey", path))?;
    let forbidden = if found.uid() == 0 { 0o037 } else { 0o077 };
    if found.mode() & forbidden == 0 {
        Ok(())
    } else {
        Err(TlsError::Permissions { path: path.to_owned(), mode: found.mode() & 0o777 })
    }
}

#[cfg(not(unix))]
fn check_permissions(_: &Path) -> Result<(), TlsError> {
    Ok(())
}

fn certificates(
    parameter: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(parameter, path)?;
    let problem = |problem| TlsError::Content { parameter, path: path.to_owned(), problem };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => Err(problem("has no certificate in PEM")),
        Ok(found) => Ok(found),
        Err(_) => Err(problem("is not PEM")),
    }
}

fn read(parameter: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(TlsError::file(parameter, path))
}
