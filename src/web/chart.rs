//! Bars drawn by the server: one per hour or day, stacked by how the bookings stand, each with the same figures in words.
//! Colours and heights come from the style sheet and the view box; there is no style in the markup.

use super::standings::Standings;
use crate::domain::Standing;

/// Height of the drawing in its own units.
const HEIGHT: i64 = 1_000;
/// Width of a bar's place, and of the bar.
const PLACE: i64 = 100;
const BAR: i64 = 76;
/// From below to above: what is well stands at the bottom.
const ORDER: [Standing; 4] = [Standing::Sent, Standing::Nothing, Standing::Waiting, Standing::NeedsYou];
/// Words below the bars.
const LABELS: usize = 4;

/// One bar with its figures.
#[derive(Clone, Debug)]
pub struct Bar {
    /// `09:00` or `14 March`.
    pub label: String,
    /// Its figures.
    pub standings: Standings,
    /// The pieces, from below.
    pub pieces: Vec<Piece>,
}

/// A piece of a bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Name of the style class.
    pub class: &'static str,
    /// From the left.
    pub x: i64,
    /// From above.
    pub y: i64,
    /// Width.
    pub width: i64,
    /// Height.
    pub height: i64,
}

/// A chart.
#[derive(Clone, Debug)]
pub struct Chart {
    /// `Bookings by hour`.
    pub title: &'static str,
    /// What is to be seen, in a sentence.
    pub description: String,
    /// The bars, the oldest first.
    pub bars: Vec<Bar>,
    /// `viewBox`.
    pub view_box: String,
    /// Words below.
    pub labels: Vec<String>,
    /// The tallest bar.
    pub most: i64,
}

impl Chart {
    /// Draws bars, the oldest first.
    pub fn of(title: &'static str, bars: Vec<(String, Standings)>) -> Self {
        let most = bars.iter().map(|(_, standings)| standings.total()).max().unwrap_or(0).max(0);
        let description = match bars.iter().max_by_key(|(_, standings)| standings.total()) {
            Some((label, _)) if most > 0 => format!(
                "{} bookings in {} bars from {} to {}; the most, {most}, at {label}.",
                bars.iter().map(|(_, standings)| standings.total()).sum::<i64>(),
                bars.len(),
                bars.first().map(|(label, _)| label.as_str()).unwrap_or_default(),
                bars.last().map(|(label, _)| label.as_str()).unwrap_or_default(),
            ),
            _ => String::from("No booking came in or changed in this time."),
        };
        let view_box = format!("0 0 {} {HEIGHT}", PLACE * bars.len().max(1) as i64);
        let step = bars.len().div_ceil(LABELS).max(1);
        let labels = bars.iter().step_by(step).map(|(label, _)| label.clone()).collect();
        let bars = bars
            .into_iter()
            .enumerate()
            .map(|(index, (label, standings))| Bar {
                label,
                standings,
                pieces: pieces(index as i64, &standings, most),
            })
            .collect();
        Self { title, description, bars, view_box, labels, most }
    }
}

impl Bar {
    /// How many stand so.
    pub fn sent(&self) -> i64 {
        self.standings.count(Standing::Sent)
    }

    /// How many had nothing to send.
    pub fn nothing(&self) -> i64 {
        self.standings.count(Standing::Nothing)
    }

    /// How many wait.
    pub fn waiting(&self) -> i64 {
        self.standings.count(Standing::Waiting)
    }

    /// How many need somebody.
    pub fn needs_you(&self) -> i64 {
        self.standings.count(Standing::NeedsYou)
    }
}

fn pieces(index: i64, standings: &Standings, most: i64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut below = 0;
    for standing in ORDER {
        let count = standings.count(standing);
        if count <= 0 || most <= 0 {
            continue;
        }
        // From the sums and not piece by piece, so that what is rounded does not pile up.
        let (from, to) = (below * HEIGHT / most, (below + count) * HEIGHT / most);
        below += count;
        let class = match standing {
            Standing::Sent => "sent",
            Standing::Nothing => "nothing",
            Standing::Waiting => "waiting",
            Standing::NeedsYou => "needs-you",
        };
        let x = index * PLACE + (PLACE - BAR) / 2;
        pieces.push(Piece { class, x, y: HEIGHT - to, width: BAR, height: (to - from).max(6) });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{Chart, HEIGHT};
    use crate::domain::Standing;
    use crate::ports::HourCount;
    use crate::web::standings::Standings;

    #[test]
    fn the_pieces_of_a_bar_stand_on_each_other_and_none_sticks_out() {
        let of = |standing, bookings| HourCount { hour: 1, standing, bookings };
        let full =
            Standings::of(&[of(Standing::Sent, 7), of(Standing::Waiting, 2), of(Standing::NeedsYou, 1)]);
        let half = Standings::of(&[of(Standing::Nothing, 5)]);
        let chart =
            Chart::of("t", vec![("a".into(), full), ("b".into(), half), ("c".into(), Standings::default())]);
        assert_eq!(chart.most, 10);
        let first = &chart.bars[0].pieces;
        assert_eq!(first.iter().map(|piece| piece.height).sum::<i64>(), HEIGHT);
        assert_eq!(
            first.iter().map(|piece| (piece.class, piece.y)).collect::<Vec<_>>(),
            [("sent", 300), ("waiting", 100), ("needs-you", 0)]
        );
        assert_eq!(chart.bars[1].pieces[0].height, HEIGHT / 2);
        assert!(chart.bars[2].pieces.is_empty());
        assert!(chart.description.contains("15 bookings"), "{}", chart.description);
        assert_eq!(Chart::of("t", Vec::new()).description, "No booking came in or changed in this time.");
    }
}
