//! Two texts, line by line: what went, what came, and a little around it. Pure, under a time limit, capped.

use similar::{ChangeTag, TextDiff};
use std::time::Duration;

/// Lines around a change.
const AROUND: usize = 3;
/// Lines that are shown; the rest is counted.
const LINES_MAX: usize = 600;
/// Characters of a line.
const LINE_CHARS_MAX: usize = 400;
/// Hostile texts make it coarse, never slow.
const TIME_MAX: Duration = Duration::from_millis(200);

/// The difference of two texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineDiff {
    /// Its parts, each with what stands around it.
    pub parts: Vec<Vec<DiffLine>>,
    /// Lines that went.
    pub went: usize,
    /// Lines that came.
    pub came: usize,
    /// Lines that are not shown.
    pub more: usize,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// `went`, `came`, `same`.
    pub class: &'static str,
    /// `−`, `+` or a blank.
    pub sign: &'static str,
    /// What a reader of the page hears.
    pub word: &'static str,
    /// Its number, in the new text where it is there.
    pub number: usize,
    /// Its text.
    pub text: String,
}

impl LineDiff {
    /// The difference.
    pub fn of(before: &str, after: &str) -> Self {
        let diff = TextDiff::configure().timeout(TIME_MAX).diff_lines(before, after);
        let mut told = Self::default();
        let mut shown = 0;
        for group in diff.grouped_ops(AROUND) {
            let mut part = Vec::new();
            for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
                let (class, sign, word) = match change.tag() {
                    ChangeTag::Delete => ("went", "−", "removed: "),
                    ChangeTag::Insert => ("came", "+", "added: "),
                    ChangeTag::Equal => ("same", " ", ""),
                };
                told.went += usize::from(class == "went");
                told.came += usize::from(class == "came");
                if shown >= LINES_MAX {
                    told.more += 1;
                    continue;
                }
                shown += 1;
                let number = change.new_index().or(change.old_index()).unwrap_or_default() + 1;
                let text = super::diff::capped(change.value().trim_end_matches(['\n', '\r']), LINE_CHARS_MAX);
                part.push(DiffLine { class, sign, word, number, text });
            }
            if !part.is_empty() {
                told.parts.push(part);
            }
        }
        told
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.went == 0 && self.came == 0
    }

    /// `1 line goes, 2 come`.
    pub fn words(&self) -> String {
        let lines = |count: usize| if count == 1 { "1 line".to_owned() } else { format!("{count} lines") };
        match (self.went, self.came) {
            (0, 0) => "Nothing is different.".to_owned(),
            (0, came) => format!("{} more.", lines(came)),
            (went, 0) => format!("{} less.", lines(went)),
            (went, came) => format!("{} less, {} more.", lines(went), lines(came)),
        }
    }
}

/// The difference as `diff -u` writes it, for programs.
pub fn unified(before: &str, after: &str, file: &str) -> String {
    let diff = TextDiff::configure().timeout(TIME_MAX).diff_lines(before, after);
    diff.unified_diff().context_radius(AROUND).header(file, file).to_string()
}

#[cfg(test)]
mod tests {
    use super::LineDiff;

    #[test]
    fn what_went_and_came_is_shown_with_a_little_around_it() {
        let before = (1..=20).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n") + "\n";
        let after = before.replace("line 10\n", "line ten\nand more\n");
        let diff = LineDiff::of(&before, &after);
        assert_eq!((diff.went, diff.came, diff.parts.len(), diff.parts[0].len()), (1, 2, 1, 9));
        assert_eq!(diff.words(), "1 line less, 2 lines more.");
        let shown: Vec<String> =
            diff.parts[0].iter().map(|line| format!("{}{} {}", line.sign, line.number, line.text)).collect();
        assert_eq!(shown[2..6], [" 9 line 9", "−10 line 10", "+10 line ten", "+11 and more"]);
        assert!(LineDiff::of(&before, &before).is_empty());
    }

    #[test]
    fn a_text_of_a_hundred_thousand_lines_is_cut() {
        let text =
            |word: &str| (0..100_000).map(|n| format!("{word}{n}")).collect::<Vec<_>>().join("\n") + "\n";
        let diff = LineDiff::of(&text("a"), &text("b"));
        assert_eq!((diff.went, diff.came), (100_000, 100_000));
        assert!(diff.parts.iter().map(Vec::len).sum::<usize>() <= 600 && diff.more > 0);
    }
}
