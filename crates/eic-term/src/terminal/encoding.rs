//! UTF-8 to and from the UTF-16 of the Windows console, across the borders of reads and writes.

use std::char::REPLACEMENT_CHARACTER;

/// Decodes UTF-16; a lone surrogate becomes U+FFFD.
#[derive(Debug, Default)]
pub(super) struct Utf16 {
    high: Option<u16>,
}

impl Utf16 {
    /// Takes more code units; returns what is complete, as UTF-8. A high surrogate waits for its other half.
    pub(super) fn decode(&mut self, units: impl IntoIterator<Item = u16>) -> Vec<u8> {
        let mut units: Vec<u16> = self.high.take().into_iter().chain(units).collect();
        self.high = units.pop_if(|last| matches!(*last, 0xD800..=0xDBFF));
        let text = char::decode_utf16(units).map(|one| one.unwrap_or(REPLACEMENT_CHARACTER));
        text.collect::<String>().into_bytes()
    }
}

/// Decodes UTF-8; bytes that are none become U+FFFD.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    incomplete: Vec<u8>,
}

impl Utf8 {
    /// Takes more bytes; returns what is complete, as UTF-16. The start of a character waits for the rest.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> Vec<u16> {
        self.incomplete.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.incomplete);
        let mut units = Vec::with_capacity(bytes.len());
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            units.extend(chunk.valid().encode_utf16());
            let invalid = chunk.invalid();
            if chunks.peek().is_none() && may_continue(invalid) {
                self.incomplete = invalid.to_vec();
            } else if !invalid.is_empty() {
                units.push(0xFFFD);
            }
        }
        units
    }
}

/// Whether the start of a character is there, and nothing that contradicts it.
fn may_continue(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_units_become_utf8_whatever_the_borders() {
        let table: [(&[&[u16]], &str); 6] = [
            (&[&[0x61, 0x03, 0x1B, 0x5B, 0x41]], "a\u{3}\u{1b}[A"),
            (&[&[0x00]], "\0"),
            (&[&[0xE9], &[0x65E5]], "é日"),
            (&[&[0xD83D], &[0xDE00]], "😀"),
            (&[&[0xDE00, 0x61]], "\u{fffd}a"),
            (&[&[0xD83D], &[0x61]], "\u{fffd}a"),
        ];
        for (reads, expected) in table {
            let mut decoder = Utf16::default();
            let decoded: Vec<u8> = reads
                .iter()
                .flat_map(|units| decoder.decode(units.iter().copied()))
                .collect();
            assert_eq!(String::from_utf8(decoded).unwrap(), expected, "{reads:?}");
        }
    }

    #[test]
    fn shown_bytes_become_utf16_whatever_the_borders() {
        let table: [(&[&[u8]], &str); 7] = [
            (&[b"\x1b[1mplain"], "\u{1b}[1mplain"),
            (&["日本".as_bytes()], "日本"),
            (&[b"\xE6\x97", b"\xA5"], "日"),
            (&[b"\xF0", b"\x9F\x98", b"\x80!"], "😀!"),
            (&[b"a\xFFb"], "a\u{fffd}b"),
            (&[b"\xE6\x97", b"x"], "\u{fffd}x"),
            (&[b"\xC3(", b"\xC3"], "\u{fffd}("),
        ];
        for (writes, expected) in table {
            let mut decoder = Utf8::default();
            let decoded: Vec<u16> = writes
                .iter()
                .flat_map(|bytes| decoder.decode(bytes))
                .collect();
            assert_eq!(
                String::from_utf16(&decoded).unwrap(),
                expected,
                "{writes:?}"
            );
        }
    }
}
