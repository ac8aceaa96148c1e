use ampsync_testkit::postgres::{InstallError, install_version, shared_version};

#[tokio::test]
async fn a_cluster_is_of_the_version_that_was_asked_for() {
    let Some(cluster) = shared_version(17).await else { return };
    let session = cluster.connect("postgres").await.unwrap();
    let row = session.query_one("SHOW server_version_num", &[]).await.unwrap();
    assert!(row.get::<_, String>(0).starts_with("17"));
    assert_eq!(cluster.programs().major(), 17);
}

#[test]
fn a_version_that_nobody_packages_says_how_to_name_its_programs() {
    let error = install_version(3).unwrap_err();
    assert!(matches!(error, InstallError::NoVersion(3)));
    assert!(error.to_string().contains("PG_BIN_3"), "{error}");
}
