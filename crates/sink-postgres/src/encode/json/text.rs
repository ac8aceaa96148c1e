use crate::encode::out::Out;
use crate::encode::value_error::{ValueError, shown};

/// Writes a string of JSON.
pub(super) fn write_string(text: &str, out: &mut Out) -> Result<(), ValueError> {
    out.put(*b"\"");
    let mut rest = text.as_bytes();
    let mut is_stripped = false;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, 0..b' ' | b'"' | b'\\')) {
        let (plain, special) = rest.split_at(at);
        out.bytes(plain);
        match special {
            [0, ..] if out.strips_nul() => is_stripped = true,
            [0, ..] => return Err(ValueError::Nul { value: shown(text) }),
            [escaped @ (b'"' | b'\\'), ..] => out.put([b'\\', *escaped]),
            [control, ..] => {
                let digit = b"0123456789abcdef"[usize::from(control & 15)];
                out.put([b'\\', b'u', b'0', b'0', b'0' + (control >> 4), digit]);
            }
            [] => {}
        }
        rest = special.get(1..).unwrap_or_default();
    }
    out.bytes(rest);
    out.put(*b"\"");
    out.tally.stripped += u64::from(is_stripped);
    Ok(())
}
