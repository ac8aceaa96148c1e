//! Certificates, good ones and all kinds of bad ones.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, Error, IsCa, KeyPair,
    date_time_ymd,
};

/// A certificate and its private key, as PEM.
#[derive(Clone, Debug)]
pub struct Certified {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// An authority that nobody knows of unless they are told.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new() -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority of a test");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// Its own certificate, as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for `name`: the common name, and a host's name or address.
    ///
    /// # Errors
    /// When `name` is no host's.
    pub fn issue(&self, name: &str) -> Result<Certified, Error> {
        self.sign(params(name)?)
    }

    /// The same, of long ago.
    ///
    /// # Errors
    /// When `name` is no host's.
    pub fn issue_expired(&self, name: &str) -> Result<Certified, Error> {
        let mut params = params(name)?;
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign(params)
    }

    /// The same, with the name nowhere but in the common name.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn issue_nameless(&self, name: &str) -> Result<Certified, Error> {
        let mut params = params(name)?;
        params.subject_alt_names.clear();
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Result<Certified, Error> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Certified { certificate, key: key.serialize_pem() })
    }
}

/// A certificate that vouches for itself, as `openssl req -x509` makes them: an authority's.
///
/// # Errors
/// When `name` is no host's.
pub fn self_signed(name: &str) -> Result<Certified, Error> {
    let mut params = params(name)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?.pem();
    Ok(Certified { certificate, key: key.serialize_pem() })
}

fn params(name: &str) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}
