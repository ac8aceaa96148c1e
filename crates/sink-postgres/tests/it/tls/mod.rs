//! A real server with TLS, and every kind of certificate.

mod client;
mod files;
mod matrix;
mod used;

use std::path::PathBuf;

use ampsync_testkit::certificates::{Authority, Certified};
use ampsync_testkit::postgres::Cluster;
use sink_postgres::{ConnectOptions, Error};
use sync_core::{Causes, Classify};

/// A server with `ssl = on`, and the authority that all may know.
struct Secured {
    cluster: Cluster,
    authority: Authority,
    /// The authority's certificate.
    ca: PathBuf,
}

/// Who may log in how. The first line is for the cluster itself.
const HBA: &str = "local all all trust\n\
                   hostssl all certified 127.0.0.1/32 cert\n\
                   hostssl all secured 127.0.0.1/32 scram-sha-256\n\
                   hostnossl all certified,secured 127.0.0.1/32 reject\n\
                   hostnossl all unsecured 127.0.0.1/32 scram-sha-256\n\
                   hostssl all unsecured 127.0.0.1/32 reject\n\
                   host all all 127.0.0.1/32 scram-sha-256\n";

impl Secured {
    async fn start() -> Self {
        let cluster = Cluster::start_with(&[("log_connections", "on")]).await.unwrap();
        let authority = Authority::new().unwrap();
        let ca = cluster.write("ca.pem", &authority.pem()).unwrap();
        cluster.write("pg_hba.conf", HBA).unwrap();
        let roles = "CREATE ROLE certified LOGIN; \
                     CREATE ROLE secured LOGIN PASSWORD 'secret'; \
                     CREATE ROLE unsecured LOGIN PASSWORD 'secret'";
        let session = cluster.connect("postgres").await.unwrap();
        session.batch_execute(roles).await.unwrap();
        let mut secured = Self { cluster, authority, ca };
        let good = secured.authority.issue("localhost").unwrap();
        secured.shows(&good).await;
        secured
    }

    /// Gives the server another certificate.
    async fn shows(&mut self, certified: &Certified) {
        self.cluster.write("server.crt", &certified.certificate).unwrap();
        self.cluster.write("server.key", &certified.key).unwrap();
        let settings = "ssl = on\nssl_ca_file = 'ca.pem'\n";
        self.cluster.write("postgresql.auto.conf", settings).unwrap();
        self.cluster.restart().await.unwrap();
    }

    /// The server without TLS.
    async fn shows_nothing(&mut self) {
        self.cluster.write("postgresql.auto.conf", "ssl = off\n").unwrap();
        let plain = HBA.lines().filter(|line| !line.starts_with("hostssl"));
        let plain: Vec<_> = plain.collect();
        self.cluster.write("pg_hba.conf", &(plain.join("\n") + "\n")).unwrap();
        self.cluster.restart().await.unwrap();
    }

    /// The superuser's parameters, by the name that the good certificate is for.
    fn target(&self, more: &str) -> ConnectOptions {
        let config = self.cluster.config("postgres");
        let password = std::str::from_utf8(config.get_password().unwrap()).unwrap();
        self.target_of(&format!("user=postgres password={password} {more}"))
    }

    fn target_of(&self, login: &str) -> ConnectOptions {
        let port = self.cluster.addr().port();
        format!("host=localhost hostaddr=127.0.0.1 port={port} dbname=postgres {login}")
            .parse()
            .unwrap()
    }

    /// How the logins under this application name were secured, as the server tells.
    fn logins(&self, application: &str) -> Vec<bool> {
        let log = self.cluster.log();
        let name = format!("application_name={application}");
        let lines = log.lines().filter(|line| line.contains("connection authorized"));
        let ours = lines.filter(|line| line.split_whitespace().any(|word| word == name));
        ours.map(|line| line.contains("SSL enabled")).collect()
    }
}

/// The error and what helps, in one line.
fn told(error: &Error) -> String {
    let remedy = error.remedy().unwrap_or_default();
    format!("{:?}: {} -> {remedy}", error.fault(), Causes(error))
}
