//! The database the rows go to: one URL, or its parts; and how the connection is secured.

use std::num::NonZeroUsize;

use sink_postgres::{ConnectOptions, Conninfo, ConninfoProblem};

use super::given::{Reader, example};
use super::spec::{Setting, Spec};
use super::{nearest, table};

/// The database the tables are in.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseSettings {
    pub(crate) config: ConnectOptions,
    pub(crate) connections_max: NonZeroUsize,
    /// The variable that says which database, for messages.
    pub(crate) variable: &'static str,
}

impl DatabaseSettings {
    /// Which database it is, for people: host, port and name, and no secrets.
    pub(crate) fn label(&self) -> String {
        self.config.label()
    }
}

const PARTS: [&Spec; 5] = [
    table::DATABASE_HOST.spec,
    table::DATABASE_PORT.spec,
    table::DATABASE_NAME.spec,
    table::DATABASE_USER.spec,
    table::DATABASE_PASSWORD.spec,
];

/// What libpq's variables of these names set, unless the URL does.
const TLS: [(&Setting<String>, &str); 3] = [
    (&table::PGSSLROOTCERT, "sslrootcert"),
    (&table::PGSSLCERT, "sslcert"),
    (&table::PGSSLKEY, "sslkey"),
];

pub(super) fn read(reader: &mut Reader<'_>) -> Option<DatabaseSettings> {
    let parts: Vec<&str> =
        PARTS.into_iter().filter(|spec| reader.is_given(spec)).map(|spec| spec.name).collect();
    let has_url = reader.is_given(table::DATABASE_URL.spec);
    let conninfo = if has_url {
        if !parts.is_empty() {
            let subject = format!("DATABASE_URL, {}", parts.join(", "));
            let remedy = "set DATABASE_URL alone, or DATABASE_HOST and what belongs to it";
            reader.mistake(subject, "the database is given twice", remedy);
        }
        reader.get(&table::DATABASE_URL)
    } else if parts.is_empty() {
        let spec = table::DATABASE_URL.spec;
        reader.missing(spec, "not set: expected the database to write to, here or in DATABASE_HOST, DATABASE_NAME, DATABASE_USER and DATABASE_PASSWORD");
        None
    } else {
        from_parts(reader)
    };
    let variable = if has_url { "DATABASE_URL" } else { "DATABASE_HOST" };
    let connections_max = reader.get(&table::MAX_DB_CONNECTIONS);
    let conninfo = secured(reader, conninfo);
    let config = match conninfo?.options() {
        Ok(config) => config,
        Err(error) => {
            for problem in error.problems {
                tell(reader, variable, problem);
            }
            return None;
        }
    };
    Some(DatabaseSettings { config, connections_max: connections_max?, variable })
}

/// Adds what the variables say of TLS and the URL does not.
fn secured(reader: &mut Reader<'_>, mut conninfo: Option<Conninfo>) -> Option<Conninfo> {
    // The default is not a wish, and sslrootcert=system has another.
    let is_given = reader.is_given(table::PGSSLMODE.spec);
    let mode = reader.get(&table::PGSSLMODE).filter(|_| is_given);
    if let (Some(mode), Some(conninfo)) = (mode, &mut conninfo) {
        conninfo.or("sslmode", mode.as_str());
    }
    for (setting, name) in TLS {
        if let (Some(path), Some(conninfo)) = (reader.get(setting), &mut conninfo) {
            conninfo.or(name, path);
        }
    }
    conninfo
}

fn from_parts(reader: &mut Reader<'_>) -> Option<Conninfo> {
    for setting in [&table::DATABASE_HOST, &table::DATABASE_NAME, &table::DATABASE_USER] {
        if !reader.is_given(setting.spec) {
            reader.missing(
                setting.spec,
                "not set: expected it beside the other parts of the database",
            );
        }
    }
    let host = reader.get(&table::DATABASE_HOST);
    let port = reader.get(&table::DATABASE_PORT);
    let name = reader.get(&table::DATABASE_NAME);
    let user = reader.get(&table::DATABASE_USER);
    let password = reader.get(&table::DATABASE_PASSWORD);
    let mut conninfo = Conninfo::default();
    conninfo.or("host", host?);
    conninfo.or("port", port?.to_string());
    conninfo.or("dbname", name?);
    conninfo.or("user", user?);
    if let Some(password) = password {
        conninfo.or("password", password.reveal());
    }
    Some(conninfo)
}

/// Reports what is wrong with a parameter.
fn tell(reader: &mut Reader<'_>, variable: &str, problem: ConninfoProblem) {
    let near = || {
        let names = Conninfo::names().collect();
        let near = problem.parameter.as_deref().and_then(|name| nearest(name, names))?;
        Some(format!("did you mean {near}?")).filter(|_| problem.parameter.as_deref() != Some(near))
    };
    let remedy = match problem.remedy {
        Some(remedy) => remedy.to_owned(),
        None => near().unwrap_or_else(|| example(table::DATABASE_URL.spec)),
    };
    reader.mistake(variable, problem.to_string(), remedy);
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use sink_postgres::{RootCertificates, SslMode};

    use super::super::tests::{check_with, read, with};

    #[test]
    fn what_a_database_url_may_have_is_taken() {
        for url in [
            "postgres://u@db/app",
            "postgresql://u:p%40ss@[::1]:5433/app?sslmode=disable",
            "postgres://u:p@db/app?sslmode=prefer&connect_timeout=3&keepalives_count=3",
            "postgres://u:p@%2Frun%2Fpostgresql/app",
            "postgres://u@/app?host=/run/postgresql",
            "postgres://u:p@a:1,b:2/app?target_session_attrs=primary&load_balance_hosts=random",
            "postgres://u:a/b?c#d@db/app",
            "postgres://u:p@db/app?options=-c%20synchronous_commit%3Don&application_name=mine",
            "postgres://u:p@db/app?sslmode=verify-full&sslcert=c.pem&sslkey=k.pem&sslsni=0",
            "postgres://u:p@db/app?sslrootcert=system&channel_binding=require",
            "postgres://u:p@db/app?sslmode=require&sslnegotiation=direct&gssencmode=disable",
            "host=a,b port=1,2 user=u password='p w' dbname=app",
        ] {
            let mistakes = read(&[("DATABASE_URL", url)]).unwrap_err().to_string();
            assert!(!mistakes.contains("DATABASE_URL"), "{url}: {mistakes}");
        }
    }

    #[test]
    fn a_database_url_is_refused_without_repeating_its_password() {
        for (url, expected) in [
            ("db/app", "starts with postgres://"),
            ("mysql://u:hunter2@db/app", "starts with postgres://"),
            ("postgres://u:hunter2@x@db/app", "%40"),
            ("postgres://u:hunter2@db:port/app", "percent-encoded"),
            ("host=db password=hunter2", "user: expected the user"),
            ("host=db password='hunter2", "in single quotes"),
            ("postgres://u:hunter2@db", "dbname: expected the database"),
            ("postgres://db/app", "user: expected the user"),
            ("postgres://u:hunter2@/app", "host: expected the host"),
            ("postgres://u:hunter2@db/app?sslmode=full", "disable or allow or prefer or require"),
            ("postgres://u:hunter2@db/app?sslmode=verify-ca", "name the authority's certificate"),
            ("postgres://u:hunter2@db/app?sslrootcert=system&sslmode=require", "verify-full"),
            ("postgres://u:hunter2@db/app?sslcert=c.pem", "sslkey: expected the key"),
            ("postgres://u:hunter2@db/app?sslcrl=c.pem", "revocation lists are not looked at"),
            ("postgres://u:hunter2@db/app?sslpassword=hunter2", "store the key decrypted"),
            ("postgres://u:hunter2@db/app?target_session_attrs=standby", "use read-write"),
            ("postgres://u:hunter2@a,b,c/app?hostaddr=::1", "hostaddr: expected as many"),
            ("host=a,b port=1,2,3 user=u dbname=d", "port: expected one for all hosts"),
            ("host=a port=0 user=u dbname=d", "port: expected a whole number from 1"),
            ("postgres://u:hunter2@db/app?sslnegotiation=direct", "needs sslmode=require"),
        ] {
            let mistakes = read(&[("DATABASE_URL", url)]).unwrap_err().to_string();
            assert!(mistakes.contains(expected), "{url}: {mistakes}");
            assert!(!mistakes.contains("hunter2"), "{url}: {mistakes}");
        }
    }

    #[test]
    fn all_that_is_wrong_with_a_url_is_told_at_once() {
        let url = "postgres://u:p@db/app?ssl_mode=require&keepalive=1&connect_timeout=soon&zzz=1";
        check_with(
            &[("DATABASE_URL", url), ("PGSSLMODE", "verify")],
            expect![[r#"
            there are 5 mistakes in the configuration

              PGSSLMODE: expected disable or allow or prefer or require or verify-ca or verify-full; found "verify"
                  example: PGSSLMODE=verify-full
              DATABASE_URL: ssl_mode: there is no such parameter
                  did you mean sslmode?
              DATABASE_URL: keepalive: there is no such parameter
                  did you mean keepalives?
              DATABASE_URL: zzz: there is no such parameter
                  example: DATABASE_URL=postgres://user:password@localhost:5432/app
              DATABASE_URL: connect_timeout: expected a whole number; found "soon"
                  example: DATABASE_URL=postgres://user:password@localhost:5432/app"#]],
        );
    }

    #[test]
    fn the_url_goes_before_the_variables_of_libpq() {
        let variables = [
            ("PGSSLMODE", "verify-ca"),
            ("PGSSLROOTCERT", "ca.pem"),
            ("PGSSLCERT", "c.pem"),
            ("PGSSLKEY", "k.pem"),
        ];
        let tls = |url| {
            let more = [&variables[..], &[("DATABASE_URL", url)]].concat();
            with(&more).unwrap().database.config.tls().clone()
        };
        let all = tls("postgres://u@db/app");
        assert_eq!(all.mode, SslMode::VerifyCa);
        assert_eq!(all.roots, Some(RootCertificates::File("ca.pem".into())));
        assert_eq!(all.identity.unwrap().key.to_str(), Some("k.pem"));
        let some = tls("postgres://u@db/app?sslmode=verify-full&sslrootcert=system");
        assert_eq!(some.mode, SslMode::VerifyFull);
        assert_eq!(some.roots, Some(RootCertificates::System));
        assert_eq!(with(&[]).unwrap().database.config.tls().mode, SslMode::Prefer);
    }

    #[test]
    fn a_host_by_its_parts_may_be_several() {
        let settings = read(&[
            ("DATASET", "eth"),
            ("TABLES", "logs"),
            ("DATABASE_HOST", "db1,db2"),
            ("DATABASE_NAME", "app"),
            ("DATABASE_USER", "me"),
        ]);
        assert_eq!(settings.unwrap().database.label(), "db1:5432,db2:5432/app");
    }
}
