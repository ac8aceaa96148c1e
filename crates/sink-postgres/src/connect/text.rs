//! From a text to the parameters in it, by name. No error repeats any of the text: whatever is
//! wrong, a part of the password may be where it is not expected.

use percent_encoding::percent_decode_str;

pub(super) type Parameters = Vec<(String, String)>;

/// Reads a URL, or `key=value` pairs.
pub(super) fn parse(text: &str) -> Result<Parameters, &'static str> {
    let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match rest {
        Some(rest) => url(rest),
        // A URL of another kind has a scheme before its first equals sign.
        None if text.split('=').next().is_some_and(|key| !key.contains("://"))
            && text.contains('=') =>
        {
            pairs(text)
        }
        None => Err("a URL that starts with postgres:// or postgresql://"),
    }
}

const ENCODED: &str = "postgres://USER:PASSWORD@HOST:PORT/DATABASE, special characters of the \
                       password percent-encoded (/ is %2F, : is %3A, # is %23)";

fn url(rest: &str) -> Result<Parameters, &'static str> {
    if rest.matches('@').count() > 1 {
        return Err("a URL with one @; in a password it is written %40");
    }
    let mut found = Parameters::new();
    let rest = match rest.split_once('@') {
        Some((credentials, rest)) => {
            let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
            found.push(("user".to_owned(), decoded(user)?));
            found.push(("password".to_owned(), decoded(password)?));
            rest
        }
        None => rest,
    };
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, name) = place.split_once('/').unwrap_or((place, ""));
    found.push(("dbname".to_owned(), decoded(name)?));
    if !hosts.is_empty() {
        let hosts: Vec<_> = hosts.split(',').map(host).collect::<Result<_, _>>()?;
        let (hosts, ports): (Vec<_>, Vec<_>) = hosts.into_iter().unzip();
        found.push(("host".to_owned(), hosts.join(",")));
        found.push(("port".to_owned(), ports.join(",")));
    }
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let pair = option
            .split_once('=')
            .ok_or("a URL whose parameters are name=value, with & between them")?;
        let (name, value) = (decoded(pair.0)?, decoded(pair.1)?);
        found.push(match (name.as_str(), value.as_str()) {
            // What other drivers call it.
            ("ssl", "true") => ("sslmode".to_owned(), "require".to_owned()),
            _ => (name, value),
        });
    }
    Ok(found)
}

/// A host and its port, if any.
fn host(text: &str) -> Result<(String, String), &'static str> {
    let (host, port) = match text.strip_prefix('[') {
        Some(address) => {
            let (address, port) = address.split_once(']').ok_or(ENCODED)?;
            (address, port.strip_prefix(':').unwrap_or(port))
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    if !port.is_empty() && port.parse::<u16>().is_err() {
        return Err(ENCODED);
    }
    Ok((decoded(host)?, port.to_owned()))
}

fn decoded(text: &str) -> Result<String, &'static str> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into).map_err(|_| "a URL whose percent-encoded characters are UTF-8")
}

/// Pairs with spaces between them; a value with spaces is in single quotes, and a backslash
/// stands before a quote or backslash.
fn pairs(text: &str) -> Result<Parameters, &'static str> {
    const PAIRS: &str = "name=value pairs with spaces between them; a value with spaces is in \
                         single quotes, with \\' and \\\\ for ' and \\";
    let mut found = Parameters::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or(PAIRS)?;
        let name = name.trim_end();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(PAIRS);
        }
        let (value, after) = value(after.trim_start()).ok_or(PAIRS)?;
        found.push((name.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(found)
}

/// A value, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let quoted = text.starts_with('\'');
    let mut characters = text.char_indices().skip(usize::from(quoted));
    let mut value = String::new();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.push(characters.next()?.1),
            '\'' if quoted => {
                let rest = &text[at + 1..];
                let ends = rest.is_empty() || rest.starts_with(char::is_whitespace);
                return ends.then_some((value, rest));
            }
            space if space.is_whitespace() && !quoted => return Some((value, &text[at..])),
            other => value.push(other),
        }
    }
    (!quoted).then_some((value, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let found = parse(text).unwrap();
        let found: Vec<_> = found
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_url_has_parameters() {
        check(
            "postgres://u:p%40ss@a:1,[::1]:2,c/app?sslmode=require&application_name=x%20y",
            &[
                ("user", "u"),
                ("password", "p@ss"),
                ("dbname", "app"),
                ("host", "a,::1,c"),
                ("port", "1,2,"),
                ("sslmode", "require"),
                ("application_name", "x y"),
            ],
        );
        check("postgresql://%2Frun%2Fpg/app", &[("dbname", "app"), ("host", "/run/pg")]);
        check(
            "postgres:///app?host=/run/pg&ssl=true",
            &[("dbname", "app"), ("host", "/run/pg"), ("sslmode", "require")],
        );
        // A password may have what ends the host.
        check(
            "postgres://u:a/b?c#d@db/app",
            &[("user", "u"), ("password", "a/b?c#d"), ("dbname", "app"), ("host", "db")],
        );
    }

    #[test]
    fn pairs_are_parameters() {
        check(
            r"host=db user = u password='it\'s \\ ok' dbname=a\ b",
            &[("host", "db"), ("user", "u"), ("password", r"it's \ ok"), ("dbname", "a b")],
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_repeated() {
        for text in [
            "",
            "db/app",
            "mysql://u:hunter2@db/app?a=b",
            "postgres://u:hunter2@x@db/app",
            "postgres://u:hunter2@db:hunter2/app",
            "postgres://u:hunter2@[::1/app",
            "postgres://u:hunter2@db/app?hunter2",
            "postgres://u:%ffhunter2@db/app",
            "host=db password='hunter2",
            "host=db hunter2",
            "host=db password='hunter2'x",
            "host=db =hunter2",
            "host=db password=hunter2\\",
        ] {
            let error = parse(text).unwrap_err();
            assert!(!error.contains("hunter2"), "{text}: {error}");
        }
    }
}
