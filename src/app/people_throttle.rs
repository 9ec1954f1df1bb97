//! How often somebody may try: per account and per address, with a wait that grows from the fourth (account) or the
//! eleventh (address) wrong try on. In memory, bounded, forgotten after an hour. A try counts when it begins, so that many
//! at once are many.

use crate::domain::Millis;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What is tried is forgotten after this long without a further try.
const FORGOTTEN_MS: Millis = 3_600_000;
/// So many accounts and addresses are remembered; beyond it those go that were quiet the longest.
const REMEMBERED_MAX: usize = 20_000;

/// Who or what tries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Tried {
    /// The password of an account, by its address.
    Account(String),
    /// The code of somebody.
    Code(String),
    /// Anything, from an address of the network.
    Address(String),
}

impl Tried {
    /// Tries without a wait.
    fn free(&self) -> u32 {
        match self {
            Self::Account(_) | Self::Code(_) => 3,
            Self::Address(_) => 10,
        }
    }

    /// The longest wait. That of an account is short: a stranger could keep its owner out.
    fn wait_ms_max(&self) -> Millis {
        match self {
            Self::Account(_) => 5 * 60_000,
            Self::Code(_) | Self::Address(_) => 15 * 60_000,
        }
    }
}

#[derive(Clone, Copy)]
struct Tries {
    wrong: u32,
    last: Millis,
}

/// The count.
#[derive(Default)]
pub(super) struct Throttle(Mutex<HashMap<Tried, Tries>>);

impl Throttle {
    /// Begins a try, or says how long to wait. Times are of the monotonic clock.
    pub fn begin(&self, tried: &[Tried], now: Millis) -> Result<(), Millis> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = tried
            .iter()
            .filter_map(|tried| all.get(tried).map(|tries| wait_of(tried, *tries, now)))
            .max()
            .unwrap_or(0);
        if wait > 0 {
            return Err(wait);
        }
        make_room(&mut all, now);
        for tried in tried {
            let tries = all.entry(tried.clone()).or_insert(Tries { wrong: 0, last: now });
            tries.wrong = if now - tries.last > FORGOTTEN_MS { 1 } else { tries.wrong.saturating_add(1) };
            tries.last = now;
        }
        Ok(())
    }

    /// It was right: its account starts anew, its address gets this one back.
    pub fn right(&self, tried: &[Tried]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for tried in tried {
            match tried {
                Tried::Account(_) | Tried::Code(_) => {
                    all.remove(tried);
                }
                Tried::Address(_) => {
                    if let Some(tries) = all.get_mut(tried) {
                        tries.wrong = tries.wrong.saturating_sub(1);
                    }
                }
            }
        }
    }
}

fn wait_of(tried: &Tried, tries: Tries, now: Millis) -> Millis {
    let over = tries.wrong.saturating_sub(tried.free());
    if over == 0 || now - tries.last > FORGOTTEN_MS {
        return 0;
    }
    let wait = 1_000_i64.saturating_mul(1 << over.min(20)).min(tried.wait_ms_max());
    (tries.last + wait - now).max(0)
}

fn make_room(all: &mut HashMap<Tried, Tries>, now: Millis) {
    if all.len() < REMEMBERED_MAX {
        return;
    }
    all.retain(|_, tries| now - tries.last <= FORGOTTEN_MS);
    if all.len() >= REMEMBERED_MAX {
        let mut lasts: Vec<Millis> = all.values().map(|tries| tries.last).collect();
        let middle = lasts.len() / 2;
        let (_, median, _) = lasts.select_nth_unstable(middle);
        let median = *median;
        all.retain(|_, tries| tries.last > median);
    }
}

#[cfg(test)]
mod tests {
    use super::{FORGOTTEN_MS, REMEMBERED_MAX, Throttle, Tried};

    fn account() -> Tried {
        Tried::Account("guest1@example.org".into())
    }

    #[test]
    fn the_wait_grows_and_ends() {
        let throttle = Throttle::default();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..14 {
            if let Err(wait) = throttle.begin(&[account()], now) {
                waits.push(wait / 1_000);
                now += wait;
                assert_eq!(throttle.begin(&[account()], now), Ok(()));
            }
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn many_at_once_are_many() {
        let throttle = Throttle::default();
        let taken = (0..100).filter(|_| throttle.begin(&[account()], 5).is_ok()).count();
        assert_eq!(taken, 4);
        let other = Tried::Account("guest2@example.org".into());
        assert_eq!(throttle.begin(&[other], 5), Ok(()), "another account is free");
    }

    #[test]
    fn a_right_one_frees_the_account_and_gives_the_address_one_back() {
        let throttle = Throttle::default();
        let address = Tried::Address("203.0.113.7".into());
        for number in 0..11 {
            let tried = [Tried::Account(format!("guest{number}@example.org")), address.clone()];
            assert_eq!(throttle.begin(&tried, 0), Ok(()));
        }
        assert!(throttle.begin(&[account(), address.clone()], 0).is_err(), "the address tried eleven");
        throttle.right(std::slice::from_ref(&address));
        assert_eq!(throttle.begin(&[address], 0), Ok(()));
        for _ in 0..10 {
            let _ = throttle.begin(&[account()], 0);
        }
        throttle.right(&[account()]);
        assert_eq!(throttle.begin(&[account()], 0), Ok(()));
    }

    #[test]
    fn what_is_quiet_for_an_hour_is_forgotten_and_the_memory_is_bounded() {
        let throttle = Throttle::default();
        for _ in 0..20 {
            let _ = throttle.begin(&[account()], 0);
        }
        assert_eq!(throttle.begin(&[account()], FORGOTTEN_MS + 1), Ok(()));
        for number in 0..3 * REMEMBERED_MAX {
            let _ = throttle.begin(&[Tried::Address(number.to_string())], number as i64);
        }
        assert!(throttle.0.lock().unwrap().len() <= REMEMBERED_MAX);
    }
}
