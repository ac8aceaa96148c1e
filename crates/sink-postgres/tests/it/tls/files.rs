use std::fs;
use std::os::unix::fs::PermissionsExt;

use ampsync_testkit::certificates::Authority;

use super::{Secured, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_used_is_named_and_never_done_without() {
    let server = Secured::start().await;
    let certified = server.authority.issue("certified").unwrap();
    let other = server.authority.issue("certified").unwrap();
    let write = |name: &str, text: &str| {
        server.cluster.write(name, text).unwrap().to_str().unwrap().to_owned()
    };
    let certificate = write("c.crt", &certified.certificate);
    let key = write("c.key", &certified.key);
    let open = write("open.key", &certified.key);
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let other = write("other.key", &other.key);
    let locked = write(
        "locked.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let empty = write("empty.pem", "");
    let broken =
        write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (parameters, expected) in [
        ("sslrootcert=none.pem".to_owned(), "file none.pem of sslrootcert cannot be read: No such"),
        (format!("sslrootcert={empty}"), "empty.pem of sslrootcert has no certificate in PEM"),
        (format!("sslrootcert={broken}"), "has a certificate that cannot be read"),
        (format!("sslrootcert={key}"), "has no certificate in PEM"),
        (format!("sslcert=none.crt sslkey={key}"), "file none.crt of sslcert cannot be read"),
        (format!("sslcert={certificate} sslkey=none.key"), "file none.key of sslkey"),
        (format!("sslcert={certificate} sslkey={empty}"), "of sslkey has no private key in PEM"),
        (format!("sslcert={certificate} sslkey={other}"), "is not the key of the certificate"),
        (format!("sslcert={certificate} sslkey={locked}"), "is encrypted"),
        (format!("sslcert={certificate} sslkey={open}"), "permissions are 0644 -> run: chmod 0600"),
    ] {
        for mode in ["allow", "prefer", "require", "verify-full"] {
            // Without TLS nobody logs in as this one, so that `allow` comes to it, too.
            let login = format!("user=secured password=secret sslmode={mode} {parameters}");
            let error = told(&server.target_of(&login).probe().await.unwrap_err());
            assert!(
                error.starts_with("Permanent: ") && error.contains(expected),
                "{mode}: {error}"
            );
        }
    }
    assert!(!server.cluster.log().contains("connection authorized: user=secured"));
    // What is not used need not be there.
    server.target("sslmode=disable sslrootcert=none.pem").probe().await.unwrap();
}

/// Certificates live for weeks, this process for months.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_renewed_is_used_by_the_next_connection() {
    let mut server = Secured::start().await;
    let root = server.ca.display().to_string();
    let target = server.target(&format!("sslmode=verify-full sslrootcert={root}"));
    target.probe().await.unwrap();
    let next = Authority::new().unwrap();
    server.shows(&next.issue("localhost").unwrap()).await;
    target.probe().await.unwrap_err();
    server.cluster.write("ca.pem", &next.pem()).unwrap();
    target.probe().await.unwrap();
}
