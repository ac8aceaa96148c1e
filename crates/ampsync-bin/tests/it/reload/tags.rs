use super::{World, stop};

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_names_another_manifest_is_found_out() {
    let world = World::new().await;
    let more = [("DATASET_POLL_INTERVAL", "1"), ("ON_REVISION_CHANGE", "refuse")];
    let ampsync = world.start_with_tag(&more);
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
    let ampsync = world.start_with_tag(&[]);
    world.equal(&["logs"]).await;
    world.sim.repoint();
    world.sim.mine(10);
    world.equal(&["logs"]).await;
    assert_eq!(world.sim.admin_requests().len(), 1);
    stop(ampsync);
}
