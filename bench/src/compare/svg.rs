//! Bar charts that can be read on light and on dark.

use std::fmt::Write;

use crate::stats::{Spread, figure};

/// A bar of the chart.
#[derive(Clone, Debug)]
pub(super) struct Bar<'a> {
    pub(super) label: &'a str,
    pub(super) spread: Spread,
    /// Drawn in the colour that stands out.
    pub(super) ours: bool,
}

const WIDTH: f64 = 760.0;
const LABELS: f64 = 190.0;
const VALUES: f64 = 90.0;
const TOP: f64 = 58.0;
const ROW: f64 = 30.0;
const THICK: f64 = 18.0;

/// Colours are of medium brightness; text follows the reader's scheme.
const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#1f2328}\
.title{font-size:15px;font-weight:600}.unit{font-size:12px;fill:#59636e}\
.bar{fill:#8c959f}.ours{fill:#2f81f7}.range{stroke:#1f2328;stroke-width:1.5}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.unit{fill:#9198a1}\
.bar{fill:#6e7681}.range{stroke:#e6edf3}}";

/// A chart of horizontal bars; the line at the end of a bar goes from the lowest to the highest.
pub(super) fn chart(title: &str, unit: &str, bars: &[Bar<'_>]) -> String {
    let height = TOP + ROW * f64::from(u32::try_from(bars.len()).unwrap_or(0)) + 10.0;
    let most = bars.iter().map(|bar| bar.spread.high).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - LABELS - VALUES) / most;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n<title>{}</title>\n\
         <style>{STYLE}</style>\n<text class=\"title\" x=\"8\" y=\"22\">{0}</text>\n\
         <text class=\"unit\" x=\"8\" y=\"42\">{}</text>\n",
        escape(title),
        escape(unit),
    );
    let mut y = TOP;
    for bar in bars {
        draw(&mut svg, bar, y, scale);
        y += ROW;
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, bar: &Bar<'_>, y: f64, scale: f64) {
    let Spread { low, median, high } = bar.spread;
    let [low, length, high] = [low, median, high].map(|value| value.max(0.0) * scale);
    let (class, middle, text) = (if bar.ours { "ours" } else { "bar" }, y + THICK / 2.0, y + 14.0);
    // Writing to a string does not fail.
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{text:.1}\" text-anchor=\"end\">{}</text>\
         <rect class=\"{class}\" x=\"{LABELS}\" y=\"{y:.1}\" width=\"{length:.1}\" \
         height=\"{THICK}\" rx=\"2\"/>\
         <line class=\"range\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
         <text x=\"{:.1}\" y=\"{text:.1}\">{}</text>",
        LABELS - 8.0,
        escape(bar.label),
        LABELS + low,
        LABELS + high,
        LABELS + high.max(length) + 8.0,
        figure(median),
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_room_and_others_are_in_proportion() {
        let spread = |median| Spread { low: median, median, high: median };
        let svg = chart(
            "a & b",
            "per <second>",
            &[
                Bar { label: "one", spread: spread(100.0), ours: true },
                Bar { label: "two", spread: spread(50.0), ours: false },
            ],
        );
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("a &amp; b") && svg.contains("per &lt;second&gt;"));
        assert!(svg.contains("class=\"ours\" x=\"190\" y=\"58.0\" width=\"480.0\""), "{svg}");
        assert!(svg.contains("class=\"bar\" x=\"190\" y=\"88.0\" width=\"240.0\""), "{svg}");
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        assert!(svg.contains("prefers-color-scheme:dark"));
    }

    #[test]
    fn nothing_to_draw_is_still_a_chart() {
        assert!(chart("t", "u", &[]).contains("</svg>"));
    }
}
