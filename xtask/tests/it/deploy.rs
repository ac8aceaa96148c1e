//! The files that ampsync is deployed with: they are read by people who copy them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nozzle_sim::SimConfig;
use yaml_rust2::{Yaml, YamlLoader};

fn text(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every variable that sets a setting, from the table of settings.
fn settings() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let table = text("crates/ampsync-bin/src/settings/table.rs");
    for setting in table.split("\n    }\n") {
        let line = setting.lines().find(|line| line.contains(" = ") && line.ends_with(", {"));
        let Some((name, _)) = line.and_then(|line| line.trim().split_once(':')) else { continue };
        found.insert(name.to_owned());
        if setting.contains("file: true") {
            found.insert(format!("{name}_FILE"));
        }
    }
    assert!(found.contains("DATABASE_URL_FILE") && found.len() > 20, "found only {found:?}");
    found
}

fn assert_settings<'a>(path: &str, variables: impl IntoIterator<Item = &'a str>) {
    let settings = settings();
    let variables: Vec<_> = variables.into_iter().collect();
    assert!(!variables.is_empty(), "{path} sets nothing");
    for variable in variables {
        assert!(settings.contains(variable), "{path}: {variable} is no setting");
    }
}

fn strings(yaml: &Yaml) -> Vec<&str> {
    yaml.as_vec().map(|all| all.iter().filter_map(Yaml::as_str).collect()).unwrap_or_default()
}

/// The documents of the Kubernetes manifest, by kind.
fn kubernetes(kind: &str) -> Yaml {
    let documents = yaml("deploy/kubernetes/ampsync.yaml");
    let found = documents.into_iter().find(|document| document["kind"].as_str() == Some(kind));
    found.unwrap_or_else(|| panic!("there is no {kind}"))
}

#[test]
fn the_containers_are_told_settings_that_there_are() {
    for path in ["docker/compose.yaml", "docker/compose.demo.yaml"] {
        let compose = &yaml(path)[0];
        let environment = compose["services"]["ampsync"]["environment"].as_hash().unwrap();
        assert_settings(path, environment.keys().filter_map(Yaml::as_str));
    }
    let deployment = kubernetes("Deployment");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let variables = container["env"].as_vec().unwrap();
    let names = variables.iter().filter_map(|variable| variable["name"].as_str());
    assert_settings("deploy/kubernetes/ampsync.yaml", names);
    let dockerfile = text("docker/Dockerfile");
    let set = dockerfile.lines().filter_map(|line| line.strip_prefix("ENV ")?.split('=').next());
    assert_settings("docker/Dockerfile", set);
}

/// Images are built from manifests alone first, and without tests and examples ever: cargo refuses a
/// manifest that names one which is not there.
#[test]
fn no_manifest_names_what_the_images_are_built_without() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folders = fs::read_dir(root.join("crates")).unwrap();
    let manifests = folders.map(|folder| folder.unwrap().path().join("Cargo.toml"));
    let mut read = 0;
    for path in manifests.chain([root.join("xtask/Cargo.toml")]) {
        let manifest = fs::read_to_string(&path).unwrap();
        for named in ["[[example]]", "[[test]]"] {
            assert!(!manifest.contains(named), "{} has {named}", path.display());
        }
        read += 1;
    }
    assert!(read > 5, "only {read} manifests were found");
}

#[test]
fn compose_confines_ampsync_and_gives_it_secrets_by_file() {
    for path in ["docker/compose.yaml", "docker/compose.demo.yaml"] {
        let compose = &yaml(path)[0];
        let ampsync = &compose["services"]["ampsync"];
        assert_eq!(ampsync["read_only"].as_bool(), Some(true), "{path}");
        assert_eq!(strings(&ampsync["cap_drop"]), ["ALL"], "{path}");
        assert_eq!(strings(&ampsync["security_opt"]), ["no-new-privileges:true"], "{path}");
        assert_eq!(ampsync["restart"].as_str(), Some("unless-stopped"), "{path}");
        let waits = &ampsync["depends_on"]["postgres"]["condition"];
        assert_eq!(waits.as_str(), Some("service_healthy"), "{path}");
        let environment = ampsync["environment"].as_hash().unwrap();
        let names: Vec<_> = environment.keys().filter_map(Yaml::as_str).collect();
        assert!(names.contains(&"DATABASE_PASSWORD_FILE"), "{path}: {names:?}");
        assert!(!names.contains(&"DATABASE_PASSWORD"), "{path}: {names:?}");
    }
}

#[test]
fn the_demo_syncs_the_tables_that_the_simulated_server_has() {
    assert_eq!(text("docker/demo/nozzle.config.ts"), SimConfig::default().config_ts());
}

#[test]
fn kubernetes_runs_two_confined_replicas_that_are_probed() {
    let deployment = kubernetes("Deployment");
    let spec = &deployment["spec"];
    assert_eq!(spec["replicas"].as_i64(), Some(2));
    let labels = &spec["template"]["metadata"]["labels"];
    assert_eq!(&spec["selector"]["matchLabels"], labels);
    let pod = &spec["template"]["spec"];
    assert!(pod["terminationGracePeriodSeconds"].as_i64() > Some(10));
    assert_eq!(pod["securityContext"]["runAsNonRoot"].as_bool(), Some(true));
    let container = &pod["containers"][0];
    let security = &container["securityContext"];
    assert_eq!(security["readOnlyRootFilesystem"].as_bool(), Some(true));
    assert_eq!(security["allowPrivilegeEscalation"].as_bool(), Some(false));
    assert_eq!(strings(&security["capabilities"]["drop"]), ["ALL"]);
    let probed = |probe: &str| container[probe]["httpGet"]["path"].as_str();
    assert_eq!(probed("livenessProbe"), Some("/livez"));
    assert_eq!(probed("readinessProbe"), Some("/readyz"));
    let budget = kubernetes("PodDisruptionBudget");
    assert_eq!(&budget["spec"]["selector"]["matchLabels"], labels);
}

#[test]
fn every_file_that_kubernetes_mounts_is_in_its_config_or_secret() {
    let (config, secret) = (kubernetes("ConfigMap"), kubernetes("Secret"));
    let deployment = kubernetes("Deployment");
    let variables = &deployment["spec"]["template"]["spec"]["containers"][0]["env"];
    let mut files = 0;
    for value in variables.as_vec().unwrap().iter().filter_map(|one| one["value"].as_str()) {
        let (folder, name) = value.rsplit_once('/').unwrap_or_default();
        let there = match folder {
            "/config" => &config["data"][name],
            "/secrets" => &secret["stringData"][name],
            _ => continue,
        };
        files += 1;
        assert!(there.as_str().is_some(), "{value} is mounted from nowhere");
    }
    assert!(files >= 2, "only {files} files were found");
}

#[test]
fn the_official_images_are_the_same_wherever_they_are_named() {
    let bases = text("xtask/src/docker/bases.rs");
    let official = |name: &str| {
        let line =
            bases.lines().find_map(|line| line.strip_prefix(&format!("const {name}: &str = ")));
        line.unwrap_or_else(|| panic!("{name} is gone")).trim_matches([';', '"']).to_owned()
    };
    let builder = format!("ARG BUILDER_IMAGE={}\n", official("OFFICIAL_BUILDER"));
    assert!(text("docker/Dockerfile").contains(&builder), "no {builder}");
    let postgres = format!("${{POSTGRES_IMAGE:-{}}}", official("OFFICIAL_POSTGRES"));
    for path in ["docker/compose.yaml", "docker/compose.demo.yaml"] {
        assert_eq!(yaml(path)[0]["services"]["postgres"]["image"].as_str(), Some(&*postgres));
    }
}
