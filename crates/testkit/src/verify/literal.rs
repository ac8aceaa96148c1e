/// Reads a one-dimensional array as PostgreSQL writes it: `{1,NULL,"a \"b\""}`.
pub(super) fn array(text: &str) -> Option<Vec<Option<String>>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut items = Vec::new();
    let mut rest = inner.chars();
    while !rest.as_str().is_empty() {
        let quoted = rest.as_str().starts_with('"');
        let mut item = String::new();
        if quoted {
            rest.next();
        }
        loop {
            match rest.next() {
                Some('"') if quoted => match rest.next() {
                    None | Some(',') => break,
                    Some(_) => return None,
                },
                Some('\\') => item.push(rest.next()?),
                Some(',') if !quoted => break,
                Some('{') if !quoted => return None,
                Some(c) => item.push(c),
                None if quoted => return None,
                None => break,
            }
        }
        items.push(if !quoted && item == "NULL" { None } else { Some(item) });
    }
    Some(items)
}

#[cfg(test)]
mod tests {
    use super::array;

    #[test]
    fn an_array_literal_is_read_as_postgres_quotes_it() {
        let read = |text| array(text).unwrap();
        assert!(read("{}").is_empty());
        assert_eq!(read("{1,NULL}"), [Some("1".to_owned()), None]);
        let quoted = read(r#"{"NULL","","a,{\"b\"}","\\x00"}"#);
        assert_eq!(quoted.iter().flatten().collect::<Vec<_>>(), ["NULL", "", "a,{\"b\"}", "\\x00"]);
        for bad in ["", "{", "{{1},{2}}", "{\"a}", "{\"a\"b}"] {
            assert_eq!(array(bad), None, "{bad}");
        }
    }
}
