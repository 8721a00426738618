//! The charts across a reload of the page.

use crate::browser::Browser;
use crate::stage::Stage;

/// Samples before a reload: the line of the chart is clearly longer than that of the first ones after it.
const SAMPLES: usize = 5;

/// The times of the samples, as a page that is left stores them in `sessionStorage`.
const TIMES: &str = "(() => {
  const key = 'traffic-forwarder history';
  dispatchEvent(new Event('pagehide'));
  const stored = JSON.parse(sessionStorage.getItem(key));
  sessionStorage.removeItem(key);
  return stored?.all[0] ?? [];
})()";

/// The columns of pixels in the chart of sessions that have the colour of its line.
const LINE: &str = "(() => {
  const chart = document.querySelector('#sessions-plot canvas');
  const { width, height } = chart;
  const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(chart, 0, 0);
  const { data } = copy.getImageData(0, 0, width, height);
  const hex = getComputedStyle(document.documentElement).getPropertyValue('--sessions').trim();
  const line = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const columns = new Set();
  for (let at = 0; at < data.length; at += 4) {
    const is = line.every((part, channel) => Math.abs(part - data[at + channel]) < 16);
    if (is && data[at + 3] > 200) columns.add((at / 4) % width);
  }
  return columns.size;
})()";

#[track_caller]
fn times(browser: &mut Browser) -> Vec<f64> {
    serde_json::from_value(browser.evaluate(TIMES)).unwrap()
}

#[test]
fn the_charts_go_on_after_a_reload_of_the_page_but_not_of_another_process() {
    let mut stage = Stage::start(&["echo"], "");
    let load = stage.load(0);
    let mut browser = stage.page();
    browser.wait(&format!("{TIMES}.length >= {SAMPLES}"));
    let (before, line) = (times(&mut browser), browser.evaluate(LINE).as_u64().unwrap());
    assert!(line > 0, "the chart has a line");
    browser.open(&stage.url());
    browser.wait_for_text("#sessions-now", "1");
    let longer = browser.evaluate(LINE).as_u64().unwrap();
    assert!(longer >= line, "{line} pixels before the reload, {longer} after it");
    let after = times(&mut browser);
    assert!(after.len() > before.len() && after.starts_with(&before), "{before:?}, {after:?}");
    assert_eq!(browser.complaints(), [""; 0]);
    drop(load);

    stage.kill();
    stage.run();
    browser.open(&stage.url());
    browser.wait_for_text("#process", &format!("pid {}", stage.pid()));
    let of_another = times(&mut browser);
    assert!(of_another.first() > after.last(), "{after:?}, {of_another:?}");
}
