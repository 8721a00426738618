//! Flame graph: callers below callees, each as wide as its value. The SVG has no script; a tooltip
//! shows a function's name and share.

use crate::tree::Node;
use crate::{Profile, Symbols};
use std::fmt::Write;

/// Dimensions in pixels.
const WIDTH: f64 = 1200.0;
const ROW: f64 = 17.0;
/// Space for the title above and the legend below.
const HEAD: f64 = 34.0;
const FOOT: f64 = 24.0;
/// Approximate width of a letter.
const LETTER: f64 = 6.6;
/// Narrower boxes are invisible and are left out.
const NARROWEST: f64 = 0.5;

/// Draws the last of a profile's values as SVG.
pub fn flame_graph(profile: &Profile, symbols: &Symbols) -> String {
    let tree = Node::of(profile, symbols);
    let scale = if tree.total > 0 { WIDTH / wide(tree.total) } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, reason = "a share of what fits")]
    let least = if tree.total > 0 { ((NARROWEST / scale).ceil() as i64).max(1) } else { 1 };
    #[expect(clippy::cast_precision_loss, reason = "a stack has few functions")]
    let rows = (1 + tree.depth(least)) as f64;
    let unit = profile.kinds.last().map_or("", |kind| kind.unit);
    let drawing = Drawing { svg: String::new(), total: tree.total, scale, least, unit };
    drawing.finish(profile, &tree, HEAD + rows * ROW + FOOT)
}

struct Drawing {
    svg: String,
    total: i64,
    /// Pixels per unit of the value.
    scale: f64,
    /// Smallest value that is drawn.
    least: i64,
    unit: &'static str,
}

impl Drawing {
    fn finish(mut self, profile: &Profile, tree: &Node, height: f64) -> String {
        let kind = profile.kinds.last().map_or("", |kind| kind.name);
        let total = amount(tree.total, self.unit);
        self.write(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" font-size=\"11\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fffdf7\"/>\n\
             <text x=\"6\" y=\"21\" font-size=\"14\">traffic-forwarder, {kind}: {total}, \
             {:.1} s</text>\n",
            profile.duration.as_secs_f64(),
        ));
        let bottom = height - FOOT - ROW;
        self.node("all", tree, 0.0, bottom);
        let remarks = profile.remarks.join("; ");
        let about =
            "A function stands on its caller; its width is its share. Point at it to read it.";
        self.write(format_args!(
            "<text x=\"6\" y=\"{}\" fill=\"#666\">{about} {}</text>\n</svg>\n",
            height - 8.0,
            escaped(&remarks),
        ));
        self.svg
    }

    /// Draws a function at this position, and its callees above it.
    fn node(&mut self, name: &str, node: &Node, left: f64, top: f64) {
        if node.total < self.least {
            return;
        }
        let width = wide(node.total) * self.scale;
        let share = 100.0 * wide(node.total) / wide(self.total.max(1));
        let title = format!("{name}: {}, {share:.1} %", amount(node.total, self.unit));
        self.write(format_args!(
            "<g><title>{}</title><rect x=\"{left:.1}\" y=\"{top}\" width=\"{width:.1}\" \
             height=\"{}\" rx=\"2\" fill=\"{}\"/>",
            escaped(&title),
            ROW - 1.0,
            colour(name),
        ));
        let label = label(name, width);
        if !label.is_empty() {
            let (x, y) = (left + 3.0, top + 12.0);
            self.write(format_args!("<text x=\"{x:.1}\" y=\"{y}\">{}</text>", escaped(&label)));
        }
        self.write(format_args!("</g>\n"));
        let mut left = left;
        for (name, call) in &node.calls {
            self.node(name, call, left, top - ROW);
            left += wide(call.total) * self.scale;
        }
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.svg.write_fmt(text);
    }
}

#[expect(clippy::cast_precision_loss, reason = "it becomes pixels")]
fn wide(count: i64) -> f64 {
    count as f64
}

/// The end of a name, as far as it fits: the most specific part. Empty if fewer than a few letters
/// fit.
fn label(name: &str, width: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some letters")]
    let room = ((width - 6.0) / LETTER).max(0.0) as usize;
    let length = name.chars().count();
    match room {
        0..3 => String::new(),
        _ if length <= room => name.to_owned(),
        _ => "…".chars().chain(name.chars().skip(length - room + 1)).collect(),
    }
}

/// Hashes the crate name, so that all functions of a crate share a colour.
fn colour(name: &str) -> String {
    let owner = name.trim_start_matches('<').split("::").next().unwrap_or(name);
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = owner.bytes().fold(0x811c_9dc5, mix);
    format!("hsl({},{}%,72%)", 10 + hash % 45, 70 + hash / 64 % 25)
}

fn amount(value: i64, unit: &str) -> String {
    match unit {
        "nanoseconds" => format!("{:.2} s", wide(value) / 1e9),
        "bytes" => format!("{:.1} KiB", wide(value) / 1024.0),
        _ => value.to_string(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sample, ValueKind};
    use std::time::{Duration, SystemTime};

    const CPU: ValueKind = ValueKind { name: "cpu", unit: "nanoseconds" };

    fn profile(samples: Vec<Sample>) -> Profile {
        let (since, duration) = (SystemTime::UNIX_EPOCH, Duration::from_secs(2));
        let remarks = vec!["1 < 2".to_owned()];
        Profile { kinds: &[CPU], samples, period: (CPU, 1), since, duration, remarks }
    }

    #[test]
    fn boxes_are_as_wide_as_their_share_and_above_their_caller() {
        let sample = |addresses: &[usize], value| Sample {
            addresses: addresses.to_vec(),
            values: vec![value],
        };
        let samples = vec![sample(&[2, 1], 3_000_000_000), sample(&[3, 1], 1_000_000_000)];
        let symbols = Symbols::named(&[(1, &["main"]), (2, &["<a::B as c>::d"]), (3, &["e"])]);
        let svg = flame_graph(&profile(samples), &symbols);
        let line = |name: &str| {
            let wanted = format!("<title>{name}: ");
            svg.lines().find(|line| line.contains(&wanted)).unwrap_or_else(|| panic!("{svg}"))
        };
        let [all, main, first, second] = ["all", "main", "&lt;a::B as c&gt;::d", "e"].map(line);
        assert!(
            all.contains("4.00 s, 100.0 %") && all.contains("y=\"68\" width=\"1200.0\""),
            "{all}"
        );
        assert!(main.contains("x=\"0.0\" y=\"51\" width=\"1200.0\""), "{main}");
        assert!(first.contains("x=\"0.0\" y=\"34\" width=\"900.0\""), "{first}");
        assert!(second.contains("1.00 s, 25.0 %"), "{second}");
        assert!(second.contains("x=\"900.0\" y=\"34\" width=\"300.0\""), "{second}");
        assert!(svg.contains("1 &lt; 2"), "{svg}");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn an_empty_profile_is_drawn() {
        let svg = flame_graph(&profile(Vec::new()), &Symbols::default());
        assert!(svg.contains("cpu: 0.00 s, 2.0 s") && svg.ends_with("</svg>\n"), "{svg}");
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(label("engine::pump", 100.0), "engine::pump");
        assert_eq!(label("engine::pump", 50.0), "…:pump");
        assert_eq!(label("engine::pump", 20.0), "");
    }
}
