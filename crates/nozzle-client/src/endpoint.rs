//! What every endpoint has in common: a scheme, a host, and no password.

use tonic::transport::Uri;

/// An endpoint that is no URL at which a server could be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{endpoint:?} is no endpoint: {reason}; expected http://host:port or https://host:port")]
pub struct InvalidEndpoint {
    /// What was given, without any password.
    endpoint: String,
    reason: &'static str,
}

/// Checks an endpoint; `more` is what its server asks of it besides.
pub(crate) fn parse(
    endpoint: &str,
    more: impl Fn(&Uri) -> Result<(), &'static str>,
) -> Result<Uri, InvalidEndpoint> {
    let check = || {
        let uri: Uri = endpoint.parse().map_err(|_| "it is not a URL")?;
        match uri.scheme_str() {
            Some("http" | "https") => {}
            Some(_) => return Err("its scheme is not known"),
            None => return Err("it has no scheme"),
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("it has a user name or password, where a bearer token is to be used");
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err("it has no host");
        }
        more(&uri)?;
        Ok(uri)
    };
    check().map_err(|reason| InvalidEndpoint { endpoint: without_password(endpoint), reason })
}

/// The endpoint without what stands before its `@`.
pub(crate) fn without_password(endpoint: &str) -> String {
    match endpoint.rsplit_once('@') {
        Some((_, host)) => format!("***@{host}"),
        None => endpoint.to_owned(),
    }
}
