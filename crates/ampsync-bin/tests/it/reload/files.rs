use std::fs;

use super::{World, config, relink, stop};

#[tokio::test(flavor = "multi_thread")]
async fn a_config_map_is_followed_through_its_links() {
    let world = World::new().await;
    for (version, tables) in [("..1", &["logs"][..]), ("..2", &["logs", "sparse"])] {
        fs::create_dir(world.path(version)).unwrap();
        fs::write(world.folder.path().join(version).join("sim.json"), config(tables)).unwrap();
    }
    let data = world.folder.path().join("..data");
    relink("..1", &data);
    relink("..data/sim.json", &world.folder.path().join("sim.json"));
    let mut ampsync = world.start("sim.json", &[]);
    world.equal(&["logs"]).await;
    relink("..2", &data);
    fs::remove_dir_all(world.path("..1")).unwrap();
    ampsync.wait_for("the settings were reloaded");
    world.equal(&["logs", "sparse"]).await;
    // And again, from the new place.
    fs::create_dir(world.path("..3")).unwrap();
    fs::write(world.path("..3/sim.json"), config(&["logs", "sparse", "blocks"])).unwrap();
    relink("..3", &data);
    ampsync.wait_for("the settings were reloaded");
    world.equal(&["logs", "sparse", "blocks"]).await;
    assert_eq!(world.streams("logs"), 1);
    stop(ampsync);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_the_config_imports_is_watched_too() {
    let world = World::new().await;
    world.replace(
        "sim.config.ts",
        "import { names } from \"./names\";\n\
         const table = (name: string) => [name, { sql: `SELECT * FROM sim.${name}` }];\n\
         export default () => ({\n\
         \x20 namespace: \"_\", name: \"sim\", version: \"0.0.1\",\n\
         \x20 dependencies: { sim: \"_/sim@0.0.1\" },\n\
         \x20 tables: Object.fromEntries(names.map(table)),\n\
         });\n",
    );
    world.replace("names.ts", "export const names: string[] = [\"logs\"];\n");
    let mut ampsync = world.start("sim.config.ts", &[]);
    world.equal(&["logs"]).await;
    // Written in place this time.
    fs::write(world.path("names.ts"), "export const names = [\"logs\", \"sparse\"];\n").unwrap();
    ampsync.wait_for("added=\"sparse\"");
    world.equal(&["logs", "sparse"]).await;
    assert_eq!(world.streams("logs"), 1);
    stop(ampsync);
}
