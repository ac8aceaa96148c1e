//! Texts that are to be JSONB. PostgreSQL would refuse the ones that are not, but without saying
//! which block they are in.

use super::BYTES_MAX;
use crate::encode::decimal_text::DecimalText;
use crate::encode::out::Out;
use crate::encode::value_error::{ValueError, shown};

/// How deep arrays and objects may be in each other. PostgreSQL's own limit is its stack.
const DEPTH_MAX: usize = 1_024;

/// Writes the text as it is, if PostgreSQL reads it as JSON. NUL characters and their escapes are
/// left out where the policy says so.
pub(in crate::encode) fn write_checked(text: &str, out: &mut Out) -> Result<(), ValueError> {
    if text.len() > BYTES_MAX {
        return Err(ValueError::TooLong { bytes: text.len(), most: BYTES_MAX });
    }
    let mut reader =
        Reader { text, bytes: text.as_bytes(), at: 0, copied: 0, open: Open::default() };
    reader.document(out)?;
    reader.copy(out);
    if reader.is_stripped() {
        out.tally.stripped += 1;
    }
    Ok(())
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// What is before it was written, or left out.
    copied: usize,
    open: Open,
}

/// Which of the arrays and objects around the current place are objects.
struct Open {
    objects: [u64; DEPTH_MAX / 64],
    depth: usize,
    is_stripped: bool,
}

impl Default for Open {
    fn default() -> Self {
        Self { objects: [0; DEPTH_MAX / 64], depth: 0, is_stripped: false }
    }
}

impl Open {
    fn push(&mut self, is_object: bool) -> bool {
        let (word, bit) = (self.depth / 64, 1 << (self.depth % 64));
        let Some(word) = self.objects.get_mut(word) else { return false };
        *word = if is_object { *word | bit } else { *word & !bit };
        self.depth += 1;
        true
    }

    fn is_object(&self) -> bool {
        let last = self.depth.saturating_sub(1);
        self.depth > 0 && self.objects[last / 64] & (1 << (last % 64)) != 0
    }
}

impl Reader<'_> {
    fn is_stripped(&self) -> bool {
        self.open.is_stripped
    }

    fn wrong<T>(&self, problem: &'static str) -> Result<T, ValueError> {
        Err(ValueError::NotJson { value: shown(self.text), problem, at: self.at })
    }

    /// Writes what was read since the last time.
    fn copy(&mut self, out: &mut Out) {
        out.bytes(&self.bytes[self.copied..self.at]);
        self.copied = self.at;
    }

    /// Leaves out what comes next.
    fn strip(&mut self, bytes: usize, out: &mut Out) -> Result<(), ValueError> {
        if !out.strips_nul() {
            return Err(ValueError::Nul { value: shown(self.text) });
        }
        self.copy(out);
        self.at += bytes;
        self.copied = self.at;
        self.open.is_stripped = true;
        Ok(())
    }

    /// The next byte that is not white space.
    fn peek(&mut self, out: &mut Out) -> Result<Option<u8>, ValueError> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(0) => self.strip(1, out)?,
                other => return Ok(other.copied()),
            }
        }
    }

    fn document(&mut self, out: &mut Out) -> Result<(), ValueError> {
        loop {
            // A value begins here, unless it has opened an array or object that is not empty.
            if !self.value(out)? {
                continue;
            }
            loop {
                let next = self.peek(out)?;
                if self.open.depth == 0 {
                    return if next.is_none() { Ok(()) } else { self.wrong("something follows") };
                }
                let is_object = self.open.is_object();
                match next {
                    Some(b',') => {
                        self.at += 1;
                        if is_object {
                            self.key(out)?;
                        }
                        break;
                    }
                    Some(b'}') if is_object => self.close(),
                    Some(b']') if !is_object => self.close(),
                    _ => return self.wrong("expected a comma or the end"),
                }
            }
        }
    }

    fn close(&mut self) {
        self.at += 1;
        self.open.depth -= 1;
    }

    /// Reads a value, and says whether it is complete: an array or object is only begun.
    fn value(&mut self, out: &mut Out) -> Result<bool, ValueError> {
        match self.peek(out)? {
            Some(open @ (b'{' | b'[')) => {
                let is_object = open == b'{';
                if !self.open.push(is_object) {
                    return self.wrong("nested too deeply");
                }
                self.at += 1;
                match self.peek(out)? {
                    Some(b'}') if is_object => self.close(),
                    Some(b']') if !is_object => self.close(),
                    _ => {
                        if is_object {
                            self.key(out)?;
                        }
                        return Ok(false);
                    }
                }
            }
            Some(b'"') => self.string(out)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            _ => return self.wrong("expected a value"),
        }
        Ok(true)
    }

    fn key(&mut self, out: &mut Out) -> Result<(), ValueError> {
        if self.peek(out)? != Some(b'"') {
            return self.wrong("expected a key");
        }
        self.string(out)?;
        if self.peek(out)? != Some(b':') {
            return self.wrong("expected a colon");
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), ValueError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return self.wrong("expected a value");
        }
        self.at += word.len();
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let rest = &self.bytes[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn number(&mut self) -> Result<(), ValueError> {
        let start = self.at;
        self.at += usize::from(self.bytes.get(self.at) == Some(&b'-'));
        let is_zero = self.bytes.get(self.at) == Some(&b'0');
        match self.digits() {
            0 => return self.wrong("expected a digit"),
            2.. if is_zero => return self.wrong("a number begins with a zero"),
            _ => {}
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return self.wrong("expected a digit");
            }
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return self.wrong("expected a digit");
            }
        }
        let number = &self.text[start..self.at];
        if DecimalText::parse(number).is_some_and(|number| number.fits(None)) {
            Ok(())
        } else {
            Err(ValueError::OutOfRange { value: shown(number), ty: "jsonb".to_owned() })
        }
    }

    fn string(&mut self, out: &mut Out) -> Result<(), ValueError> {
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape(out)?,
                Some(0) => self.strip(1, out)?,
                Some(0..b' ') => return self.wrong("a control character"),
                Some(_) => self.at += 1,
                None => return self.wrong("a string without an end"),
            }
        }
    }

    fn escape(&mut self, out: &mut Out) -> Result<(), ValueError> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match self.unit(self.at) {
                Some(0) => self.strip(6, out)?,
                Some(0xd800..0xdc00) => match self.unit(self.at + 6) {
                    Some(0xdc00..0xe000) => self.at += 12,
                    _ => return self.wrong("half a character"),
                },
                Some(0xdc00..0xe000) => return self.wrong("half a character"),
                Some(_) => self.at += 6,
                None => return self.wrong("an escape that is none"),
            },
            _ => return self.wrong("an escape that is none"),
        }
        Ok(())
    }

    /// The number in an escape, `\uXXXX`.
    fn unit(&self, at: usize) -> Option<u16> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        all.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    }
}
