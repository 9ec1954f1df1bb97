//! Contrast of the style sheet's own tokens, computed: WCAG 2.2 AA in the light and in the dark set.

const SHEET: &str = include_str!("../../static/pages.css");

/// Text on what it stands on.
const TEXTS: [(&str, &str); 14] = [
    ("ink", "paper"),
    ("ink", "sheet"),
    ("ink", "accent-soft"),
    ("quiet", "paper"),
    ("quiet", "sheet"),
    ("quiet", "accent-soft"),
    ("accent", "paper"),
    ("accent", "sheet"),
    ("accent", "accent-soft"),
    ("good", "sheet"),
    ("waiting", "sheet"),
    ("bad", "sheet"),
    ("bad", "paper"),
    ("bad-ink", "bad"),
];
/// Shapes and borders that say something, on what they stand on.
const SHAPES: [(&str, &str); 9] = [
    ("good", "paper"),
    ("waiting", "paper"),
    ("bad", "paper"),
    ("quiet", "paper"),
    ("edge", "sheet"),
    ("edge", "paper"),
    ("accent", "paper"),
    ("accent", "accent-soft"),
    ("bad", "accent-soft"),
];

/// The tokens of the sheet, light and dark.
fn tokens() -> [Vec<(String, f64)>; 2] {
    let pairs: Vec<(&str, &str, &str)> = SHEET
        .lines()
        .filter_map(|line| {
            let (name, values) = line.trim().strip_prefix("--")?.split_once(": light-dark(oklch(")?;
            let (light, dark) = values.trim_end_matches("));").split_once("), oklch(")?;
            Some((name, light, dark))
        })
        .collect();
    let read = |(name, value): (&str, &str)| {
        let numbers: Vec<f64> =
            value.split(' ').filter_map(|number| number.trim_end_matches('%').parse().ok()).collect();
        let [lightness, chroma, hue] = numbers[..] else { panic!("{name}: {value}") };
        (name.to_owned(), luminance(lightness / 100.0, chroma, hue))
    };
    [
        pairs.iter().map(|(name, light, _)| read((name, light))).collect(),
        pairs.iter().map(|(name, _, dark)| read((name, dark))).collect(),
    ]
}

/// Relative luminance of an oklch colour, its parts cut to what a screen shows.
fn luminance(lightness: f64, chroma: f64, hue: f64) -> f64 {
    let (red_green, blue_yellow) = (chroma * hue.to_radians().cos(), chroma * hue.to_radians().sin());
    let l = (lightness + 0.396_337_777_4 * red_green + 0.215_803_757_3 * blue_yellow).powi(3);
    let m = (lightness - 0.105_561_345_8 * red_green - 0.063_854_172_8 * blue_yellow).powi(3);
    let s = (lightness - 0.089_484_177_5 * red_green - 1.291_485_548 * blue_yellow).powi(3);
    let red = 4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s;
    let green = -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s;
    let blue = -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701 * s;
    let cut = |part: f64| part.clamp(0.0, 1.0);
    0.2126 * cut(red) + 0.7152 * cut(green) + 0.0722 * cut(blue)
}

fn contrast(one: f64, other: f64) -> f64 {
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn black_and_white_are_as_far_apart_as_can_be() {
    let (white, black) = (luminance(1.0, 0.0, 0.0), luminance(0.0, 0.0, 0.0));
    assert!((contrast(white, black) - 21.0).abs() < 0.01);
}

#[test]
fn texts_and_shapes_stand_out_by_light_and_by_dark() {
    let mut wrong = Vec::new();
    for (set, tokens) in ["light", "dark"].into_iter().zip(tokens()) {
        let of = |name: &str| {
            tokens.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{set}: no --{name}")).1
        };
        let asked = TEXTS.iter().map(|pair| (pair, 4.5)).chain(SHAPES.iter().map(|pair| (pair, 3.0)));
        for ((one, other), least) in asked {
            let found = contrast(of(one), of(other));
            if found < least {
                wrong.push(format!("{set}: {one} on {other} is {found:.2}, needs {least}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
