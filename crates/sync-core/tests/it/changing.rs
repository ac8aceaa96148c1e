//! Tables that come and go while others run.

use std::sync::Arc;
use std::time::Duration;

use sync_core::{Engine, Outcome, TableState};
use tokio::sync::Semaphore;

use crate::faulty::{Injected, Op};
use crate::script::{Act, Script, range, whole};
use crate::world::{World, tens};

const GRACE: Duration = Duration::from_secs(10);

fn followed() -> Vec<Act> {
    [whole(&range(0, 2)), vec![Act::Silence]].concat()
}

fn engine(world: &World) -> Engine<Script, crate::world::MakeSink> {
    Engine::new(world.config.clone(), Arc::clone(&world.health), world.shutdown.clone())
}

#[tokio::test(start_paused = true)]
async fn a_table_is_added_and_removed_while_another_goes_on() {
    let stays = World::new(Script::new([followed()]));
    let comes = World::new(Script::new([followed()]));
    let mut engine = engine(&stays);
    engine.add(stays.sync("t")).unwrap();
    stays.until_live_at(2).await;
    let before = stays.health.snapshot()["t"].clone();

    engine.add(comes.sync("new")).unwrap();
    assert_eq!(engine.add(comes.sync("new")).unwrap_err().0, "new");
    stays
        .until("both are live", |_| {
            stays.health.snapshot()["new"].state == TableState::Live && comes.rows() == tens(0..=2)
        })
        .await;
    assert_eq!(engine.remove("new", GRACE).await, Some(Outcome::Clean));
    assert_eq!(engine.remove("new", GRACE).await, None);
    assert_eq!(engine.tables().collect::<Vec<_>>(), ["t"]);
    assert_eq!(comes.rows(), tens(0..=2), "its rows stay");

    let after = stays.health.snapshot();
    assert!(!after.contains_key("new"));
    assert_eq!(after["t"].sessions, before.sessions);
    stays.shutdown.cancel();
    assert_eq!(
        engine.ended().await.into_iter().collect::<Vec<_>>(),
        [("t".to_owned(), Outcome::Clean)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_commit_under_way_is_seen_through_before_its_table_is_removed() {
    let gate = Arc::new(Semaphore::new(0));
    let world = World::new(Script::new([followed()]));
    world.faults.inject(Op::Commit, [Injected::Waits(Arc::clone(&gate))]);
    let mut engine = engine(&world);
    engine.add(world.sync("t")).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (removed, ()) = tokio::join!(engine.remove("t", GRACE), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        gate.add_permits(1);
    });
    assert_eq!(removed, Some(Outcome::Clean));
    assert_eq!(world.rows(), tens(0..=2));
    assert!(world.health.snapshot().is_empty());
}
