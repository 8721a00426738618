//! Appearance of the page: both themes, and narrow windows.

use testkit::{LIMIT, Script, connect, wait_until};

use crate::stage::{Stage, play};

/// The longest kind of address of a client.
const CLIENT: &str = "2001:db8:1234:5678:9abc:def0:1234:5678";

/// Contrast of each text colour on each background, by the formula of WCAG 2.
const CONTRASTS: &str = r#"(() => {
  const style = getComputedStyle(document.documentElement);
  const channel = (value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = (name) => {
    const hex = style.getPropertyValue(`--${name}`).trim();
    const [r, g, b] = [1, 3, 5].map((at) => channel(parseInt(hex.slice(at, at + 2), 16) / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const grounds = ["page", "card"];
  const texts = ["text", "quiet", "good", "notable", "bad", "focus"];
  return [...grounds.flatMap((ground) => texts.map((text) => [text, ground])), ["text", "bad-card"]]
    .map(([text, ground]) => {
      const [dark, bright] = [light(text), light(ground)].sort((a, b) => a - b);
      return [`${text} on ${ground}`, (bright + 0.05) / (dark + 0.05)];
    });
})()"#;

const GROUND: &str = "getComputedStyle(document.body).backgroundColor";

#[test]
fn every_theme_has_readable_contrast() {
    let stage = Stage::start(&["echo"], "");
    let mut browser = stage.page();
    let mut grounds = Vec::new();
    for (scheme, presses, shown) in
        [("light", 0, "light"), ("dark", 0, "dark"), ("light", 1, "dark"), ("dark", 1, "light")]
    {
        browser.window(1280, 800, scheme);
        (0..presses).for_each(|_| browser.press(&["t"]));
        let colours = "getComputedStyle(document.documentElement).colorScheme";
        browser.wait(&format!("{colours} === '{shown}'"));
        for contrast in browser.evaluate(CONTRASTS).as_array().unwrap() {
            assert!(contrast[1].as_f64().unwrap() >= 4.5, "{contrast}");
        }
        grounds.push(browser.evaluate(GROUND).as_str().unwrap().to_owned());
    }
    // The system's dark, the system's light; then always dark, always light.
    assert_eq!((&grounds[0], &grounds[1]), (&grounds[3], &grounds[2]));
    assert_ne!(grounds[0], grounds[1]);
    // The choice survives a reload.
    browser.open(&stage.url());
    assert_eq!(browser.texts("#theme output"), ["light"]);
}

/// Texts beyond an edge: of the window, of the cell of an address, or, at the widths of a phone and of a
/// desktop, of the box that a table scrolls in. Also the times of events that take several lines.
const MISPLACED: &str = r"(() => {
  const cells = [...document.querySelectorAll('td')];
  const boxes = [
    document.documentElement,
    ...cells.filter((it) => /:\d+$/.test(it.textContent)),
    ...([390, 1400].includes(innerWidth) ? document.querySelectorAll('.wide') : []),
  ];
  const lines = (it) => {
    const text = document.createRange();
    text.selectNodeContents(it);
    return text.getClientRects().length;
  };
  return [
    ...boxes.filter((it) => it.scrollWidth > it.clientWidth),
    ...[...document.querySelectorAll('#events time')].filter((it) => lines(it) > 1),
  ].map((it) => it.innerText);
})()";

#[test]
fn no_window_scrolls_sideways_or_cuts_an_address() {
    let name = "a-forward-with-a-name-that-is-rather-long-for-a-telephone";
    let stage = Stage::start(&[name], "accept_proxy = { from = ['127.0.0.0/8'] }");
    let hello = |port: u16| {
        let client = connect(&stage.ports[0]).unwrap();
        let header = format!("PROXY TCP6 {CLIENT} 2001:db8::1 {port} 443\r\n.");
        play(&client, Script::new().write_bytes(header).read_exactly(1));
        client
    };
    drop(hello(54321));
    wait_until("its end", LIMIT, || stage.http().json("/v1/sessions/ended")["total"] == 1);
    let _open = hello(54322);
    let mut browser = stage.page();
    stage.wait_for_events(&mut browser, name);
    for (width, scheme) in [
        (320, "dark"),
        (390, "light"),
        (390, "dark"),
        (768, "light"),
        (1400, "light"),
        (1400, "dark"),
    ] {
        browser.window(width, 844, scheme);
        for (tab, shown, text) in [
            ("1", "#forwards tbody", name),
            ("2", "#sessions tbody", &*format!("[{CLIENT}]:54322")),
            ("3", "#ended tbody", &*format!("[{CLIENT}]:54321")),
            ("4", "#events ol", name),
        ] {
            browser.press(&[tab]);
            browser.wait_for_text(shown, text);
            let misplaced = browser.evaluate(MISPLACED);
            assert_eq!(misplaced, serde_json::json!([]), "{width} pixels, {scheme}, tab {tab}");
        }
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn amounts_are_formatted_as_in_the_commands() {
    let stage = Stage::start(&["echo"], "");
    let mut browser = stage.page();
    browser.wait(
        "import('/page/units.js').then((units) => { globalThis.units = units; return true })",
    );
    let cases = [
        ("bytes(0)", "0 B"),
        ("bytes(1023)", "1023 B"),
        ("bytes(1536)", "1.5 KiB"),
        ("bytes(10189)", "10 KiB"),
        ("bytes(1048063)", "1023 KiB"),
        ("bytes(1048064)", "1.0 MiB"),
        ("bytes(12 * 2 ** 20)", "12 MiB"),
        ("bytes(2 ** 64)", "16 EiB"),
        ("rate(undefined)", "-"),
        ("rate(0.2)", "0 B/s"),
        ("rate(0.6)", "1 B/s"),
        ("rate(2048)", "2.0 KiB/s"),
        ("seconds(0)", "0s"),
        ("seconds(0.000022)", "22us"),
        ("seconds(0.0009997)", "1.0ms"),
        ("seconds(0.0123)", "12ms"),
        ("seconds(0.9996)", "1s"),
        ("seconds(59.5)", "1m00s"),
        ("seconds(185)", "3m05s"),
        ("seconds(7500)", "2h05m"),
        ("seconds(273600)", "3d04h"),
        ("many(1, 'session')", "1 session"),
        ("many(0, 'session')", "0 sessions"),
    ];
    for (call, expected) in cases {
        assert_eq!(browser.evaluate(&format!("units.{call}")), expected, "{call}");
    }
}
