use std::fmt::Debug;

use sink_postgres::{
    ConnectOptions, Conninfo, Database, DatabaseOptions, Error, PostgresSink, Rehearsal,
    SinkOptions, Status, TlsOptions,
};

fn is_shared<T: Clone + Debug + Send + Sync + 'static>() {}
fn is_sent<T: Debug + Send + 'static>() {}
fn is_an_error<T: std::error::Error + Send + Sync + 'static>() {}

#[test]
fn what_tasks_share_and_send_can_be_shared_and_sent() {
    is_shared::<(Database, DatabaseOptions, ConnectOptions, Conninfo, TlsOptions)>();
    is_shared::<(SinkOptions, Status, Rehearsal)>();
    is_sent::<PostgresSink>();
    is_an_error::<Error>();
}
