//! The two files of a recording.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Schema};
use serde_json::{Value, json};
use tonic::{Code, Status};

use super::{CODES, End, Recorded, Recording, RecordingError};

impl Recording {
    /// Reads `path` (`NAME.jsonl`) and the `NAME.arrows` beside it, if there is one.
    ///
    /// # Errors
    /// When a file cannot be read, or they are not a recording.
    pub fn load(path: &Path) -> Result<Self, RecordingError> {
        let malformed = |problem| RecordingError::Malformed { path: path.to_path_buf(), problem };
        let lines = read_lines(path)?;
        let (request, lines) = lines.split_first().ok_or_else(|| malformed("is empty"))?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mut recording = Self {
            sql: text(&request["sql"]).ok_or_else(|| malformed("has no sql"))?,
            headers: serde_json::from_value(request["headers"].clone())
                .map_err(|source| RecordingError::Json { path: path.into(), line: 1, source })?,
            schema: None,
            messages: Vec::new(),
            end: End::Open,
        };
        let arrows = path.with_extension("arrows");
        let mut batches = None;
        if arrows.exists() {
            let file = BufReader::new(File::open(&arrows).map_err(|e| io(&arrows, e))?);
            let reader = StreamReader::try_new(file, None).map_err(|e| arrow(&arrows, e))?;
            recording.schema = Some(reader.schema());
            batches = Some(reader);
        }
        for line in lines {
            if let Some(end) = end(line) {
                recording.end = end;
            } else if line.get("rows").is_some() {
                let rows = batches.as_mut().and_then(Iterator::next);
                let rows = rows.ok_or_else(|| malformed("has more lines than batches"))?;
                let rows = rows.map_err(|e| arrow(&arrows, e))?;
                let metadata = text(&line["app_metadata"]);
                recording.messages.push(Recorded { rows, metadata });
            }
        }
        Ok(recording)
    }

    /// Writes `NAME.jsonl` and `NAME.arrows` into `dir`. Times are nominal, so that the same
    /// recording gives the same bytes.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, dir: &Path, name: &str) -> Result<(), RecordingError> {
        let path = dir.join(name).with_extension("jsonl");
        let mut lines = vec![json!({ "sql": self.sql, "headers": self.headers })];
        if let Some(schema) = &self.schema {
            lines.push(json!({ "ms": 0, "flight_info_schema": describe(schema) }));
        }
        let mut ms = 0;
        for message in &self.messages {
            ms += 100;
            let rows = message.rows.num_rows();
            lines.push(json!({ "ms": ms, "rows": rows, "app_metadata": message.metadata }));
        }
        lines.push(match &self.end {
            End::Open if self.messages.is_empty() => {
                json!({ "ms": ms, "end": "silence: no message at all" })
            }
            End::Open => json!({ "ms": ms, "end": "cancelled by recorder" }),
            End::Eof => json!({ "ms": ms, "end": "eof" }),
            End::FlightInfo(status) => json!({ "ms": ms, "get_flight_info_error": words(status) }),
            End::DoGet(status) => json!({ "ms": ms, "do_get_error": words(status) }),
        });
        let mut file = BufWriter::new(File::create(&path).map_err(|e| io(&path, e))?);
        for line in lines {
            writeln!(file, "{line}").map_err(|e| io(&path, e))?;
        }
        file.flush().map_err(|e| io(&path, e))?;
        let path = path.with_extension("arrows");
        self.schema.as_ref().map_or(Ok(()), |schema| self.save_batches(&path, schema))
    }

    fn save_batches(&self, path: &Path, schema: &Schema) -> Result<(), RecordingError> {
        let file = BufWriter::new(File::create(path).map_err(|e| io(path, e))?);
        let mut writer = StreamWriter::try_new(file, schema).map_err(|e| arrow(path, e))?;
        for message in &self.messages {
            writer.write(&message.rows).map_err(|e| arrow(path, e))?;
        }
        writer.finish().map_err(|e| arrow(path, e))
    }
}

fn read_lines(path: &Path) -> Result<Vec<Value>, RecordingError> {
    let file = BufReader::new(File::open(path).map_err(|e| io(path, e))?);
    let parse = |(index, line): (usize, Result<String, _>)| {
        let line = line.map_err(|e| io(path, e))?;
        serde_json::from_str(&line).map_err(|source| RecordingError::Json {
            path: path.to_path_buf(),
            line: index + 1,
            source,
        })
    };
    file.lines().enumerate().map(parse).collect()
}

fn end(line: &Value) -> Option<End> {
    if let Some(text) = line["get_flight_info_error"].as_str() {
        return Some(End::FlightInfo(status(text)));
    }
    if let Some(text) = line["do_get_error"].as_str() {
        return Some(End::DoGet(status(text)));
    }
    line["end"].as_str().map(|end| if end == "eof" { End::Eof } else { End::Open })
}

/// A status in the recorder's words.
fn words(status: &Status) -> String {
    let name = CODES.iter().find(|(code, _)| *code == status.code());
    let name = name.map_or("unknown", |(_, name)| *name);
    format!("Flight returned {name} error, with message: {}", status.message())
}

/// The status behind the recorder's words, without what its gRPC client added.
fn status(words: &str) -> Status {
    let (head, message) = words.split_once(" error, with message: ").unwrap_or(("", words));
    let message = message.split_once(". gRPC client debug context:").map_or(message, |(m, _)| m);
    let name = head.strip_prefix("Flight returned ").unwrap_or(head);
    let code = CODES.iter().find(|(_, known)| *known == name);
    Status::new(code.map_or(Code::Unknown, |(code, _)| *code), message)
}

fn describe(schema: &Schema) -> String {
    let field = |field: &std::sync::Arc<arrow_schema::Field>| {
        let null = if field.is_nullable() { "" } else { " not null" };
        format!("{}: {}{null}", field.name(), field.data_type())
    };
    schema.fields().iter().map(field).collect::<Vec<_>>().join("\n")
}

fn io(path: &Path, source: std::io::Error) -> RecordingError {
    RecordingError::Io { path: PathBuf::from(path), source }
}

fn arrow(path: &Path, source: ArrowError) -> RecordingError {
    RecordingError::Arrow { path: PathBuf::from(path), source }
}
