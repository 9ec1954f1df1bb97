//! A text as a QR code, as one path of an SVG: squares of one unit, four units of white around it. Pure.

use qrcodegen::{QrCode, QrCodeEcc};
use std::fmt::Write as _;

/// The quiet zone that readers need.
const BORDER: i32 = 4;

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Qr {
    /// Units on each side.
    pub size: i32,
    /// The dark squares, as the `d` of a path.
    pub path: String,
}

impl Qr {
    /// `None`: the text is too long for one.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let mut path = String::new();
        for y in 0..code.size() {
            for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
                let _ = write!(path, "M{} {}h1v1h-1z", x + BORDER, y + BORDER);
            }
        }
        Some(Self { size: code.size() + 2 * BORDER, path })
    }
}

#[cfg(test)]
mod tests {
    use super::Qr;

    #[test]
    fn a_text_becomes_squares_within_a_border() {
        let qr = Qr::of("otpauth://totp/Waypost").unwrap();
        assert_eq!(qr.size, 33);
        // The corners of the three finders.
        for corner in ["M4 4h1", "M28 4h1", "M4 28h1"] {
            assert!(qr.path.contains(corner), "{corner}");
        }
        assert!(!qr.path.contains("M28 28h1v1h-1zM29 28"), "no finder there");
        assert_eq!(Qr::of(&"x".repeat(5_000)), None);
    }
}
