//! All orders of a rebooking's webhooks, and many of a chain of three.

use crate::postgres::TestDatabase;
use crate::story::{Tells, tells, uuid};
use crate::truth::Truth;
use crate::world::{World, ruleset};
use waypost::store::{OpenOptions, open, open_in_memory};

/// Orders of a chain of three where nobody says how many.
const ORDERS: usize = 400;
/// Of all orders of two, so many are left out by each test where nobody asks for all: the tests take different ones.
const EACH: usize = 5;
/// Chains of one world: what it remembers is looked through again and again.
const CHAINS_OF_A_WORLD: usize = 100;

/// How many orders are asked for: all that there are of two, and so many of three.
fn asked() -> Option<usize> {
    let text = std::env::var("WAYPOST_REBOOKINGS").ok()?;
    Some(text.parse().expect("WAYPOST_REBOOKINGS is a number"))
}

/// The webhooks of one rebooking.
fn of_two() -> Vec<Tells> {
    vec![
        tells(0, "booked", 100),
        tells(0, "booked", 101),
        tells(0, "rebooked", 101),
        tells(1, "booked", 200),
        tells(1, "booked", 201),
        tells(1, "cancelled", 202),
    ]
}

/// The webhooks of a booking that was rebooked twice.
fn of_three() -> Vec<Tells> {
    vec![
        tells(0, "booked", 100),
        tells(0, "rebooked", 100),
        tells(1, "booked", 200),
        tells(1, "booked", 201),
        tells(1, "rebooked", 201),
        tells(2, "booked", 300),
        tells(2, "booked", 301),
        tells(2, "cancelled", 302),
    ]
}

/// The webhooks of a booking that was rebooked three times.
fn of_four() -> Vec<Tells> {
    vec![
        tells(0, "booked", 100),
        tells(0, "rebooked", 100),
        tells(1, "booked", 200),
        tells(1, "rebooked", 200),
        tells(2, "booked", 300),
        tells(2, "rebooked", 300),
        tells(3, "booked", 400),
        tells(3, "cancelled", 401),
    ]
}

/// All orders of all choices of these, the empty one too.
fn all_orders(of: &[Tells]) -> Vec<Vec<Tells>> {
    fn add(left: &[Tells], so_far: &mut Vec<Tells>, found: &mut Vec<Vec<Tells>>) {
        found.push(so_far.clone());
        for (index, next) in left.iter().enumerate() {
            let mut rest = left.to_vec();
            rest.remove(index);
            so_far.push(next.clone());
            add(&rest, so_far, found);
            so_far.pop();
        }
    }
    let mut found = Vec::new();
    add(of, &mut Vec::new(), &mut found);
    found
}

/// How webhooks come in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pace {
    /// Each is through before the next one comes.
    OneByOne,
    /// All are there before anything is sent.
    AllAtOnce,
    /// Each is applied as it comes, and nothing is sent before the last.
    AppliedFirst,
}

/// Numbers that a seed decides.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % end.max(1) as u64) as usize
    }
}

async fn world(trouble: u64) -> World {
    World::over(open_in_memory().await.expect("a store"), ruleset(), trouble)
}

/// Tells a chain's webhooks; gives what is wrong in the end.
async fn tell(world: &mut World, chain: usize, bookings: usize, order: &[Tells], pace: Pace) -> Vec<String> {
    let mut truth = Truth::of(chain, bookings);
    for one in order {
        world.post(chain, one).await;
        truth.tell(one);
        match pace {
            Pace::OneByOne => world.settle_down().await,
            Pace::AppliedFirst => world.apply().await,
            Pace::AllAtOnce => {}
        }
    }
    world.settle_down().await;
    let wrong = truth.compare(&world.crm);
    wrong.into_iter().map(|what| format!("{what} ({pace:?}: {order:?})")).collect()
}

fn assert_none(orders: usize, wrong: &[String]) {
    let few: Vec<&String> = wrong.iter().take(6).collect();
    assert!(wrong.is_empty(), "{} wrong in {orders} orders: {few:#?}", wrong.len());
}

/// Orders of two, each with its number: all, or those of this test.
fn orders_of_two(test: usize) -> Vec<(usize, Vec<Tells>)> {
    let orders = all_orders(&of_two());
    assert_eq!(orders.len(), 1_957);
    let numbered = orders.into_iter().enumerate();
    match asked() {
        Some(_) => numbered.collect(),
        None => numbered.filter(|(number, _)| number % EACH == test % EACH).collect(),
    }
}

/// Tells all of these, with a new world now and then.
async fn tell_all(trouble: u64, bookings: usize, stories: impl Iterator<Item = (usize, Vec<Tells>, Pace)>) {
    let mut world = world(trouble).await;
    let mut wrong = Vec::new();
    let mut told = 0;
    for (chain, order, pace) in stories {
        told += 1;
        if told % CHAINS_OF_A_WORLD == 0 {
            world.store.close().await;
            world = self::world(trouble).await;
        }
        world.seed(chain as u64);
        wrong.extend(tell(&mut world, chain, bookings, &order, pace).await);
    }
    println!("orders={told} wrong={}", wrong.len());
    assert_none(told, &wrong);
}

#[tokio::test]
async fn whatever_order_one_by_one_and_whatever_is_missing_the_crm_ends_right() {
    let stories = orders_of_two(0).into_iter().map(|(chain, order)| (chain, order, Pace::OneByOne));
    tell_all(0, 2, stories).await;
}

#[tokio::test]
async fn whatever_order_all_at_once_and_whatever_is_missing_the_crm_ends_right() {
    let stories = orders_of_two(1).into_iter().map(|(chain, order)| (chain, order, Pace::AllAtOnce));
    tell_all(0, 2, stories).await;
}

#[tokio::test]
async fn whatever_order_while_the_crm_is_paused_and_whatever_is_missing_the_crm_ends_right() {
    let stories = orders_of_two(2).into_iter().map(|(chain, order)| (chain, order, Pace::AppliedFirst));
    tell_all(0, 2, stories).await;
}

/// Each order with copies: one at once, one of any earlier webhook anywhere after it.
fn with_copies(order: &[Tells], dice: &mut Dice) -> Vec<Tells> {
    let mut copied: Vec<Tells> = Vec::new();
    for one in order {
        copied.push(one.clone());
        if dice.below(2) == 0 {
            copied.push(one.clone());
        }
        if dice.below(2) == 0 {
            copied.push(copied[dice.below(copied.len())].clone());
        }
    }
    copied
}

fn any_pace(dice: &mut Dice) -> Pace {
    [Pace::OneByOne, Pace::AllAtOnce, Pace::AppliedFirst][dice.below(3)]
}

#[tokio::test]
async fn copies_at_once_and_late_ones_change_nothing_that_is_true() {
    let mut dice = Dice(7);
    let stories = orders_of_two(3).into_iter().map(|(chain, order)| {
        let order = with_copies(&order, &mut dice);
        (chain, order, any_pace(&mut dice))
    });
    tell_all(0, 2, stories).await;
}

#[tokio::test]
async fn a_crm_that_fails_and_loses_answers_ends_right_too() {
    let mut dice = Dice(11);
    let stories = orders_of_two(4).into_iter().map(|(chain, order)| (chain, order, any_pace(&mut dice)));
    tell_all(150, 2, stories).await;
}

/// Orders of a longer chain, with some of its webhooks missing, and copies.
fn orders_of(of: &[Tells], dice: &mut Dice) -> (Vec<Tells>, Pace) {
    let mut left = of.to_vec();
    let missing = [0, 0, 1, 2, 4][dice.below(5)];
    for _ in 0..missing {
        left.remove(dice.below(left.len()));
    }
    let mut order = Vec::new();
    while !left.is_empty() {
        order.push(left.remove(dice.below(left.len())));
    }
    if dice.below(2) == 0 {
        order = with_copies(&order, dice);
    }
    let pace = any_pace(dice);
    (order, pace)
}

#[tokio::test]
async fn a_booking_that_was_rebooked_twice_ends_right_in_many_orders() {
    let mut dice = Dice(5);
    let stories = (0..asked().unwrap_or(ORDERS)).map(|chain| {
        let (order, pace) = orders_of(&of_three(), &mut dice);
        (chain, order, pace)
    });
    tell_all(80, 3, stories).await;
}

#[tokio::test]
async fn a_booking_that_was_rebooked_three_times_ends_right_in_many_orders() {
    let mut dice = Dice(3);
    let stories = (0..asked().unwrap_or(ORDERS) / 2).map(|chain| {
        let (order, pace) = orders_of(&of_four(), &mut dice);
        (chain, order, pace)
    });
    tell_all(80, 4, stories).await;
}

/// The third booking's webhook comes right after the first's, so both have a deal before anybody can know that they are one
/// chain; the webhooks in between come last, or never.
#[tokio::test]
async fn an_old_deal_is_ended_where_the_chain_comes_out_late() {
    let [a, gone] = [tells(0, "booked", 100), tells(0, "rebooked", 100)];
    let [b, left] = [tells(1, "booked", 200), tells(1, "rebooked", 200)];
    let c = tells(2, "booked", 300);
    let orders = [
        vec![&a, &c, &gone],
        vec![&a, &c, &b],
        vec![&a, &c, &left],
        vec![&a, &c, &gone, &b, &left],
        vec![&a, &c, &b, &left, &gone],
        vec![&c, &a, &left],
        vec![&c, &a, &gone, &b],
    ];
    let mut chain = 0;
    for pace in [Pace::OneByOne, Pace::AppliedFirst, Pace::AllAtOnce] {
        for order in &orders {
            let mut world = world(0).await;
            let order: Vec<Tells> = order.iter().copied().cloned().collect();
            assert_none(1, &tell(&mut world, chain, 3, &order, pace).await);
            let status = |place| {
                let deal = world.crm.find("crm/deals", &uuid(chain, place))?;
                deal.fields.get("status").cloned()
            };
            assert_eq!(status(2), Some("booked".into()), "{order:?}");
            if pace == Pace::OneByOne {
                assert_eq!(status(0), Some("rebooked".into()), "{order:?}");
            }
            chain += 1;
        }
    }
}

/// The second booking took over the first's deal, the fourth made its own, and only then the third's webhook tells that they
/// are one chain: the end of the old deal leaves the newer one's alone, which a fifth takes over.
#[tokio::test]
async fn the_end_of_an_old_deal_leaves_the_newer_one_to_those_who_come() {
    let order = [
        tells(0, "booked", 100),
        tells(1, "booked", 200),
        tells(3, "booked", 400),
        tells(2, "rebooked", 300),
        tells(4, "booked", 500),
    ];
    let mut world = world(0).await;
    assert_none(1, &tell(&mut world, 1, 5, &order, Pace::OneByOne).await);
    let deals = (0..5).filter(|place| world.crm.find("crm/deals", &uuid(1, *place)).is_some());
    assert_eq!(deals.collect::<Vec<_>>(), [1, 4]);
}

#[tokio::test]
async fn rebookings_end_right_on_postgres() {
    let database = TestDatabase::create().await;
    let home = tempfile::tempdir().expect("a folder");
    let options = OpenOptions {
        data_dir: home.path().to_owned(),
        database_url: Some(database.url.clone()),
        exclusive: false,
        backup_dir: None,
    };
    let store = open(&options).await.expect("a store");
    let mut world = World::over(store.clone(), ruleset(), 0);
    let mut wrong = Vec::new();
    let orders: Vec<_> = all_orders(&of_two()).into_iter().step_by(41).collect();
    for (chain, order) in orders.iter().enumerate() {
        let pace = [Pace::OneByOne, Pace::AllAtOnce, Pace::AppliedFirst][chain % 3];
        wrong.extend(tell(&mut world, chain, 2, order, pace).await);
    }
    store.close().await;
    database.remove().await;
    assert_none(orders.len(), &wrong);
}
