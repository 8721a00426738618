//! Appearance of the page: both themes, and narrow windows.

use crate::stage::Stage;

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

#[test]
fn a_narrow_window_never_scrolls_sideways() {
    let stage = Stage::start(&["a-forward-with-a-name-that-is-rather-long-for-a-telephone"], "");
    let _client = stage.client(0);
    let mut browser = stage.page();
    browser.wait_for_text("#forwards tbody", "a-forward");
    for width in [320, 390, 768, 1280] {
        browser.window(width, 844, "light");
        for tab in ["1", "2", "3", "4"] {
            browser.press(&[tab]);
            let wider = "document.documentElement.scrollWidth - innerWidth";
            assert!(browser.evaluate(wider).as_i64().unwrap() <= 0, "{width} pixels, tab {tab}");
        }
    }
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
