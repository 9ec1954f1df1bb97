//! When Waypost was not running, told by when it was. Pure. Silence leaves these times out, pages and `doctor` name them.

use super::Millis;

/// Less than this is a restart, and nothing that is worth telling: whoever sent a webhook meanwhile tries again.
pub const DOWN_MS_MIN: Millis = 2 * 60_000;

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    /// Its beginning.
    pub from: Millis,
    /// Its end.
    pub to: Millis,
}

/// The times between these stretches, as far as they ended after `since`; `ups` in the order of their beginning. Before the
/// first stretch and after the last nothing is known.
pub fn downtimes(ups: &[Stretch], since: Millis) -> Vec<Stretch> {
    let mut downs = Vec::new();
    let mut seen: Option<Millis> = None;
    for up in ups {
        if let Some(seen) = seen
            && up.from - seen >= DOWN_MS_MIN
            && up.from > since
        {
            downs.push(Stretch { from: seen, to: up.from });
        }
        seen = Some(seen.unwrap_or(up.to).max(up.to));
    }
    downs
}

#[cfg(test)]
mod tests {
    use super::{DOWN_MS_MIN, Stretch, downtimes};

    #[test]
    fn what_lies_between_two_runs_is_a_downtime_unless_it_was_a_restart() {
        let up = |from: i64, to: i64| Stretch { from: from * DOWN_MS_MIN, to: to * DOWN_MS_MIN };
        let ups =
            [up(0, 10), Stretch { from: 11 * DOWN_MS_MIN - 1, to: 20 * DOWN_MS_MIN }, up(21, 22), up(30, 31)];
        assert_eq!(downtimes(&ups, 0), [up(20, 21), up(22, 30)]);
        assert_eq!(downtimes(&ups, 21 * DOWN_MS_MIN), [up(22, 30)], "what is over before is left out");
        assert_eq!(downtimes(&ups, 25 * DOWN_MS_MIN), [up(22, 30)], "and told whole where it is not");
        assert_eq!(downtimes(&ups[..1], 0), []);
        // Two at a time, or a clock that was put back.
        assert_eq!(downtimes(&[up(0, 100), up(20, 30), up(101, 102)], 0), [up(100, 101)]);
    }
}
