//! `https`.

use nozzle_client::{Error, SqlClient};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sync_core::{Classify, Fault};
use tonic::transport::Identity;

use crate::server::{Script, TestServer, schema};

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

#[tokio::test]
async fn a_server_is_trusted_by_its_authority_alone() {
    let (ours, theirs) = (authority(), authority());
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &ours).unwrap();
    let identity = Identity::from_pem(certificate.pem(), key.serialize_pem());
    let server = TestServer::start_tls(identity, Script::messages(&schema(), Vec::new())).await;

    let endpoint = format!("https://localhost:{}", server.address.port());
    let client = |authority: &CertifiedIssuer<'_, KeyPair>| {
        SqlClient::builder(&endpoint).ca_certificate(authority.pem()).build().unwrap()
    };
    assert_eq!(client(&ours).schema("SELECT 1").await.unwrap(), schema());

    let error = client(&theirs).schema("SELECT 1").await.unwrap_err();
    let Error::Connection { source, .. } = &error else { panic!("{error:?}") };
    assert!(source.to_string().contains("certificate"), "{source}");
    assert_eq!(error.fault(), Fault::Transient);
}
