//! JSON (RFC 8259), as far as a function's arguments need it: one flat object of strings.
//!
//! Nested values and numbers are refused rather than guessed at, and so is half of a surrogate pair, which UTF-8 cannot
//! hold. A key that comes twice has its last value.

use std::collections::BTreeMap;
use std::str::Chars;

/// Reads an object whose members are all strings; None for anything else.
pub fn strings(text: &str) -> Option<BTreeMap<String, String>> {
    let mut reader = Reader { rest: text.chars() };
    let mut members = BTreeMap::new();
    reader.take('{')?;
    if reader.take('}').is_none() {
        loop {
            let key = reader.string()?;
            reader.take(':')?;
            members.insert(key, reader.string()?);
            if reader.take(',').is_none() {
                break;
            }
        }
        reader.take('}')?;
    }
    reader.peek().is_none().then_some(members)
}

/// Writes `text` as a JSON string, quotes included.
pub fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\0'..='\u{1f}' => quoted.push_str(&format!("\\u{:04x}", character as u32)),
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

struct Reader<'a> {
    rest: Chars<'a>,
}

impl Reader<'_> {
    /// Skips white space and returns the character behind it, which stays.
    fn peek(&mut self) -> Option<char> {
        while self.rest.as_str().starts_with([' ', '\t', '\n', '\r']) {
            self.rest.next();
        }
        self.rest.clone().next()
    }

    /// Takes the next character behind white space, if it is the wanted one.
    fn take(&mut self, wanted: char) -> Option<char> {
        self.peek().filter(|found| *found == wanted)?;
        self.rest.next()
    }

    fn string(&mut self) -> Option<String> {
        self.take('"')?;
        let mut text = String::new();
        loop {
            match self.rest.next()? {
                '"' => return Some(text),
                '\\' => text.push(self.escape()?),
                '\0'..='\u{1f}' => return None,
                character => text.push(character),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        match self.rest.next()? {
            itself @ ('"' | '\\' | '/') => Some(itself),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'u' => self.unicode(),
            _ => None,
        }
    }

    /// What follows `\u`: four digits, or a surrogate pair with its second `\u` in between.
    fn unicode(&mut self) -> Option<char> {
        let first = self.unit()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first.into());
        }
        if (self.rest.next()?, self.rest.next()?) != ('\\', 'u') {
            return None;
        }
        char::decode_utf16([first, self.unit()?]).next()?.ok()
    }

    fn unit(&mut self) -> Option<u16> {
        (0..4).try_fold(0, |unit, _| Some(unit << 4 | self.rest.next()?.to_digit(16)? as u16))
    }
}
