use std::fs;
use std::path::Path;

use nozzle_sim::{Fault, SimConfig, SimServer, Table};
use tonic::Code;

use super::{Captured, End};
use crate::http::client;
use crate::pipe::Database;
use crate::process::ampsync;

/// With characters that a URL has to encode, and JSON to escape.
const PASSWORD: &str = "correct/horse#9\"st@ple";
const PASSWORD_ENCODED: &str = "correct%2Fhorse%239%22st%40ple";
const TOKEN: &str = "tok-5f0c8e21-battery/==";

/// All that secrets could be seen as.
fn forms() -> Vec<String> {
    let bytes = |text: &str| {
        let bytes: Vec<_> = text.bytes().map(|byte| byte.to_string()).collect();
        bytes.join(", ")
    };
    let escaped = |text: &str| text.escape_debug().to_string();
    let mut forms = vec![PASSWORD_ENCODED.to_owned()];
    for secret in [PASSWORD, TOKEN] {
        forms.extend([secret.to_owned(), bytes(secret), escaped(secret)]);
        forms.push(serde_json::to_string(secret).unwrap().trim_matches('"').to_owned());
    }
    // A part of the URL may be shown without the rest.
    forms.extend(["horse#9", "horse%239", "5f0c8e21-battery"].map(str::to_owned));
    forms
}

fn assert_hidden(doing: &str, text: &str) {
    for form in forms() {
        assert!(!text.contains(&form), "{doing}: {form:?} is seen in:\n{text}");
    }
}

/// Runs the binary until it has printed one of `until` or ends by itself, and looks for secrets
/// everywhere, also in what it tells over HTTP. All runs log everything, in both formats.
fn run(doing: &str, environment: &[(&str, &str)], until: &[&str]) -> Vec<End> {
    let run = |format| run_in(format, doing, environment, until);
    ["text", "json"].map(run).into()
}

fn run_in(format: &str, doing: &str, environment: &[(&str, &str)], until: &[&str]) -> End {
    let mut all = vec![("RUST_LOG", "trace"), ("LOG_FORMAT", format), client::ANY_PORT];
    all.extend(environment);
    let mut running = Captured::start(ampsync(&all));
    assert_hidden(doing, &running.command_line);
    running.wait_for(until);
    for path in client::PATHS {
        // It may have ended by itself.
        let address = client::address(&running.text());
        if let Some(Ok(answer)) = address.map(|address| client::try_get(address, path)) {
            assert_hidden(&format!("{doing}: {path}"), &answer);
        }
    }
    let end = running.stop();
    assert_hidden(doing, &end.text);
    end
}

/// A database whose owner has the password.
struct Vault {
    database: Database,
    role: String,
}

impl Vault {
    async fn create() -> Self {
        let database = Database::create().await;
        let role = format!("owner_of_{}", database.name);
        let create = format!(
            "CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'; \
             ALTER DATABASE {name} OWNER TO {role}; GRANT ALL ON SCHEMA public TO {role}",
            name = database.name
        );
        database.session.batch_execute(&create).await.unwrap();
        Self { database, role }
    }

    fn url(&self) -> String {
        let Self { database, role } = self;
        format!("postgres://{role}:{PASSWORD_ENCODED}@{}/{}", database.addr(), database.name)
    }
}

async fn simulate() -> SimServer {
    let config = SimConfig {
        tables: vec![Table::sparse()],
        token: Some(TOKEN.to_owned()),
        ..SimConfig::default()
    };
    let sim = SimServer::start(config).await.unwrap();
    sim.mine(90);
    sim
}

const WHAT: [(&str, &str); 2] = [("DATASET", "_/sim@0.0.1"), ("TABLES", "sparse")];

#[test]
fn secrets_are_in_no_message_about_the_database() {
    let urls = [
        format!("postgres://me:{PASSWORD_ENCODED}@127.0.0.1:1/app"),
        format!("postgres://me:{PASSWORD_ENCODED}@no-such-host.invalid/app"),
        format!("postgres://me:{PASSWORD}@localhost/app"),
        format!("postgres://me:{PASSWORD_ENCODED}@localhost:many/app"),
        format!("postgres://me:{PASSWORD_ENCODED}@localhost"),
        format!("postgres://me:{PASSWORD_ENCODED}@localhost/app?sslmode=sometimes"),
        format!("postgres://localhost/app?user=me&password={PASSWORD_ENCODED}&host=127.0.0.1:x"),
        format!("postgres://localhost/app?passwort={PASSWORD_ENCODED}"),
        format!("mysql://me:{PASSWORD_ENCODED}@localhost/app"),
        format!("host=localhost password={PASSWORD}"),
        PASSWORD.to_owned(),
    ];
    for url in &urls {
        let mut environment = WHAT.to_vec();
        environment.extend([("DATABASE_URL", url.as_str()), ("NOZZLE_AUTH_TOKEN", TOKEN)]);
        run("DATABASE_URL", &environment, &["trying again"]);
    }
    // Two databases at once, and parts that are wrong beside the password.
    let parts: [(&str, &str); 4] = [
        ("DATABASE_HOST", "127.0.0.1"),
        ("DATABASE_PORT", "1"),
        ("DATABASE_USER", "me"),
        ("DATABASE_PASSWORD", PASSWORD),
    ];
    for name in ["", "app"] {
        let mut environment = [WHAT.as_slice(), &parts].concat();
        environment.push(("DATABASE_NAME", name));
        run("parts", &environment, &["trying again"]);
        environment.push(("DATABASE_URL", &urls[0]));
        run("twice", &environment, &["trying again"]);
    }
    // A variable that is misspelt.
    let environment = [WHAT.as_slice(), &[("DATABASE_PASWORD", PASSWORD)]].concat();
    run("misspelt", &environment, &[]);
}

#[test]
fn secrets_are_in_no_message_about_the_server() {
    let database = ("DATABASE_URL", "postgres://me@127.0.0.1:1/app");
    for (variable, value) in [
        ("NOZZLE_ENDPOINT", format!("http://me:{TOKEN}@localhost")),
        ("NOZZLE_ENDPOINT", format!("http://{TOKEN}@localhost:1602")),
        ("NOZZLE_ADMIN_ENDPOINT", format!("https://me:{TOKEN}@localhost/api")),
        ("NOZZLE_AUTH_TOKEN", format!("Bearer {TOKEN}")),
        ("NOZZLE_AUTH_TOKEN", format!("{TOKEN}\n")),
        ("AMP_AUTH_TOKEN", format!("ä{TOKEN}")),
    ] {
        let environment = [WHAT.as_slice(), &[database, (variable, &value)]].concat();
        run(variable, &environment, &["trying again"]);
    }
    let two = [("NOZZLE_AUTH_TOKEN", TOKEN), ("AMP_AUTH_TOKEN", PASSWORD)];
    run("two tokens", &[WHAT.as_slice(), &[database], &two].concat(), &[]);
}

#[test]
fn secrets_are_not_in_the_help() {
    let url = format!("postgres://me:{PASSWORD_ENCODED}@localhost/app");
    let secrets = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_PASSWORD", PASSWORD),
        ("AMP_AUTH_TOKEN", TOKEN),
    ];
    for argument in ["--help", "-h", "--version", "--no-such-flag", "no-such-verb"] {
        let mut command = ampsync(&secrets);
        command.arg(argument);
        let end = Captured::start(command).end();
        assert_hidden(argument, &end.text);
    }
    let help = Captured::start({
        let mut command = ampsync(&[]);
        command.arg("--help");
        command
    })
    .end();
    let words = help.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("Flags can be seen by other users"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_in_no_line_of_a_working_pipe() {
    let (sim, vault) = (simulate().await, Vault::create().await);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("{text}\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (url, endpoint, admin) = (vault.url(), sim.endpoint(), sim.admin_endpoint());
    let (url_file, token_file) = (file("url", &url), file("token", TOKEN));
    let password_file = file("password", PASSWORD);
    let (host, port) = (vault.database.addr().ip().to_string(), vault.database.addr().port());
    let port = port.to_string();
    let server = [("NOZZLE_ENDPOINT", endpoint.as_str()), ("NOZZLE_ADMIN_ENDPOINT", &admin)];
    let ways: [&[(&str, &str)]; 3] = [
        &[("DATABASE_URL", &url), ("NOZZLE_AUTH_TOKEN", TOKEN)],
        &[("DATABASE_URL_FILE", &url_file), ("NOZZLE_AUTH_TOKEN_FILE", &token_file)],
        &[
            ("DATABASE_HOST", &host),
            ("DATABASE_PORT", &port),
            ("DATABASE_NAME", &vault.database.name),
            ("DATABASE_USER", &vault.role),
            ("DATABASE_PASSWORD_FILE", &password_file),
            ("AMP_AUTH_TOKEN", TOKEN),
        ],
    ];
    for way in ways {
        for format in ["text", "json"] {
            // There is always something to write.
            sim.mine(40);
            let environment = [WHAT.as_slice(), &server, way].concat();
            let end = run_in(format, "a working pipe", &environment, &["committed"]);
            assert_eq!(end.code, Some(0), "{}", end.text);
            assert!(end.text.contains("committed"), "{}", end.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_the_other_side_repeats_are_not_shown() {
    let (sim, vault) = (simulate().await, Vault::create().await);
    let (url, endpoint, admin) = (vault.url(), sim.endpoint(), sim.admin_endpoint());
    let database = [("DATABASE_URL", url.as_str()), ("NOZZLE_ENDPOINT", &endpoint)];
    let echo = format!("no such token: {TOKEN}");
    let faults: [fn(Code, String) -> Fault; 2] = [Fault::FlightInfo, Fault::DoGet];
    for fault in faults {
        for code in [Code::Unauthenticated, Code::Unavailable] {
            for _ in 0..2 {
                sim.inject(fault(code, echo.clone()));
            }
            let environment =
                [WHAT.as_slice(), &database, &[("NOZZLE_AUTH_TOKEN", TOKEN)]].concat();
            run("an echo", &environment, &["no such token"]);
        }
    }
    // A token that is refused, by the stream and by the Admin API.
    let wrong = format!("{TOKEN}-of-yesterday");
    for admin in ["", admin.as_str()] {
        let server = [("NOZZLE_AUTH_TOKEN", wrong.as_str()), ("NOZZLE_ADMIN_ENDPOINT", admin)];
        let environment = [WHAT.as_slice(), &database, &server].concat();
        run("a wrong token", &environment, &["trying again", "stopped"]);
    }
    // A password that is refused.
    let url = url.replace(PASSWORD_ENCODED, &format!("{PASSWORD_ENCODED}x"));
    let environment = [WHAT.as_slice(), &[("DATABASE_URL", url.as_str())]].concat();
    for end in run("a wrong password", &environment, &[]) {
        assert_eq!(end.code, Some(2), "{}", end.text);
        assert!(end.text.contains("28P01"), "{}", end.text);
    }
}

#[test]
fn a_config_is_not_given_the_secrets_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nozzle.config.ts");
    let config = "console.log(JSON.stringify(process.env), Object.keys(process.env));\n\
                  throw new Error(JSON.stringify(process.env));\n";
    fs::write(&path, config).unwrap();
    let secret = Path::new(folder.path()).join("secret");
    fs::write(&secret, PASSWORD).unwrap();
    let url = format!("postgres://me:{PASSWORD_ENCODED}@localhost/app");
    let environment = [
        ("DATASET_MANIFEST", path.to_str().unwrap()),
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_PASSWORD", PASSWORD),
        ("PGPASSWORD", PASSWORD),
        ("NOZZLE_AUTH_TOKEN", TOKEN),
        ("AMP_AUTH_TOKEN", TOKEN),
        ("CI_JOB_TOKEN", TOKEN),
        ("NETWORK", "mainnet"),
    ];
    for end in run("a config", &environment, &[]) {
        assert_eq!(end.code, Some(2), "{}", end.text);
        assert!(end.text.contains("mainnet"), "{}", end.text);
    }
    // Nor what is beside it in the file system, if that is not a module.
    for path in ["./secret", secret.to_str().unwrap(), "/proc/self/environ"] {
        let config = format!("import secret from {path:?};\nthrow new Error(secret);\n");
        fs::write(folder.path().join("nozzle.config.ts"), config).unwrap();
        run("an import", &environment, &[]);
    }
}
