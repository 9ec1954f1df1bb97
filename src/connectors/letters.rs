//! Bytes that are no UTF-8, as the letters that old systems of Western Europe and America write: windows-1252, of which
//! ISO 8859-1 is a part. What is UTF-8 in between stays so.

/// The letters 0x80 to 0x9f; the five that are none stand for themselves, as browsers read them.
const HIGH: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}',
    '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}',
    '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}',
    '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

/// A text of bytes of which some are no UTF-8.
pub(super) fn western(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| match byte {
            0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
            byte => char::from(*byte),
        }));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::western;

    #[test]
    fn each_byte_is_a_letter_and_utf_8_stays() {
        assert_eq!(western(b"caf\xe9 \x8010 \x93x\x94"), "caf\u{e9} \u{20ac}10 \u{201c}x\u{201d}");
        assert_eq!(western("caf\u{e9} \u{20ac}".as_bytes()), "caf\u{e9} \u{20ac}");
        assert_eq!(western(b"\xe9 caf\xc3\xa9"), "\u{e9} caf\u{e9}");
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(western(&all).chars().count(), 256);
    }
}
