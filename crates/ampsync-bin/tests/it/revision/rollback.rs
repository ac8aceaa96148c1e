use super::*;
use crate::process::{Answer, ampsync, answer};
use crate::reload::stop;

pub(super) fn roll_back(world: &World, arguments: &[&str]) -> Answer {
    let url = world.database.url();
    answer(ampsync(&[("DATABASE_URL", &url)]).args(["rollback", "logs"]).args(arguments))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_while_it_runs_is_followed_and_not_migrated_again() {
    let world = world().await;
    let mut ampsync = start(&world, &[]);
    equals(&world, ALL).await;
    let refused = roll_back(&world, &["--yes"]);
    assert_eq!(refused.code, Some(2), "{}", refused.log);
    assert!(refused.log.contains("no other revision"), "{}", refused.log);
    let readers = Readers::of(&world).await;
    world.replace("ampsync.toml", FILTER);
    ampsync.wait_for(IN_PLACE);
    equals(&world, FILTERED).await;
    world.sim.mine(5);
    equals(&world, FILTERED).await;
    let refused = roll_back(&world, &[]);
    assert_eq!(refused.code, Some(2), "{}", refused.log);
    assert!(refused.log.contains("add --yes"), "{}", refused.log);
    let done = roll_back(&world, &["--yes"]);
    assert_eq!(done.code, Some(0), "{}", done.log);
    assert!(done.out.contains("logs__v2"), "{}", done.out);
    world.sim.mine(5);
    ampsync.wait_for("was rolled back: the table of before goes on");
    equals(&world, ALL).await;
    stop(ampsync);
    // A start does not take it for a change either.
    let mut ampsync = start(&world, &[]);
    ampsync.wait_for("was rolled back: the table of before goes on");
    world.sim.mine(5);
    world.sim.reorg(2);
    equals(&world, ALL).await;
    // Forward again.
    let done = roll_back(&world, &["--yes"]);
    assert_eq!(done.code, Some(0), "{}", done.log);
    world.sim.mine(5);
    equals(&world, FILTERED).await;
    readers.finish().await;
    stop(ampsync);
    // What is kept is dropped by the verb for that.
    let url = world.database.url();
    let mut reset = crate::process::ampsync(&[("DATABASE_URL", &url)]);
    let done = answer(reset.args(["reset", "logs__v1", "--drop", "--yes"]));
    assert_eq!(done.code, Some(0), "{}", done.log);
    assert!(done.out.contains("logs__v1 (previous) is forgotten"), "{}", done.out);
    let left = "SELECT count(*) FROM pg_class WHERE relname LIKE 'logs\\_\\_v%' AND relkind = 'r'";
    assert_eq!(world.database.count(left).await, 0);
}
