use ampsync_testkit::certificates::{Authority, self_signed};

use super::{Secured, told};

/// What becomes of a connection.
#[derive(Clone, Copy)]
enum Outcome {
    Secured,
    Plain,
    /// Refused as a mistake, with this in the error or its remedy.
    Refused(&'static str),
}

use Outcome::{Plain, Refused};

/// The modes, without and with the authority's certificate named in `sslrootcert`.
const MODES: [(&str, bool); 9] = [
    ("disable", false),
    ("allow", false),
    ("prefer", false),
    ("prefer", true),
    ("require", false),
    ("require", true),
    ("verify-ca", true),
    ("verify-full", false),
    ("verify-full", true),
];

/// Connects in every mode, and compares.
async fn check(secured: &Secured, certificate: &str, expected: [Outcome; 9]) {
    for ((mode, with_root), expected) in MODES.into_iter().zip(expected) {
        let case = format!("{certificate}-{mode}-{with_root}");
        let root = format!("sslrootcert={}", secured.ca.display());
        let root = if with_root { root.as_str() } else { "" };
        let target = secured.target(&format!("sslmode={mode} {root} application_name={case}"));
        let outcome = target.probe().await;
        // It is asked twice, so there are two logins.
        let logins = secured.logins(&case);
        match (outcome, expected) {
            (Ok(()), Outcome::Secured) => assert_eq!(logins, [true, true], "{case}"),
            (Ok(()), Plain) => assert_eq!(logins, [false, false], "{case}"),
            (Err(error), Refused(why)) => {
                let told = told(&error);
                assert!(told.starts_with("Permanent: ") && told.contains(why), "{case}: {told}");
                assert!(logins.is_empty(), "{case}");
            }
            (Ok(()), Refused(why)) => panic!("{case}: taken, despite of {why}: {logins:?}"),
            (Err(error), Outcome::Secured | Plain) => panic!("{case}: {}", told(&error)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sslmode_meets_every_certificate() {
    use Outcome::Secured as Tls;
    let mut server = Secured::start().await;
    // Nobody in the system knows a test's authority.
    let unknown = Refused("from an authority that is not trusted -> let sslrootcert name");
    check(&server, "good", [Plain, Plain, Tls, Tls, Tls, Tls, Tls, unknown, Tls]).await;

    let expired = server.authority.issue_expired("localhost").unwrap();
    server.shows(&expired).await;
    let old = Refused("certificate of the server localhost has expired -> renew");
    check(&server, "expired", [Plain, Plain, Tls, Plain, Tls, old, old, old, old]).await;

    let wrong_host = server.authority.issue("db.internal").unwrap();
    server.shows(&wrong_host).await;
    let host = Refused("certificate is for db.internal, not for localhost -> connect to it by");
    check(&server, "host", [Plain, Plain, Tls, Tls, Tls, Tls, Tls, unknown, host]).await;

    let nameless = server.authority.issue_nameless("localhost").unwrap();
    server.shows(&nameless).await;
    let name = Refused("no subjectAltName");
    check(&server, "nameless", [Plain, Plain, Tls, Tls, Tls, Tls, Tls, unknown, name]).await;

    let wrong_ca = Authority::new().unwrap().issue("localhost").unwrap();
    server.shows(&wrong_ca).await;
    check(&server, "ca", [Plain, Plain, Tls, Plain, Tls, unknown, unknown, unknown, unknown]).await;

    server.shows(&self_signed("localhost").unwrap()).await;
    check(&server, "self", [Plain, Plain, Tls, Plain, Tls, unknown, unknown, unknown, unknown])
        .await;

    server.shows_nothing().await;
    let none = Refused("does not offer TLS, and sslmode demands it -> set ssl = on");
    check(&server, "none", [Plain, Plain, Plain, Plain, none, none, none, none, none]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_certificate_vouches_for_itself_where_it_is_named() {
    let mut server = Secured::start().await;
    let own = self_signed("localhost").unwrap();
    server.shows(&own).await;
    let path = server.cluster.write("own.pem", &own.certificate).unwrap();
    let target = server.target(&format!("sslmode=verify-full sslrootcert={}", path.display()));
    target.probe().await.unwrap();
    let other = self_signed("db.internal").unwrap();
    server.shows(&other).await;
    server.cluster.write("own.pem", &other.certificate).unwrap();
    let error = told(&target.probe().await.unwrap_err());
    assert!(error.contains("is for db.internal, not for localhost"), "{error}");
}

/// Where the server lets a user in only with TLS, or only without, the weak modes find the way.
#[tokio::test(flavor = "multi_thread")]
async fn weak_modes_do_what_the_server_asks_and_strong_ones_do_not_give_way() {
    let server = Secured::start().await;
    for (user, mode, expected) in [
        ("secured", "disable", Err("pg_hba.conf")),
        ("secured", "allow", Ok(true)),
        ("secured", "prefer", Ok(true)),
        ("secured", "require", Ok(true)),
        ("unsecured", "disable", Ok(false)),
        ("unsecured", "allow", Ok(false)),
        ("unsecured", "prefer", Ok(false)),
        ("unsecured", "require", Err("pg_hba.conf")),
    ] {
        let case = format!("{user}-{mode}");
        let target = server.target_of(&format!(
            "user={user} password=secret sslmode={mode} application_name={case}"
        ));
        match (target.probe().await, expected) {
            (Ok(()), Ok(tls)) => assert_eq!(server.logins(&case), [tls, tls], "{case}"),
            (Err(error), Err(why)) => {
                let told = told(&error);
                assert!(told.starts_with("Permanent: ") && told.contains(why), "{case}: {told}");
                assert!(server.logins(&case).is_empty(), "{case}");
            }
            (outcome, _) => panic!("{case}: {outcome:?}"),
        }
    }
}
