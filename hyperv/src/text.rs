//! Bytes into text: UTF-8 with or without byte order mark, and UTF-16, which Windows PowerShell's `>` writes.

/// What could be read before a byte that is none of the encoding's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotText {
    pub(crate) valid: String,
    pub(crate) encoding: &'static str,
}

/// Reads a text. Its byte order mark, if any, tells the encoding and is no part of it; without one it is UTF-8.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, NotText> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Result<String, NotText> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
            Err(NotText { valid, encoding: "UTF-8" })
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, NotText> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len() / 2);
    for character in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match character {
            Ok(character) => text.push(character),
            Err(_) => return Err(NotText { valid: text, encoding: "UTF-16" }),
        }
    }
    if rest.is_empty() { Ok(text) } else { Err(NotText { valid: text, encoding: "UTF-16" }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_that_powershell_writes_gives_the_same_text() {
        let text = "[\"Ü🌍\"]";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [&[0xff, 0xfe], &little[..]].concat(),
            [&[0xfe, 0xff], &big[..]].concat(),
        ] {
            assert_eq!(decode(&bytes).as_deref(), Ok(text), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_read_up_to_the_first_wrong_byte() {
        for (bytes, valid, encoding) in [
            (&b"ab\xff"[..], "ab", "UTF-8"),
            // A low surrogate alone, and half a character.
            (&[0xff, 0xfe, b'a', 0, 0x00, 0xdc, b'b', 0], "a", "UTF-16"),
            (&[0xff, 0xfe, b'a', 0, b'b'], "a", "UTF-16"),
        ] {
            let expected = NotText { valid: valid.to_owned(), encoding };
            assert_eq!(decode(bytes), Err(expected), "{bytes:?}");
        }
    }
}
