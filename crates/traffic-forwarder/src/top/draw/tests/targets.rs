//! Screens of the targets.

use super::*;
use crate::console::screen::columns;
use crate::top::model::tests::{down, forward, open_targets, target};
use crate::top::targets::rows;

/// The model with three targets of `db`, the second one down, and two of `web`.
fn targets() -> Model {
    let mut model = model();
    let db = json!([
        target("10.0.0.5:5432", json!({})),
        target("10.0.0.6:5432", down()),
        target("10.0.0.7:5432", json!({ "state": "drained", "backup": true })),
    ]);
    let web = json!([
        target("[2001:db8::1:80]:80", json!({ "max_sessions": 8 })),
        target(
            "dns:web.internal:80",
            json!({ "state": "unknown", "why": "its name has no answer yet" })
        ),
    ]);
    open_targets(&mut model, db, web);
    model
}

/// The lines of the body below the title.
fn body(model: &Model, width: u16, height: u16) -> Vec<String> {
    let shown = screen(model, width, height);
    let lines = shown.lines().skip_while(|line| !line.starts_with(" 2 forwards")).skip(1);
    lines.take_while(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn targets_at_80_columns_begin_with_what_is_wrong() {
    let expected = "\
traffic-forwarder serving for 2h05m, pid 4711, version 1.2.3, generation 3
up           3.0 KiB/s           1.2 MiB                                     ███
down             0 B/s           2.0 KiB
sessions     1.5 new/s         3 of 1000                                     ███
uses      20 of 1024 files, 1 pipe, 10 MiB of memory, 2 workers
 2 forwards   3 sessions   5 targets   by state  1 down
FORWARD TARGET              STATE     FOR SESSIONS WHY
db      10.0.0.6:5432       down    2m05s        0 3 checks failed, the last on…
web     dns:web.internal:80 unknown     -        2 its name has no answer yet
db      10.0.0.7:5432       drained     -        2 -
db      10.0.0.5:5432       up          -        2 -
web     [2001:db8::1:80]:80 up          -      2/8 -











F1Help F4Filter F5Targets F6Sort F7Drain F8Resume F9Kill F10Quit
";
    assert_eq!(screen(&targets(), 80, 24), expected);
}

/// What a width has no room for is dropped: the columns about connects and checks first, then
/// the reason shrinks. Addresses stay whole.
#[test]
fn addresses_are_whole_at_every_width() {
    let model = targets();
    let heads = |width| body(&model, width, 24)[0].split_whitespace().collect::<Vec<_>>().join(" ");
    let most =
        "FORWARD TARGET STATE FOR SESSIONS WHY WEIGHT CONNECTS FAILED CONNECT TIME FROM CHECK";
    assert_eq!(heads(200), most);
    assert_eq!(heads(110), "FORWARD TARGET STATE FOR SESSIONS WHY WEIGHT");
    assert_eq!(heads(78), "FORWARD TARGET STATE FOR SESSIONS WHY");
    assert_eq!(heads(55), "FORWARD TARGET STATE FOR SESSIONS");
    for width in 40..200 {
        let shown = body(&model, width, 24);
        assert!(shown.iter().all(|line| columns(line) <= width.into()), "{width}: {shown:?}");
        let addresses: Vec<_> = shown[1..]
            .iter()
            .map(|line| line.split(' ').filter(|it| !it.is_empty()).nth(1))
            .collect();
        let whole = [
            "10.0.0.6:5432",
            "dns:web.internal:80",
            "10.0.0.7:5432",
            "10.0.0.5:5432",
            "[2001:db8::1:80]:80",
        ];
        assert_eq!(addresses, whole.map(Some), "{width}");
    }
}

#[test]
fn states_are_words_and_colours() {
    assert_eq!(
        red(&targets()),
        ["1 down", "down", "3 checks failed, the last one: connection refused"]
    );
    let plain = buffer(&targets(), 120, 20, false);
    assert!(plain.content().iter().all(|cell| cell.fg == Color::Reset), "NO_COLOR holds");
}

#[test]
fn a_thousand_targets_scroll() {
    let mut model = model();
    model.set_layout(Layout::of(Rect::new(0, 0, 80, 24), false).unwrap());
    let many = (0..1024).map(|at| {
        let changes = if at % 100 == 99 { down() } else { json!({}) };
        target(&format!("10.1.{}.{}:5432", at / 256, at % 256), changes)
    });
    open_targets(&mut model, many.collect(), json!([]));
    let shown = screen(&model, 80, 24);
    assert!(shown.contains(" 1024 targets   by state  10 down\n"), "{shown}");
    let rows = body(&model, 80, 24);
    assert!(rows[1..11].iter().all(|row| row.contains(" down ")), "{shown}");
    assert!(rows[11].starts_with("db      10.1.0.0:5432 "), "{shown}");
    press(&mut model, &[KeyCode::End]);
    let rows = body(&model, 80, 24);
    assert!(rows[15].starts_with("db      10.1.3.255:5432 "), "{rows:?}");
    press(&mut model, &[KeyCode::F(6), KeyCode::Down, KeyCode::Enter]);
    assert_eq!(model.sorts().1, "config");
}

#[test]
fn one_target_in_full() {
    let mut model = targets();
    press(&mut model, &[KeyCode::Enter]);
    let shown = screen(&model, 60, 24);
    for line in [
        " 2 forwards   3 sessions   targets   one target",
        "target      10.0.0.6:5432",
        "forward     db",
        "state       down since 1970-01-01T00:01:00.000Z: 3 checks",
        "            failed, the last one: connection refused",
        "sessions    0",
        "connects    9 connects, 0 failed, usually 1.0ms",
        "checks      4 succeeded, 3 failed",
        "last check  connection refused in 200us, ",
        "            at 1970-01-01T00:02:00.000Z",
    ] {
        assert!(shown.lines().any(|shown| shown.trim_end() == line.trim_end()), "{line}\n{shown}");
    }
    // It follows the target, wherever that moves in the list.
    let recovered = json!([target("10.0.0.6:5432", json!({ "sessions": 41 }))]);
    let Question::Targets(query) = model.question() else { panic!("another view") };
    let forwards = vec![forward("db", json!({ "targets": recovered }))];
    answer(&mut model, Answer::Targets(rows(forwards, &query)));
    let shown = screen(&model, 60, 24);
    assert!(shown.contains("state       up\n") && shown.contains("sessions    41\n"), "{shown}");
}
