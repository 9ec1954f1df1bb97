//! Moments as outside systems write them: seconds or milliseconds since 1970 as a number or a text, or a date and time
//! with or without an offset. Which of them it is shows in size and shape; no sender says.

use crate::domain::{Millis, moment_of_number, read_moment as read_text};
use serde_json::Value;

/// The moment that a value names; `None` where it names none.
pub(super) fn read_moment(value: &Value) -> Option<Millis> {
    match value {
        Value::Number(number) => moment_of_number(number.as_f64()?),
        Value::String(text) => read_text(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::read_moment;
    use serde_json::{Value, json};

    #[test]
    fn size_and_shape_say_what_a_moment_is_written_in() {
        let at = 1_600_000_000_000_i64;
        let cases: [(Value, Option<i64>); 18] = [
            (json!(1_600_000_000), Some(at)),
            (json!(1_600_000_000_000_i64), Some(at)),
            (json!(1_600_000_000_000_000_i64), Some(at)),
            (json!(1_600_000_000_000_000_000_i64), Some(at)),
            (json!(1_600_000_000.25), Some(at + 250)),
            (json!("1600000000"), Some(at)),
            (json!("1600000000.250"), Some(at + 250)),
            (json!("2020-09-13T12:26:40Z"), Some(at)),
            (json!("2020-09-13T14:26:40+0200"), Some(at)),
            (json!("2020-09-13 12:26:40"), Some(at)),
            (json!(" 2020-09-13T12:26:40.000 "), Some(at)),
            (json!("2020-09-13"), Some(at - 44_800_000)),
            (json!(7), None),
            (json!(-5), None),
            (json!("soon"), None),
            (json!(""), None),
            (json!(null), None),
            (json!(true), None),
        ];
        for (value, expected) in cases {
            assert_eq!(read_moment(&value), expected, "{value}");
        }
    }
}
