use serde_json::Value;

use super::*;
use crate::process::{Answer, ampsync, answer};
use crate::reload::stop;

fn plan(world: &World, arguments: &[&str]) -> Answer {
    verb(world, "plan", arguments)
}

fn verb(world: &World, verb: &str, arguments: &[&str]) -> Answer {
    let (url, endpoint) = (world.database.url(), world.sim.endpoint());
    let (manifest, options) = (world.path("sim.json"), world.path("ampsync.toml"));
    let environment = [
        ("NOZZLE_ENDPOINT", endpoint.as_str()),
        ("DATABASE_URL", url.as_str()),
        ("DATASET_MANIFEST", manifest.as_str()),
        ("AMPSYNC_CONFIG", options.as_str()),
    ];
    answer(ampsync(&environment).arg(verb).args(arguments))
}

/// The statements of a plan, in their order.
fn statements(plan: &Value) -> Vec<String> {
    let tables = plan["tables"].as_array().unwrap().iter();
    let steps = tables.flat_map(|table| table["steps"].as_array().unwrap());
    steps.map(|step| step["statement"].as_str().unwrap().to_owned()).collect()
}

/// Notes every statement that changes what tables are like.
const COLLECT: &str = "
CREATE SCHEMA collected;
CREATE TABLE collected.ddl (id bigserial, statement text);
CREATE FUNCTION collected.note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS
  'BEGIN INSERT INTO collected.ddl (statement) VALUES (current_query()); END';
GRANT USAGE ON SCHEMA collected TO PUBLIC;
CREATE EVENT TRIGGER note_NAME ON ddl_command_end EXECUTE FUNCTION collected.note()";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_planned_is_what_is_executed() {
    let world = world().await;
    let first = plan(&world, &["--json"]);
    assert_eq!(first.code, Some(4), "{}{}", first.out, first.log);
    let first: Value = serde_json::from_str(&first.out).unwrap();
    assert_eq!(first["tables"][0]["action"], "create", "{first}");
    let ampsync = start(&world, &[]);
    equals(&world, ALL).await;
    world.equal(&["blocks"]).await;
    stop(ampsync);
    let nothing = plan(&world, &[]);
    assert_eq!(nothing.code, Some(0), "{}{}", nothing.out, nothing.log);
    assert!(nothing.out.contains("Nothing would be changed"), "{}", nothing.out);
    let belongings = "CREATE VIEW addresses AS SELECT address FROM logs; \
                      GRANT SELECT ON logs TO PUBLIC; CREATE INDEX mine ON logs (topic0, address); \
                      ALTER TABLE logs ADD CONSTRAINT counted CHECK (log_index >= 0), \
                        ADD CONSTRAINT once UNIQUE (_block_num, log_index)";
    world.database.session.batch_execute(belongings).await.unwrap();
    world.replace("ampsync.toml", FILTER);
    let text = plan(&world, &[]);
    assert_eq!(text.code, Some(4), "{}{}", text.out, text.log);
    assert!(text.out.contains("public.logs is filled anew beside the old one"), "{}", text.out);
    assert!(text.out.contains("readers and writers wait"), "{}", text.out);
    let planned = plan(&world, &["--json"]);
    let planned: Value = serde_json::from_str(&planned.out).unwrap();
    let collect = COLLECT.replace("NAME", &world.database.name);
    world.database.session.batch_execute(&collect).await.unwrap();
    let mut ampsync = start(&world, &[]);
    ampsync.wait_for(IN_PLACE);
    equals(&world, FILTERED).await;
    stop(ampsync);
    let rows = "SELECT statement FROM collected.ddl ORDER BY id";
    let rows = world.database.session.query(rows, &[]).await.unwrap();
    let executed: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(statements(&planned), executed, "{planned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_planned_for_other_types_is_what_is_executed() {
    let world = world().await;
    let ampsync = start(&world, &[]);
    equals(&world, ALL).await;
    world.equal(&["blocks"]).await;
    stop(ampsync);
    let collect = COLLECT.replace("NAME", &world.database.name);
    world.database.session.batch_execute(&collect).await.unwrap();
    // The second time, one that is kept is taken up and does not fit either.
    for ty in ["numeric", "text"] {
        world.replace("ampsync.toml", &format!("[tables.logs]\ntypes = {{ tx_index = '{ty}' }}\n"));
        let checked = verb(&world, "check", &[]);
        assert_eq!(checked.code, Some(0), "{}{}", checked.out, checked.log);
        let told = format!("column \"tx_index\" should be {ty} and is ");
        assert!(checked.out.contains("cannot hold what is planned"), "{}", checked.out);
        assert!(checked.out.contains(&told), "{}", checked.out);
        let planned = plan(&world, &["--json"]);
        assert_eq!(planned.code, Some(4), "{}{}", planned.out, planned.log);
        let planned: Value = serde_json::from_str(&planned.out).unwrap();
        let action = |table: &Value| table["action"].as_str().unwrap().to_owned();
        let actions: Vec<_> = planned["tables"].as_array().unwrap().iter().map(action).collect();
        assert_eq!(actions, ["none", "revision"], "{planned}");
        let forget = "TRUNCATE collected.ddl RESTART IDENTITY";
        world.database.session.batch_execute(forget).await.unwrap();
        let mut ampsync = start(&world, &[]);
        ampsync.wait_for(IN_PLACE);
        equals(&world, ALL).await;
        stop(ampsync);
        let rows = "SELECT statement FROM collected.ddl ORDER BY id";
        let rows = world.database.session.query(rows, &[]).await.unwrap();
        let executed: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(statements(&planned), executed, "{planned}");
    }
    let nothing = plan(&world, &[]);
    assert_eq!(nothing.code, Some(0), "{}{}", nothing.out, nothing.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_way_of_a_plan_is_named() {
    let world = world().await;
    let ampsync = start(&world, &[]);
    equals(&world, ALL).await;
    stop(ampsync);
    let view = "CREATE MATERIALIZED VIEW sums AS SELECT count(*) FROM logs";
    world.database.session.batch_execute(view).await.unwrap();
    world.replace("ampsync.toml", FILTER);
    let blocked = plan(&world, &[]);
    assert_eq!(blocked.code, Some(4), "{}{}", blocked.out, blocked.log);
    assert!(blocked.out.contains("! materialized view public.sums: "), "{}", blocked.out);
    world.replace("ampsync.toml", "[tables.logs]\nwhere = 'nowhere > 0'\n");
    let wrong = plan(&world, &[]);
    assert_eq!(wrong.code, Some(2), "{}{}", wrong.out, wrong.log);
}
