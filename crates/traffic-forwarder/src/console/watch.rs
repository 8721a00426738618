//! `--watch`: redraws a page periodically, across restarts of the process.

use crate::console::failure::CommandError;
use crate::console::screen::{Screen, cut};
use crate::console::units::seconds;
use crate::console::version;
use crate::console::wrap::folded;
use crate::exit::Exit;
use crate::output::{json_line, print, written};
use api::Status;
use serde::Serialize;
use std::time::{Duration, Instant};

/// How long a notice of a restart, upgrade or reload stays on the page.
pub(crate) const NOTICE_LIFETIME: Duration = Duration::from_secs(60);

/// Describes a restart, upgrade, reload or outage between two answers.
pub(crate) fn change_between(last: &Status, now: &Status, was_gone: bool) -> Option<String> {
    if !is_same_process(last, now) {
        Some(format!("the process was restarted (pid {} -> {})", last.pid, now.pid))
    } else if last.upgrades != now.upgrades {
        let (old, new) = (version::of(last), version::of(now));
        Some(format!("the process was upgraded (version {old} -> {new})"))
    } else if last.generation != now.generation {
        let (old, new) = (last.generation, now.generation);
        Some(format!("the configuration was reloaded (generation {old} -> {new})"))
    } else {
        was_gone.then(|| "the process answers again".to_owned())
    }
}

/// A restarted process numbers its sessions from the start again.
pub(crate) fn is_same_process(last: &Status, now: &Status) -> bool {
    (last.pid, &last.started) == (now.pid, &now.started)
}

/// A rendered page and the status that it shows.
pub(crate) struct Page {
    pub(crate) status: Status,
    pub(crate) text: String,
}

/// Recent changes and when they were noticed.
struct Notices(Vec<(Instant, String)>);

/// Draws until Ctrl-C. Waits for a process that has answered before and is gone.
pub(crate) async fn run(
    period: Duration,
    draw: impl AsyncFn(&Screen) -> Result<Page, CommandError>,
) -> Result<Exit, CommandError> {
    let mut notices = Notices(Vec::new());
    let mut last: Option<Status> = None;
    let mut gone = false;
    let page = async || {
        let screen = Screen::now();
        let text = match draw(&screen).await {
            Ok(Page { status, text }) => {
                notices.compare(last.as_ref(), &status, gone);
                (last, gone) = (Some(status), false);
                text
            }
            Err(failure) if last.is_some() && failure.is_absence() => {
                gone = true;
                "the process does not answer; waiting for it to come back\n".to_owned()
            }
            // The session has ended or the forward was removed: nothing left to show.
            Err(failure) => return Err(failure),
        };
        Ok(on_screen(&format!("{}{text}", notices.text()), &screen))
    };
    repeat(period, page).await
}

/// Draws pages of a fleet until Ctrl-C. While a store that has answered before is away, the page is the error.
pub(crate) async fn pages(
    period: Duration,
    draw: impl AsyncFn(&Screen) -> Result<String, CommandError>,
) -> Result<Exit, CommandError> {
    let mut was_there = false;
    let page = async || {
        let screen = Screen::now();
        let text = match draw(&screen).await {
            Err(failure) if was_there && failure.is_absence() => format!("{failure}\n"),
            text => text?,
        };
        was_there = true;
        Ok(on_screen(&text, &screen))
    };
    repeat(period, page).await
}

/// Prints an answer as one line of JSON, again and again until Ctrl-C. While the process or the store is away, the line
/// contains the error.
pub(crate) async fn lines<Answer: Serialize>(
    period: Duration,
    ask: impl AsyncFn() -> Result<Answer, CommandError>,
) -> Result<Exit, CommandError> {
    let mut was_there = false;
    let line = async || {
        let line = match ask().await {
            Ok(answer) => json_line(&answer),
            Err(failure) if was_there && failure.is_absence() => json_line(&failure.for_programs()),
            Err(failure) => return Err(failure),
        };
        was_there = true;
        line.map_err(|error| CommandError::Terminal(error.into()))
    };
    repeat(period, line).await
}

/// Prints texts until Ctrl-C or an error.
async fn repeat(
    period: Duration,
    mut next: impl AsyncFnMut() -> Result<String, CommandError>,
) -> Result<Exit, CommandError> {
    loop {
        let text = tokio::select! {
            text = next() => text?,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        };
        // A closed pipe is no error, but it ends the command.
        if let Err(error) = print(&text) {
            return Ok(written(Err(error)));
        }
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        }
    }
}

impl Notices {
    fn compare(&mut self, last: Option<&Status>, now: &Status, was_gone: bool) {
        let what = last.and_then(|last| change_between(last, now, was_gone));
        self.0.extend(what.map(|what| (Instant::now(), what)));
    }

    /// One line per notice. Drops expired notices.
    fn text(&mut self) -> String {
        self.0.retain(|(at, _)| at.elapsed() < NOTICE_LIFETIME);
        let line = |(at, what): &(Instant, String)| {
            format!("{} ago: {what}\n", seconds(at.elapsed().as_secs_f64().ceil()))
        };
        self.0.iter().map(line).collect()
    }
}

/// On a terminal the page replaces the previous one; elsewhere it is appended.
fn on_screen(text: &str, screen: &Screen) -> String {
    let Some((width, height)) = screen.size else { return format!("{text}\n") };
    let text = folded(text, width);
    let total = text.lines().count();
    let room = height.saturating_sub(1);
    let shown = if total > room { room.saturating_sub(1) } else { total };
    let mut lines: Vec<String> = text.lines().take(shown).map(|line| fit(line, width)).collect();
    if shown < total {
        lines.push(fit(&format!("… {} more lines", total - shown), width));
    }
    // Overwriting line by line, and clearing only the rest of each, avoids flicker.
    lines.push(String::new());
    format!("\x1b[H{}\x1b[J", lines.join("\x1b[K\n"))
}

/// Truncates a line of one long word, which would wrap. Lines with colours fit.
fn fit(line: &str, width: usize) -> String {
    if line.contains('\x1b') { line.to_owned() } else { cut(line, width) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_to_the_screen() {
        let screen = Screen { size: Some((5, 4)), colours: false };
        let shown = on_screen("a\nlonger-word\nc\nd\n", &screen);
        assert_eq!(shown, "\x1b[Ha\x1b[K\nlong…\x1b[K\n… 2 …\x1b[K\n\x1b[J");
        assert_eq!(on_screen("a\nb\nc\n", &screen), "\x1b[Ha\x1b[K\nb\x1b[K\nc\x1b[K\n\x1b[J");
        let pipe = Screen { size: None, colours: false };
        assert_eq!(on_screen("a\n", &pipe), "a\n\n");
    }
}
