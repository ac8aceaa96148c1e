use std::error::Error as StdError;
use std::fmt::Debug;

use nozzle_client::admin::{AdminClient, AdminError, ResolvedDataset};
use nozzle_client::{
    Error, HeadProbe, InvalidEndpoint, Metadata, ReorgEvent, ResponseBatch, ResultStream,
    ResumeWatermark, Secret, SqlClient, StreamSource,
};

fn is_shared<T: Clone + Debug + Send + Sync + 'static>() {}
fn is_sent<T: Debug + Send + Unpin + 'static>() {}
fn is_an_error<T: StdError + Send + Sync + 'static>() {}

#[test]
fn what_tasks_share_and_send_can_be_shared_and_sent() {
    is_shared::<(SqlClient, AdminClient, StreamSource, HeadProbe, Secret)>();
    is_shared::<(Metadata, ResponseBatch, ReorgEvent, ResumeWatermark, ResolvedDataset)>();
    is_sent::<ResultStream>();
    is_an_error::<Error>();
    is_an_error::<AdminError>();
    is_an_error::<InvalidEndpoint>();
}
