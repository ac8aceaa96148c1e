use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use ampsync_manifest::{Host, Limits, load};

use crate::read;

#[test]
fn every_extension_of_a_script_is_evaluated() {
    for extension in ["ts", "mts", "cts", "js", "mjs", "cjs", "TS"] {
        let common = extension.starts_with('c');
        let export = if common { "module.exports =" } else { "export default" };
        let text = format!(r#"{export} {{ name: "a", tables: {{ t: {{ sql: "SELECT 1" }} }} }}"#);
        let manifest = read(&format!("nozzle.config.{extension}"), &text).unwrap();
        assert_eq!(manifest.tables().len(), 1, "{extension}");
    }
}

#[test]
fn a_config_has_no_secret_way_out() {
    let text = r#"
        const names = Object.getOwnPropertyNames(globalThis).filter((name) => /^(std|os|bjson|Deno|Bun|Worker|import.*|print|loadScript|scriptArgs)$/.test(name));
        export default { name: names.length === 0 ? "none" : names.join(), tables: { t: { sql: "SELECT 1" } } }
    "#;
    assert_eq!(read("a.js", text).unwrap().dataset().unwrap().to_string(), "none");
}

#[test]
fn what_cannot_be_interrupted_is_given_up() {
    // Looks at billions of indices within one call of a built-in function.
    let text = r#"
        const sparse = [];
        sparse.length = 4294967295;
        sparse.indexOf(1);
        export default { name: "a", tables: {} };
    "#;
    let files = |_: &Path| io::Result::Ok(text.to_owned());
    let limits = Limits::default().with_time_max(Duration::from_millis(200));
    let began = Instant::now();
    let problems = load(Path::new("a.js"), &Host::new(&files).with_limits(limits)).unwrap_err();
    assert!(problems.to_string().contains("not evaluated within 200ms"), "{problems}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn memory_may_run_out_at_any_moment() {
    let text = r#"
        import { defineDataset, eventTables } from "nozzl"
        const abi = [{ type: "event", name: "Ping", inputs: [{ name: "index", type: "uint256" }] }]
        const later = async () => JSON.parse(JSON.stringify({ pattern: /a+/.exec("caab")[0] }))
        class Table { sql = `SELECT ${"x".repeat(1000)}` }
        export default defineDataset(async () => ({
            name: "a", tables: { ...eventTables(abi), t: new Table(), ...((await later()) && {}) },
        }))
    "#;
    let files = |_: &Path| io::Result::Ok(text.to_owned());
    let mut outcomes = [0, 0];
    for step in 1..200 {
        let limits = Limits::default().with_memory_bytes_max(step * 4_096);
        match load(Path::new("a.ts"), &Host::new(&files).with_limits(limits)) {
            Ok(_) => outcomes[0] += 1,
            Err(problems) => {
                outcomes[1] += 1;
                assert!(!problems.to_string().contains("not its own"), "{step}: {problems}");
            }
        }
    }
    assert!(outcomes.iter().all(|count| *count > 10), "{outcomes:?}");
}
