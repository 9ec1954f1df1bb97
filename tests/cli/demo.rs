//! The demo, from its start to its end.

use crate::program::{Running, first_url, get, run_with};

#[test]
fn the_demo_shows_a_webhook_going_all_the_way_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().expect("a folder");
    let mut demo = Running::start(home.path(), &["demo"]);
    let guest = demo.line_with("guest: ");
    let name = guest.strip_prefix("guest: ").expect("it begins with it").to_owned();
    assert_eq!(name, "Siobhán Ní Bhriain");
    let told = demo.read().to_owned();
    let ui = first_url(&told).expect("a URL").to_owned();
    assert!(told.contains("Created: booking"), "{told}");
    assert!(told.contains("guests-to-crm.yaml:"), "{told}");
    assert!(told.contains("phone         +353877654321"), "the record has the new number:\n{told}");
    let page = get(&ui);
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("Siobhán Ní Bhriain"), "{page}");

    // The command that it says works as it stands.
    let line = demo.line_with(" send /");
    let arguments: Vec<&str> = line.split_whitespace().skip(1).collect();
    let sent = run_with(home.path(), &arguments, "").fine();
    assert!(sent.out.contains("evt_"), "{}", sent.out);
    demo.line_with("Ctrl-C");
    assert_eq!(demo.interrupt(), Some(0));
    let left: Vec<_> = std::fs::read_dir(home.path()).expect("the folder").collect();
    assert!(left.is_empty(), "{left:?}");
}
