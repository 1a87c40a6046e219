//! Tells whether bytes are canonical JSON, in one pass, without building a value.

use super::{DEPTH_MAX, INTEGER_MAX, NotCanonical};

/// Succeeds when `bytes` are exactly one object in canonical form.
///
/// # Errors
/// The first offending byte and what is wrong with it.
pub fn check(bytes: &[u8]) -> Result<(), NotCanonical> {
    if let Err(bad) = std::str::from_utf8(bytes) {
        return Err(NotCanonical::new(bad.valid_up_to(), "not UTF-8"));
    }
    let mut scan = Scan { bytes, at: 0 };
    if scan.peek() != Some(b'{') {
        return scan.fail("an entry is an object");
    }
    scan.value(0)?;
    if scan.at == bytes.len() {
        Ok(())
    } else {
        scan.fail("something follows the object")
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn fail<T>(&self, what: &str) -> Result<T, NotCanonical> {
        Err(NotCanonical::new(self.at, what))
    }

    fn expect(&mut self, wanted: u8) -> Result<(), NotCanonical> {
        if self.peek() == Some(wanted) {
            self.at += 1;
            return Ok(());
        }
        self.fail(&format!("`{}` expected", char::from(wanted)))
    }

    fn value(&mut self, depth: usize) -> Result<(), NotCanonical> {
        match self.peek() {
            Some(b'{') if depth < DEPTH_MAX => self.object(depth + 1),
            Some(b'[') if depth < DEPTH_MAX => self.array(depth + 1),
            Some(b'{' | b'[') => self.fail("nested deeper than 16"),
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.integer(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => self.fail("a value expected"),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), NotCanonical> {
        if self
            .bytes
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word))
        {
            self.at += word.len();
            return Ok(());
        }
        self.fail("a value expected")
    }

    fn object(&mut self, depth: usize) -> Result<(), NotCanonical> {
        self.at += 1;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        let mut previous: Option<&'a [u8]> = None;
        loop {
            let start = self.at;
            let key = self.string()?;
            let at_key = |what| Err(NotCanonical::new(start, what));
            if !key.is_ascii() || key.contains(&b'\\') {
                return at_key("a key is not plain ASCII");
            }
            if previous.is_some_and(|previous| previous >= key) {
                return at_key("keys are not in order, or one stands twice");
            }
            previous = Some(key);
            self.expect(b':')?;
            self.value(depth)?;
            if self.peek() == Some(b',') {
                self.at += 1;
            } else {
                return self.expect(b'}');
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), NotCanonical> {
        self.at += 1;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth)?;
            if self.peek() == Some(b',') {
                self.at += 1;
            } else {
                return self.expect(b']');
            }
        }
    }

    /// A string; returns what stands between the quotes, escapes as they are.
    fn string(&mut self) -> Result<&'a [u8], NotCanonical> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let inside = self.bytes.get(start..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(inside);
                }
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => return self.fail("a bare control character"),
                Some(_) => self.at += 1,
                None => return self.fail("a string without end"),
            }
        }
    }

    /// RFC 8785 §3.2.2.2: the short escapes, and `\u00xx` in lower case for the other controls.
    fn escape(&mut self) -> Result<(), NotCanonical> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6).unwrap_or_default();
                let code = match digits {
                    [b'0', b'0', high @ (b'0' | b'1'), low] => char::from(*low)
                        .to_digit(16)
                        .map(|low| (u32::from(high - b'0') << 4) | low),
                    _ => None,
                };
                let upper = digits.iter().any(u8::is_ascii_uppercase);
                match code {
                    Some(8 | 9 | 10 | 12 | 13) | None => {
                        return self.fail("an escape that has a shorter form");
                    }
                    Some(_) if upper => return self.fail("an escape in upper case"),
                    Some(_) => self.at += 6,
                }
            }
            _ => return self.fail("an escape that canonical JSON does not use"),
        }
        Ok(())
    }

    fn integer(&mut self) -> Result<(), NotCanonical> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        if negative {
            self.at += 1;
        }
        let first = self.at;
        let mut value: i64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value
                .saturating_mul(10)
                .saturating_add(i64::from(digit - b'0'));
            self.at += 1;
        }
        let leading_zero = self.bytes.get(first) == Some(&b'0') && self.at - first > 1;
        if self.at == first || leading_zero || (negative && value == 0) {
            self.at = start;
            return self.fail("an integer in its shortest form expected");
        }
        if value > INTEGER_MAX {
            self.at = start;
            return self.fail("an integer beyond 2^53 - 1");
        }
        if matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return self.fail("floats are not allowed");
        }
        Ok(())
    }
}
