//! Tests of whole screens.

use super::*;
use crate::top::model::tests::{START, answer, model, press, session, sessions, status};
use crate::top::model::{Answer, Answered, Question};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyCode;
use serde_json::json;
use std::time::Duration;

/// When the screens are drawn.
const MINUTES: Duration = Duration::from_secs(185);

fn buffer(model: &Model, width: u16, height: u16, colours: bool) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let palette = Palette { colours };
    terminal.draw(|frame| draw(frame, model, palette, START + MINUTES)).unwrap();
    terminal.backend().buffer().clone()
}

/// The lines of the screen, without trailing spaces.
fn screen(model: &Model, width: u16, height: u16) -> String {
    let buffer = buffer(model, width, height, true);
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| line(y).trim_end().to_owned() + "\n").collect()
}

/// The red texts on the screen.
fn red(model: &Model) -> Vec<String> {
    let buffer = buffer(model, 120, 20, true);
    let cells = buffer.content().iter();
    let text: String =
        cells.map(|cell| if cell.fg == Color::Red { cell.symbol() } else { "\n" }).collect();
    text.lines().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

#[test]
fn forwards_at_80_columns() {
    let expected = "\
traffic-forwarder serving for 2h05m, pid 4711, version 1.2.3, generation 3
up           3.0 KiB/s           1.2 MiB                                      ██
down             0 B/s           2.0 KiB
sessions     1.5 new/s         3 of 1000                                      ██
uses      20 of 1024 files, 1 pipe, 10 MiB of memory, 2 workers
 2 forwards   3 sessions   targets   by config
FORWARD STATE  LISTEN   SESSIONS      UP/S    DOWN/S NEW/S REFUSED FAILED
db      active :5432 +1    2/100     1 B/s     0 B/s   0.2       0      0
web     active :5432 +1      1/1     1 B/s     0 B/s   0.2       0      4














F1Help F4Filter F5Targets F6Sort F7Drain F8Resume F9Kill F10Quit
";
    assert_eq!(screen(&model(), 80, 24), expected);
}

#[test]
fn the_title_leaves_out_what_has_no_room() {
    let title = |width, changes| {
        let mut model = model();
        model.status = status(changes);
        screen(&model, width, 24).lines().next().unwrap_or_default().to_owned()
    };
    let long = || json!({ "pid": 4_194_304, "build": "0123abcd", "generation": 1234 });
    let start = "traffic-forwarder serving for 2h05m";
    let all = format!("{start}, pid 4194304, version 1.2.3 (0123abcd), generation 1234");
    assert_eq!(title(120, long()), format!("{all}  /etc/traffic-forwarder.conf"));
    assert_eq!(title(100, long()), all);
    let expected = format!("{start}, pid 4194304, version 1.2.3, generation 1234");
    assert_eq!(title(80, long()), expected);
    let trial = json!({ "pid": 4_194_304, "generation": 1234, "confirm_within": 45.0 });
    let expected = format!("{start}, generation 1234, on trial: 45s left");
    assert_eq!(title(80, trial), expected);
    assert_eq!(title(40, long()), start);
}

#[test]
fn sessions_at_60_columns() {
    let mut model = model();
    press(&mut model, &[KeyCode::Tab, KeyCode::Down]);
    let expected = "\
traffic-forwarder serving for 2h05m, pid 4711, generation 3
up           3.0 KiB/s           1.2 MiB                  ██
down             0 B/s           2.0 KiB
sessions     1.5 new/s         3 of 1000                  ██
 2 forwards   3 sessions   targets   by rate
ID FORWARD CLIENT           UP/S    DOWN/S VERDICT
 7 db      192.0.2.1:7   512 B/s   512 B/s ok
 8 web     192.0.2.1:8   512 B/s   512 B/s network-lossy
 9 db      192.0.2.1:9   512 B/s   512 B/s ok

F1Help F4Filter F5Targets F6Sort F7Drain F9Kill F10Quit
";
    assert_eq!(screen(&model, 60, 11), expected);
}

/// Sessions whose clients have the longest addresses, and one of IPv4.
fn long_clients() -> Model {
    let mut model = model();
    press(&mut model, &[KeyCode::Tab]);
    let client = |id| {
        let address = format!("[2001:db8:1111:2222:3333:4444:5555:{id:04x}]:65535");
        session(id, json!({ "client": address, "forward": "database" }))
    };
    let all = vec![client(7), client(8), session(9, json!({ "verdict": "client-slow" }))];
    answer(&mut model, sessions(all));
    model
}

#[test]
fn the_longest_addresses_are_whole_and_the_verdict_stays() {
    let mut model = long_clients();
    let body = |model: &Model, width, height| {
        let shown = screen(model, width, height);
        let lines = shown.lines().skip_while(|line| !line.starts_with(" 2 forwards")).skip(1);
        lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    };
    let expected = "\
ID CLIENT                                             UP/S    DOWN/S VERDICT
 7 [2001:db8:1111:2222:3333:4444:5555:0007]:65535
                                                   512 B/s   512 B/s ok
 8 [2001:db8:1111:2222:3333:4444:5555:0008]:65535
                                                   512 B/s   512 B/s ok
 9 192.0.2.1:9                                     512 B/s   512 B/s client-slow";
    assert_eq!(body(&model, 80, 24), expected);
    press(&mut model, &[KeyCode::Char('s'), KeyCode::Down, KeyCode::Enter]);
    assert_eq!(model.sorts().1, "age");
    let expected = "\
ID FORWARD  CLIENT                                           AGE VERDICT
 7 database [2001:db8:1111:2222:3333:4444:5555:0007]:65535 1m01s ok
 8 database [2001:db8:1111:2222:3333:4444:5555:0008]:65535 1m01s ok
 9 db       192.0.2.1:9                                    1m01s client-slow";
    assert_eq!(body(&model, 80, 24), expected);
}

#[test]
fn a_small_screen_cuts_nothing_without_a_mark() {
    let mut model = long_clients();
    model.set_layout(Layout::of(Rect::new(0, 0, 40, 12), false).unwrap());
    press(&mut model, &[KeyCode::Down, KeyCode::Down]);
    let expected = "\
traffic-forwarder serving for 2h05m
up           3.0 KiB/s           1.2 MiB
down             0 B/s           2.0 KiB
sessions     1.5 new/s         3 of 1000
 2 forwards   3 sessions   targets   by…
CLIENT                    UP/S    DOWN/S
[2001:db8:1111:2222:3333:4444:5555:0008]
:65535
                       512 B/s   512 B/s
192.0.2.1:9            512 B/s   512 B/s

F1Help F4Filter F6Sort F9Kill F10Quit
";
    assert_eq!(screen(&model, 40, 12), expected);
}

#[test]
fn one_session_at_80_columns() {
    let mut model = model();
    press(&mut model, &[KeyCode::Tab, KeyCode::Enter]);
    let shown = screen(&model, 80, 24);
    for line in [
        " 2 forwards   3 sessions   targets   session 7",
        "client      192.0.2.1:7 at :5432",
        "target      db:1 (192.0.2.9:1)",
        "up          2.0 KiB by copy, 512 B/s",
        "client tcp  rtt 20us, 1 retransmit, 0 B unsent, 0 unacknowledged, 0 lost,",
        "            window 10 segments, 0 backoffs",
        "bytes       2048 B up, 2048 B down",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
}

/// The lines of the body and of the message, on a screen of 80 columns and 12 lines.
fn low(model: &Model) -> Vec<String> {
    screen(model, 80, 12).lines().skip(5).take(6).map(str::to_owned).collect()
}

#[test]
fn a_session_that_does_not_fit_is_scrolled() {
    let mut model = model();
    model.set_layout(Layout::of(Rect::new(0, 0, 80, 12), false).unwrap());
    press(&mut model, &[KeyCode::Tab, KeyCode::Enter]);
    let first = low(&model);
    assert!(
        first[0].starts_with("session     7, ") && first[4].starts_with("started "),
        "{first:?}"
    );
    assert_eq!(first[5].trim_start(), "lines 1-5 of 14");
    press(&mut model, &[KeyCode::Down]);
    assert_eq!(low(&model)[..4], first[1..5], "by one line");
    press(&mut model, &[KeyCode::End]);
    let last = low(&model);
    assert_eq!(last[3..5], ["verdict     ok", "bytes       2048 B up, 2048 B down"]);
    assert_eq!(last[5].trim_start(), "lines 10-14 of 14");
    press(&mut model, &[KeyCode::PageUp, KeyCode::Up]);
    assert_eq!(low(&model)[5].trim_start(), "lines 4-8 of 14");
    // Opening a session again starts at its first line.
    press(&mut model, &[KeyCode::Esc, KeyCode::Enter]);
    assert_eq!(low(&model), first);
}

#[test]
fn a_resize_leaves_no_empty_lines_below_scrolled_text() {
    let mut model = model();
    let resize = |model: &mut Model, height| {
        model.set_layout(Layout::of(Rect::new(0, 0, 80, height), false).unwrap());
    };
    resize(&mut model, 12);
    press(&mut model, &[KeyCode::Tab, KeyCode::Enter, KeyCode::End]);
    // The screen may grow before the model receives the resize.
    for is_resized in [false, true] {
        if is_resized {
            resize(&mut model, 14);
        }
        let shown = screen(&model, 80, 14);
        assert!(
            shown.contains("2048 B down\n") && shown.contains(" lines 8-14 of 14\n"),
            "{shown}"
        );
    }
    resize(&mut model, 12);
    assert_eq!(low(&model)[5].trim_start(), "lines 8-12 of 14");
    resize(&mut model, 24);
    let whole = screen(&model, 80, 24);
    assert!(whole.contains("\nsession     7, ") && !whole.contains(" lines "), "{whole}");
}

/// The message and the scroll position share one line.
#[test]
fn a_message_is_shown_beside_the_scroll_position() {
    let mut model = model();
    model.set_layout(Layout::of(Rect::new(0, 0, 40, 10), false).unwrap());
    press(&mut model, &[KeyCode::Tab, KeyCode::Enter, KeyCode::Char(' ')]);
    let shown = screen(&model, 40, 10);
    assert!(shown.contains("\npaused: Space resumes    lines 1-3 of 22\n"), "{shown}");
}

#[test]
fn a_confirmation_names_its_object() {
    let mut model = model();
    press(&mut model, &[KeyCode::Tab, KeyCode::Down, KeyCode::F(9)]);
    for (width, height) in [(80, 24), (120, 40), (60, 15)] {
        let shown = screen(&model, width, height);
        assert!(shown.contains("Kill session 8 of web?"), "{shown}");
        assert!(shown.contains("192.0.2.1:8") && shown.contains("y yes"), "{shown}");
    }
}

#[test]
fn the_help_fits_on_the_smallest_screens() {
    let mut model = model();
    press(&mut model, &[KeyCode::F(1)]);
    let shown = screen(&model, 80, 24);
    assert!(shown.contains("F10 q     quit"), "{shown}");
    assert_eq!(screen(&model, 30, 5).trim(), "too small");
}

#[test]
fn the_help_is_scrolled_on_a_low_screen() {
    let mut model = model();
    model.set_layout(Layout::of(Rect::new(0, 0, 80, 10), false).unwrap());
    press(&mut model, &[KeyCode::F(1)]);
    let shown = screen(&model, 80, 10);
    assert!(shown.contains(" Help 1-8 of 16: Esc closes it "), "{shown}");
    assert!(shown.contains("this help") && !shown.contains("F10 q     leave"), "{shown}");
    press(&mut model, &[KeyCode::PageDown]);
    let shown = screen(&model, 80, 10);
    assert!(shown.contains(" Help 9-16 of 16: Esc closes it "), "{shown}");
    assert!(!shown.contains("this help") && shown.contains("F10 q     quit"), "{shown}");
    model.set_layout(Layout::of(Rect::new(0, 0, 80, 24), false).unwrap());
    assert!(screen(&model, 80, 24).contains("this help"), "the whole help fits");
    press(&mut model, &[KeyCode::Up]);
    assert_eq!(model.dialog, None, "without scrolling, any key closes the help");
}

/// Every red element of the screen, and only those.
#[test]
fn conditions_that_need_action_are_red() {
    let mut model = model();
    assert_eq!(red(&model), ["web", "1/1", "4"]);
    press(&mut model, &[KeyCode::Tab]);
    assert_eq!(red(&model), ["network-lossy"]);
    let changes = json!({
        "sessions": 1000, "open_files": 1000, "attention": [
            { "condition": "sessions_full", "text": "1000 of 1000 are open" },
            { "condition": "files_short", "text": "files run short" },
            { "condition": "reload_failed", "text": "the last reload failed" },
            { "condition": "of_a_later_version", "text": "a later version knows more" },
        ],
    });
    let answer = Answered {
        question: Question::Session(1),
        status: Ok(status(changes)),
        answer: Ok(Answer::Session(Box::new(session(1, json!({}))))),
    };
    model.take(answer, START);
    let alerts = "1000 of 1000 are open; files run short; the last reload failed; \
                  a later version knows more";
    let expected = ["1000 of 1000", "1000 of 1024 files", "network-lossy", alerts];
    assert_eq!(red(&model), expected);
    let plain = buffer(&model, 120, 20, false);
    assert!(plain.content().iter().all(|cell| cell.fg == Color::Reset), "NO_COLOR holds");
}

#[test]
fn control_characters_from_outside_are_escaped() {
    let mut model = model();
    press(&mut model, &[KeyCode::Tab, KeyCode::Enter]);
    let steering = session(7, json!({ "forward": "a\u{1b}[2J", "target": "b\u{7}" }));
    answer(&mut model, Answer::Session(Box::new(steering)));
    let shown = screen(&model, 80, 24);
    assert!(shown.contains(r"a\u{1b}[2J") && shown.contains(r"b\u{7}"), "{shown}");
}

/// Drawing outside the buffer would panic.
#[test]
fn every_size_is_drawn() {
    use KeyCode::{Enter, Esc, F, Tab};
    let mut model = model();
    for keys in [
        &[][..],
        &[Tab],
        &[F(9)],
        &[Esc, Enter],
        &[F(1)],
        &[Esc, Esc, F(4)],
        &[Esc, F(6)],
        &[Esc, Tab],
        &[F(7)],
        &[Esc, Enter],
    ] {
        press(&mut model, keys);
        for width in (1..90).step_by(8) {
            for height in 1..30 {
                screen(&model, width, height);
            }
        }
    }
}

mod fleet;
mod targets;
