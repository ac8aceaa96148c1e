//! A private PostgreSQL: the programs of the machine, a data directory of one's own, nothing left
//! behind.

mod cluster;
mod error;
mod install;
mod keeper;
mod owner;
mod pgbouncer;
mod programs;
mod session;
mod template;
mod versions;

pub use cluster::{Cluster, Stop, shared};
pub use error::ClusterError;
pub use install::{InstallError, install_if_missing};
pub(crate) use install::{apt, may_install};
pub use pgbouncer::PgBouncer;
pub use programs::{NotFound, Programs};
pub use session::{Session, connect};
pub use versions::{install_version, shared_version};
