//! `https`, to the streams and to the Admin API.

use std::sync::Arc;

use nozzle_client::admin::{AdminClient, AdminError, DatasetQuery};
use nozzle_client::{Error, SqlClient};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sync_core::{Causes, Classify, Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tonic::transport::Identity;

use crate::server::{Script, TestServer, schema};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key.
struct Shown {
    certificate: String,
    key: String,
}

fn issued(authority: &Authority, name: &str, change: fn(&mut CertificateParams)) -> Shown {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut params);
    let certificate = params.signed_by(&key, authority).unwrap().pem();
    Shown { certificate, key: key.serialize_pem() }
}

/// Every kind of certificate, and what is said of it; nothing of a good one.
fn shown(ours: &Authority) -> [(Shown, Option<&'static str>); 5] {
    let expire = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    };
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let self_signed = Shown { certificate, key: key.serialize_pem() };
    [
        (issued(ours, "localhost", |_| ()), None),
        (issued(ours, "localhost", expire), Some("expired")),
        (issued(ours, "amp.internal", |_| ()), Some("not valid for name")),
        (issued(&authority("theirs"), "localhost", |_| ()), Some("UnknownIssuer")),
        (self_signed, Some("UnknownIssuer")),
    ]
}

/// The Admin API of a server that has no dataset, by HTTP 1.1.
async fn admin_server(shown: &Shown) -> (u16, JoinSet<()>) {
    let certificate = CertificateDer::from_pem_slice(shown.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        const BODY: &str = r#"{"error_code": "DATASET_NOT_FOUND", "error_message": "none"}"#;
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust us goes away.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let answer = format!(
                "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{BODY}",
                BODY.len()
            );
            let read = stream.read(&mut [0; 4096]).await;
            read.and(stream.write_all(answer.as_bytes()).await).ok();
            stream.shutdown().await.ok();
        }
    });
    (port, serving)
}

#[tokio::test]
async fn streams_come_from_a_server_that_its_authority_vouches_for() {
    let ours = authority("ours");
    for (shown, refused) in shown(&ours) {
        let identity = Identity::from_pem(shown.certificate, shown.key);
        let server = TestServer::start_tls(identity, Script::messages(&schema(), Vec::new())).await;
        let endpoint = format!("https://localhost:{}", server.address.port());
        let client = SqlClient::builder(&endpoint).ca_certificate(ours.pem()).build().unwrap();
        match (client.schema("SELECT 1").await, refused) {
            (Ok(found), None) => assert_eq!(found, schema()),
            (Err(error), Some(why)) => {
                assert!(matches!(error, Error::Connection { .. }), "{error:?}");
                let told = Causes(&error).to_string();
                assert!(told.contains("certificate") && told.contains(why), "{why}: {told}");
                // It will be renewed.
                assert_eq!(error.fault(), Fault::Transient);
                assert!(error.remedy().unwrap().contains("NOZZLE_CA_FILE"));
            }
            (outcome, expected) => panic!("{outcome:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn the_admin_api_is_asked_where_its_authority_vouches_for_it() {
    let ours = authority("ours");
    for (shown, refused) in shown(&ours) {
        let (port, _serving) = admin_server(&shown).await;
        let endpoint = format!("https://localhost:{port}");
        let client = AdminClient::builder(&endpoint).ca_certificate(ours.pem()).build().unwrap();
        let query = DatasetQuery { namespace: None, name: "sim", revision: None };
        let error = client.resolve(&query).await.unwrap_err();
        match (&error, refused) {
            // The server answers, and knows no dataset.
            (AdminError::NotFound { .. }, None) => {}
            (AdminError::Connection(_), Some(why)) => {
                let told = Causes(&error).to_string();
                assert!(told.contains("certificate") && told.contains(why), "{why}: {told}");
                assert!(error.remedy().unwrap().contains("NOZZLE_CA_FILE"));
            }
            (error, expected) => panic!("{error:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn an_authority_that_cannot_be_read_is_a_mistake() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (pem, expected) in [("", "no certificate"), ("hello", "no certificate"), (broken, "used")] {
        let flight = SqlClient::builder("https://localhost").ca_certificate(pem).build();
        let error = flight.unwrap_err();
        assert!(matches!(error, Error::Setting(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
        let admin = AdminClient::builder("https://localhost").ca_certificate(pem).build();
        let error = admin.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
