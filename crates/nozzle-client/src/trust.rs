//! Who may vouch for the server.

use std::error::Error;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sync_core::cause;

/// The authorities in a PEM text. The error says what is wrong with it.
pub(crate) fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate =
            certificate.map_err(|error| format!("the CA certificate is not PEM: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("the CA certificate cannot be used: {error}"))?;
    }
    if roots.is_empty() {
        return Err("the CA certificate has no certificate in PEM".to_owned());
    }
    Ok(roots)
}

/// What to do about a certificate that is refused.
pub(crate) const REMEDY: &str = "name the authority that signed the server's certificate with \
                                 NOZZLE_CA_FILE, connect by a name that the certificate has, or \
                                 renew it";

/// Whether a connection failed because the server's certificate was refused.
pub(crate) fn is_about_certificates(error: &(dyn Error + 'static)) -> bool {
    matches!(cause(error), Some(rustls::Error::InvalidCertificate(_)))
}
