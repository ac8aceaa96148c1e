//! From the text of a setting to what it means. The error is what was expected.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ampsync_manifest::{DatasetRef, EXTENSIONS, Format, InvalidName, TableName};
use ampsync_schema::Ident;
use nozzle_client::Secret;
use sink_postgres::{Conninfo, ConninfoError, NulPolicy, RangePolicy, SslMode};
use sync_core::BeyondRetention;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::QueryMode;
use crate::logging::{LogFormat, Progress};
use crate::revision::OnRevisionChange;

const MIB: usize = 1 << 20;

pub(super) fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let all = || EXTENSIONS.map(|(extension, _)| format!(".{extension}")).join(", ");
    match Format::of(&path) {
        Ok(_) => Ok(path),
        Err(_) => Err(format!("a file that ends in one of {}", all())),
    }
}

pub(super) fn dataset(text: &str) -> Result<DatasetRef, String> {
    text.parse().map_err(|error: InvalidName| format!("namespace/name@revision, but {error}"))
}

pub(super) fn tables(text: &str) -> Result<Vec<TableName>, String> {
    let mut tables: Vec<TableName> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let name: TableName =
            part.parse().map_err(|error: InvalidName| format!("names of tables, but {error}"))?;
        if tables.contains(&name) {
            return Err(format!(
                "each table once, but {name:?} is here twice",
                name = name.as_str()
            ));
        }
        tables.push(name);
    }
    if tables.is_empty() { Err("at least one name".to_owned()) } else { Ok(tables) }
}

pub(super) fn query_mode(text: &str) -> Result<QueryMode, String> {
    one_of(text, &[("table", QueryMode::Table), ("sql", QueryMode::Sql)])
}

pub(super) fn endpoint(text: &str) -> Result<String, String> {
    let url = server_url(text)?;
    if url.path() != "/" {
        return Err("a URL that ends with the host or port; Arrow Flight has no paths".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Behind a gateway it may have a path.
pub(super) fn admin_endpoint(text: &str) -> Result<String, String> {
    server_url(text).map(|_| text.trim_end_matches('/').to_owned())
}

fn server_url(text: &str) -> Result<Url, String> {
    const EXPECTED: &str = "a URL that starts with http:// or https:// and names a host";
    let url = Url::parse(text).map_err(|_| EXPECTED.to_owned())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "a URL without user and password; a token goes into NOZZLE_AUTH_TOKEN".to_owned()
        );
    }
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(EXPECTED.to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a URL without anything after ? or #".to_owned());
    }
    Ok(url)
}

pub(super) fn token(text: &str) -> Result<Secret, String> {
    if text.chars().all(|c| c.is_ascii_graphic()) {
        Ok(Secret::new(text))
    } else {
        Err("a token of visible ASCII characters, without \"Bearer\" before it".to_owned())
    }
}

pub(super) fn secret(text: &str) -> Result<Secret, String> {
    Ok(Secret::new(text))
}

pub(super) fn database_url(text: &str) -> Result<Conninfo, String> {
    text.parse().map_err(|error: ConninfoError| {
        let error = error.to_string();
        error.strip_prefix("expected ").map(str::to_owned).unwrap_or(error)
    })
}

pub(super) fn ssl_mode(text: &str) -> Result<SslMode, String> {
    one_of(text, &SslMode::ALL.map(|mode| (mode.as_str(), mode)))
}

/// What is in it is looked at by who uses it.
pub(super) fn certificates(text: &str) -> Result<String, String> {
    if text.contains("-----BEGIN CERTIFICATE-----") {
        Ok(text.to_owned())
    } else {
        Err("certificates in PEM, each with -----BEGIN CERTIFICATE----- before it".to_owned())
    }
}

pub(super) fn port(text: &str) -> Result<u16, String> {
    whole(text, 1, u16::MAX)
}

pub(crate) fn schema_name(text: &str) -> Result<Ident, String> {
    if text.starts_with("pg_") || text == "information_schema" {
        return Err("a schema that is not PostgreSQL's own".to_owned());
    }
    if text == "ampsync" {
        return Err("another schema than ampsync, which is for what ampsync remembers".to_owned());
    }
    Ident::new(text).map_err(|error| format!("the name of a schema, but {error}"))
}

pub(super) fn options_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension() {
        Some(extension) if extension == "toml" => Ok(path),
        Some(_) | None => Err("a file that ends in .toml".to_owned()),
    }
}

pub(super) fn nul(text: &str) -> Result<NulPolicy, String> {
    one_of(text, &[("error", NulPolicy::Error), ("strip", NulPolicy::Strip)])
}

pub(super) fn out_of_range(text: &str) -> Result<RangePolicy, String> {
    one_of(text, &[("error", RangePolicy::Error), ("null", RangePolicy::Null)])
}

pub(super) fn connections(text: &str) -> Result<NonZeroUsize, String> {
    whole(text, NonZeroUsize::MIN.saturating_add(1), NonZeroUsize::MIN.saturating_add(9_999))
}

pub(super) fn retention(text: &str) -> Result<NonZeroU64, String> {
    const MIN: NonZeroU64 = NonZeroU64::MIN.saturating_add(63);
    whole(text, MIN, MIN.saturating_add(1_000_000_000 - 64))
}

pub(super) fn beyond_retention(text: &str) -> Result<BeyondRetention, String> {
    one_of(text, &[("stop", BeyondRetention::Stop), ("resync", BeyondRetention::Resync)])
}

pub(super) fn on_revision_change(text: &str) -> Result<OnRevisionChange, String> {
    one_of(text, &[("migrate", OnRevisionChange::Migrate), ("refuse", OnRevisionChange::Refuse)])
}

pub(super) fn count(text: &str) -> Result<NonZeroUsize, String> {
    whole(text, NonZeroUsize::MIN, NonZeroUsize::MIN.saturating_add(99_999_999))
}

pub(super) fn attempts(text: &str) -> Result<NonZeroU32, String> {
    whole(text, NonZeroU32::MIN, NonZeroU32::MIN.saturating_add(999))
}

pub(super) fn milliseconds(text: &str) -> Result<Duration, String> {
    const HOUR: u64 = 3_600_000;
    whole(text, 1, HOUR).map(Duration::from_millis)
}

pub(super) fn bytes(text: &str) -> Result<NonZeroUsize, String> {
    let expected = || "a number of bytes from 1 MiB on, such as 1048576 or 64MiB".to_owned();
    size(text).filter(|bytes| *bytes >= MIB).and_then(NonZeroUsize::new).ok_or_else(expected)
}

pub(super) fn decode_limit_mib(text: &str) -> Result<u16, String> {
    whole(text, 1, 512)
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    one_of(text, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
}

pub(super) fn progress(text: &str) -> Result<Progress, String> {
    one_of(text, &[("auto", Progress::Auto), ("off", Progress::Off)])
}

pub(super) fn off_or_seconds(text: &str) -> Result<Option<Duration>, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let seconds = whole(text, 1, 3_600).map_err(|expected| format!("off, or {expected}"))?;
    Ok(Some(Duration::from_secs(seconds)))
}

/// A channel is named as it is: it is folded nowhere, and is an identifier only by its length.
pub(super) fn channel(text: &str) -> Result<Ident, String> {
    Ident::new(text).map_err(|error| format!("the name of a channel, but {error}"))
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => {
            Err("a level (error, warn, info, debug, trace), or module=level pairs".to_owned())
        }
    }
}

fn whole<T>(text: &str, min: T, max: T) -> Result<T, String>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    match text.parse::<T>() {
        Ok(number) if min <= number && number <= max => Ok(number),
        _ => Err(format!("a whole number from {min} to {max}")),
    }
}

/// A number of bytes, with or without a unit.
fn size(text: &str) -> Option<usize> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => MIB,
        "gib" => 1 << 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(factor)
}

fn one_of<T: Copy>(text: &str, values: &[(&str, T)]) -> Result<T, String> {
    let found = values.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    found
        .map(|(_, value)| *value)
        .ok_or_else(|| values.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" or "))
}
