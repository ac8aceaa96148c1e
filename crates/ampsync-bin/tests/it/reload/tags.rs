use super::{World, stop};
use crate::pipe::start_with;

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_names_another_manifest_is_found_out() {
    let world = World::new().await;
    let admin = world.sim.admin_endpoint();
    let more = [
        ("DATASET", "sim@latest"),
        ("TABLES", "logs"),
        ("NOZZLE_ADMIN_ENDPOINT", admin.as_str()),
        ("DATASET_POLL_INTERVAL", "1"),
        ("ON_REVISION_CHANGE", "refuse"),
    ];
    let ampsync = start_with(&world.sim, &world.database.url(), &more);
    world.equal(&["logs"]).await;
    world.sim.admin_requests_reach(|requests| requests.len() >= 3).await;
    assert_eq!(world.streams("logs"), 1, "the same answer is no reason for anything");
    let (first, second) = (world.sim.config().manifest_hash(), world.sim.repoint());
    // Its rows are those of the first manifest, and are not mixed with those of the second.
    let (status, text) = ampsync.end();
    assert_eq!(status.code(), Some(3), "{text}");
    assert!(text.contains("the dataset names another manifest"), "{text}");
    assert!(text.contains("was written from dataset"), "{text}");
    assert!(text.contains(&first) && text.contains(&second), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_a_tag_is_resolved_once() {
    let world = World::new().await;
    let admin = world.sim.admin_endpoint();
    let more =
        [("DATASET", "sim@latest"), ("TABLES", "logs"), ("NOZZLE_ADMIN_ENDPOINT", admin.as_str())];
    let ampsync = start_with(&world.sim, &world.database.url(), &more);
    world.equal(&["logs"]).await;
    world.sim.repoint();
    world.sim.mine(10);
    world.equal(&["logs"]).await;
    assert_eq!(world.sim.admin_requests().len(), 1);
    stop(ampsync);
}
