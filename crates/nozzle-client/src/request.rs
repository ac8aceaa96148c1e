//! What the client sends: the command that carries a query, and the headers that go with it.

use arrow_flight::FlightDescriptor;
use prost::Message as _;
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;

use crate::error::Error;
use crate::resume::ResumeWatermark;
use crate::sql;

const STATEMENT_TYPE: &str = "type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery";

/// Flight SQL's command for a query.
#[derive(Clone, PartialEq, prost::Message)]
struct CommandStatementQuery {
    #[prost(string, tag = "1")]
    query: String,
}

/// How a query is to be answered.
#[derive(Clone, Copy)]
pub(crate) enum Mode<'a> {
    /// With an endless stream, after the cursor if there is one.
    Streaming(Option<&'a ResumeWatermark>),
    /// Once, with what the server has.
    Batch,
}

/// The request for the `FlightInfo` of `sql`, still without the bearer token.
///
/// Streaming is asked for twice, and the cursor given under two names, since servers of different
/// ages read one or the other. An empty cursor is not sent: a server would parse it and fail.
pub(crate) fn flight_info(sql: &str, mode: Mode<'_>) -> Result<Request<FlightDescriptor>, Error> {
    let (query, stream, resume) = match mode {
        Mode::Streaming(resume) => (sql::streaming(sql), "true", resume),
        Mode::Batch => (sql.to_owned(), "false", None),
    };
    let command = prost_types::Any {
        type_url: STATEMENT_TYPE.to_owned(),
        value: CommandStatementQuery { query }.encode_to_vec(),
    };
    let mut request = Request::new(FlightDescriptor::new_cmd(command.encode_to_vec()));
    let headers = request.metadata_mut();
    headers.insert("amp-stream", AsciiMetadataValue::from_static(stream));
    if let Some(resume) = resume.filter(|resume| !resume.is_empty()) {
        let value = AsciiMetadataValue::try_from(resume.to_string()).map_err(|_| {
            Error::Setting(format!("the cursor {resume} has characters that no header can carry"))
        })?;
        headers.insert("amp-resume", value.clone());
        headers.insert("nozzle-resume", value);
    }
    Ok(request)
}
