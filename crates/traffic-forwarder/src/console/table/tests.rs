use super::*;

const COLUMNS: [Column; 3] = [text("NAME"), number("UP"), text("TARGET")];

fn table() -> Table<3> {
    let rows = [["数据库", "12 MiB", "db.internal.example:5432"], ["web", "0 B", "w:80"]];
    Table::new(COLUMNS, rows.iter().map(|row| row.map(Cell::from)))
}

fn screen(width: Option<usize>, colours: bool) -> Screen {
    Screen { size: width.map(|width| (width, 24)), colours }
}

#[test]
fn text_is_left_aligned_and_numbers_are_right_aligned() {
    let expected = "\
NAME        UP  TARGET
数据库  12 MiB  db.internal.example:5432
web        0 B  w:80
";
    assert_eq!(table().render(&screen(None, false)), expected);
}

#[test]
fn the_widest_text_shrinks_and_no_line_is_wider_than_the_terminal() {
    let expected = "\
NAME       UP TARGET
数据库 12 MiB db.internal.e…
web       0 B w:80
";
    assert_eq!(table().render(&screen(Some(28), false)), expected);
    for width in 0..40 {
        let shown = table().render(&screen(Some(width), false));
        assert!(shown.lines().all(|line| columns(line) <= width), "{width}:\n{shown}");
    }
}

#[test]
fn columns_are_dropped_by_rank_and_addresses_stay_whole() {
    let columns = [text("NAME"), address("TO"), number("A").rank(3), number("B").rank(4)];
    let columns = [&columns[..], &[text("STATE"), text("NEVER").only_if(false)]].concat();
    let columns: [Column; 6] = columns.try_into().unwrap();
    let row = ["web", "127.0.0.1:27101", "1000", "2000", "up", "x"].map(Cell::from);
    let table = Table::new(columns, std::iter::once(row));
    let shown = |width| table.render(&screen(width, false)).lines().nth(1).unwrap().to_owned();
    assert_eq!(shown(None), "web   127.0.0.1:27101  1000  2000  up");
    assert_eq!(shown(Some(40)), "web   127.0.0.1:27101  1000  2000  up");
    assert_eq!(shown(Some(39)), "web  127.0.0.1:27101 1000 2000 up", "narrower gaps come first");
    assert_eq!(shown(Some(36)), "web  127.0.0.1:27101 1000 2000 up");
    assert_eq!(shown(Some(35)), "web  127.0.0.1:27101 1000 up");
    assert_eq!(shown(Some(30)), "web  127.0.0.1:27101 up");
    // The heading STATE is wider than its content.
    assert_eq!(shown(Some(26)), "web  127.0.0.1:27101 up");
}

#[test]
fn the_sorted_column_stays_and_the_last_ones_go_after_addresses_have_their_own_lines() {
    let columns = [
        number("ID").rank(2),
        address("CLIENT"),
        number("AGE").rank(5).sorts("age"),
        number("RATE").rank(4).sorts("rate"),
        word("VERDICT").rank(1),
    ];
    let long = "[2001:db8:1111:2222:3333:4444:5555:6666]:65535";
    let rows =
        [["7", long, "1m05s", "102 KiB/s", "client-slow"], ["8", "10.0.0.1:9", "9s", "-", "ok"]];
    let shown = |sort: &str, width| {
        let rows = rows.iter().map(|row| row.map(Cell::from));
        Table::new(columns, rows).sorted_by(sort).render(&screen(Some(width), false))
    };
    let expected = "\
ID CLIENT                                         VERDICT
 7 [2001:db8:1111:2222:3333:4444:5555:6666]:65535 client-slow
 8 10.0.0.1:9                                     ok
";
    assert_eq!(shown("", 61), expected);
    let expected = "\
ID CLIENT                                      RATE VERDICT
 7 [2001:db8:1111:2222:3333:4444:5555:6666]:65535
                                          102 KiB/s client-slow
 8 10.0.0.1:9                                     - ok
";
    assert_eq!(shown("rate", 63), expected);
    let expected = "\
CLIENT                  AGE
[2001:db8:1111:2222:3333:4444:5555:6666]:65535
                      1m05s
10.0.0.1:9               9s
";
    assert_eq!(shown("age", 28), expected);
    for width in 26..100 {
        for sort in ["age", "rate"] {
            let shown = shown(sort, width);
            assert!(shown.contains(long) && shown.contains("10.0.0.1:9"), "{width}:\n{shown}");
            assert!(shown.contains(&sort.to_uppercase()), "{width}:\n{shown}");
        }
    }
}

#[test]
fn the_row_of_a_very_long_address_goes_on_in_the_next_line() {
    let columns = [text("NAME"), address("TO"), text("STATE"), number("N").rank(3)];
    let long = format!("{}:5432", "x".repeat(60));
    let rows = [["web", "w:80", "up", "1"], ["db", &long, "down", "2"]];
    let table = Table::new(columns, rows.iter().map(|row| row.map(Cell::from)));
    let indent = " ".repeat(6 + ADDRESS);
    let place = " ".repeat(ADDRESS - 4);
    let head = " ".repeat(ADDRESS - 2);
    let expected = format!(
        "NAME  TO{head}  STATE  N\nweb   w:80{place}  up     1\n\
         db    {long}\n{indent}  down   2\n"
    );
    assert_eq!(table.render(&screen(Some(66), false)), expected);
    let one_line = |most| {
        let lines = table.lines(most).remove(2).into_iter();
        let lines = lines.map(|parts| parts.into_iter().map(|part| part.text).collect::<String>());
        lines.collect::<Vec<_>>().join("\n")
    };
    let (front, back) = ("x".repeat(23), "x".repeat(18));
    assert_eq!(one_line(66), format!("db    {front}…{back}:5432  down   2"));
    assert!(one_line(100).contains(&long));
    // On a narrow screen, what fits goes on in the next line.
    let shown = one_line(40);
    assert_eq!(
        shown,
        format!("db   {front}…{}\n     {}:5432\n{:35}down ", "x".repeat(11), "x".repeat(7), "")
    );
}

#[test]
fn no_blank_line_follows_a_long_address() {
    let columns = [text("NAME"), address("TO"), text("STATE")];
    let row = ["db", &"x".repeat(60), "down"].map(Cell::from);
    let table = Table::new(columns, std::iter::once(row));
    for width in 30..70 {
        let shown = table.render(&screen(Some(width), false));
        assert!(shown.lines().all(|line| !line.is_empty()), "{width}:\n{shown}");
    }
}

#[test]
fn colours_do_not_change_the_alignment_and_escapes_are_inert() {
    let row = [Cell::coloured("a\x1b[2J", Some(Colour::Bad)), "1".into(), "t".into()];
    let table = Table::new(COLUMNS, std::iter::once(row));
    let plain = table.render(&screen(None, false));
    assert!(!plain.contains('\x1b') && plain.contains(r"a\u{1b}[2J"), "{plain:?}");
    let painted = table.render(&screen(None, true));
    assert_eq!(painted.replace("\x1b[31m", "").replace("\x1b[0m", ""), plain);
    assert_ne!(painted, plain);
}

#[test]
fn facts_are_aligned() {
    assert_eq!(facts(&[("a", "1".into()), ("long", "2".into())]), "a     1\nlong  2\n");
}

/// The columns above the last ranks, and those of the last, in the order in which they are dropped.
fn order(columns: &[Column]) -> [String; 2] {
    let mut ranks: Vec<u8> = columns.iter().map(|column| column.rank).collect();
    ranks.sort_unstable();
    ranks.dedup();
    let named = |rank: &u8| {
        let heads: Vec<_> =
            columns.iter().filter(|it| it.rank == *rank).map(|it| it.head).collect();
        heads.join(" and ")
    };
    let named = |of: fn(&u8) -> bool| {
        ranks.iter().rev().filter(|rank| of(rank)).map(named).collect::<Vec<_>>().join(", ")
    };
    [named(|rank| *rank > LAST), named(|rank| (1..=LAST).contains(rank))]
}

/// docs/views.md has the order of each table.
#[test]
fn the_order_of_columns_is_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/views.md");
    let document = std::fs::read_to_string(path).unwrap();
    for (tables, columns) in [
        ("`status`, forwards of `top`", &crate::console::forward_table::columns(true, true)[..]),
        ("`sessions`, also of `top`", &crate::console::session_table::COLUMNS),
        ("`clients`", &crate::console::clients::COLUMNS),
        ("`targets`, also of `top`", &crate::console::target_table::columns([true; 4])),
    ] {
        let [first, last] = order(columns);
        let row = format!("| {tables} | {first} | {last} |").replace("|  |", "| |");
        assert!(document.contains(&row), "{row}");
    }
}
