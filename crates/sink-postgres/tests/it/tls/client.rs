use ampsync_testkit::certificates::{Authority, Certified};
use sync_core::{Classify, Fault};

use super::{Secured, told};

/// The parameters that show a certificate.
fn shown(server: &Secured, name: &str, certified: &Certified) -> String {
    let certificate = server.cluster.write(&format!("{name}.crt"), &certified.certificate).unwrap();
    let key = server.cluster.write(&format!("{name}.key"), &certified.key).unwrap();
    format!("sslcert={} sslkey={}", certificate.display(), key.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_logs_in_if_it_is_the_users_own() {
    let server = Secured::start().await;
    let issued = |name| server.authority.issue(name).unwrap();
    let good = shown(&server, "good", &issued("certified"));
    let other = shown(&server, "other", &issued("somebody"));
    let old = server.authority.issue_expired("certified").unwrap();
    let old = shown(&server, "old", &old);
    let foreign = Authority::new().unwrap().issue("certified").unwrap();
    let foreign = shown(&server, "foreign", &foreign);
    let refused = "refuses our certificate";
    for (case, identity, expected) in [
        ("good", good.as_str(), None),
        ("missing", "", Some("requires a valid client certificate")),
        ("other", &other, Some("certificate authentication failed")),
        ("old", &old, Some(refused)),
        ("foreign", &foreign, Some(refused)),
    ] {
        for mode in ["require", "verify-full"] {
            let name = format!("{case}-{mode}");
            let target = server.target_of(&format!(
                "user=certified sslmode={mode} sslrootcert={} application_name={name} {identity}",
                server.ca.display()
            ));
            let mut outcome = target.probe().await;
            // Having refused, the server closes the connection; what it said may be lost by that.
            for _ in 0..20 {
                if outcome.as_ref().is_err_and(|error| error.fault() == Fault::Transient) {
                    outcome = target.probe().await;
                }
            }
            match (outcome, expected) {
                (Ok(()), None) => assert_eq!(server.logins(&name), [true, true], "{name}"),
                (Err(error), Some(why)) => {
                    assert!(told(&error).contains(why), "{name}: {}", told(&error));
                    assert!(server.logins(&name).is_empty(), "{name}");
                }
                (outcome, _) => panic!("{name}: {outcome:?}"),
            }
        }
    }
}

/// SCRAM is bound to the server's certificate, so that nobody in between can pass it on.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_can_be_bound_to_the_connection() {
    let server = Secured::start().await;
    server.target("sslmode=require channel_binding=require").probe().await.unwrap();
    let target = server.target("sslmode=disable channel_binding=require");
    let error = target.probe().await.unwrap_err();
    assert!(told(&error).contains("channel binding"), "{}", told(&error));
    assert_eq!(error.fault(), Fault::Permanent);
}
